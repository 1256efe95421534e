//! Where a rule stands with what it is about: all right, pending, firing, and back.

use chrono::{DateTime, TimeDelta, Utc};

use super::Terms;
use crate::words::words;

words! {
    /// Where a rule stands when something is wrong.
    pub enum Phase {
        /// It is broken, and not for long enough or by too few samples yet.
        Pending = "pending",
        /// It is alerted of.
        Firing = "firing",
    }
}

/// A phase and since when. None stands for: all right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The phase.
    pub phase: Phase,
    /// Since when.
    pub since: DateTime<Utc>,
    /// When there was something to judge by last.
    pub judged_at: DateTime<Utc>,
}

/// What there is to judge by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// The average or sum of the samples; 1 or 0 for a state.
    pub value: f64,
    /// The seconds that samples cover; not asked for a state.
    pub covered_seconds: f64,
}

words! {
    /// Why an alert ended.
    pub enum Ending {
        /// It is all right again.
        Cleared = "cleared",
        /// Somebody said so.
        Manual = "manual",
        /// Nothing is measured any longer.
        NoData = "no_data",
        /// The server or instance is gone.
        Removed = "removed",
        /// The rule was changed, switched off or deleted, or is no longer about it.
        RuleChanged = "rule_changed",
    }
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It is all right, and was.
    Quiet,
    /// It begins to wait, or waits on.
    Wait(Standing),
    /// It fires: tell somebody.
    Fire(Standing),
    /// It fires on: tell nobody again.
    Burn(Standing),
    /// It was waited for, and nobody heard of it.
    Forget,
    /// It ends: tell whoever was told.
    Clear(Ending),
}

/// How long an alert outlives the last thing to judge it by.
const PATIENCE: TimeDelta = TimeDelta::minutes(15);

