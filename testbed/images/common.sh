# Sourced by the script of each image, which is called with the folder of an empty tree, fills it from Debian's
# archive and says by `change` what a Dockerfile would. All that the tools print goes to the log.
# shellcheck shell=bash
set -euo pipefail

tree=$1
exec 3>&1 1>&2
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# An instruction of a Dockerfile: CMD, ENV, EXPOSE …
change() { printf '%s\n' "$*" >&3; }

# The Debian archive this machine uses, in both formats of apt's sources; none elsewhere (Ubuntu): then
# debootstrap's own default serves.
mirror() {
  if [ -n "${OCORE_TESTBED_MIRROR:-}" ]; then echo "$OCORE_TESTBED_MIRROR"; return; fi
  # Any of these files may be absent, which must not end the script.
  { cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null || true; } |
    sed -nE '/^#/d; s,^.*(https?://[^ ]+/debian)/?( .*)?$,\1,p' | sort -u | sed -n 1p
}

# bootstrap SUITE PACKAGES: a minimal Debian with these (comma-separated) packages
bootstrap() {
  local archive; archive=$(mirror)
  debootstrap --variant=minbase --include="$2" "$1" "$tree" ${archive:+"$archive"}
}

# What no container needs: package lists, documentation, translations.
slim() {
  rm -rf "$tree"/var/cache/apt/* "$tree"/var/lib/apt/lists/* "$tree"/usr/share/doc/* \
    "$tree"/usr/share/man/* "$tree"/usr/share/locale/* "$tree"/var/log/*.log
}
