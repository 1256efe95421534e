//! The cores: `/proc/stat`.

use super::percent;
use crate::Cpu;

/// Ticks by what they were spent on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    user: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    steal: u64,
}

impl Times {
    /// A line of `/proc/stat` that is about cores: the number of the core, none for all together, and its times.
    pub fn of_line(line: &str) -> Option<(Option<usize>, Self)> {
        let (name, words) = line.strip_prefix("cpu")?.split_once(' ')?;
        Some((name.parse().ok(), Self::read(words)))
    }

    /// From the words after `cpu`: user, nice, system, idle, iowait, irq, softirq, steal. Time of guests is in user's.
    fn read(words: &str) -> Self {
        let mut numbers = [0; 8];
        for (number, word) in numbers.iter_mut().zip(words.split_ascii_whitespace()) {
            *number = word.parse().unwrap_or(0);
        }
        let [user, nice, system, idle, iowait, irq, softirq, steal] = numbers;
        Self {
            user: user + nice,
            system: system + irq + softirq,
            idle,
            iowait,
            steal,
        }
    }

    /// What was spent since. The time a core waits for disks may fall by the kernel's own word, so each is taken alone.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            idle: self.idle.saturating_sub(before.idle),
            iowait: self.iowait.saturating_sub(before.iowait),
            steal: self.steal.saturating_sub(before.steal),
        }
    }

    /// The shares of the whole.
    pub fn shares(self) -> Cpu {
        let share = |part| percent(part, self.all());
        Cpu {
            usage: share(self.used()),
            user: share(self.user),
            system: share(self.system),
            iowait: share(self.iowait),
            steal: share(self.steal),
        }
    }

    const fn used(self) -> u64 {
        self.user + self.system + self.steal
    }

    const fn all(self) -> u64 {
        self.used() + self.idle + self.iowait
    }
}
