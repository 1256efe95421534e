//! The machine that this process runs on, or the container with its limits.

use std::{
    fs,
    path::{Path, PathBuf},
};

use nix::sys::statvfs::statvfs;
use ocore_telemetry::proc;
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// How the machine does.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    pub(super) host: String,
    /// What this process may use of them.
    pub(super) cpu_cores: usize,
    /// Percent of all cores, since the look before.
    pub(super) cpu_usage: Option<f32>,
    /// Percent of one core.
    pub(super) process_cpu: Option<f32>,
    /// Of processor, memory and disk: percent of the last minute in which some task waited.
    pub(super) pressures: [Option<f32>; 3],
    pub(super) ram_total: u64,
    pub(super) ram_available: u64,
    pub(super) process_memory: u64,
    /// Since the look before.
    pub(super) oom_kills: u64,
    /// Bytes of the file system with oCore's data: all, and free.
    pub(super) storage: Option<(u64, u64)>,
}

/// Looks at the machine again and again.
pub(super) struct Machine {
    system: System,
    data: PathBuf,
    oom_kills: Option<u64>,
}

impl Machine {
    pub(super) fn new(data: PathBuf) -> Result<Self, sysinfo::Error> {
        let mut machine = Self {
            system: System::new()?,
            data,
            oom_kills: oom_kills(),
        };
        // Usage is known from the second time on.
        machine.refresh();
        Ok(machine)
    }

    fn refresh(&mut self) -> Option<Pid> {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        let own = sysinfo::get_current_pid().ok()?;
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory();
        self.system
            .refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, kind);
        Some(own)
    }

    pub(super) fn look(&mut self) -> Look {
        let own = self.refresh();
        let process = own.and_then(|pid| self.system.process(pid));
        let limits = self.system.cgroup_limits();
        let (total, available) = (self.system.total_memory(), self.system.available_memory());
        let (ram_total, ram_available) = match limits {
            Some(limits) if (1..total).contains(&limits.total_memory) => {
                (limits.total_memory, limits.free_memory.min(available))
            }
            _ => (total, available),
        };
        let kills = oom_kills();
        let before = std::mem::replace(&mut self.oom_kills, kills);
        Look {
            host: System::host_name().unwrap_or_default(),
            cpu_cores: std::thread::available_parallelism().map_or(1, usize::from),
            cpu_usage: Some(self.system.global_cpu_usage()),
            process_cpu: process.map(sysinfo::Process::cpu_usage),
            pressures: ["cpu", "memory", "io"].map(pressure),
            ram_total,
            ram_available,
            process_memory: process.map_or(0, sysinfo::Process::memory),
            oom_kills: kills
                .zip(before)
                .map_or(0, |(now, before)| now.saturating_sub(before)),
            storage: storage(&self.data),
        }
    }
}

/// Percent of the last minute; none where the kernel does not tell.
fn pressure(of: &str) -> Option<f32> {
    proc::waited(&fs::read_to_string(format!("/proc/pressure/{of}")).ok()?, 60)
}

/// Processes of the machine that were killed for want of memory since it booted.
fn oom_kills() -> Option<u64> {
    proc::named(&fs::read_to_string("/proc/vmstat").ok()?, "oom_kill")
}

/// All and free bytes of the file system that a path is on.
fn storage(path: &Path) -> Option<(u64, u64)> {
    let seen = statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(seen.fragment_size());
    Some((bytes(seen.blocks()), bytes(seen.blocks_available())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_tells_of_itself() {
        let look = Machine::new("/".into()).unwrap().look();
        assert!(look.cpu_cores >= 1);
        assert!(look.ram_total > look.ram_available && look.ram_available > 0);
        assert!(look.process_memory > 0);
        assert_eq!(look.oom_kills, 0);
    }
}
