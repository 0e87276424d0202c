#!/bin/bash
# Starts PostgreSQL by the conventions of the public images. In an empty data directory it first creates the
# cluster from POSTGRES_USER, POSTGRES_DB, POSTGRES_PASSWORD (or …_FILE), POSTGRES_INITDB_ARGS and
# POSTGRES_HOST_AUTH_METHOD, then runs /docker-entrypoint-initdb.d/*.sh, *.sql and *.sql.gz by name, while
# only the local socket is open. Any other command is run as it is.
set -euo pipefail

from_file() { # VARIABLE: its value, else the content of the file that VARIABLE_FILE names
    local file="$1_FILE"
    if [ -n "${!file:-}" ]; then
        [ -z "${!1:-}" ] || { echo "both $1 and $file are set" >&2; exit 1; }
        printf -v "$1" %s "$(<"${!file}")"
        export "${1?}"
    fi
}

sql() { psql --no-psqlrc --no-password -qv ON_ERROR_STOP=1 --username "$POSTGRES_USER" "$@"; }

read_environment() {
    local name
    for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB POSTGRES_INITDB_ARGS; do from_file "$name"; done
    export POSTGRES_USER=${POSTGRES_USER:-postgres}
    export POSTGRES_DB=${POSTGRES_DB:-$POSTGRES_USER}
    auth=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
    if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$auth" != trust ]; then
        echo 'POSTGRES_PASSWORD is not set: the superuser needs a password' >&2
        exit 1
    fi
}

create_cluster() {
    local arguments
    read -ra arguments <<<"${POSTGRES_INITDB_ARGS:-}"
    initdb --username="$POSTGRES_USER" --pwfile=<(printf '%s\n' "${POSTGRES_PASSWORD:-}") "${arguments[@]}"
    printf 'host all all all %s\n' "$auth" >>"$PGDATA/pg_hba.conf"
}

# In template1 too, so that databases created later have it.
create_databases() {
    local database
    if [ "$POSTGRES_DB" != postgres ]; then
        sql --dbname postgres --set db="$POSTGRES_DB" <<<'CREATE DATABASE :"db";'
    fi
    for database in template1 postgres "$POSTGRES_DB"; do
        sql --dbname "$database" --command 'CREATE EXTENSION IF NOT EXISTS timescaledb'
    done
}

run_init_files() {
    local file
    for file in /docker-entrypoint-initdb.d/*; do
        echo "running $file"
        case $file in
            *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
            *.sql) sql --dbname "$POSTGRES_DB" --file "$file" ;;
            *.sql.gz) gunzip -c "$file" | sql --dbname "$POSTGRES_DB" ;;
        esac
    done
}

initialize() { # ARGUMENTS of postgres
    read_environment
    create_cluster
    pg_ctl -w start -o "${*@Q} -c listen_addresses=''"
    PGPASSWORD=${POSTGRES_PASSWORD:-} create_databases
    PGPASSWORD=${POSTGRES_PASSWORD:-} run_init_files
    pg_ctl -w -m fast stop
}

[ "${1:0:1}" != - ] || set -- postgres "$@"
if [ "$1" = postgres ]; then
    mkdir -p "$PGDATA"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres: "$PGDATA"
        exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
    fi
    chmod 700 "$PGDATA"
    [ -s "$PGDATA/PG_VERSION" ] || initialize "${@:2}"
fi
exec "$@"
