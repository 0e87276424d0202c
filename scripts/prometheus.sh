#!/usr/bin/env bash
# Fetch Debian's Prometheus without installing it as a service, and print the folder of its two programs.
#
#   scripts/prometheus.sh    nothing to do if it is there (well under a second)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    local folder
    folder="$(cd "$(dirname "$0")/.." && pwd)/.cache/prometheus"
    if [ ! -x "$folder/usr/bin/promtool" ]; then
        require_debian 'Prometheus'
        say 'fetching Prometheus'
        apt_update
        mkdir -p "$folder"
        (cd "$folder" && apt-get download -q prometheus >&2 && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
    fi
    echo "$folder/usr/bin"
}

main "$@"
