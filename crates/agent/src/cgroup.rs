//! Control groups: what the kernel counts for a container.
//!
//! Version 2 is what every supported system has. Version 1 is read too: containers of older systems, and those in which
//! oCore itself is tested, are no less to be seen.

use std::collections::HashMap;

use ocore_telemetry::proc::named;

use crate::files::Files;

/// Above this a limit is none: version 1 writes the largest number of pages there is.
const UNLIMITED: u64 = 1 << 60;

/// How the machine's control groups are mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hierarchy {
    /// One tree for all, mounted there.
    Two(String),
    /// A tree for each controller: where it is mounted, by its name.
    One(HashMap<String, String>),
}

/// A container's group: its folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Group {
    Two(String),
    One {
        cpu: String,
        cpuacct: String,
        memory: String,
        blkio: String,
        pids: String,
    },
}

/// What was counted since the group was made, and what is in it now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) cpu_micros: u64,
    pub(crate) periods: u64,
    pub(crate) throttled_periods: u64,
    /// In use, without the cache of files that could be dropped.
    pub(crate) memory: u64,
    pub(crate) memory_limit: Option<u64>,
    pub(crate) oom_kills: u64,
    pub(crate) read: u64,
    pub(crate) written: u64,
    pub(crate) processes: u32,
}

impl Hierarchy {
    /// As `/proc/self/mountinfo` tells it.
    pub(crate) fn find(files: &mut Files) -> Option<Self> {
        Self::of(files.read("/proc/self/mountinfo")?)
    }

    fn of(mountinfo: &str) -> Option<Self> {
        let mut one = HashMap::new();
        let mut two = None;
        for line in mountinfo.lines() {
            let (Some(place), Some((_, right))) = (line.split(' ').nth(4), line.split_once(" - ")) else {
                continue;
            };
            let mut words = right.split(' ');
            match words.next() {
                Some("cgroup2") => {
                    two.get_or_insert_with(|| place.to_owned());
                }
                Some("cgroup") => {
                    for controller in words.nth(1).unwrap_or_default().split(',') {
                        one.entry(controller.to_owned())
                            .or_insert_with(|| place.to_owned());
                    }
                }
                _ => {}
            }
        }
        // Where both are, version 2 has no controllers: it is systemd's own.
        if one.contains_key("memory") {
            return Some(Self::One(one));
        }
        two.map(Self::Two)
    }

    /// The group of a process, from its `/proc/PID/cgroup`.
    pub(crate) fn group(&self, text: &str) -> Option<Group> {
        let path = |controller: &str| {
            text.lines().find_map(|line| {
                let mut parts = line.splitn(3, ':').skip(1);
                let (names, path) = (parts.next()?, parts.next()?);
                names.split(',').any(|name| name == controller).then_some(path)
            })
        };
        match self {
            Self::Two(mount) => Some(Group::Two(format!("{mount}{}", path("")?))),
            Self::One(mounts) => {
                let of = |controller| Some(format!("{}{}", mounts.get(controller)?, path(controller)?));
                Some(Group::One {
                    cpu: of("cpu")?,
                    cpuacct: of("cpuacct")?,
                    memory: of("memory")?,
                    blkio: of("blkio")?,
                    pids: of("pids")?,
                })
            }
        }
    }
}

impl Group {
    /// What the kernel has counted; none when the group is gone.
    pub(crate) fn read(&self, files: &mut Files) -> Option<Counters> {
        match self {
            Self::Two(folder) => two(folder, files),
            Self::One {
                cpu,
                cpuacct,
                memory,
                blkio,
                pids,
            } => one([cpu, cpuacct, memory, blkio, pids], files),
        }
    }

    /// The file with the numbers of its processes.
    pub(crate) fn processes(&self) -> String {
        let (Self::Two(folder) | Self::One { pids: folder, .. }) = self;
        format!("{folder}/cgroup.procs")
    }
}

