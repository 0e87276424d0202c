#!/usr/bin/env bash
# Run a command once the Docker Engine answers and the base images are there:
#
#   scripts/with-engine.sh COMMAND ARGUMENTS...
#
# Who was added to the group docker just now has it only from the next login on: the command then runs under `sg`.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

in_docker_group() {
    if docker info >/dev/null 2>&1; then "$@"; else sg docker -c "${*@Q}"; fi
}

# Teal's state outlives a checkout, so it lies outside of it, where only root may make a directory.
prepare_state() {
    local home=${TEAL_HOME:-/var/lib/teal}
    [ -w "$home" ] || as_root install -d -o "$(id -u)" -g "$(id -g)" "$home"
}

scripts/engine.sh
in_docker_group scripts/base-images.sh
prepare_state
in_docker_group "$@"
