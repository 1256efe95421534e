//! What an instance asks for, as far as it is said: what is left open follows the server.

use super::Amounts;
use crate::instance::{EnvironmentType, auto_workers, cpu_limit_millis, memory_limit_bytes};

/// The disk that an instance is expected to need when nobody says: its database, its files, and a margin, in bytes.
pub const DISK: u64 = 2 << 30;

/// What an instance asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// What it is for: its workers follow.
    pub environment: EnvironmentType,
    /// HTTP workers; none: by Odoo's rule, as the server allows.
    pub workers: Option<u32>,
    /// The memory limit in bytes; none: what the workers need.
    pub memory_bytes: Option<u64>,
    /// The CPU limit in thousandths of a core; none: what the workers need.
    pub cpu_limit_millis: Option<u32>,
    /// Bytes on disk.
    pub disk_bytes: u64,
}

impl Need {
    /// Its workers on a server with so many cores, of whose memory so much is not promised.
    pub fn workers(&self, cores: u32, free_memory_bytes: u64) -> u32 {
        self.workers
            .unwrap_or_else(|| auto_workers(self.environment, cores, free_memory_bytes))
            .min(256)
    }

    /// What it takes there.
    pub fn amounts(&self, cores: u32, free_memory_bytes: u64) -> Amounts {
        let workers = self.workers(cores, free_memory_bytes);
        let cpu = self
            .cpu_limit_millis
            .unwrap_or_else(|| cpu_limit_millis(workers, cores));
        Amounts {
            cpu_millis: cpu.into(),
            memory_bytes: self.memory_bytes.unwrap_or_else(|| memory_limit_bytes(workers)),
            disk_bytes: self.disk_bytes,
        }
    }
}
