//! What the kernel's files say, read into figures: by the agent on its server, by oCore over SSH where there is none, and
//! by oCore of its own machine. The texts come from the caller: nothing here opens a file.

mod cpu;
mod disks;
mod memory;
mod networks;
mod pressure;

pub use cpu::Times;
pub use disks::{DiskCounters, disk, is_made_of_others};
pub use memory::memory;
pub use networks::{NetworkCounters, leads_outside, network};
pub use pressure::waited;

/// The number after a name in a file of lines `name number`, for example `MemTotal:  123 kB`.
pub fn named(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', ':']))
        .and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok())
}

/// Load over 1, 5 and 15 minutes, from `/proc/loadavg`.
pub fn load(text: &str) -> [f32; 3] {
    let mut words = text
        .split_ascii_whitespace()
        .map(|word| word.parse().unwrap_or(0.0));
    [(); 3].map(|()| words.next().unwrap_or(0.0))
}

/// A part of a whole in percent; of nothing it is none.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    reason = "percents are told with seven digits"
)]
pub fn percent(part: u64, whole: u64) -> f32 {
    if whole == 0 {
        0.0
    } else {
        (part as f64 * 100.0 / whole as f64) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_names() {
        let text = "MemTotal:       24683484 kB\nMemFree: 1 kB\noom_kill 3\n";
        assert_eq!(named(text, "MemTotal"), Some(24_683_484));
        assert_eq!(named(text, "oom_kill"), Some(3));
        assert_eq!(named(text, "Mem"), None);
        assert_eq!(named(text, "oom"), None);
    }

    #[test]
    fn load_is_read() {
        let read = load("0.50 1.25 2.00 1/234 5678\n");
        assert_eq!(read.map(f32::to_bits), [0.5_f32, 1.25, 2.0].map(f32::to_bits));
    }
}