fn two(folder: &str, files: &mut Files) -> Option<Counters> {
    let mut counters = Counters::default();
    let text = files.read(&format!("{folder}/cpu.stat"))?;
    counters.cpu_micros = named(text, "usage_usec")?;
    counters.periods = named(text, "nr_periods").unwrap_or(0);
    counters.throttled_periods = named(text, "nr_throttled").unwrap_or(0);
    let used = files.number(&format!("{folder}/memory.current"))?;
    let cache = files
        .read(&format!("{folder}/memory.stat"))
        .and_then(|text| named(text, "inactive_file"));
    counters.memory = used.saturating_sub(cache.unwrap_or(0));
    // The word `max` is no number.
    counters.memory_limit = files.number(&format!("{folder}/memory.max"));
    counters.oom_kills = files
        .read(&format!("{folder}/memory.events"))
        .and_then(|text| named(text, "oom_kill"))
        .unwrap_or(0);
    if let Some(text) = files.read(&format!("{folder}/io.stat")) {
        for word in text.split_ascii_whitespace() {
            let number = |text: &str| text.parse::<u64>().unwrap_or(0);
            if let Some(bytes) = word.strip_prefix("rbytes=") {
                counters.read += number(bytes);
            } else if let Some(bytes) = word.strip_prefix("wbytes=") {
                counters.written += number(bytes);
            }
        }
    }
    let processes = files.number(&format!("{folder}/pids.current"));
    counters.processes = u32::try_from(processes.unwrap_or(0)).unwrap_or(u32::MAX);
    Some(counters)
}

fn one([cpu, cpuacct, memory, blkio, pids]: [&String; 5], files: &mut Files) -> Option<Counters> {
    let mut counters = Counters {
        cpu_micros: files.number(&format!("{cpuacct}/cpuacct.usage"))? / 1000,
        ..Counters::default()
    };
    if let Some(text) = files.read(&format!("{cpu}/cpu.stat")) {
        counters.periods = named(text, "nr_periods").unwrap_or(0);
        counters.throttled_periods = named(text, "nr_throttled").unwrap_or(0);
    }
    let used = files.number(&format!("{memory}/memory.usage_in_bytes"))?;
    let cache = files
        .read(&format!("{memory}/memory.stat"))
        .and_then(|text| named(text, "total_inactive_file"));
    counters.memory = used.saturating_sub(cache.unwrap_or(0));
    counters.memory_limit = files
        .number(&format!("{memory}/memory.limit_in_bytes"))
        .filter(|limit| *limit < UNLIMITED);
    counters.oom_kills = files
        .read(&format!("{memory}/memory.oom_control"))
        .and_then(|text| named(text, "oom_kill"))
        .unwrap_or(0);
    if let Some(text) = files.read(&format!("{blkio}/blkio.throttle.io_service_bytes_recursive")) {
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace().skip(1);
            let (kind, bytes) = (
                words.next(),
                words.next().and_then(|word| word.parse::<u64>().ok()),
            );
            match kind {
                Some("Read") => counters.read += bytes.unwrap_or(0),
                Some("Write") => counters.written += bytes.unwrap_or(0),
                _ => {}
            }
        }
    }
    let processes = files.number(&format!("{pids}/pids.current"));
    counters.processes = u32::try_from(processes.unwrap_or(0)).unwrap_or(u32::MAX);
    Some(counters)
}

/// The identifier of the container that a process is in: the first 64 hexadecimal digits in its `/proc/PID/cgroup`.
pub(crate) fn container_id(text: &str) -> Option<&str> {
    text.split(|c: char| !c.is_ascii_hexdigit())
        .find(|word| word.len() == 64)
}

