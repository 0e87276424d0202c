#!/usr/bin/env bash
# Run a command once the Docker Engine answers and the base images are there:
#
#   scripts/with-engine.sh COMMAND ARGUMENTS...
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

# Teal's state outlives a checkout, so it lies outside of it, where only root may make a directory.
prepare_state() {
    local home=${TEAL_HOME:-/var/lib/teal}
    [ -w "$home" ] || as_root install -d -o "$(id -u)" -g "$(id -g)" "$home"
}

scripts/engine.sh
in_docker_group scripts/base-images.sh
prepare_state
in_docker_group "$@"
