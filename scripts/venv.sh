#!/usr/bin/env bash
# Make sure that .venv holds Teal (editable) with all that its development needs: nothing to do while it is
# newer than pyproject.toml. PYTHON names another interpreter than python3.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

readonly PYTHON=${PYTHON:-python3}
readonly STAMP=.venv/installed

is_current() {
    [ "$STAMP" -nt pyproject.toml ] && .venv/bin/python -c 'import teal' 2>/dev/null
}

# Debian's python3 comes without what a virtual environment needs.
require_python() {
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
        die "Python 3.11 or newer is needed ($PYTHON is not): name one as PYTHON=…"
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null && return
    require_debian "the modules venv and ensurepip of $PYTHON"
    confirm 'Python cannot create virtual environments. Install python3-venv?'
    say 'installing python3-venv'
    apt_update
    apt_get install -y --no-install-recommends python3-venv
}

main() {
    is_current && return
    exec 9<pyproject.toml
    flock 9
    is_current && return # another run has just made it
    require_python
    say 'installing Teal and its tools into .venv'
    # An environment whose interpreter is gone or was replaced is made anew.
    .venv/bin/python -m pip --version >/dev/null 2>&1 || "$PYTHON" -m venv --clear .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' 9<&-
    .venv/bin/python -m compileall -q src # where Python is told to write no bytecode, each start would compile anew
    touch "$STAMP"
}

main "$@"
