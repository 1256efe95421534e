//! What a machine has counted since it was booted, read by one script.

use std::{collections::BTreeMap, fmt::Write};

use ocore_telemetry::{
    Filesystem, Memory, Pressure,
    proc::{self, DiskCounters, NetworkCounters, Times, named},
};

/// Files whose text is taken as it is.
const FILES: &[&str] = &[
    "/proc/sys/kernel/random/boot_id",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/stat",
    "/proc/meminfo",
    "/proc/pressure/cpu",
    "/proc/pressure/memory",
    "/proc/pressure/io",
    "/proc/diskstats",
    "/proc/net/dev",
    "/proc/vmstat",
];

/// Prints everything in parts, each after a line with its name. Needs nothing but a shell, `cat` and `df`.
pub(super) fn script(docker_root: &str) -> String {
    let mut script = String::from("export LC_ALL=C\n");
    for file in FILES {
        // Writing to a text cannot fail.
        let _ = writeln!(script, "echo '@@{file}'; cat {file} 2>/dev/null");
    }
    let root = docker_root.replace('\'', r"'\''");
    let _ = write!(
        script,
        "echo '@@processes'; set -- /proc/[0-9]*; echo $#
         echo '@@blocks'; ls /sys/block 2>/dev/null
         echo '@@df'; df -Pk '{root}' 2>/dev/null || df -Pk / 2>/dev/null; df -Pkl 2>/dev/null
         echo '@@inodes'; df -Pi '{root}' 2>/dev/null || df -Pi / 2>/dev/null; df -Pil 2>/dev/null
         true"
    );
    script
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub(super) boot_id: String,
    /// Seconds.
    pub(super) uptime: f64,
    pub(super) load: [f32; 3],
    pub(super) all: Times,
    pub(super) cores: Vec<Times>,
    pub(super) blocked: u32,
    pub(super) processes: u32,
    pub(super) oom_kills: u64,
    pub(super) memory: Memory,
    pub(super) pressure: Option<Pressure>,
    /// Docker's first.
    pub(super) filesystems: Vec<Filesystem>,
    pub(super) disks: BTreeMap<String, DiskCounters>,
    pub(super) networks: BTreeMap<String, NetworkCounters>,
}

impl Counters {
    /// From what the script printed. What is missing there is zero, or none.
    pub(super) fn read(text: &str) -> Self {
        let parts: BTreeMap<&str, &str> = text
            .split("@@")
            .filter_map(|part| part.split_once('\n'))
            .map(|(name, text)| (name.trim(), text))
            .collect();
        let part = |name: &str| parts.get(name).copied().unwrap_or_default();
        let stat = part("/proc/stat");
        let mut times = stat.lines().filter_map(Times::of_line).map(|(_, times)| times);
        let whole = part("blocks");
        Self {
            boot_id: part("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            uptime: first(part("/proc/uptime")).unwrap_or(0.0),
            load: proc::load(part("/proc/loadavg")),
            all: times.next().unwrap_or_default(),
            cores: times.collect(),
            blocked: named(stat, "procs_blocked")
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            processes: first(part("processes")).unwrap_or(0),
            oom_kills: named(part("/proc/vmstat"), "oom_kill").unwrap_or(0),
            memory: proc::memory(part("/proc/meminfo")),
            pressure: pressure([
                part("/proc/pressure/cpu"),
                part("/proc/pressure/memory"),
                part("/proc/pressure/io"),
            ]),
            filesystems: filesystems(part("df"), part("inodes")),
            disks: part("/proc/diskstats")
                .lines()
                .filter_map(proc::disk)
                .filter(|(name, _)| is_whole(name, whole))
                .map(|(name, disk)| (name.to_owned(), disk))
                .collect(),
            networks: part("/proc/net/dev")
                .lines()
                .filter_map(proc::network)
                .filter(|(name, _)| proc::leads_outside(name))
                .map(|(name, network)| (name.to_owned(), network))
                .collect(),
        }
    }
}

fn first<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// Of the last ten seconds, in which some task waited.
fn pressure(texts: [&str; 3]) -> Option<Pressure> {
    let [cpu, memory, io] = texts.map(|text| proc::waited(text, 10));
    Some(Pressure {
        cpu: cpu?,
        memory: memory?,
        io: io?,
    })
}

/// Whether it is a disk of its own: no partition, and none that is made of others, which would count twice.
fn is_whole(name: &str, blocks: &str) -> bool {
    !proc::is_made_of_others(name) && blocks.lines().any(|block| block == name)
}

/// The first is Docker's, whatever it is on; of the others each disk once.
fn filesystems(space: &str, inodes: &str) -> Vec<Filesystem> {
    let mut seen = Vec::new();
    let mut filesystems = Vec::new();
    for (device, mount, total, available) in df(space) {
        let is_docker = filesystems.is_empty();
        if seen.contains(&device)
            || !(is_docker || device.starts_with("/dev/") && !device.starts_with("/dev/loop"))
        {
            continue;
        }
        seen.push(device);
        let of_inodes = df(inodes).find(|(of, ..)| *of == device);
        let (inodes, inodes_free) = of_inodes.map_or((0, 0), |(_, _, all, free)| (all, free));
        filesystems.push(Filesystem {
            mount: mount.to_owned(),
            total: total * 1024,
            available: available * 1024,
            inodes,
            inodes_free,
        });
    }
    filesystems.truncate(16);
    filesystems
}

/// Device, mount, all and what is free, of each line of `df -P` that has numbers.
fn df(text: &str) -> impl Iterator<Item = (&str, &str, u64, u64)> {
    text.lines().filter_map(|line| {
        let mut words = line.split_ascii_whitespace();
        let device = words.next()?;
        let (total, _used, available) = (
            words.next()?.parse().ok()?,
            words.next()?,
            words.next()?.parse().ok()?,
        );
        let _share = words.next()?;
        let mount = words.next()?;
        // A mount may have spaces in its name.
        let mount = &line[line.rfind(&format!(" {mount}")).map_or(0, |at| at + 1)..];
        Some((device, mount, total, available))
    })
}
