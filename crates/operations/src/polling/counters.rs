//! What a machine has counted since it was booted, read by one script.

use std::{collections::BTreeMap, fmt::Write};

use ocore_telemetry::{Filesystem, Memory, Pressure};

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

/// The size of a sector in `/proc/diskstats`, whatever the disk's own.
const SECTOR: u64 = 512;

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

/// Ticks of all cores by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Times {
    pub(super) user: u64,
    pub(super) system: u64,
    pub(super) idle: u64,
    pub(super) iowait: u64,
    pub(super) steal: u64,
}

/// Of a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disk {
    pub(super) requests: u64,
    pub(super) read: u64,
    pub(super) written: u64,
    /// Milliseconds that requests took, together.
    pub(super) waited: u64,
    /// Milliseconds in which there was at least one.
    pub(super) busy: u64,
}

/// Of an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    pub(super) received: u64,
    pub(super) sent: u64,
    pub(super) errors: u64,
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
    pub(super) disks: BTreeMap<String, Disk>,
    pub(super) networks: BTreeMap<String, Network>,
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
        let mut times = stat.lines().filter_map(times);
        let mut load = [0.0; 3];
        for (load, word) in load
            .iter_mut()
            .zip(part("/proc/loadavg").split_ascii_whitespace())
        {
            *load = word.parse().unwrap_or(0.0);
        }
        let whole = part("blocks");
        Self {
            boot_id: part("/proc/sys/kernel/random/boot_id").trim().to_owned(),
            uptime: first(part("/proc/uptime")).unwrap_or(0.0),
            load,
            all: times.next().unwrap_or_default(),
            cores: times.collect(),
            blocked: named(stat, "procs_blocked")
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            processes: first(part("processes")).unwrap_or(0),
            oom_kills: named(part("/proc/vmstat"), "oom_kill").unwrap_or(0),
            memory: memory(part("/proc/meminfo")),
            pressure: pressure([
                part("/proc/pressure/cpu"),
                part("/proc/pressure/memory"),
                part("/proc/pressure/io"),
            ]),
            filesystems: filesystems(part("df"), part("inodes")),
            disks: part("/proc/diskstats")
                .lines()
                .filter_map(disk)
                .filter(|(name, _)| is_whole(name, whole))
                .collect(),
            networks: part("/proc/net/dev")
                .lines()
                .filter_map(network)
                .filter(|(name, _)| is_outside(name))
                .collect(),
        }
    }
}

fn first<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// The number after a name at the beginning of a line.
fn named(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next()?.trim_end_matches(':') == name).then(|| words.next()?.parse().ok())?
    })
}

fn times(line: &str) -> Option<Times> {
    let (_, words) = line.strip_prefix("cpu")?.split_once(' ')?;
    let mut numbers = [0; 8];
    for (number, word) in numbers.iter_mut().zip(words.split_ascii_whitespace()) {
        *number = word.parse().ok()?;
    }
    // The time of guests is in user's.
    let [user, nice, system, idle, iowait, irq, softirq, steal] = numbers;
    Some(Times {
        user: user + nice,
        system: system + irq + softirq,
        idle,
        iowait,
        steal,
    })
}

fn memory(text: &str) -> Memory {
    let bytes = |name| named(text, name).unwrap_or(0) * 1024;
    let swap_total = bytes("SwapTotal");
    Memory {
        total: bytes("MemTotal"),
        available: bytes("MemAvailable"),
        cached: bytes("Cached"),
        swap_total,
        swap_used: swap_total.saturating_sub(bytes("SwapFree")),
    }
}

/// Of the last ten seconds, in which some task waited.
fn pressure(texts: [&str; 3]) -> Option<Pressure> {
    let of = |text: &str| {
        let some = text.lines().find(|line| line.starts_with("some "))?;
        some.split_once("avg10=").and_then(|(_, rest)| first(rest))
    };
    let [cpu, memory, io] = texts.map(of);
    Some(Pressure {
        cpu: cpu?,
        memory: memory?,
        io: io?,
    })
}

fn disk(line: &str) -> Option<(String, Disk)> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let name = words.next()?;
    let mut next = || words.next()?.parse::<u64>().ok();
    let (reads, _, read, reading) = (next()?, next()?, next()?, next()?);
    let (writes, _, written, writing) = (next()?, next()?, next()?, next()?);
    let (_, busy) = (next()?, next()?);
    let disk = Disk {
        requests: reads + writes,
        read: read * SECTOR,
        written: written * SECTOR,
        waited: reading + writing,
        busy,
    };
    Some((name.to_owned(), disk))
}

/// Whether it is a disk of its own: no partition, and none that is made of others, which would count twice.
fn is_whole(name: &str, blocks: &str) -> bool {
    let made_of_others = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"];
    !made_of_others.iter().any(|begin| name.starts_with(begin)) && blocks.lines().any(|block| block == name)
}

fn network(line: &str) -> Option<(String, Network)> {
    let (name, numbers) = line.split_once(':')?;
    let mut values = [0_u64; 12];
    let mut words = numbers.split_ascii_whitespace();
    for value in &mut values {
        *value = words.next()?.parse().ok()?;
    }
    let network = Network {
        received: values[0],
        sent: values[8],
        errors: values[2] + values[3] + values[10] + values[11],
    };
    Some((name.trim().to_owned(), network))
}

/// Whether an interface leads outside: no loopback, no bridge, none of a container or tunnel.
fn is_outside(name: &str) -> bool {
    let inside = [
        "veth", "br-", "docker", "virbr", "cni", "flannel", "cali", "tun", "tap", "wg", "dummy", "ifb",
        "vnet",
    ];
    name != "lo" && !name.contains('.') && !inside.iter().any(|begin| name.starts_with(begin))
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
