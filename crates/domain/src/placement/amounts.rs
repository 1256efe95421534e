//! What servers have and instances ask for.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::server::ServerFacts;

const GIB: u64 = 1 << 30;

/// How often a server's cores are promised by placement.
pub const CPU_OVERCOMMIT: u64 = 4;

/// Amounts of what a server has and an instance takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Amounts {
    /// In thousandths of a core.
    pub cpu_millis: u64,
    /// In bytes.
    pub memory_bytes: u64,
    /// In bytes.
    pub disk_bytes: u64,
}

impl Amounts {
    /// Both together.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_add(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_add(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_add(other.disk_bytes),
        }
    }

    /// What is left of these when others are taken away; nothing is never less than nothing.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self {
            cpu_millis: self.cpu_millis.saturating_sub(other.cpu_millis),
            memory_bytes: self.memory_bytes.saturating_sub(other.memory_bytes),
            disk_bytes: self.disk_bytes.saturating_sub(other.disk_bytes),
        }
    }

    /// Whether all of these are at most the others.
    pub const fn fit_in(self, other: Self) -> bool {
        self.cpu_millis <= other.cpu_millis
            && self.memory_bytes <= other.memory_bytes
            && self.disk_bytes <= other.disk_bytes
    }
}

/// The memory that a server keeps for itself and its PostgreSQL, in bytes: 1 GiB and an eighth of what it has.
pub const fn memory_reserve(total: u64) -> u64 {
    let share = total / 8;
    // A small machine is not to be refused every instance for the reserve's sake.
    if share + GIB > total / 2 {
        total / 2
    } else {
        share + GIB
    }
}

/// What a server can promise in all: its memory and a tenth less of its disk after the reserve, its cores
/// [`CPU_OVERCOMMIT`] times.
pub fn capacity(facts: &ServerFacts) -> Amounts {
    Amounts {
        cpu_millis: u64::from(facts.cpu_cores) * 1000 * CPU_OVERCOMMIT,
        memory_bytes: facts.ram_total_bytes - memory_reserve(facts.ram_total_bytes),
        disk_bytes: facts.disk_total_bytes - facts.disk_total_bytes / 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_leaves_small_machines_usable() {
        assert_eq!(memory_reserve(64 * GIB), 9 * GIB);
        assert_eq!(memory_reserve(8 * GIB), 2 * GIB);
        assert_eq!(memory_reserve(GIB), GIB / 2);
        assert_eq!(memory_reserve(0), 0);
    }

    #[test]
    fn all_of_it_has_to_fit() {
        let room = Amounts {
            cpu_millis: 2000,
            memory_bytes: 10,
            disk_bytes: 10,
        };
        assert!(room.fit_in(room));
        for more in [
            Amounts {
                cpu_millis: 2001,
                ..room
            },
            Amounts {
                memory_bytes: 11,
                ..room
            },
            Amounts {
                disk_bytes: 11,
                ..room
            },
        ] {
            assert!(!more.fit_in(room) && room.fit_in(more));
        }
        assert_eq!(room.minus(room.plus(room)), Amounts::default());
    }
}
