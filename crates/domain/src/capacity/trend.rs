//! When something will be used up, by how it has grown.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A trend shorter than this says nothing about days.
const SPAN: TimeDelta = TimeDelta::hours(24);
/// Fewer points than this are chance.
const POINTS: usize = 12;
/// More are not looked at one by one: the work grows with their square.
const MOST: usize = 400;
/// What runs out later than this does not run out.
const HORIZON: TimeDelta = TimeDelta::days(365);
/// How much more often later values must be larger than smaller ones, from -1 to 1, before it is growth and not noise.
const CERTAINTY: f64 = 0.3;

/// How much was in use at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When.
    pub at: DateTime<Utc>,
    /// How much.
    pub used: f64,
}

/// Where it leads.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trend {
    /// Not enough was seen yet.
    #[serde(rename_all = "camelCase")]
    TooEarly {
        /// Hours that were seen.
        seen_hours: i64,
        /// Hours it takes.
        needed_hours: i64,
    },
    /// It does not grow, or so slowly that it will last for a year.
    Steady,
    /// It grows and will be used up.
    #[serde(rename_all = "camelCase")]
    RunsOut {
        /// When, if it goes on like this.
        at: DateTime<Utc>,
        /// How much more is used every day, in the unit of the points.
        per_day: f64,
    },
}

/// Where the use of something leads that has so much of it. The slope is the median of the slopes between all points
/// (Theil and Sen), which a few outliers do not bend: a backup that comes and goes is no growth.
pub fn trend(points: &[Point], capacity: f64) -> Trend {
    let mut points = thinned(points);
    points.sort_by_key(|point| point.at);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return too_early(TimeDelta::zero());
    };
    let span = last.at - first.at;
    if span < SPAN || points.len() < POINTS {
        return too_early(span);
    }
    let (mut slopes, mut certainty) = (Vec::new(), 0.0);
    for (index, earlier) in points.iter().enumerate() {
        for later in &points[index + 1..] {
            let seconds = (later.at - earlier.at).as_seconds_f64();
            if seconds > 0.0 {
                let slope = (later.used - earlier.used) / seconds;
                certainty += if slope == 0.0 { 0.0 } else { slope.signum() };
                slopes.push(slope);
            }
        }
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 80,000 pairs")]
    let certainty = certainty / slopes.len().max(1) as f64;
    let slope = median(&mut slopes);
    if slope <= 0.0 || certainty < CERTAINTY {
        return Trend::Steady;
    }
    // From the level of today, not from the last point alone.
    let offsets = points
        .iter()
        .map(|point| point.used - slope * (point.at - first.at).as_seconds_f64());
    let level = median(&mut offsets.collect::<Vec<_>>()) + slope * span.as_seconds_f64();
    let seconds = ((capacity - level) / slope).max(0.0);
    if seconds > HORIZON.as_seconds_f64() {
        return Trend::Steady;
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most a year")]
    let after = TimeDelta::seconds(seconds as i64);
    Trend::RunsOut {
        at: last.at + after,
        per_day: slope * 86_400.0,
    }
}

fn too_early(span: TimeDelta) -> Trend {
    Trend::TooEarly {
        seen_hours: span.num_hours(),
        needed_hours: SPAN.num_hours(),
    }
}

/// Some of many, evenly, the last among them.
fn thinned(points: &[Point]) -> Vec<Point> {
    let every = points.len().div_ceil(MOST).max(1);
    points.iter().rev().step_by(every).copied().collect()
}

fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    /// One point every two hours.
    fn points(count: i32, used: impl Fn(f64) -> f64) -> Vec<Point> {
        let point = |index: i32| Point {
            at: start() + TimeDelta::hours(2) * index,
            used: used(f64::from(index)),
        };
        (0..count).map(point).collect()
    }

    #[test]
    fn what_grows_steadily_runs_out_when_it_should() {
        // 1 more every two hours, from 40: 100 after 60 steps of 2 hours.
        let Trend::RunsOut { at, per_day } = trend(&points(30, |index| 40.0 + index), 100.0) else {
            panic!("it grows");
        };
        assert_eq!(at, start() + TimeDelta::hours(120));
        assert!((per_day - 12.0).abs() < 1e-6);
    }

    #[test]
    fn outliers_do_not_bend_it() {
        let with_backups = |index: f64| 40.0 + index + if index % 7.0 == 0.0 { 30.0 } else { 0.0 };
        let Trend::RunsOut { at, .. } = trend(&points(60, with_backups), 200.0) else {
            panic!("it grows");
        };
        let off = (at - (start() + TimeDelta::hours(320))).num_hours().abs();
        assert!(off <= 8, "{off} hours off");
    }

    #[test]
    fn noise_and_decline_are_no_growth() {
        // A multiplicative hash: as good as random, and the same every time.
        let noise = |index: f64| 50.0 + (index * 2_654_435.76 % 10.0);
        assert_eq!(trend(&points(100, noise), 100.0), Trend::Steady);
        assert_eq!(trend(&points(30, |index| 90.0 - index), 100.0), Trend::Steady);
        assert_eq!(trend(&points(30, |_| 90.0), 100.0), Trend::Steady);
    }

    #[test]
    fn what_is_full_runs_out_now() {
        let Trend::RunsOut { at, .. } = trend(&points(30, |index| 90.0 + index), 100.0) else {
            panic!("it grows");
        };
        assert_eq!(at, start() + TimeDelta::hours(58));
    }

    #[test]
    fn little_was_seen() {
        assert_eq!(
            trend(&points(6, |index| index), 100.0),
            Trend::TooEarly {
                seen_hours: 10,
                needed_hours: 24
            }
        );
        assert!(matches!(trend(&[], 1.0), Trend::TooEarly { .. }));
    }

    #[test]
    fn many_points_are_not_compared_one_by_one() {
        let many = points(5000, |index| index / 10.0);
        assert!(thinned(&many).len() <= MOST);
        assert!(matches!(trend(&many, 600.0), Trend::RunsOut { .. }));
    }
}
