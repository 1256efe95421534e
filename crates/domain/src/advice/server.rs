//! The bottlenecks of a server.

use super::{
    Bottleneck, Culprit, Figure, Finding, Server, Severity, Subject, Symptom, Unit,
    finding::Unit::{Bytes, Count, Milliseconds, Percent},
    thresholds as from,
};

/// The bottlenecks of a server, as far as what was measured shows them.
pub fn of_server(seen: &Server) -> Vec<Finding> {
    [
        cpu(seen),
        memory(seen),
        disk_io(seen),
        disk_space(seen),
        connections(seen),
        waiting_database(seen),
        ssh(seen),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Server {
    fn subject(&self) -> Subject {
        Subject::Server {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

fn cpu(seen: &Server) -> Option<Finding> {
    let (usage, steal) = (seen.cpu_usage?, seen.cpu_steal.unwrap_or(0.0));
    let pressure = seen.pressures.cpu.unwrap_or(0.0);
    let mut figures = vec![Figure::over("cpuUsagePercent", usage, Percent, from::CPU)];
    if let Some(pressure) = seen.pressures.cpu {
        figures.push(Figure::over(
            "pressureCpuPercent",
            pressure,
            Percent,
            from::PRESSURE_CPU,
        ));
    }
    if steal >= from::STEAL {
        figures.push(Figure::over("cpuStealPercent", steal, Percent, from::STEAL));
        return Some(Finding::of(
            seen.subject(),
            (Symptom::SlowOdoo, Bottleneck::Cpu, Severity::Warning),
            format!(
                "The hypervisor gives {steal:.0} % of {}'s CPU time to other machines",
                seen.name
            ),
            "Move the machine to dedicated vCPUs, or ask its provider for a less crowded host.",
            figures,
        ));
    }
    (usage >= from::CPU).then(|| {
        let severity = if pressure >= from::PRESSURE_CPU {
            Severity::Critical
        } else {
            Severity::Warning
        };
        let most = most(&seen.culprits, |culprit| culprit.cpu_percent, "CPU");
        Finding::of(
            seen.subject(),
            (Symptom::SlowOdoo, Bottleneck::Cpu, severity),
            format!(
                "The {} cores of {} are {usage:.0} % in use{most}",
                seen.cores, seen.name
            ),
            "Increase the vCPU count, or move instances to another server: `ocore instance move`.",
            figures,
        )
    })
}

/// The largest of them, in words.
fn most(culprits: &[Culprit], by: impl Fn(&Culprit) -> f64, of: &str) -> String {
    let mut culprits: Vec<&Culprit> = culprits.iter().filter(|culprit| by(culprit) > 0.0).collect();
    culprits.sort_by(|a, b| by(b).total_cmp(&by(a)));
    let names: Vec<&str> = culprits
        .iter()
        .take(3)
        .map(|culprit| culprit.name.as_str())
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("; most {of} is used by {}", names.join(", "))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a percentage of bytes")]
fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 * 100.0 / whole as f64
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be read by people")]
fn memory(seen: &Server) -> Option<Finding> {
    let (total, available) = (seen.ram_total?, seen.ram_available?);
    let left = percent(available, total);
    let pressure = seen.pressures.memory.unwrap_or(0.0);
    let is_short = left < from::RAM_LEFT || pressure >= from::PRESSURE_MEMORY;
    if seen.oom_kills == 0 && !is_short {
        return None;
    }
    let mut figures = vec![
        Figure::over("oomKills", f64::from(seen.oom_kills), Count, 1.0),
        Figure::over("ramAvailablePercent", left, Percent, from::RAM_LEFT),
        Figure::new("ramTotalBytes", total as f64, Bytes),
    ];
    if let Some(pressure) = seen.pressures.memory {
        let figure = Figure::over("pressureMemoryPercent", pressure, Percent, from::PRESSURE_MEMORY);
        figures.push(figure);
    }
    if let Some(swap) = seen.swap_used {
        figures.push(Figure::new("swapUsedBytes", swap as f64, Bytes));
    }
    // Where there is memory left, it was the limit of a container, which its instance is advised of.
    let (severity, summary) = if seen.oom_kills > 0 && is_short {
        let kills = seen.oom_kills;
        let summary = format!(
            "{} killed processes for want of memory within a day: {kills}; {left:.0} % are left",
            seen.name
        );
        (Severity::Critical, summary)
    } else if is_short {
        let summary = format!("{} has {left:.0} % of its memory left", seen.name);
        (Severity::Warning, summary)
    } else {
        return None;
    };
    let most = most(&seen.culprits, |culprit| culprit.memory_bytes as f64, "memory");
    Some(Finding::of(
        seen.subject(),
        (Symptom::OutOfMemory, Bottleneck::Memory, severity),
        summary + &most,
        "Increase RAM and tune PostgreSQL's shared_buffers and work_mem, or move instances to another server.",
        figures,
    ))
}

fn disk_io(seen: &Server) -> Option<Finding> {
    let (waits, busy) = (
        seen.disk_await_ms.unwrap_or(0.0),
        seen.disk_utilization.unwrap_or(0.0),
    );
    let pressure = seen.pressures.io.unwrap_or(0.0);
    let is_slow = waits >= from::DISK_AWAIT_MS && busy >= from::DISK_UTILIZATION;
    if !is_slow && pressure < from::PRESSURE_IO {
        return None;
    }
    let mut figures = Vec::new();
    let mut tell = |name, value, unit, threshold| {
        figures.extend(Option::map(value, |value| {
            Figure::over(name, value, unit, threshold)
        }));
    };
    tell(
        "diskAwaitMs",
        seen.disk_await_ms,
        Milliseconds,
        from::DISK_AWAIT_MS,
    );
    tell(
        "diskUtilizationPercent",
        seen.disk_utilization,
        Percent,
        from::DISK_UTILIZATION,
    );
    tell("pressureIoPercent", seen.pressures.io, Percent, from::PRESSURE_IO);
    let summary = if is_slow {
        format!(
            "The disk of {} is {busy:.0} % busy and takes {waits:.0} ms a request",
            seen.name
        )
    } else {
        format!(
            "Programs on {} wait for a disk {pressure:.0} % of the time",
            seen.name
        )
    };
    let severity = if pressure >= 2.0 * from::PRESSURE_IO {
        Severity::Critical
    } else {
        Severity::Warning
    };
    Some(Finding::of(
        seen.subject(),
        (Symptom::SlowFiles, Bottleneck::DiskIo, severity),
        summary,
        "Upgrade to NVMe SSD, or raise the I/O limit of the disk at its provider.",
        figures,
    ))
}

/// The severity of a percentage that is over the first or the second of two thresholds.
pub(super) fn grade(percent: f64, [warning, critical]: [f64; 2]) -> Option<Severity> {
    if percent >= critical {
        Some(Severity::Critical)
    } else if percent >= warning {
        Some(Severity::Warning)
    } else {
        None
    }
}

fn disk_space(seen: &Server) -> Option<Finding> {
    let (total, available) = (seen.disk_total?, seen.disk_available?);
    let used = 100.0 - percent(available, total);
    let inodes = seen.inodes_used.unwrap_or(0.0);
    let severity = grade(used.max(inodes), from::DISK_USED)?;
    let (summary, what) = if inodes > used {
        (
            format!("{inodes:.0} % of the inodes of {} are used", seen.name),
            "inodes",
        )
    } else {
        (format!("The disk of {} is {used:.0} % full", seen.name), "space")
    };
    let mut figures = vec![Figure::over(
        "diskUsagePercent",
        used,
        Percent,
        from::DISK_USED[0],
    )];
    let inodes = seen
        .inodes_used
        .map(|inodes| Figure::over("inodesUsedPercent", inodes, Percent, from::DISK_USED[0]));
    figures.extend(inodes);
    let action =
        format!("Add {what} to the disk, remove images and dumps that nobody needs, or move instances.");
    Some(Finding::of(
        seen.subject(),
        (Symptom::FullDisk, Bottleneck::DiskSpace, severity),
        summary,
        &action,
        figures,
    ))
}

fn connections(seen: &Server) -> Option<Finding> {
    let (open, most) = (seen.connections?, seen.max_connections?);
    let used = f64::from(open) * 100.0 / f64::from(most.max(1));
    let severity = grade(used, from::CONNECTIONS)?;
    Some(Finding::of(
        seen.subject(),
        (Symptom::RefusedConnections, Bottleneck::Connections, severity),
        format!(
            "PostgreSQL on {} has {open} of {most} connections in use",
            seen.name
        ),
        "Increase max_connections, use connection pooling, or lower db_maxconn and the workers of instances.",
        vec![
            Figure::over("pgConnectionsPercent", used, Percent, from::CONNECTIONS[0]),
            Figure::new("pgConnections", f64::from(open), Count),
            Figure::new("pgMaxConnections", f64::from(most), Count),
        ],
    ))
}

fn waiting_database(seen: &Server) -> Option<Finding> {
    let (locks, longest) = (seen.waiting_locks?, seen.longest_query.unwrap_or(0.0));
    (locks >= 1.0 && longest >= 60.0).then(|| {
        Finding::of(
            seen.subject(),
            (Symptom::SlowOdoo, Bottleneck::Database, Severity::Warning),
            format!(
                "Queries on {} wait for locks, and one has run for {longest:.0} s",
                seen.name
            ),
            "Find the query that blocks with pg_blocking_pids() and end it with pg_terminate_backend().",
            vec![
                Figure::over("pgWaitingLocks", locks, Count, 1.0),
                Figure::over("pgLongestQuery", longest, Unit::Seconds, 60.0),
            ],
        )
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts of an hour")]
fn ssh(seen: &Server) -> Option<Finding> {
    if seen.ssh_timeouts < from::SSH_TIMEOUTS_LEAST {
        return None;
    }
    let mut figures = vec![Figure::over(
        "sshTimeouts",
        seen.ssh_timeouts as f64,
        Count,
        from::SSH_TIMEOUTS_LEAST as f64,
    )];
    if let Some(usage) = seen.cpu_usage {
        figures.push(Figure::over("cpuUsagePercent", usage, Percent, from::CPU));
    }
    let errors = Figure::over(
        "networkErrors",
        seen.network_errors as f64,
        Count,
        from::NETWORK_ERRORS as f64,
    );
    figures.push(errors);
    let (bottleneck, action) = if seen.cpu_usage.is_some_and(|usage| usage >= from::CPU) {
        (
            Bottleneck::Cpu,
            "Increase the vCPU count: sshd gets its turn too late.",
        )
    } else {
        (
            Bottleneck::Network,
            "Increase bandwidth, and look for packets lost on the way: `mtr` from oCore's machine.",
        )
    };
    Some(Finding::of(
        seen.subject(),
        (Symptom::SshTimeouts, bottleneck, Severity::Warning),
        format!(
            "{} did not answer over SSH in time, {} times within the hour",
            seen.name, seen.ssh_timeouts
        ),
        action,
        figures,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advice::Pressures;

    const GIB: u64 = 1 << 30;

    fn calm() -> Server {
        Server {
            name: "fra-1".to_owned(),
            cores: 4,
            cpu_usage: Some(20.0),
            cpu_steal: Some(0.1),
            pressures: Pressures {
                cpu: Some(2.0),
                memory: Some(0.0),
                io: Some(3.0),
            },
            ram_total: Some(16 * GIB),
            ram_available: Some(8 * GIB),
            disk_await_ms: Some(1.0),
            disk_utilization: Some(10.0),
            disk_total: Some(100 * GIB),
            disk_available: Some(50 * GIB),
            connections: Some(30),
            max_connections: Some(100),
            waiting_locks: Some(0.0),
            ..Server::default()
        }
    }

    fn bottlenecks(seen: &Server) -> Vec<(Symptom, Bottleneck)> {
        let findings = of_server(seen);
        findings
            .iter()
            .map(|found| (found.symptom, found.bottleneck))
            .collect()
    }

    #[test]
    fn a_calm_server_and_an_unknown_one_have_none() {
        assert_eq!(of_server(&calm()), []);
        assert_eq!(of_server(&Server::default()), []);
    }

    #[test]
    fn each_bottleneck_is_named_alone() {
        use Bottleneck as B;
        use Symptom as S;
        type Induced<'a> = (&'a dyn Fn(&mut Server), (Symptom, Bottleneck));
        let cases: [Induced<'_>; 8] = [
            (&|s| s.cpu_usage = Some(97.0), (S::SlowOdoo, B::Cpu)),
            (&|s| s.cpu_steal = Some(25.0), (S::SlowOdoo, B::Cpu)),
            (&|s| s.ram_available = Some(GIB), (S::OutOfMemory, B::Memory)),
            (&|s| s.pressures.io = Some(70.0), (S::SlowFiles, B::DiskIo)),
            (&|s| s.disk_available = Some(GIB), (S::FullDisk, B::DiskSpace)),
            (&|s| s.inodes_used = Some(97.0), (S::FullDisk, B::DiskSpace)),
            (
                &|s| s.connections = Some(99),
                (S::RefusedConnections, B::Connections),
            ),
            (&|s| s.ssh_timeouts = 5, (S::SshTimeouts, B::Network)),
        ];
        for (induce, named) in cases {
            let mut seen = calm();
            induce(&mut seen);
            assert_eq!(bottlenecks(&seen), [named], "{seen:?}");
        }
    }

    #[test]
    fn a_slow_disk_is_busy_and_late() {
        let mut seen = calm();
        seen.disk_await_ms = Some(80.0);
        assert_eq!(of_server(&seen), [], "one large request is no bottleneck");
        seen.disk_utilization = Some(99.0);
        assert_eq!(bottlenecks(&seen), [(Symptom::SlowFiles, Bottleneck::DiskIo)]);
    }

    #[test]
    fn a_kill_within_a_limit_is_not_the_servers() {
        let mut seen = calm();
        seen.oom_kills = 3;
        assert_eq!(of_server(&seen), []);
        seen.ram_available = Some(GIB / 2);
        assert_eq!(of_server(&seen)[0].severity, Severity::Critical);
    }

    #[test]
    fn ssh_that_waits_for_a_core_is_not_the_network() {
        let mut seen = calm();
        seen.ssh_timeouts = 5;
        seen.cpu_usage = Some(99.0);
        assert!(bottlenecks(&seen).contains(&(Symptom::SshTimeouts, Bottleneck::Cpu)));
    }

    #[test]
    fn the_culprits_are_named() {
        let mut seen = calm();
        seen.cpu_usage = Some(99.0);
        let culprit = |name: &str, cpu_percent| Culprit {
            name: name.to_owned(),
            cpu_percent,
            memory_bytes: 0,
        };
        seen.culprits = vec![culprit("small", 3.0), culprit("ocore-acme", 150.0)];
        let found = of_server(&seen);
        assert!(
            found[0].summary.ends_with("used by ocore-acme, small"),
            "{found:?}"
        );
    }
}
