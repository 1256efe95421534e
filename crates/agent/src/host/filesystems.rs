//! File systems: which there are, from `/proc/self/mountinfo`, and how full.

use std::collections::HashMap;

use ocore_telemetry::Filesystem;

use crate::files::Files;

/// More are not told of.
const MOST: usize = 16;

/// Where they are mounted, the one with Docker's data first.
#[derive(Debug, Default)]
pub(crate) struct Filesystems {
    mounts: Vec<String>,
}

impl Filesystems {
    /// Finds out which there are.
    pub(super) fn look(&mut self, files: &mut Files, docker_root: Option<&str>) {
        if let Some(text) = files.read("/proc/self/mountinfo") {
            self.mounts = mounts(text, docker_root.unwrap_or("/var/lib/docker"));
        }
    }

    pub(super) fn sample(&self) -> Vec<Filesystem> {
        self.mounts.iter().filter_map(|mount| filesystem(mount)).collect()
    }
}

fn filesystem(mount: &str) -> Option<Filesystem> {
    let seen = rustix::fs::statvfs(mount).ok()?;
    Some(Filesystem {
        mount: mount.to_owned(),
        total: seen.f_blocks * seen.f_frsize,
        available: seen.f_bavail * seen.f_frsize,
        inodes: seen.f_files,
        inodes_free: seen.f_favail,
    })
}

/// Each device once, where most of it is seen.
fn mounts(text: &str, docker_root: &str) -> Vec<String> {
    let mut by_device: HashMap<&str, &str> = HashMap::new();
    let mut docker: Option<(&str, &str)> = None;
    for line in text.lines() {
        let Some((device, mount, is_disk)) = parse(line) else {
            continue;
        };
        // Of two over the same place the later one is seen.
        if is_within(docker_root, mount) && docker.is_none_or(|(_, found)| mount.len() >= found.len()) {
            docker = Some((device, mount));
        }
        if is_disk {
            let kept = by_device.entry(device).or_insert(mount);
            if mount.len() < kept.len() {
                *kept = mount;
            }
        }
    }
    if let Some((device, _)) = docker {
        by_device.remove(device);
    }
    let mut others: Vec<&str> = by_device.into_values().collect();
    others.sort_unstable();
    let docker = docker.map(|(_, mount)| mount);
    docker
        .into_iter()
        .chain(others)
        .take(MOST)
        .map(unescape)
        .collect()
}

/// Device, place, and whether it is on a disk.
fn parse(line: &str) -> Option<(&str, &str, bool)> {
    let (left, right) = line.split_once(" - ")?;
    let mut words = left.split(' ').skip(2);
    let (device, _, mount) = (words.next()?, words.next()?, words.next()?);
    let mut words = right.split(' ');
    let (kind, source) = (words.next()?, words.next()?);
    let is_disk =
        (source.starts_with("/dev/") || kind == "zfs") && kind != "squashfs" && !kind.starts_with("fuse");
    Some((device, mount, is_disk))
}

fn is_within(path: &str, mount: &str) -> bool {
    mount == "/"
        || path
            .strip_prefix(mount)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The kernel writes a space as `\040`.
fn unescape(mount: &str) -> String {
    mount.replace("\\040", " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
25 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
26 25 0:5 / /proc rw - proc proc rw
27 25 8:2 / /srv/my\\040data rw - xfs /dev/sdb1 rw
28 25 8:1 /usr /usr ro - ext4 /dev/sda1 rw
29 25 8:3 / /var/lib/docker rw - ext4 /dev/sdc1 rw
30 29 0:50 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw
31 25 7:0 / /snap/x ro - squashfs /dev/loop0 ro
";

    #[test]
    fn each_device_is_told_once_and_dockers_first() {
        assert_eq!(
            mounts(TEXT, "/var/lib/docker"),
            ["/var/lib/docker", "/", "/srv/my data"]
        );
        assert_eq!(
            mounts(TEXT, "/srv2/docker"),
            ["/", "/srv/my data", "/var/lib/docker"]
        );
    }
}
