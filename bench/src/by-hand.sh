#!/bin/bash
# An Odoo as a person would set it up with docker and psql: what `ocore instance create` does, by hand.
# by-hand.sh up|down NAME PORT CONF IMAGE
set -euo pipefail
action=$1 name=$2 port=$3 conf=$4 image=$5
sql() { docker exec -i ocore-postgres psql -X -q -v ON_ERROR_STOP=1 -U postgres -d "$1" >/dev/null; }

if [ "$action" = down ]; then
  docker rm -f -v "$name" >/dev/null 2>&1 || true
  docker volume rm "$name" >/dev/null 2>&1 || true
  sql postgres <<< "drop database if exists \"$name\" with (force); drop role if exists \"$name\";"
  exit
fi

sql postgres <<SQL
create role "$name" login nosuperuser nocreatedb nocreaterole connection limit 100 password 'by-hand-password';
create database "$name" owner "$name" template template0 encoding 'UTF8' lc_collate 'C';
revoke all on database "$name" from public;
SQL
sql "$name" <<< "create extension if not exists pg_trgm; create extension if not exists unaccent;"
docker volume create "$name" >/dev/null
odoo=(--init --network ocore -v "$name:/var/lib/odoo" -v "$conf:/etc/odoo/odoo.conf:ro")
serve=(env odoo -c /etc/odoo/odoo.conf)
docker run --rm "${odoo[@]}" "$image" "${serve[@]}" -d "$name" -i base --stop-after-init --no-http --workers=0 \
  --max-cron-threads=0 >/dev/null 2>&1
docker run -d --name "$name" "${odoo[@]}" --restart unless-stopped --stop-timeout 30 --memory 1g \
  -p "127.0.0.1:$port:8069" -p "127.0.0.1:$((port + 1)):8072" "$image" "${serve[@]}" >/dev/null
for _ in $(seq 600); do
  if curl -fs -o /dev/null "http://127.0.0.1:$port/web/health"; then exit 0; fi
  sleep 0.2
done
docker logs --tail 20 "$name" >&2
exit 1
