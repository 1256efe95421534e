//! How large an instance is: Odoo's own rule for workers, and the memory they need.

use super::EnvironmentType;

const MIB: u64 = 1024 * 1024;

/// The number of HTTP workers when none is asked for: Odoo's `2 × cores + 1` for production, as many of them as
/// fit into the memory there is, and 2 elsewhere.
///
/// Never less than 2, so that `/websocket` has its process.
pub fn auto_workers(environment: EnvironmentType, cpu_cores: u32, free_memory_bytes: u64) -> u32 {
    if environment != EnvironmentType::Production {
        return 2;
    }
    let mut workers = (2 * cpu_cores + 1).max(2);
    while workers > 2 && memory_limit_bytes(workers) > free_memory_bytes {
        workers -= 1;
    }
    workers
}

/// The container's memory limit for a number of workers, in bytes: `(1536 + 512 × workers) MiB × 1.25`.
pub const fn memory_limit_bytes(workers: u32) -> u64 {
    (1536 + 512 * workers as u64) * MIB * 5 / 4
}

/// The container's CPU limit for a number of workers, in thousandths of a core: one core for every two workers and one
/// for the rest, at least 2, and no more than there are.
pub fn cpu_limit_millis(workers: u32, cpu_cores: u32) -> u32 {
    (workers.div_ceil(2) + 1).max(2).min(cpu_cores.max(1)) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_gets_as_many_workers_as_fit() {
        let gib = 1024 * MIB;
        for (cores, free, workers) in [
            (2, 64 * gib, 5),
            (8, 64 * gib, 17),
            (8, 8 * gib, 9),
            (8, gib, 2),
            (1, 64 * gib, 3),
        ] {
            assert_eq!(
                auto_workers(EnvironmentType::Production, cores, free),
                workers,
                "{cores} cores"
            );
        }
        assert_eq!(auto_workers(EnvironmentType::Staging, 64, 64 * gib), 2);
    }

    #[test]
    fn no_instance_takes_the_whole_of_a_large_server() {
        for (workers, cores, millis) in [
            (0, 8, 2000),
            (2, 8, 2000),
            (5, 8, 4000),
            (17, 8, 8000),
            (5, 1, 1000),
            (2, 0, 1000),
        ] {
            assert_eq!(cpu_limit_millis(workers, cores), millis, "{workers} on {cores}");
        }
    }

    #[test]
    fn memory_grows_with_the_workers() {
        assert_eq!(memory_limit_bytes(0), 1920 * MIB);
        assert_eq!(memory_limit_bytes(2), 3200 * MIB);
    }
}
