#!/usr/bin/env bash
# Everything that `make check` left out: unit tests that need processes or load, then all the other folders.
set -uo pipefail
cd "$(dirname "$0")/.."

.venv/bin/pytest tests/unit tests/proof -m "engine or load"
units=$?
.venv/bin/pytest --ignore=tests/unit --ignore=tests/proof
others=$?
exit $((units || others))
