#!/usr/bin/env bash
# caddy:2 with the official image's folders: /etc/caddy/Caddyfile, /data, /config.
. "$(dirname "$0")/common.sh"

bootstrap trixie ca-certificates,caddy
slim

change EXPOSE 80 443 2019
change ENV XDG_DATA_HOME=/data
change ENV XDG_CONFIG_HOME=/config
change 'CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'
