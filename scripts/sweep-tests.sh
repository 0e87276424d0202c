#!/usr/bin/env bash
# Remove what tests left on the engine when they were killed: containers, networks, volumes and images named
# teal-test-PID-… (teal/teal-test-PID-… for tags of Teal's) whose process PID is gone. What runs now is not touched.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

orphans() { # one name per line, on standard input: those of dead test processes
    local name
    while read -r name; do
        if [[ $name =~ ^(teal/)?teal-test-([0-9]+)- && ! -d /proc/${BASH_REMATCH[2]} ]]; then
            printf '%s\n' "$name"
        fi
    done
}

sweep() { # "LISTING COMMAND" "REMOVING COMMAND", the latter taking names
    local names
    names=$(docker $1 | orphans)
    [ -n "$names" ] || return 0
    say "removing leftovers:" $names
    docker $2 $names >/dev/null
}

sweep 'ps --all --format {{.Names}}' 'rm --force --volumes'
sweep 'network ls --format {{.Name}}' 'network rm'
sweep 'volume ls --quiet' 'volume rm'
sweep 'images --format {{.Repository}}:{{.Tag}}' 'rmi --force'
