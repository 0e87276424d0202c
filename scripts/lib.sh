# shellcheck shell=bash
# Shared by the scripts here, sourced: privileges, Debian packages, messages.

say() { printf '%s\n' "$(basename "$0" .sh): $*" >&2; }
die() { say "$*"; exit 1; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

apt_get() { # quiet but for errors
    as_root env DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes \
        apt-get -qq -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 "$@" >/dev/null
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
