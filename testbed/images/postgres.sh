#!/usr/bin/env bash
# postgres:17 with the official image's variables POSTGRES_PASSWORD(_FILE), POSTGRES_USER, POSTGRES_DB and
# PGDATA, and its way with arguments: those that begin with a dash are for the server.
. "$(dirname "$0")/common.sh"

bootstrap trixie ca-certificates,postgresql-17
slim
cat >"$tree/usr/local/bin/docker-entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
set -e
[ "${1#-}" = "${1:-}" ] || set -- postgres "$@"
[ "$1" = postgres ] || exec "$@"

if [ "$(id -u)" = 0 ]; then
  mkdir -p "$PGDATA" /var/run/postgresql
  chown -R postgres "$PGDATA" /var/run/postgresql
  chmod 700 "$PGDATA"
  exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  user=${POSTGRES_USER:-postgres}
  [ -z "${POSTGRES_PASSWORD_FILE:-}" ] || POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  umask 077
  printf %s "${POSTGRES_PASSWORD:?is required}" >/tmp/password
  initdb -U "$user" --pwfile=/tmp/password --auth-host=scram-sha-256 --auth-local=trust >/dev/null
  rm /tmp/password
  echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
  if [ -n "${POSTGRES_DB:-}" ] && [ "$POSTGRES_DB" != postgres ]; then
    pg_ctl -w -o "-c listen_addresses=''" start >/dev/null
    createdb -U "$user" "$POSTGRES_DB"
    pg_ctl -w stop >/dev/null
  fi
fi
shift
exec postgres -c listen_addresses='*' "$@"
ENTRYPOINT
chmod 755 "$tree/usr/local/bin/docker-entrypoint.sh"

change ENV PATH=/usr/lib/postgresql/17/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
change ENV LANG=C.UTF-8
change ENV PGDATA=/var/lib/postgresql/data
change VOLUME /var/lib/postgresql/data
change EXPOSE 5432
change STOPSIGNAL SIGINT
change 'ENTRYPOINT ["/usr/local/bin/docker-entrypoint.sh"]'
change 'CMD ["postgres"]'
