#!/bin/sh
# Templates first, as the public image does: only variables that are set are replaced.
set -eu
names=$(env | sed -nE 's/^([A-Za-z_][A-Za-z0-9_]*)=.*/${\1}/p' | tr '\n' ' ')
for template in /etc/nginx/templates/*.template; do
    [ -f "$template" ] || continue
    envsubst "$names" <"$template" >"/etc/nginx/conf.d/$(basename "$template" .template)"
done
[ ! -d /config/nginx/site-confs ] || [ -z "$(ls /config/nginx/site-confs)" ] || rm -f /etc/nginx/conf.d/default.conf
exec "$@"
