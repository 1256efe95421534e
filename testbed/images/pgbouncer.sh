#!/bin/bash
# PgBouncer of a Debian release in a folder of its own, with the libraries it needs: pgbouncer.sh FOLDER SUITE.
# Nothing of the machine is touched, and no root is needed.
. "$(dirname "$0")/common.sh"
folder=$1 suite=$2
archive=$(mirror)
# What Ubuntu and others have for want of a Debian mirror of their own is debootstrap's default.
: "${archive:=$(sed -nE 's/^default_mirror (.*)/\1/p' "/usr/share/debootstrap/scripts/$suite" 2>/dev/null)}"
state=$folder/apt
mkdir -p "$state/lists/partial" "$state/archives/partial"
: >"$state/status"
cat >"$state/list.sources" <<EOF
Types: deb
URIs: $archive
Suites: $suite
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg
EOF
apt=(apt-get -q -y -o "Dir::Etc::SourceList=$state/list.sources" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::Lists=$state/lists" -o "Dir::State::status=$state/status" -o "Dir::Cache=$state"
  -o Acquire::Languages=none -o Acquire::Check-Valid-Until=false -o APT::Sandbox::User=)
"${apt[@]}" update
"${apt[@]}" --no-install-recommends --download-only install pgbouncer
for package in "$state"/archives/pgbouncer_*.deb "$state"/archives/lib*.deb; do
  case $package in
  */lib*perl*) continue ;;
  esac
  dpkg-deb -x "$package" "$folder"
done
rm -rf "$state" "$folder"/usr/share
