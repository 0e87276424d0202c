#!/usr/bin/env bash
# Make sure that a Docker Engine with Compose v2 and buildx answers.
#
#   scripts/engine.sh            nothing to do if all three work (well under a second)
#   scripts/engine.sh --check    only look: exit status 0 if all three work, else 1
#
# An engine that answers is never touched. One that is installed but silent is started, or its failure
# reported; it is never replaced. Only where there is none are Debian's own packages installed: asked
# first on a terminal, at once where nobody can answer (CI).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

readonly SUITE=forky # the Debian suite whose engine is recent; it runs on Debian 12's libc and runc
readonly DAEMON_LOG=/var/log/dockerd.log

engine_answers() { in_docker_group timeout 20 docker info >/dev/null 2>&1; }
has_plugin() { docker "$1" version >/dev/null 2>&1; }
all_work() { has_plugin compose && has_plugin buildx && engine_answers; }

# A daemon may lie in a folder that a plain user's PATH lacks.
daemon_path() { PATH="$PATH:/usr/sbin:/sbin:/usr/local/sbin" command -v dockerd; }

# The client may talk to another engine than the one of this machine: then nothing here can help it.
refuse_foreign_engine() {
    local endpoint=${DOCKER_HOST:-}
    if [ -z "$endpoint" ] && command -v docker >/dev/null; then
        endpoint=$(docker context inspect --format '{{.Endpoints.docker.Host}}' 2>/dev/null || true)
    fi
    case $endpoint in
        '' | unix:///var/run/docker.sock | unix:///run/docker.sock) ;;
        *) die "the engine at $endpoint (DOCKER_HOST or docker context) does not answer: start it, or unset it" ;;
    esac
}

# The newer suite, at a priority at which apt takes from it only what is asked for by its name.
add_suite() {
    local mirror
    apt_update
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || die "found no Debian package source on this machine; install Docker Engine by hand"
    printf 'Package: *\nPin: release n=%s\nPin-Priority: 50\n' "$SUITE" |
        as_root tee "/etc/apt/preferences.d/teal-$SUITE" >/dev/null
    printf 'Types: deb\nURIs: %s\nSuites: %s\nComponents: main\nSigned-By: %s\n' \
        "$mirror" "$SUITE" /usr/share/keyrings/debian-archive-keyring.gpg |
        as_root tee "/etc/apt/sources.list.d/teal-$SUITE.sources" >/dev/null
    apt_update
}

install_from_suite() { # PACKAGE...
    require_debian 'Docker Engine, Compose v2 and buildx'
    add_suite
    apt_get install -y --no-install-recommends "${@/%//$SUITE}" iptables procps # docker top runs the machine's ps
}

# Each color has networks of its own, and the engine's default address pools hold about 30 in all. A
# configuration that is there stays as it is.
widen_address_pools() {
    [ ! -e /etc/docker/daemon.json ] || return 0
    as_root mkdir -p /etc/docker
    as_root tee /etc/docker/daemon.json >/dev/null <<'JSON'
{
  "default-address-pools": [
    {"base": "10.201.0.0/16", "size": 24},
    {"base": "172.30.0.0/16", "size": 24}
  ]
}
JSON
}

install_engine() {
    confirm "No Docker Engine is installed. Install Debian's packages (docker.io, docker-compose)?"
    say "installing Docker Engine, Compose and buildx from Debian $SUITE"
    widen_address_pools
    install_from_suite docker.io docker-cli docker-compose docker-buildx containerd tini-static
}

# Beside an engine that is there, only what is missing; from the engine's own source where that has it.
install_plugin() { # NAME (compose or buildx)
    confirm "Docker has no working '$1' command. Install it?"
    say "installing docker $1"
    if apt-cache madison "docker-$1-plugin" | grep -q .; then
        apt_get install -y --no-install-recommends "docker-$1-plugin"
    else
        install_from_suite "docker-$1"
    fi
}

start_engine() {
    if [ -d /run/systemd/system ]; then
        as_root systemctl enable --now docker >/dev/null 2>&1
    else
        # No init system: detached, so that it outlives this shell, and without the lock's descriptor. Where a
        # daemon is starting already, this second one ends by itself.
        as_root sh -c 'exec setsid -f "$0" >>"$1" 2>&1 </dev/null' "$(daemon_path)" "$DAEMON_LOG" 9<&-
    fi
}

wait_for_engine() { # SECONDS
    local end=$((SECONDS + $1))
    until engine_answers || as_root docker info >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.3
    done
}

explain_silence() {
    say "Docker Engine is installed but does not answer. Its last words:"
    if [ -d /run/systemd/system ]; then
        as_root journalctl --no-pager -u docker -n 20 >&2 || true
    else
        as_root tail -n 20 "$DAEMON_LOG" >&2 || true
    fi
    docker info >&2 || true
    exit 1
}

# The socket belongs to the group docker.
admit_user() {
    engine_answers && return
    say "adding $(id -un) to the group docker (to use docker yourself, log in again or type: newgrp docker)"
    as_root usermod -aG docker "$(id -un)"
}

main() {
    all_work && return
    [ "${1:-}" != --check ] || return 1
    # One at a time on this machine, whoever runs it: a lock on a file that every user can open.
    exec 9</etc/os-release
    flock 9
    if ! engine_answers; then
        refuse_foreign_engine
        [ -n "$(daemon_path)" ] || install_engine
        start_engine && wait_for_engine 60 || explain_silence
        hash -r
    fi
    has_plugin compose || install_plugin compose
    has_plugin buildx || install_plugin buildx
    admit_user
    say "Docker Engine $(as_root docker version --format '{{.Server.Version}}') answers," \
        "Compose $(docker compose version --short), buildx $(docker buildx version | cut -d' ' -f2)"
}

main "$@"
