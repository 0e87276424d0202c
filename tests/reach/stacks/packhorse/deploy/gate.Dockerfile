FROM caddy:2
COPY deploy/Caddyfile /etc/caddy/Caddyfile
