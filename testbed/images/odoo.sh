#!/usr/bin/env bash
# odoo:19 with the conventions of the official image: user odoo, /etc/odoo/odoo.conf, /var/lib/odoo,
# /mnt/extra-addons. Debian 13 with the package odoo-19, which so far only unstable has.
. "$(dirname "$0")/common.sh"

bootstrap trixie ca-certificates
archive=$(sed -nE 's,^deb ([^ ]+) .*,\1,p;T;q' "$tree/etc/apt/sources.list")
# A mirror or cache that lags some weeks behind does here, and its signature is checked all the same.
echo "deb [check-valid-until=no] $archive sid main contrib" >"$tree/etc/apt/sources.list.d/sid.list"
# Unstable only for what Debian 13 does not have at all.
printf 'Package: *\nPin: release a=unstable\nPin-Priority: 100\n' >"$tree/etc/apt/preferences.d/sid"
chroot "$tree" apt-get update -q
chroot "$tree" apt-get install -qy --no-install-recommends odoo-19 git

# Country localisations and translations are most of its files, and are not needed here.
addons=$tree/usr/lib/python3/dist-packages/odoo/addons
rm -rf "$addons"/l10n_* "$addons"/*/i18n
mkdir -p "$tree"/var/lib/odoo "$tree"/mnt/extra-addons "$tree"/etc/odoo
chroot "$tree" chown -R odoo /var/lib/odoo /mnt/extra-addons /etc/odoo
slim

change USER odoo
change ENV HOME=/var/lib/odoo
change ENV ODOO_RC=/etc/odoo/odoo.conf
change EXPOSE 8069 8072
change 'CMD ["odoo"]'