/// Makes a group of files.
#[cfg(test)]
fn write(folder: &std::path::Path, files: &[(&str, &str)]) {
    std::fs::create_dir_all(folder).unwrap();
    for (name, text) in files {
        std::fs::write(folder.join(name), text).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "d7c86d99acbc9895f96e03d0829e2fbdf45e0967694eec18d00458f8729ddf88";

    #[test]
    fn both_kinds_of_mounts_are_told_apart() {
        let two = "30 25 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            Hierarchy::of(two),
            Some(Hierarchy::Two("/sys/fs/cgroup".to_owned()))
        );
        let both = "31 25 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
                    32 25 0:31 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                    33 25 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n";
        let Some(Hierarchy::One(mounts)) = Hierarchy::of(both) else {
            panic!("version 1 has the controllers");
        };
        assert_eq!(mounts["cpuacct"], "/sys/fs/cgroup/cpu,cpuacct");
        assert_eq!(Hierarchy::of("25 1 8:1 / / rw - ext4 /dev/sda1 rw\n"), None);
    }

    #[test]
    fn a_group_of_version_2_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let mount = folder.path().to_str().unwrap().to_owned();
        let text = format!("0::/system.slice/docker-{ID}.scope\n");
        let group = Hierarchy::Two(mount).group(&text).unwrap();
        let own = folder.path().join(format!("system.slice/docker-{ID}.scope"));
        write(
            &own,
            &[
                (
                    "cpu.stat",
                    "usage_usec 5000\nuser_usec 1\nnr_periods 10\nnr_throttled 4\nthrottled_usec 3\n",
                ),
                ("memory.current", "1000\n"),
                (
                    "memory.stat",
                    "anon 500\nfile 400\ninactive_file 300\nactive_file 100\n",
                ),
                ("memory.max", "max\n"),
                ("memory.events", "low 0\noom 3\noom_kill 2\n"),
                (
                    "io.stat",
                    "8:0 rbytes=100 wbytes=200 rios=1 wios=2\n8:16 rbytes=1 wbytes=2\n",
                ),
                ("pids.current", "7\n"),
            ],
        );
        let wanted = Counters {
            cpu_micros: 5000,
            periods: 10,
            throttled_periods: 4,
            memory: 700,
            memory_limit: None,
            oom_kills: 2,
            read: 101,
            written: 202,
            processes: 7,
        };
        let mut files = Files::default();
        assert_eq!(group.read(&mut files), Some(wanted));
        write(&own, &[("memory.max", "4096\n")]);
        assert_eq!(group.read(&mut files).unwrap().memory_limit, Some(4096));
        std::fs::remove_dir_all(&own).unwrap();
        assert_eq!(group.read(&mut files), None);
    }

    #[test]
    fn a_group_of_version_1_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let names = ["cpu", "cpuacct", "memory", "blkio", "pids"];
        let mounts = names.map(|name| (name.to_owned(), place(name)));
        let text = format!(
            "8:pids:/docker/{ID}\n7:blkio:/docker/{ID}\n4:memory:/docker/{ID}\n1:cpu,cpuacct:/docker/{ID}\n0::/\n"
        );
        let group = Hierarchy::One(mounts.into()).group(&text).unwrap();
        let own = |name: &str| folder.path().join(name).join("docker").join(ID);
        write(
            &own("cpu"),
            &[("cpu.stat", "nr_periods 10\nnr_throttled 1\nthrottled_time 9\n")],
        );
        write(&own("cpuacct"), &[("cpuacct.usage", "7000000\n")]);
        write(
            &own("memory"),
            &[
                ("memory.usage_in_bytes", "1000\n"),
                ("memory.stat", "inactive_file 1\ntotal_inactive_file 300\n"),
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                (
                    "memory.oom_control",
                    "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
                ),
            ],
        );
        write(
            &own("blkio"),
            &[(
                "blkio.throttle.io_service_bytes_recursive",
                "8:0 Read 100\n8:0 Write 200\n8:0 Sync 300\nTotal 300\n",
            )],
        );
        write(&own("pids"), &[("pids.current", "7\n")]);
        let wanted = Counters {
            cpu_micros: 7000,
            periods: 10,
            throttled_periods: 1,
            memory: 700,
            memory_limit: None,
            oom_kills: 2,
            read: 100,
            written: 200,
            processes: 7,
        };
        assert_eq!(group.read(&mut Files::default()), Some(wanted));
    }

    #[test]
    fn the_container_of_a_process_is_in_its_path() {
        assert_eq!(
            container_id(&format!("0::/system.slice/docker-{ID}.scope\n")),
            Some(ID)
        );
        assert_eq!(container_id(&format!("0::/docker/{ID}\n")), Some(ID));
        assert_eq!(container_id("0::/init.scope\n"), None);
    }
}
