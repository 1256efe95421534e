#!/usr/bin/env bash
# The same for deploy/images/pgbouncer.Dockerfile.
. "$(dirname "$0")/common.sh"

bootstrap trixie ca-certificates,libpq5,libcares2,libevent-2.1-7t64
chroot "$tree" apt-get update -q
# Without postgresql-common, which wants Perl and does nothing here.
client=$(chroot "$tree" apt-cache depends postgresql-client | sed -n 's/^ *Depends: \(postgresql-client-[0-9]*\)$/\1/p')
chroot "$tree" sh -c "cd /tmp && apt-get download -q pgbouncer $client && for p in *.deb; do dpkg-deb -x \$p all; done"
install "$tree"/tmp/all/usr/sbin/pgbouncer "$tree/usr/sbin/pgbouncer"
install "$tree"/tmp/all/usr/lib/postgresql/*/bin/pg_isready "$tree/usr/bin/pg_isready"
rm -rf "$tree"/tmp/*
slim
