#!/usr/bin/env bash
# What deploy/images/*.Dockerfile stand on where no image of Debian can be pulled, with all that they would install.
. "$(dirname "$0")/common.sh"

bootstrap trixie ca-certificates,libpq5,liblz4-1,libreadline8t64
chroot "$tree" apt-get update -q
# The programs by themselves: their package wants Perl, for wrappers that choose among versions.
client=$(chroot "$tree" apt-cache depends postgresql-client | sed -n 's/^ *Depends: \(postgresql-client-[0-9]*\)$/\1/p')
chroot "$tree" sh -c "cd /tmp && apt-get download -q $client && dpkg-deb -x $client*.deb client"
for program in pg_dump pg_restore psql pg_isready; do
  install "$tree"/tmp/client/usr/lib/postgresql/*/bin/$program "$tree/usr/bin/$program"
done
rm -rf "$tree"/tmp/*
slim
