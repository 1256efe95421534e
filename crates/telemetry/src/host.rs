//! The machine: `/proc`, `/sys` and its file systems.

use serde::{Deserialize, Serialize};

/// What was seen of the machine. Rates are over the time since the sample before.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Host {
    /// Seconds since the sample before, over which rates and amounts are taken.
    #[serde(rename = "i")]
    pub interval: f32,
    /// Seconds since boot.
    #[serde(rename = "u")]
    pub uptime: u64,
    /// All cores together.
    #[serde(rename = "c")]
    pub cpu: Cpu,
    /// Percent in use of each core.
    #[serde(rename = "k", default)]
    pub cores: Vec<f32>,
    /// Load over 1, 5 and 15 minutes.
    #[serde(rename = "l")]
    pub load: [f32; 3],
    /// Memory and swap.
    #[serde(rename = "m")]
    pub memory: Memory,
    /// Pressure; none where the kernel does not tell.
    #[serde(rename = "p", default)]
    pub pressure: Option<Pressure>,
    /// File systems on disks, the one that holds Docker's data first.
    #[serde(rename = "f", default)]
    pub filesystems: Vec<Filesystem>,
    /// Whole disks, without partitions.
    #[serde(rename = "d", default)]
    pub disks: Vec<Disk>,
    /// Interfaces to the outside: without the loopback, bridges and those of containers.
    #[serde(rename = "n", default)]
    pub networks: Vec<Network>,
    /// How many processes there are.
    #[serde(rename = "x", default)]
    pub processes: u32,
    /// How many of them wait for a disk.
    #[serde(rename = "w", default)]
    pub blocked: u32,
    /// Processes that were killed for want of memory, in the interval.
    #[serde(rename = "o", default)]
    pub oom_kills: u32,
    /// The processes that used most CPU or memory, once a push: a few of each.
    #[serde(rename = "t", default, skip_serializing_if = "Vec::is_empty")]
    pub top: Vec<Process>,
}

/// Percent of the time of all cores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cpu {
    /// In use: all but idle and waiting for disks.
    #[serde(rename = "u")]
    pub usage: f32,
    /// Programs.
    #[serde(rename = "p")]
    pub user: f32,
    /// Kernel.
    #[serde(rename = "s")]
    pub system: f32,
    /// Waiting for disks.
    #[serde(rename = "w")]
    pub iowait: f32,
    /// Taken by the hypervisor for others.
    #[serde(rename = "t")]
    pub steal: f32,
}

/// Bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// All.
    #[serde(rename = "t")]
    pub total: u64,
    /// What could be had without swapping.
    #[serde(rename = "a")]
    pub available: u64,
    /// Cache of files.
    #[serde(rename = "c")]
    pub cached: u64,
    /// Swap, all.
    #[serde(rename = "s")]
    pub swap_total: u64,
    /// Swap in use.
    #[serde(rename = "u")]
    pub swap_used: u64,
}

/// Percent of the last 10 seconds in which some task had to wait, as `/proc/pressure` tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Pressure {
    /// For a core.
    #[serde(rename = "c")]
    pub cpu: f32,
    /// For memory.
    #[serde(rename = "m")]
    pub memory: f32,
    /// For a disk.
    #[serde(rename = "i")]
    pub io: f32,
}

/// A mounted file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filesystem {
    /// Where it is mounted.
    #[serde(rename = "m")]
    pub mount: String,
    /// Bytes, all.
    #[serde(rename = "t")]
    pub total: u64,
    /// Bytes free for an unprivileged user.
    #[serde(rename = "a")]
    pub available: u64,
    /// Inodes, all; 0 where the file system has no fixed number.
    #[serde(rename = "i")]
    pub inodes: u64,
    /// Inodes free.
    #[serde(rename = "f")]
    pub inodes_free: u64,
}

/// A disk, over the interval.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Disk {
    /// As the kernel names it: `vda`.
    #[serde(rename = "d")]
    pub name: String,
    /// Bytes read.
    #[serde(rename = "r")]
    pub read: u64,
    /// Bytes written.
    #[serde(rename = "w")]
    pub written: u64,
    /// Requests done.
    #[serde(rename = "n")]
    pub requests: u64,
    /// Milliseconds a request took on average, waiting included.
    #[serde(rename = "a")]
    pub await_ms: f32,
    /// Percent of the time it was busy.
    #[serde(rename = "u")]
    pub utilization: f32,
}

/// A network interface, over the interval.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Network {
    /// As the kernel names it: `eth0`.
    #[serde(rename = "d")]
    pub name: String,
    /// Bytes received.
    #[serde(rename = "r")]
    pub received: u64,
    /// Bytes sent.
    #[serde(rename = "s")]
    pub sent: u64,
    /// Packets lost or faulty, both ways.
    #[serde(rename = "e", default)]
    pub errors: u64,
}

/// A process among those that use most.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    #[serde(rename = "i")]
    pub pid: u32,
    /// Its name, never its arguments: those may hold secrets.
    #[serde(rename = "n")]
    pub name: String,
    /// Percent of one core.
    #[serde(rename = "c")]
    pub cpu: f32,
    /// Resident bytes.
    #[serde(rename = "m")]
    pub memory: u64,
    /// The container it runs in, if any.
    #[serde(rename = "o", default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
}
