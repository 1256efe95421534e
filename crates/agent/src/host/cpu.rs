//! The cores: `/proc/stat`.

use ocore_telemetry::{Cpu, Host};

use crate::files::percent;

/// Ticks by what they were spent on.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    user: u64,
    system: u64,
    idle: u64,
    iowait: u64,
    steal: u64,
}

impl Times {
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
    const fn since(self, before: Self) -> Self {
        Self {
            user: self.user.saturating_sub(before.user),
            system: self.system.saturating_sub(before.system),
            idle: self.idle.saturating_sub(before.idle),
            iowait: self.iowait.saturating_sub(before.iowait),
            steal: self.steal.saturating_sub(before.steal),
        }
    }

    const fn used(self) -> u64 {
        self.user + self.system + self.steal
    }

    const fn all(self) -> u64 {
        self.used() + self.idle + self.iowait
    }
}

/// All cores together, then each.
#[derive(Debug, Default)]
pub(crate) struct Cores {
    before: Vec<Times>,
    now: Vec<Times>,
}

impl Cores {
    pub(super) fn read(&mut self, text: &str, host: &mut Host) {
        self.now.clear();
        for line in text.lines() {
            let Some((name, words)) = line.strip_prefix("cpu").and_then(|line| line.split_once(' ')) else {
                break;
            };
            // A core that is switched off has no line: the others keep their places.
            let place = name.parse::<usize>().map_or(0, |core| core + 1);
            if place < 4096 {
                if self.now.len() <= place {
                    self.now.resize(place + 1, Times::default());
                }
                self.now[place] = Times::read(words);
            }
        }
        let mut spent = self
            .now
            .iter()
            .zip(&self.before)
            .map(|(now, before)| now.since(*before));
        if let Some(all) = spent.next() {
            let share = |part| percent(part, all.all());
            host.cpu = Cpu {
                usage: share(all.used()),
                user: share(all.user),
                system: share(all.system),
                iowait: share(all.iowait),
                steal: share(all.steal),
            };
        }
        host.cores = spent.map(|core| percent(core.used(), core.all())).collect();
        std::mem::swap(&mut self.before, &mut self.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(shown: f32, told: f32) -> bool {
        (shown - told).abs() < 0.01
    }

    #[test]
    fn shares_are_of_the_time_since() {
        let (mut cores, mut host) = (Cores::default(), Host::default());
        cores.read(
            "cpu  100 0 100 1000 0 0 0 0 0 0\ncpu0 100 0 100 1000 0 0 0 0\nintr 1 2 3\n",
            &mut host,
        );
        assert!(host.cores.is_empty());
        cores.read(
            "cpu  140 10 120 1080 20 5 5 20 30 0\ncpu0 150 0 100 1050 0 0 0 0\nintr 1\n",
            &mut host,
        );
        let cpu = host.cpu;
        // 50 user, 30 system, 80 idle, 20 waiting, 20 stolen: 200 in all.
        assert!(
            near(cpu.usage, 50.0) && near(cpu.user, 25.0) && near(cpu.system, 15.0),
            "{cpu:?}"
        );
        assert!(near(cpu.iowait, 10.0) && near(cpu.steal, 10.0), "{cpu:?}");
        assert!(host.cores.len() == 1 && near(host.cores[0], 50.0));
    }
}
