//! The machine, sample by sample.

mod cpu;
mod disks;
mod filesystems;
mod memory;
mod networks;
mod processes;

use std::time::Instant;

use ocore_telemetry::{Host, Pressure};

use crate::files::{Files, risen};

pub(crate) use networks::counters as network_counters;
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
            host.blocked = number(crate::files::named(text, "procs_blocked"));
        }
        if let Some(text) = files.read("/proc/meminfo") {
            host.memory = memory::memory(text);
        }
        if let Some(text) = files.read("/proc/uptime") {
            host.uptime = text
                .split('.')
                .next()
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or(0);
        }
        if let Some(text) = files.read("/proc/loadavg") {
            host.load = load(text);
        }
        host.pressure = pressure(files);
        if let Some(text) = files.read("/proc/vmstat") {
            let kills = crate::files::named(text, "oom_kill");
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

fn load(text: &str) -> [f32; 3] {
    let mut words = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap_or(0.0));
    [(); 3].map(|()| words.next().unwrap_or(0.0))
}

fn pressure(files: &mut Files) -> Option<Pressure> {
    let mut some = |of: &str| files.read(&format!("/proc/pressure/{of}")).and_then(average);
    Some(Pressure {
        cpu: some("cpu")?,
        memory: some("memory")?,
        io: some("io")?,
    })
}

/// Of the last ten seconds, from the line `some avg10=0.12 …`.
fn average(text: &str) -> Option<f32> {
    let line = text.lines().find_map(|line| line.strip_prefix("some avg10="))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_and_pressure_are_read() {
        let read = load("0.50 1.25 2.00 1/234 5678\n");
        assert_eq!(read.map(f32::to_bits), [0.5_f32, 1.25, 2.0].map(f32::to_bits));
        let text = "some avg10=1.53 avg60=0.87 avg300=0.73 total=1\nfull avg10=9.00 avg60=0.00 avg300=0.00 total=0\n";
        assert_eq!(average(text).map(f32::to_bits), Some(1.53_f32.to_bits()));
        assert_eq!(average(""), None);
    }

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
