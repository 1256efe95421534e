//! This process as the kernel sees it.

use std::fs;

use nix::unistd::{SysconfVar, sysconf};

/// What is read in `/proc/self`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Process {
    pub(super) cpu_seconds: f64,
    pub(super) resident_bytes: f64,
    pub(super) threads: f64,
    pub(super) open_files: f64,
}

impl Process {
    /// As it is now; what cannot be read is zero.
    pub(super) fn now() -> Self {
        let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // The name before may hold anything.
        let words: Vec<f64> = stat
            .rsplit_once(')')
            .map(|(_, rest)| {
                rest.split_whitespace()
                    .map(|word| word.parse().unwrap_or(0.0))
                    .collect()
            })
            .unwrap_or_default();
        let word = |place: usize| words.get(place).copied().unwrap_or_default();
        Self {
            cpu_seconds: (word(11) + word(12)) / of_system(SysconfVar::CLK_TCK, 100.0),
            resident_bytes: word(21) * of_system(SysconfVar::PAGE_SIZE, 4096.0),
            threads: word(17),
            #[expect(clippy::cast_precision_loss, reason = "some files")]
            open_files: fs::read_dir("/proc/self/fd").map_or(0.0, |files| files.count() as f64),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn of_system(what: SysconfVar, otherwise: f64) -> f64 {
    sysconf(what)
        .ok()
        .flatten()
        .map_or(otherwise, |value| value as f64)
}
