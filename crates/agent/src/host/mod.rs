//! The machine, sample by sample.

mod cpu;
mod disks;
mod filesystems;
mod networks;
mod processes;

use std::time::Instant;

use ocore_telemetry::{Host, Pressure, proc};

use crate::files::{Files, risen};

pub(crate) use processes::Stat;

/// Takes samples of the machine. What it saw last is kept, for rates are over the time since.
#[derive(Debug)]
pub(crate) struct Machine {
    at: Option<Instant>,
    cpu: cpu::Cores,
    disks: disks::Disks,
    networks: networks::Networks,
    filesystems: filesystems::Filesystems,
    processes: processes::Processes,
    oom_kills: Option<u64>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            at: None,
            cpu: cpu::Cores::default(),
            disks: disks::Disks::default(),
            networks: networks::Networks::default(),
            filesystems: filesystems::Filesystems::default(),
            processes: processes::Processes::new(),
            oom_kills: None,
        }
    }

    /// What is seen now; none the first time, when there is no time before. The top processes are looked for when
    /// `fully` is said, and `container_of` names the container of one by the text of its `/proc/PID/cgroup`.
    pub(crate) fn sample(
        &mut self,
        files: &mut Files,
        docker_root: Option<&str>,
        fully: bool,
        container_of: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Host> {
        let now = Instant::now();
        let interval = self.at.replace(now).map(|before| now - before);
        let seconds = interval.map_or(0.0, |interval| interval.as_secs_f32());
        let mut host = Host {
            interval: seconds,
            ..Host::default()
        };
        if let Some(text) = files.read("/proc/stat") {
            self.cpu.read(text, &mut host);
            host.blocked = number(proc::named(text, "procs_blocked"));
        }
        if let Some(text) = files.read("/proc/meminfo") {
            host.memory = proc::memory(text);
        }
        if let Some(text) = files.read("/proc/uptime") {
            host.uptime = text
                .split('.')
                .next()
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or(0);
        }
        if let Some(text) = files.read("/proc/loadavg") {
            host.load = proc::load(text);
        }
        host.pressure = pressure(files);
        if let Some(text) = files.read("/proc/vmstat") {
            let kills = proc::named(text, "oom_kill");
            if let (Some(now), Some(before)) = (kills, self.oom_kills) {
                host.oom_kills = number(Some(risen(before, now)));
            }
            self.oom_kills = kills;
        }
        host.disks = self.disks.sample(files, seconds);
        host.networks = self.networks.sample(files);
        if fully || interval.is_none() {
            self.filesystems.look(files, docker_root);
        }
        host.filesystems = self.filesystems.sample();
        if fully || interval.is_none() {
            host.top = self.processes.top(files, now, container_of);
        }
        host.processes = processes::count();
        interval.is_some().then_some(host)
    }
}

/// A count; what is missing or too large to be true is nothing.
fn number(count: Option<u64>) -> u32 {
    count.and_then(|count| u32::try_from(count).ok()).unwrap_or(0)
}

fn pressure(files: &mut Files) -> Option<Pressure> {
    let mut some = |of: &str| {
        files
            .read(&format!("/proc/pressure/{of}"))
            .and_then(|text| proc::waited(text, 10))
    };
    Some(Pressure {
        cpu: some("cpu")?,
        memory: some("memory")?,
        io: some("io")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On the machine that runs the tests: what two samples of it say must be possible.
    #[test]
    fn this_machine_is_seen() {
        let (mut machine, mut files) = (Machine::new(), Files::default());
        let nobody = |_: &str| None;
        assert!(machine.sample(&mut files, None, true, &nobody).is_none());
        std::thread::sleep(std::time::Duration::from_millis(300));
        let host = machine.sample(&mut files, None, true, &nobody).unwrap();
        assert!((0.25..5.0).contains(&host.interval), "{host:?}");
        assert!(host.uptime > 0 && host.memory.total > host.memory.available && host.memory.available > 0);
        assert_eq!(
            host.cores.len(),
            std::thread::available_parallelism().unwrap().get()
        );
        assert!((0.0..=100.0).contains(&host.cpu.usage), "{host:?}");
        assert!(host.processes > 1 && !host.top.is_empty());
        assert!(!host.filesystems.is_empty() && host.filesystems[0].total > host.filesystems[0].available);
    }
}
