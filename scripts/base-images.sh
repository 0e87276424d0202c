#!/usr/bin/env bash
# Make sure that the public base images of the example and the tests are there.
#
# Each is pulled where it is missing; only where the registry doesn't answer is a stand-in built from Debian's
# and PyPI's packages under the same name and tag, labelled teal.stand-in=true:
#
#   docker images --filter label=teal.stand-in=true
#   docker rmi $(docker images --quiet --filter label=teal.stand-in=true)    # so that the next run pulls again
#
#   scripts/base-images.sh           make sure that all are there
#   scripts/base-images.sh --list    only name them
#
# With everything there it takes well under a second. A stand-in whose recipe changed is built anew.
set -euo pipefail
cd "$(dirname "$0")"
. ./lib.sh

readonly RECIPES=base-images
readonly IMAGES=( # in the order in which they build on each other
    python=python:3.13-slim
    caddy=caddy:2.11
    caddy=caddy:2 # what Teal takes for a proxy of its own
    timescaledb-ha=timescale/timescaledb-ha:pg17
    redis=redis:8
    nginx=nginx:1.28
)
readonly SUITE=trixie
readonly BASE=teal-stand-in/base:$SUITE
readonly PULL_ANSWER=15 # seconds for the registry to say that it has the image

label_of() { docker image inspect --format "{{index .Config.Labels \"$2\"}}" "$1" 2>/dev/null; }

recipe_hash() { # NAME: changes with anything that the stand-in is built from
    tar -C "$RECIPES" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -c base "$1" | sha256sum | cut -c1-16
}

is_current() { # NAME IMAGE: there, and if it is a stand-in, from today's recipe
    local built_from
    built_from=$(label_of "$2" teal.stand-in.recipe) || return 1
    [ -z "$built_from" ] || [ "$built_from" = "$(recipe_hash "$1")" ]
}

# The engine names what it pulls as soon as the registry has answered; the layers may then take their time.
registry_has() {
    timeout "$PULL_ANSWER" sh -c 'docker pull "$1" 2>&1 | grep -q "Pulling from"' - "$1"
}

no_registry='' # remembered for the rest of the run
pull() {
    [ -z "$no_registry" ] || return 1
    if registry_has "$1" && say "pulling $1" && docker pull --quiet "$1" >/dev/null; then return; fi
    say "$1 can't be pulled: stand-ins are built for what is missing"
    no_registry=yes
    return 1
}

debian_root() { # an image of Debian's essential packages
    docker image inspect "$1" >/dev/null 2>&1 && return
    say "making a Debian $SUITE root file system"
    require_debian 'the base images (docker pull)'
    apt_update
    apt_get install -y --no-install-recommends mmdebstrap debian-archive-keyring
    as_root mmdebstrap --quiet --variant=minbase --include=ca-certificates "$SUITE" - "$(debian_mirror)" |
        docker import --change 'LABEL teal.stand-in=true' - "$1" >/dev/null
}

pip_conf() { # pip's own view of where packages come from, be it in the environment (listed first) or in files
    local python=../.venv/bin/python
    [ -x "$python" ] || python=python3
    printf '[global]\n'
    { "$python" -m pip config list 2>/dev/null || true; } |
        sed -nE "s/^[^=]*\.(index-url|extra-index-url|trusted-host|proxy|default-timeout|timeout)='(.*)'$/\1 = \2/p" |
        sed 's/^default-timeout/timeout/' | sort -u -t= -k1,1
}

apt_conf() { # proxies and the like, not where keys or caches lie on this machine
    apt-config dump | grep -E '^Acquire::((http|https|ftp)::(Proxy|Verify)|Check-(Valid-Until|Date)|Retries)' || true
}

build_base() {
    local context=$1 etc=$1/host/etc certificates=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
    cp -r "$RECIPES/base/." "$context"
    install -d "$etc/apt/apt.conf.d" "$etc/ssl/certs"
    [ ! -r "$certificates" ] || install -m 0644 "$certificates" "$etc/ssl/certs/ca-certificates.crt"
    pip_conf >"$etc/pip.conf"
    apt_conf >"$etc/apt/apt.conf.d/90host"
    debian_root "teal-stand-in/debian:$SUITE"
    build "$context" "$BASE" --build-arg "DEBIAN=teal-stand-in/debian:$SUITE"
}

build() { # FOLDER IMAGE ARGUMENTS...
    docker build --quiet --label teal.stand-in=true --tag "$2" "${@:3}" "$1" >/dev/null
}

stand_in() { # NAME IMAGE
    local began=$SECONDS replaced
    replaced=$(docker image inspect --format '{{.Id}}' "$2" 2>/dev/null || true)
    [ -n "${base_built:-}" ] || build_base "$workspace"
    base_built=yes
    build "$RECIPES/$1" "$2" --build-arg "BASE=$BASE" --label "teal.stand-in.recipe=$(recipe_hash "$1")"
    [ -z "$replaced" ] || docker rmi "$replaced" >/dev/null 2>&1 || true # kept where containers use it
    say "$2: stand-in built in $((SECONDS - began)) s"
}

main() {
    local entry name image
    if [ "${1:-}" = --list ]; then printf '%s\n' "${IMAGES[@]#*=}"; return; fi
    workspace=$(mktemp -d)
    trap 'rm -rf "$workspace"' EXIT
    exec 9<lib.sh
    flock 9
    for entry in "${IMAGES[@]}"; do
        name=${entry%%=*} image=${entry#*=}
        is_current "$name" "$image" || pull "$image" || stand_in "$name" "$image"
    done
}

main "$@"
