//! The cores: `/proc/stat`.

use ocore_telemetry::{Host, proc::Times};

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
            let Some((core, times)) = Times::of_line(line) else {
                break;
            };
            // A core that is switched off has no line: the others keep their places.
            let place = core.map_or(0, |core| core + 1);
            if place < 4096 {
                if self.now.len() <= place {
                    self.now.resize(place + 1, Times::default());
                }
                self.now[place] = times;
            }
        }
        let mut spent = self
            .now
            .iter()
            .zip(&self.before)
            .map(|(now, before)| now.since(*before));
        if let Some(all) = spent.next() {
            host.cpu = all.shares();
        }
        host.cores = spent.map(|core| core.shares().usage).collect();
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
