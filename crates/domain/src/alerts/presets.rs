//! The rules that every organization begins with.

use super::{Metric, Operator, Severity, Terms};

/// A rule to begin with. It may be changed and switched off, and comes back when it is deleted.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Names it for ever.
    pub key: &'static str,
    /// What people read.
    pub name: &'static str,
    /// When it fires.
    pub terms: Terms,
    /// How bad that is.
    pub severity: Severity,
}

const fn state(
    key: &'static str,
    name: &'static str,
    metric: Metric,
    minutes: u32,
    severity: Severity,
) -> Preset {
    Preset {
        key,
        name,
        terms: Terms {
            metric,
            operator: Operator::Gte,
            threshold: 1.0,
            clear_threshold: 0.0,
            minutes,
        },
        severity,
    }
}

const fn above(
    key: &'static str,
    name: &'static str,
    metric: Metric,
    (threshold, clear_threshold): (f64, f64),
    minutes: u32,
    severity: Severity,
) -> Preset {
    Preset {
        key,
        name,
        terms: Terms {
            metric,
            operator: Operator::Gt,
            threshold,
            clear_threshold,
            minutes,
        },
        severity,
    }
}

use Severity::{Critical, Warning};

/// All of them.
pub const PRESETS: &[Preset] = &[
    state(
        "server_unreachable",
        "Server unreachable",
        Metric::ServerUnreachable,
        0,
        Critical,
    ),
    state(
        "ssh_unreachable",
        "SSH unreachable",
        Metric::SshUnreachable,
        1,
        Warning,
    ),
    state(
        "docker_unavailable",
        "Docker does not answer",
        Metric::DockerUnavailable,
        0,
        Critical,
    ),
    state("agent_silent", "Agent silent", Metric::AgentSilent, 2, Warning),
    state(
        "instance_down",
        "Instance down",
        Metric::InstanceDown,
        1,
        Critical,
    ),
    state(
        "instance_unhealthy",
        "Instance unhealthy",
        Metric::InstanceUnhealthy,
        3,
        Warning,
    ),
    above(
        "cpu",
        "CPU high",
        Metric::CpuUsagePercent,
        (90.0, 80.0),
        10,
        Warning,
    ),
    above(
        "ram",
        "Memory high",
        Metric::RamUsagePercent,
        (90.0, 85.0),
        10,
        Warning,
    ),
    above(
        "disk",
        "Disk filling up",
        Metric::DiskUsagePercent,
        (85.0, 82.0),
        5,
        Warning,
    ),
    above(
        "disk_full",
        "Disk nearly full",
        Metric::DiskUsagePercent,
        (95.0, 92.0),
        5,
        Critical,
    ),
    above(
        "inodes",
        "Inodes running out",
        Metric::InodesUsedPercent,
        (90.0, 85.0),
        5,
        Warning,
    ),
    above(
        "disk_await",
        "Disks slow",
        Metric::DiskAwaitMs,
        (100.0, 50.0),
        10,
        Warning,
    ),
    above(
        "pressure_memory",
        "Memory under pressure",
        Metric::PressureMemoryPercent,
        (20.0, 10.0),
        5,
        Warning,
    ),
    above(
        "pressure_io",
        "Disks under pressure",
        Metric::PressureIoPercent,
        (60.0, 40.0),
        10,
        Warning,
    ),
    above(
        "server_oom",
        "Out of memory on a server",
        Metric::ServerOomKills,
        (0.0, 0.0),
        10,
        Critical,
    ),
    above(
        "pg_connections",
        "PostgreSQL connections",
        Metric::PgConnectionsPercent,
        (85.0, 75.0),
        5,
        Warning,
    ),
    above(
        "pg_longest_query",
        "Long query in PostgreSQL",
        Metric::PgLongestQuerySeconds,
        (900.0, 600.0),
        5,
        Warning,
    ),
    above(
        "instance_memory",
        "Instance near its memory limit",
        Metric::InstanceMemoryPercent,
        (92.0, 85.0),
        10,
        Warning,
    ),
    above(
        "instance_throttled",
        "Instance held back by its CPU limit",
        Metric::InstanceThrottledPercent,
        (40.0, 25.0),
        10,
        Warning,
    ),
    above(
        "instance_oom",
        "Out of memory in an instance",
        Metric::InstanceOomKills,
        (0.0, 0.0),
        10,
        Critical,
    ),
    above(
        "cron_lag",
        "Scheduled actions late",
        Metric::CronLagSeconds,
        (600.0, 300.0),
        10,
        Warning,
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_sound_and_distinct() {
        let mut seen = std::collections::HashSet::new();
        for preset in PRESETS {
            assert!(preset.terms.faults().is_empty(), "{}", preset.key);
            assert!(
                seen.insert(preset.key) && seen.insert(preset.name),
                "{}",
                preset.key
            );
        }
    }
}
