#!/usr/bin/env bash
# Called with a folder: puts `docker compose` there as a plugin of Docker's, from the archive of Debian 13, whose
# signature is checked. Debian 12 has only the old one, of Python.
. "$(dirname "$0")/../images/common.sh"

archive=$(mirror)
part=$(mktemp -d "$tree/part-XXXXXX")
trap 'rm -rf "$part"' EXIT
mkdir -p "$part"/{lists/partial,cache/archives/partial,etc}
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${archive:?the Debian archive is not known: set OCORE_TESTBED_MIRROR} trixie main" >"$part/etc/sources.list"
apt() {
  apt-get -q -o "Dir::State::lists=$part/lists" -o "Dir::Cache=$part/cache" -o "Dir::Etc::sourcelist=$part/etc/sources.list" \
    -o Dir::Etc::sourceparts=/dev/null -o APT::Sandbox::User=root "$@"
}
apt update
(cd "$part" && apt download docker-compose)
dpkg-deb -x "$part"/docker-compose_*.deb "$part/tree"
mkdir -p "$tree/cli-plugins"
mv "$part/tree/usr/libexec/docker/cli-plugins/docker-compose" "$tree/cli-plugins/docker-compose"
