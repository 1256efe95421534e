//! The settings of PostgreSQL, held against the memory there is.

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::words;

const MIB: u64 = 1024 * 1024;

words! {
    /// How a setting is.
    pub enum Verdict {
        /// As it should be.
        Good = "good",
        /// Too small.
        Low = "low",
        /// Too large.
        High = "high",
    }
}

/// What is known of a PostgreSQL. Sizes are in bytes.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "each field is the setting of the same name")]
pub struct Database {
    pub shared_buffers: u64,
    pub effective_cache_size: u64,
    pub work_mem: u64,
    pub maintenance_work_mem: u64,
    pub max_connections: u64,
    pub superuser_reserved_connections: u64,
    pub random_page_cost: f64,
    /// Memory of its machine; none: it is on another machine, which does not tell.
    pub memory: Option<u64>,
    /// Connections that oCore's processes may hold, all their pools together.
    pub pools: u64,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Its name.
    pub name: &'static str,
    /// What it is, as one would write it.
    pub value: String,
    /// What it should be.
    pub advised: String,
    /// How it is.
    pub verdict: Verdict,
    /// Why.
    pub reason: &'static str,
}

/// The settings that matter most, each with what it should be.
pub fn review(seen: &Database) -> Vec<Setting> {
    let mut settings = vec![max_connections(seen), random_page_cost(seen)];
    if let Some(memory) = seen.memory {
        settings.extend([
            sized(
                ("shared_buffers", seen.shared_buffers),
                (memory / 8, memory * 2 / 5),
                "About a quarter of the memory: less leaves it idle, more takes it from the file cache.",
            ),
            sized(
                ("effective_cache_size", seen.effective_cache_size),
                (memory / 2, memory),
                "Half to three quarters of the memory: the planner counts on what the file cache holds.",
            ),
            sized(
                ("work_mem", seen.work_mem),
                (4 * MIB, (memory / 4 / seen.max_connections.max(1)).max(4 * MIB)),
                "Every sort of every connection may take it: a quarter of the memory, shared by all connections.",
            ),
            sized(
                ("maintenance_work_mem", seen.maintenance_work_mem),
                (64 * MIB, (memory / 8).max(64 * MIB)),
                "Vacuum and new indexes take it, a few at a time.",
            ),
        ]);
    }
    settings
}

fn sized((name, value): (&'static str, u64), (least, most): (u64, u64), reason: &'static str) -> Setting {
    Setting {
        name,
        value: megabytes(value),
        advised: format!("{} to {}", megabytes(least), megabytes(most)),
        verdict: verdict(value, least, most),
        reason,
    }
}

fn verdict(value: u64, least: u64, most: u64) -> Verdict {
    if value < least {
        Verdict::Low
    } else if value > most {
        Verdict::High
    } else {
        Verdict::Good
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{}MB", bytes / MIB)
}

fn max_connections(seen: &Database) -> Setting {
    // Besides the pools: the listener of each process, and somebody who looks with psql.
    let needed = seen.pools + seen.superuser_reserved_connections + 10;
    Setting {
        name: "max_connections",
        value: seen.max_connections.to_string(),
        advised: format!("at least {needed}"),
        verdict: verdict(seen.max_connections, needed, u64::MAX),
        reason: "All pools of oCore's processes together, those kept for superusers, and ten more.",
    }
}

fn random_page_cost(seen: &Database) -> Setting {
    Setting {
        name: "random_page_cost",
        value: seen.random_page_cost.to_string(),
        advised: "1.1 to 2".to_owned(),
        verdict: if seen.random_page_cost > 2.0 {
            Verdict::High
        } else if seen.random_page_cost < 1.0 {
            Verdict::Low
        } else {
            Verdict::Good
        },
        reason: "On flash a random page costs little more than the next one; the default of 4 is for turning disks.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * MIB;

    fn tuned() -> Database {
        Database {
            shared_buffers: 2 * GIB,
            effective_cache_size: 6 * GIB,
            work_mem: 10 * MIB,
            maintenance_work_mem: 512 * MIB,
            max_connections: 200,
            superuser_reserved_connections: 3,
            random_page_cost: 1.1,
            memory: Some(8 * GIB),
            pools: 100,
        }
    }

    fn faults(seen: &Database) -> Vec<(&'static str, Verdict)> {
        let all = review(seen);
        let bad = all.iter().filter(|setting| setting.verdict != Verdict::Good);
        bad.map(|setting| (setting.name, setting.verdict)).collect()
    }

    #[test]
    fn a_tuned_one_has_no_fault_and_an_untouched_one_has() {
        assert_eq!(faults(&tuned()), []);
        let untouched = Database {
            shared_buffers: 128 * MIB,
            effective_cache_size: 4 * GIB,
            work_mem: 4 * MIB,
            maintenance_work_mem: 64 * MIB,
            max_connections: 100,
            random_page_cost: 4.0,
            ..tuned()
        };
        assert_eq!(
            faults(&untouched),
            [
                ("max_connections", Verdict::Low),
                ("random_page_cost", Verdict::High),
                ("shared_buffers", Verdict::Low)
            ]
        );
    }

    #[test]
    fn of_a_machine_that_does_not_tell_nothing_is_said() {
        let far = Database {
            memory: None,
            ..tuned()
        };
        assert_eq!(review(&far).len(), 2);
    }

    #[test]
    fn memory_for_everybody_at_once_is_too_much() {
        let greedy = Database {
            work_mem: 64 * MIB,
            ..tuned()
        };
        assert_eq!(faults(&greedy), [("work_mem", Verdict::High)]);
    }
}
