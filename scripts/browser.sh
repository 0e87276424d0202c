#!/usr/bin/env bash
# Make sure that a browser for the tests of the page is there, and print where: Debian's chromium.
#
#   scripts/browser.sh    nothing to do if one is there (well under a second)
set -euo pipefail
. "$(dirname "$0")/lib.sh"

main() {
    if ! command -v chromium >/dev/null; then
        require_debian 'chromium'
        say 'installing chromium'
        apt_update
        apt_get install -y --no-install-recommends chromium fonts-dejavu-core
    fi
    command -v chromium
}

main "$@"
