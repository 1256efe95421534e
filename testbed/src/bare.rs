//! A server without Docker, as a fresh one is.

use anyhow::Result;

use crate::server::{sh, wait_ready};

/// Takes Docker away from a server: the programs, the units and the package's entry, so that `apt-get install
/// docker.io` would install it. Its data stays.
pub fn bare(i: u8) -> Result<()> {
    sh(
        i,
        r"set -e
        keep=/var/lib/ocore-testbed
        [ ! -e $keep/bare ] || exit 0
        mkdir -p $keep
        # Everything the package has put on the disk, and what dpkg knows of it.
        { dpkg -L docker.io | while read -r f; do if [ -L $f ] || [ -f $f ]; then echo $f; fi; done
          ls -d /var/lib/dpkg/info/docker.io.* /var/lib/dpkg/status
          find /etc/systemd/system /var/lib/systemd/deb-systemd-helper-enabled -name 'docker*'
        } | sort -u | tar -C / -cf $keep/docker.tar.part --files-from=- -P
        mv $keep/docker.tar.part $keep/docker.tar
        systemctl stop docker.socket docker.service
        dpkg --remove --force-depends docker.io
        systemctl daemon-reload
        rm -f /run/docker.sock
        touch $keep/bare",
    )?;
    Ok(())
}

/// Gives it back, unless somebody has installed Docker meanwhile.
pub fn unbare(i: u8) -> Result<()> {
    sh(
        i,
        r"set -e
        keep=/var/lib/ocore-testbed
        [ -e $keep/bare ] || exit 0
        [ -x /usr/bin/dockerd ] || [ -x /usr/sbin/dockerd ] || tar -C / -xPf $keep/docker.tar
        systemctl unmask -q docker.service docker.socket
        systemctl daemon-reload
        systemctl enable -q docker.socket docker.service
        systemctl start docker.socket docker.service
        rm -rf $keep",
    )?;
    wait_ready(i)
}
