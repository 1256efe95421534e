//! Programs of the distribution: what is missing, and installing it.

use std::process::Command;

use anyhow::{Result, bail};

use crate::command::{installed, output, read};

/// Something that has to be installed, and the Debian package that has it.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What it is for, as the operator reads it.
    pub what: &'static str,
    /// The Debian package.
    pub package: &'static str,
    /// Whether it is there.
    pub present: fn() -> bool,
}

/// What the engine needs.
pub(crate) const ENGINE: [Need; 3] = [
    Need {
        what: "Docker Engine",
        package: "docker.io",
        present: || installed("docker") && installed("dockerd"),
    },
    Need {
        what: "the firewall program Docker needs",
        package: "iptables",
        present: || installed("iptables") || std::path::Path::new("/usr/sbin/iptables").exists(),
    },
    Need {
        what: "SSH's client",
        package: "openssh-client",
        present: || installed("ssh-keygen") && installed("ssh"),
    },
];

/// What stands before several processes of oCore.
pub const PROXY: Need = Need {
    what: "a proxy that looks whether what is behind it is well",
    package: "haproxy",
    present: || installed("haproxy") || std::path::Path::new("/usr/sbin/haproxy").exists(),
};

/// What keeping and building images needs.
pub(crate) const BUILD: [Need; 2] = [
    Need {
        what: "the builder of Debian trees",
        package: "debootstrap",
        present: || debootstrap().is_file(),
    },
    Need {
        what: "the compressor of images",
        package: "zstd",
        present: || installed("zstd"),
    },
];

fn debootstrap() -> std::path::PathBuf {
    "/usr/sbin/debootstrap".into()
}

/// Installs what is missing, as root where there is apt; else fails with the exact command to run. Answers what was
/// installed.
pub fn install(needs: &[Need]) -> Result<Vec<&'static str>> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let what = missing
        .iter()
        .map(|need| need.what)
        .collect::<Vec<_>>()
        .join(", ");
    let root = read(Command::new("id").arg("-u"))? == "0";
    if !root || !installed("apt-get") {
        bail!(
            "missing: {what}. Run this, or install the same in your distribution's way:\n    \
             sudo apt-get install -y {}",
            packages.join(" ")
        );
    }
    eprintln!("installing {what}: apt-get install {}", packages.join(" "));
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "-y"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        // A question nobody answers would hang.
        apt.env("NEEDRESTART_SUSPEND", "1");
        apt
    };
    // The lists may be old or, in a fresh container, absent; a source that cannot be reached is not fatal yet.
    output(&mut apt(&["update"]))?;
    let install: Vec<&str> = ["install", "--no-install-recommends"]
        .into_iter()
        .chain(packages.iter().copied())
        .collect();
    read(&mut apt(&install))?;
    let still: Vec<&str> = missing
        .iter()
        .filter(|need| !(need.present)())
        .map(|need| need.what)
        .collect();
    if !still.is_empty() {
        bail!(
            "apt-get installed {}, but this is still missing: {}",
            packages.join(" "),
            still.join(", ")
        );
    }
    Ok(packages)
}
