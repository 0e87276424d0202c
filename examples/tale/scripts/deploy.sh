#!/bin/sh
# The everyday commands by their usual name: deploy.sh deploy|status|rollback|cleanup|help
# Variables such as HEALTH_CHECK_TIMEOUT=300 go through; other commands and options too.
set -eu
stack=$(cd "$(dirname "$0")/.." && pwd)
teal=$(command -v teal || true)
for venv in "$stack/.venv" "$stack/../../.venv"; do
    [ -n "$teal" ] || [ ! -x "$venv/bin/teal" ] || teal=$venv/bin/teal
done
if [ -z "$teal" ]; then
    echo "deploy.sh: teal is not installed: pipx install teal-deploy" >&2
    exit 127
fi
exec "$teal" --project-directory "$stack" "${@:-help}"
