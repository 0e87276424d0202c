# shellcheck shell=bash
# Shared by the scripts here, sourced: privileges, Debian packages, messages.

say() { printf '%s\n' "$(basename "$0" .sh): $*" >&2; }
die() { say "$*"; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || die 'this needs root: run it as root, or install sudo'
        sudo "$@"
    fi
}

# Quiet but for errors, and one at a time among these scripts.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes flock /etc/debian_version \
        apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >/dev/null
}

# A machine that has just booted may be fetching its lists itself: apt does not wait for that lock.
apt_update() {
    local errors
    for _ in {1..60}; do
        errors=$(apt_get update 2>&1) && return
        [[ $errors == *'get lock'* ]] || break
        sleep 2
    done
    die "$errors"
}

# Run a command with the rights of the group docker: who was added to it just now has them only from the
# next login on, or under `sg`.
in_docker_group() {
    local name
    name=$(id -un)
    if [ "$(id -u)" = 0 ] || [[ " $(id -nG) " == *' docker '* || " $(id -nG "$name") " != *' docker '* ]]; then
        "$@"
    else
        sg docker -c "${*@Q}"
    fi
}

require_debian() { # WHAT the user should get by other means on another system
    [ -r /etc/debian_version ] && command -v apt-get >/dev/null ||
        die "this is not Debian: install $1 by hand, then come back"
}

# The address of the machine's own Debian mirror, in whichever format it is written: apt itself reads it
# (lists must be fresh). The origin tells Debian from third parties that use the same suite names.
debian_mirror() {
    apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
        sort -u | sed -n 1p
}

confirm() { # QUESTION: yes where nobody can be asked
    [ -t 0 ] || return 0
    local answer
    read -r -p "$1 [Y/n] " answer
    case $answer in '' | [Yy]*) ;; *) die 'stopped: nothing was changed' ;; esac
}
