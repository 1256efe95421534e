//! The bottlenecks of an instance: those of its own limits.

use super::{
    Bottleneck, Figure, Finding, Instance, Severity, Subject, Symptom,
    finding::Unit::{Bytes, Count, Percent, Seconds},
    thresholds as from,
};

/// The bottlenecks of an instance, as far as what was measured shows them.
pub fn of_instance(seen: &Instance) -> Vec<Finding> {
    [memory(seen), worker_memory(seen), cpu(seen)]
        .into_iter()
        .flatten()
        .collect()
}

impl Instance {
    fn subject(&self) -> Subject {
        Subject::Instance {
            id: self.id,
            name: self.name.clone(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be read by people")]
fn memory(seen: &Instance) -> Option<Finding> {
    let used = match (seen.memory, seen.memory_limit) {
        (Some(memory), Some(limit)) if limit > 0 => Some(memory as f64 * 100.0 / limit as f64),
        _ => None,
    };
    let is_full = used.is_some_and(|used| used >= from::MEMORY_OF_LIMIT);
    if seen.oom_kills == 0 && !is_full {
        return None;
    }
    let mut figures = vec![Figure::over("oomKills", f64::from(seen.oom_kills), Count, 1.0)];
    figures.extend(used.map(|used| Figure::over("memoryLimitPercent", used, Percent, from::MEMORY_OF_LIMIT)));
    figures.extend(
        seen.memory_limit
            .map(|limit| Figure::new("memoryLimitBytes", limit as f64, Bytes)),
    );
    let (severity, summary) = if seen.oom_kills > 0 {
        let kills = seen.oom_kills;
        let summary = format!(
            "{} lost processes to its memory limit within a day: {kills}",
            seen.name
        );
        (Severity::Critical, summary)
    } else {
        let summary = format!(
            "{} uses {:.0} % of its memory limit",
            seen.name,
            used.unwrap_or(0.0)
        );
        (Severity::Warning, summary)
    };
    Some(Finding::of(
        seen.subject(),
        (Symptom::OutOfMemory, Bottleneck::Memory, severity),
        summary,
        "Raise its memory limit (`ocore instance update --memory`), or lower its workers.",
        figures,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "bytes to be read by people")]
fn worker_memory(seen: &Instance) -> Option<Finding> {
    let largest = seen.worker_memory?;
    (seen.limit_memory_soft > 0 && largest >= seen.limit_memory_soft).then(|| {
        Finding::of(
            seen.subject(),
            (Symptom::SlowOdoo, Bottleneck::Memory, Severity::Warning),
            format!("A worker of {} is over limit_memory_soft, and starts anew after each request", seen.name),
            "Raise limit_memory_soft and the memory limit with it, or find what takes the memory: reports and imports first.",
            vec![Figure::over(
                "workerMemoryBytes",
                largest as f64,
                Bytes,
                seen.limit_memory_soft as f64,
            )],
        )
    })
}

fn cpu(seen: &Instance) -> Option<Finding> {
    let throttled = seen.throttled?;
    (throttled >= from::THROTTLED).then(|| {
        let mut figures = vec![Figure::over(
            "throttledPercent",
            throttled,
            Percent,
            from::THROTTLED,
        )];
        figures.extend(
            seen.cpu_usage
                .map(|usage| Figure::new("cpuUsagePercent", usage, Percent)),
        );
        figures.extend(
            seen.cron_lag
                .map(|lag| Figure::new("cronLagSeconds", lag, Seconds)),
        );
        Finding::of(
            seen.subject(),
            (Symptom::SlowOdoo, Bottleneck::Cpu, Severity::Warning),
            format!(
                "{} is held back by its CPU limit {throttled:.0} % of the time",
                seen.name
            ),
            "Raise its CPU limit (`ocore instance update --cpu`), or move it to a server with more cores.",
            figures,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(seen: &Instance) -> Vec<(Symptom, Bottleneck)> {
        let findings = of_instance(seen);
        findings
            .iter()
            .map(|found| (found.symptom, found.bottleneck))
            .collect()
    }

    #[test]
    fn its_own_limits_are_named() {
        let calm = Instance {
            name: "acme".to_owned(),
            throttled: Some(1.0),
            memory: Some(500),
            memory_limit: Some(1000),
            worker_memory: Some(100),
            limit_memory_soft: 200,
            ..Instance::default()
        };
        assert_eq!(of_instance(&calm), []);
        assert_eq!(of_instance(&Instance::default()), []);
        let killed = Instance {
            oom_kills: 2,
            ..calm.clone()
        };
        assert_eq!(named(&killed), [(Symptom::OutOfMemory, Bottleneck::Memory)]);
        assert_eq!(of_instance(&killed)[0].severity, Severity::Critical);
        let full = Instance {
            memory: Some(990),
            ..calm.clone()
        };
        assert_eq!(named(&full), [(Symptom::OutOfMemory, Bottleneck::Memory)]);
        let held_back = Instance {
            throttled: Some(60.0),
            ..calm.clone()
        };
        assert_eq!(named(&held_back), [(Symptom::SlowOdoo, Bottleneck::Cpu)]);
        let large = Instance {
            worker_memory: Some(200),
            ..calm
        };
        assert_eq!(named(&large), [(Symptom::SlowOdoo, Bottleneck::Memory)]);
    }
}
