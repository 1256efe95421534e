//! Resource limits for this machine, where it is smaller than the documented ones are made for: Docker refuses to start a
//! container that may use more processors than there are, and a limit above the machine's memory limits nothing.

use std::{fs, thread};

use anyhow::Context;

/// What a machine has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Machine {
    cores: u64,
    /// In MiB.
    memory: u64,
}

/// The documented limits of a service.
struct Service {
    name: &'static str,
    cores: u64,
    /// In MiB, as the following.
    memory: u64,
    reserved: u64,
    /// It gets at most this part of a smaller machine: one in so many.
    part: u64,
}

const SERVICES: [Service; 3] = [
    Service {
        name: "BACKEND",
        cores: 4,
        memory: 4096,
        reserved: 1024,
        part: 2,
    },
    Service {
        name: "FRONTEND",
        cores: 2,
        memory: 2048,
        reserved: 512,
        part: 4,
    },
    Service {
        name: "POSTGRES",
        cores: 4,
        memory: 8192,
        reserved: 2048,
        part: 2,
    },
];

impl Machine {
    /// This one.
    pub(super) fn here() -> anyhow::Result<Self> {
        let table = fs::read_to_string("/proc/meminfo").context("could not read /proc/meminfo")?;
        let total = table.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = total.and_then(|total| total.trim().trim_end_matches(" kB").parse::<u64>().ok());
        Ok(Self {
            cores: thread::available_parallelism().map_or(1, |n| n.get() as u64),
            memory: kib.context("/proc/meminfo does not tell MemTotal")? / 1024,
        })
    }
}

/// Variables for what is to be less than documented.
pub(super) fn of(machine: Machine) -> Vec<(String, String)> {
    let mut variables = Vec::new();
    for service in SERVICES {
        let name = service.name;
        let mut set = |what: &str, value: String| variables.push((format!("{name}_{what}"), value));
        if machine.cores < service.cores {
            set("CPUS", machine.cores.to_string());
        }
        let memory = machine.memory / service.part;
        if memory >= service.memory {
            continue;
        }
        set("MEMORY", format!("{memory}M"));
        set(
            "MEMORY_RESERVED",
            format!("{}M", service.reserved.min(memory / 2)),
        );
        if name == "POSTGRES" {
            set("SHARED_BUFFERS", format!("{}MB", memory / 4));
            set("CACHE", format!("{}MB", memory * 3 / 4));
            set("MAX_WAL_SIZE", format!("{}MB", (memory / 2).max(1024)));
        }
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cores: u64, memory: u64) -> String {
        let set = of(Machine { cores, memory });
        set.iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_machine_that_is_large_enough_gets_the_documented_limits() {
        assert_eq!(text(4, 16_384), "");
        assert_eq!(text(2, 32_000), "BACKEND_CPUS=2 POSTGRES_CPUS=2");
    }

    #[test]
    fn the_smallest_machine_of_the_guide_gets_what_it_has() {
        assert_eq!(
            text(2, 3900),
            "BACKEND_CPUS=2 BACKEND_MEMORY=1950M BACKEND_MEMORY_RESERVED=975M FRONTEND_MEMORY=975M \
             FRONTEND_MEMORY_RESERVED=487M POSTGRES_CPUS=2 POSTGRES_MEMORY=1950M POSTGRES_MEMORY_RESERVED=975M \
             POSTGRES_SHARED_BUFFERS=487MB POSTGRES_CACHE=1462MB POSTGRES_MAX_WAL_SIZE=1024MB"
        );
    }
}
