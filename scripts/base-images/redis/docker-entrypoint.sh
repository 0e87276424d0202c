#!/bin/sh
# Options or a configuration file alone mean the server. It never runs as root, and is reachable from other
# containers.
set -e
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
[ "$1" = redis-server ] || exec "$@"
set -- "$@" --protected-mode no
[ "$(id -u)" = 0 ] || exec "$@"
find . \! -user redis -exec chown redis '{}' +
exec setpriv --reuid redis --regid redis --init-groups "$@"
