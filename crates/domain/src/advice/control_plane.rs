//! The bottlenecks of oCore itself.

use super::{
    Bottleneck, ControlPlane, Figure, Finding, Severity, Subject, Symptom,
    finding::Unit::{Bytes, Count, Milliseconds, Percent},
    server::grade,
    thresholds as from,
};

/// The bottlenecks of oCore and its machine, as far as what was measured shows them.
pub fn of_control_plane(seen: &ControlPlane) -> Vec<Finding> {
    [slow_api(seen), memory(seen), connections(seen), ssh(seen)]
        .into_iter()
        .flatten()
        .collect()
}

/// Slow answers have two reasons that look alike from outside: no core is free, or the database is late.
fn slow_api(seen: &ControlPlane) -> Option<Finding> {
    let p95 = seen.api_p95_ms?;
    if seen.requests < from::REQUESTS || p95 < from::API_P95_MS {
        return None;
    }
    let mut figures = vec![Figure::over("apiP95Ms", p95, Milliseconds, from::API_P95_MS)];
    let mut tell = |name, value: Option<f64>, unit, threshold| {
        figures.extend(value.map(|value| Figure::over(name, value, unit, threshold)));
    };
    tell("cpuUsagePercent", seen.cpu_usage, Percent, from::CPU);
    tell(
        "pressureCpuPercent",
        seen.pressures.cpu,
        Percent,
        from::PRESSURE_CPU,
    );
    tell(
        "databaseP95Ms",
        seen.database_p95_ms,
        Milliseconds,
        from::DATABASE_P95_MS,
    );
    tell(
        "poolWaitP95Ms",
        seen.pool_wait_p95_ms,
        Milliseconds,
        from::POOL_WAIT_MS,
    );
    let is_over = |value: Option<f64>, threshold| value.is_some_and(|value| value >= threshold);
    let is_busy = is_over(seen.cpu_usage, from::CPU) || is_over(seen.pressures.cpu, from::PRESSURE_CPU);
    // A database that shares the machine is late when no core is free: the core comes first.
    let (bottleneck, why, action) = if is_busy {
        (
            Bottleneck::Cpu,
            "no core is free",
            "Increase the vCPU count of oCore's machine.",
        )
    } else if is_over(seen.pool_wait_p95_ms, from::POOL_WAIT_MS) {
        (
            Bottleneck::Connections,
            "requests wait for a connection to the database",
            "Raise DB_POOL_MAX_CONNS, and max_connections with it.",
        )
    } else {
        (
            Bottleneck::Database,
            "the database is what they wait for",
            "Give PostgreSQL more memory and faster storage, or a machine of its own; review its settings with `ocore checklist`.",
        )
    };
    Some(Finding::of(
        Subject::ControlPlane,
        (Symptom::SlowApi, bottleneck, Severity::Warning),
        format!("5 of 100 requests take longer than {p95:.0} ms, and {why}"),
        action,
        figures,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be read by people")]
fn memory(seen: &ControlPlane) -> Option<Finding> {
    if seen.ram_total == 0 {
        return None;
    }
    let left = seen.ram_available as f64 * 100.0 / seen.ram_total as f64;
    let severity = match (seen.oom_kills, left < from::RAM_LEFT) {
        (0, false) => return None,
        (0, true) => Severity::Warning,
        _ => Severity::Critical,
    };
    let killed = if seen.oom_kills > 0 {
        format!(", and processes were killed for want of it: {}", seen.oom_kills)
    } else {
        String::new()
    };
    Some(Finding::of(
        Subject::ControlPlane,
        (Symptom::OutOfMemory, Bottleneck::Memory, severity),
        format!("oCore's machine has {left:.0} % of its memory left{killed}"),
        "Increase RAM, and tune PostgreSQL's shared_buffers and work_mem to it.",
        vec![
            Figure::over("oomKills", f64::from(seen.oom_kills), Count, 1.0),
            Figure::over("ramAvailablePercent", left, Percent, from::RAM_LEFT),
            Figure::new("ramTotalBytes", seen.ram_total as f64, Bytes),
        ],
    ))
}

fn connections(seen: &ControlPlane) -> Option<Finding> {
    let (open, most) = (seen.connections?, seen.max_connections?);
    let used = f64::from(open) * 100.0 / f64::from(most.max(1));
    let severity = grade(used, from::CONNECTIONS)?;
    Some(Finding::of(
        Subject::ControlPlane,
        (Symptom::RefusedConnections, Bottleneck::Connections, severity),
        format!("oCore's database has {open} of {most} connections in use"),
        "Increase max_connections (300, for example) or use connection pooling.",
        vec![
            Figure::over("pgConnectionsPercent", used, Percent, from::CONNECTIONS[0]),
            Figure::new("pgConnections", f64::from(open), Count),
            Figure::new("pgMaxConnections", f64::from(most), Count),
            Figure::new("poolMaxConnections", f64::from(seen.pool_max), Count),
        ],
    ))
}

/// Timeouts of several servers at once have their reason here, those of one server there.
#[expect(clippy::cast_precision_loss, reason = "counts of an hour")]
fn ssh(seen: &ControlPlane) -> Option<Finding> {
    if seen.ssh_servers < 2 || seen.ssh_timeouts < from::SSH_TIMEOUTS_LEAST {
        return None;
    }
    let share = seen.ssh_timeouts as f64 * 100.0 / seen.ssh_tries.max(1) as f64;
    if share < from::SSH_TIMEOUTS {
        return None;
    }
    let mut figures = vec![
        Figure::over("sshTimeoutsPercent", share, Percent, from::SSH_TIMEOUTS),
        Figure::new("sshTimeouts", seen.ssh_timeouts as f64, Count),
        Figure::new("sshServers", f64::from(seen.ssh_servers), Count),
    ];
    figures.extend(
        seen.cpu_usage
            .map(|usage| Figure::over("cpuUsagePercent", usage, Percent, from::CPU)),
    );
    let (bottleneck, action) = if seen.cpu_usage.is_some_and(|usage| usage >= from::CPU) {
        (Bottleneck::Cpu, "Increase the vCPU count of oCore's machine.")
    } else {
        (
            Bottleneck::Network,
            "Increase the bandwidth of oCore's machine, and look at its way to the servers.",
        )
    };
    Some(Finding::of(
        Subject::ControlPlane,
        (Symptom::SshTimeouts, bottleneck, Severity::Warning),
        format!(
            "{share:.0} % of the tries to reach servers over SSH got no answer in time, {} servers among them",
            seen.ssh_servers
        ),
        action,
        figures,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slow() -> ControlPlane {
        ControlPlane {
            requests: 500,
            api_p95_ms: Some(900.0),
            cpu_usage: Some(30.0),
            database_p95_ms: Some(5.0),
            pool_wait_p95_ms: Some(1.0),
            ram_total: 100,
            ram_available: 50,
            ..ControlPlane::default()
        }
    }

    fn named(seen: &ControlPlane) -> Vec<(Symptom, Bottleneck)> {
        let findings = of_control_plane(seen);
        findings
            .iter()
            .map(|found| (found.symptom, found.bottleneck))
            .collect()
    }

    #[test]
    fn slow_answers_have_the_reason_that_the_figures_show() {
        let mut seen = slow();
        assert_eq!(named(&seen), [(Symptom::SlowApi, Bottleneck::Database)]);
        seen.pool_wait_p95_ms = Some(200.0);
        assert_eq!(named(&seen), [(Symptom::SlowApi, Bottleneck::Connections)]);
        seen.cpu_usage = Some(99.0);
        assert_eq!(named(&seen), [(Symptom::SlowApi, Bottleneck::Cpu)]);
        seen.requests = 3;
        assert_eq!(named(&seen), [], "three requests say nothing");
        assert_eq!(named(&ControlPlane::default()), []);
    }

    #[test]
    fn connections_and_memory_are_named() {
        let seen = ControlPlane {
            connections: Some(97),
            max_connections: Some(97),
            ram_available: 5,
            api_p95_ms: None,
            ..slow()
        };
        assert_eq!(
            named(&seen),
            [
                (Symptom::OutOfMemory, Bottleneck::Memory),
                (Symptom::RefusedConnections, Bottleneck::Connections)
            ]
        );
    }

    #[test]
    fn one_server_that_does_not_answer_is_not_ocores_fault() {
        let mut seen = ControlPlane {
            api_p95_ms: None,
            ssh_tries: 100,
            ssh_timeouts: 20,
            ssh_servers: 1,
            ..slow()
        };
        assert_eq!(named(&seen), []);
        seen.ssh_servers = 9;
        assert_eq!(named(&seen), [(Symptom::SshTimeouts, Bottleneck::Network)]);
        seen.cpu_usage = Some(99.0);
        assert_eq!(named(&seen), [(Symptom::SshTimeouts, Bottleneck::Cpu)]);
    }
}