/// What follows from a reading. Without one nothing begins, and what fires goes on for a while: silence is no proof that
/// all is well, but an alert that nothing can end is one too.
pub fn judge(terms: &Terms, before: Option<Standing>, reading: Option<Reading>, now: DateTime<Utc>) -> Step {
    let enough = |reading: &Reading| {
        terms
            .window()
            .is_none_or(|window| reading.covered_seconds >= window.covered_seconds)
    };
    let firing = before.filter(|standing| standing.phase == Phase::Firing);
    let Some(reading) = reading.filter(|reading| reading.value.is_finite()) else {
        return match (firing, before) {
            (Some(standing), _) if now - standing.judged_at > PATIENCE => Step::Clear(Ending::NoData),
            (Some(standing), _) => Step::Burn(standing),
            (None, Some(_)) => Step::Forget,
            (None, None) => Step::Quiet,
        };
    };
    if let Some(standing) = firing {
        let on = Standing {
            judged_at: now,
            ..standing
        };
        return if terms.is_cleared_by(reading.value) && enough(&reading) {
            Step::Clear(Ending::Cleared)
        } else {
            Step::Burn(on)
        };
    }
    if !terms.is_broken_by(reading.value) {
        return if before.is_some() {
            Step::Forget
        } else {
            Step::Quiet
        };
    }
    let since = before.map_or(now, |standing| standing.since);
    let standing = |phase, since| Standing {
        phase,
        since,
        judged_at: now,
    };
    if now - since >= terms.hold() && enough(&reading) {
        Step::Fire(standing(Phase::Firing, now))
    } else {
        Step::Wait(standing(Phase::Pending, since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::{Metric, Operator};

    /// A generator of numbers in [0, 1) that is the same every time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self) -> f64 {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            f64::from(u32::try_from(self.0 >> 33).unwrap()) / f64::from(1_u32 << 31)
        }
    }

    fn cpu() -> Terms {
        Terms {
            metric: Metric::CpuUsagePercent,
            operator: Operator::Gt,
            threshold: 90.0,
            clear_threshold: 80.0,
            minutes: 5,
        }
    }

    fn down(minutes: u32) -> Terms {
        Terms {
            metric: Metric::InstanceDown,
            operator: Operator::Gte,
            threshold: 1.0,
            clear_threshold: 0.0,
            minutes,
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is what is judged by")]
    fn reading(value: f64) -> Option<Reading> {
        Some(Reading {
            value,
            covered_seconds: 300.0,
        })
    }

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    /// A rule fed with readings every 10 seconds; counts how often it fired and cleared.
    struct Run {
        terms: Terms,
        standing: Option<Standing>,
        fired: u32,
        cleared: u32,
    }

    impl Run {
        fn of(terms: Terms) -> Self {
            Self {
                terms,
                standing: None,
                fired: 0,
                cleared: 0,
            }
        }

        fn feed(&mut self, seconds: i64, reading: Option<Reading>) {
            let was_firing = self.standing.is_some_and(|s| s.phase == Phase::Firing);
            match judge(&self.terms, self.standing, reading, at(seconds)) {
                Step::Quiet => assert!(self.standing.is_none()),
                Step::Wait(standing) => {
                    assert!(!was_firing);
                    self.standing = Some(standing);
                }
                Step::Fire(standing) => {
                    assert!(!was_firing, "fired twice");
                    self.fired += 1;
                    self.standing = Some(standing);
                }
                Step::Burn(standing) => {
                    assert!(was_firing);
                    self.standing = Some(standing);
                }
                Step::Forget => {
                    assert!(!was_firing && self.standing.is_some());
                    self.standing = None;
                }
                Step::Clear(_) => {
                    assert!(was_firing, "cleared what did not fire");
                    self.cleared += 1;
                    self.standing = None;
                }
            }
        }
    }

    #[test]
    fn it_fires_once_and_clears_once() {
        let mut run = Run::of(cpu());
        for second in (0..600).step_by(10) {
            run.feed(second, reading(97.0));
        }
        assert_eq!((run.fired, run.cleared), (1, 0));
        for second in (600..1200).step_by(10) {
            run.feed(second, reading(85.0));
        }
        assert_eq!((run.fired, run.cleared), (1, 0), "between the thresholds");
        for second in (1200..1800).step_by(10) {
            run.feed(second, reading(40.0));
        }
        assert_eq!((run.fired, run.cleared), (1, 1));
    }

    #[test]
    fn noise_around_the_threshold_does_not_flap() {
        // Whatever the noise within the hysteresis, it fires at most once and does not clear.
        for seed in 0..200 {
            let mut dice = Dice(seed);
            let mut run = Run::of(cpu());
            for second in (0..86_400).step_by(10) {
                run.feed(second, reading(90.0 + 18.0 * (dice.roll() - 0.5)));
            }
            assert!(
                run.fired <= 1 && run.cleared == 0,
                "seed {seed}: {} {}",
                run.fired,
                run.cleared
            );
        }
    }

    #[test]
    fn whatever_comes_fires_and_clears_take_turns() {
        for seed in 0..500 {
            let mut dice = Dice(seed);
            let minutes = u32::try_from(seed % 4).unwrap();
            let mut run = Run::of(if seed % 2 == 0 { cpu() } else { down(minutes) });
            for second in (0..20_000).step_by(10) {
                let value = if seed % 2 == 0 {
                    dice.roll() * 200.0
                } else {
                    f64::from(u8::from(dice.roll() < 0.4))
                };
                let seen = (dice.roll() > 0.2).then_some(Reading {
                    value,
                    covered_seconds: dice.roll() * 400.0,
                });
                run.feed(second, seen);
                assert!(run.fired == run.cleared || run.fired == run.cleared + 1);
            }
            // At the end all is well, and it always clears.
            run.feed(20_010, reading(0.0));
            assert_eq!(run.fired, run.cleared, "seed {seed}");
        }
    }

    #[test]
    fn a_state_must_last_for_its_minutes() {
        let mut run = Run::of(down(1));
        for second in (0..50).step_by(10) {
            run.feed(second, reading(1.0));
        }
        assert_eq!(run.fired, 0);
        run.feed(50, reading(0.0));
        for second in (60..120).step_by(10) {
            run.feed(second, reading(1.0));
        }
        assert_eq!(run.fired, 0, "it begins anew");
        run.feed(120, reading(1.0));
        assert_eq!(run.fired, 1);
    }

    #[test]
    fn too_few_samples_do_not_fire() {
        let mut run = Run::of(cpu());
        let few = Some(Reading {
            value: 100.0,
            covered_seconds: 240.0,
        });
        for second in (0..3600).step_by(10) {
            run.feed(second, few);
        }
        assert_eq!(run.fired, 0);
        run.feed(3600, reading(100.0));
        assert_eq!(run.fired, 1);
    }

    #[test]
    fn silence_neither_fires_nor_burns_for_ever() {
        let mut run = Run::of(down(0));
        run.feed(0, None);
        run.feed(10, reading(1.0));
        assert_eq!(run.fired, 1);
        for second in (20..900).step_by(10) {
            run.feed(second, None);
        }
        assert_eq!(run.cleared, 0);
        run.feed(920, None);
        assert_eq!((run.fired, run.cleared), (1, 1));
    }
}
