//! The terms of a rule.

use chrono::TimeDelta;

use super::{Aggregate, Metric};
use crate::words::words;

words! {
    /// How bad it is.
    // Advice has a severity too, of other words.
    #[schema(as = AlertSeverity)]
    #[derive(PartialOrd, Ord)]
    pub enum Severity {
        /// Worth knowing.
        Info = "info",
        /// Somebody should look into it today.
        Warning = "warning",
        /// Somebody has to act now.
        Critical = "critical",
    }
}

words! {
    /// How a value is compared with a threshold.
    pub enum Operator {
        /// Greater.
        Gt = "gt",
        /// Greater or equal.
        Gte = "gte",
        /// Less.
        Lt = "lt",
        /// Less or equal.
        Lte = "lte",
    }
}

impl Operator {
    /// Whether a value breaks a threshold.
    pub const fn holds(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::Gt => value > threshold,
            Self::Gte => value >= threshold,
            Self::Lt => value < threshold,
            Self::Lte => value <= threshold,
        }
    }

    /// Whether it is about too much rather than too little.
    pub const fn is_upward(self) -> bool {
        matches!(self, Self::Gt | Self::Gte)
    }
}

/// When a rule fires and when it clears.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Terms {
    /// What is watched.
    pub metric: Metric,
    /// How it is compared.
    pub operator: Operator,
    /// Fires beyond this.
    pub threshold: f64,
    /// Clears only when the value is back on this side of it: the threshold or further.
    pub clear_threshold: f64,
    /// Minutes of samples that are averaged, or for which a state must hold.
    pub minutes: u32,
}

/// How much of a rule's minutes must be covered by samples: five sixths, so that one of six may be lost.
const COVERAGE: f64 = 1.2;

/// How long a rule looks back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// How long.
    pub length: TimeDelta,
    /// The seconds that samples must cover. A sample stands for the time to the next: 10 s by an agent, 60 s by SSH.
    pub covered_seconds: f64,
}

impl Terms {
    /// Whether a value makes it fire.
    pub const fn is_broken_by(&self, value: f64) -> bool {
        self.operator.holds(value, self.threshold)
    }

    /// Whether a value lets it clear. Between the two thresholds everything stays as it is.
    pub fn is_cleared_by(&self, value: f64) -> bool {
        !self.is_broken_by(value)
            && if self.operator.is_upward() {
                value <= self.clear_threshold
            } else {
                value >= self.clear_threshold
            }
    }

    /// How long it looks back; none for a state, which is now.
    pub fn window(&self) -> Option<Window> {
        (self.metric.aggregate() != Aggregate::State).then(|| {
            let minutes = self.minutes.max(1);
            Window {
                length: TimeDelta::minutes(i64::from(minutes)),
                covered_seconds: f64::from(minutes) * 60.0 / COVERAGE,
            }
        })
    }

    /// How long what breaks it must last before it fires: samples are averaged over that time already.
    pub fn hold(&self) -> TimeDelta {
        match self.metric.aggregate() {
            Aggregate::State => TimeDelta::minutes(i64::from(self.minutes)),
            Aggregate::Average | Aggregate::Sum => TimeDelta::zero(),
        }
    }

    /// What is wrong with them, by field.
    pub fn faults(&self) -> Vec<(&'static str, &'static str)> {
        let mut faults = Vec::new();
        if !self.threshold.is_finite() {
            faults.push(("threshold", "must be a number"));
        }
        let beyond = if self.operator.is_upward() {
            self.clear_threshold > self.threshold
        } else {
            self.clear_threshold < self.threshold
        };
        if !self.clear_threshold.is_finite() || beyond {
            faults.push((
                "clearThreshold",
                "must be the threshold or on its good side, or the alert would never clear",
            ));
        }
        if self.minutes > 60 || (self.minutes == 0 && self.metric.aggregate() != Aggregate::State) {
            faults.push(("minutes", "must be from 1 to 60; a state may have 0"));
        }
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(operator: Operator, threshold: f64, clear_threshold: f64) -> Terms {
        Terms {
            metric: Metric::CpuUsagePercent,
            operator,
            threshold,
            clear_threshold,
            minutes: 5,
        }
    }

    #[test]
    fn between_the_thresholds_nothing_changes() {
        let up = terms(Operator::Gt, 90.0, 80.0);
        assert!(up.is_broken_by(90.1) && !up.is_broken_by(90.0));
        assert!(!up.is_cleared_by(85.0) && up.is_cleared_by(80.0));
        let down = terms(Operator::Lt, 10.0, 20.0);
        assert!(down.is_broken_by(9.0) && !down.is_cleared_by(15.0) && down.is_cleared_by(20.0));
        // Without hysteresis what is at the threshold itself does one of the two, never both.
        let flat = terms(Operator::Gte, 90.0, 90.0);
        assert!(flat.is_broken_by(90.0) && !flat.is_cleared_by(90.0));
    }

    #[test]
    fn nonsense_is_named() {
        let names = |terms: Terms| {
            terms
                .faults()
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert!(names(terms(Operator::Gt, 90.0, 80.0)).is_empty());
        assert_eq!(names(terms(Operator::Gt, 90.0, 95.0)), ["clearThreshold"]);
        assert_eq!(names(terms(Operator::Lt, 10.0, 5.0)), ["clearThreshold"]);
        assert_eq!(names(terms(Operator::Gt, f64::NAN, 1.0)), ["threshold"]);
        let long = Terms {
            minutes: 61,
            ..terms(Operator::Gt, 1.0, 1.0)
        };
        assert_eq!(names(long), ["minutes"]);
    }

    #[test]
    fn five_sixths_of_the_minutes_are_enough() {
        let window = terms(Operator::Gt, 90.0, 80.0).window().unwrap();
        // 25 of 30 samples by an agent, 5 of 5 by SSH polling (250 s of 300).
        assert!(25.0 * 10.0 >= window.covered_seconds && 24.0 * 10.0 < window.covered_seconds);
        assert!(5.0 * 60.0 >= window.covered_seconds && 4.0 * 60.0 < window.covered_seconds);
    }
}
