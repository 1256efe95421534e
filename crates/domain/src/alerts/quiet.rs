//! The hours in which somebody does not want to be told.

use chrono::{DateTime, Days, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// From when to when, every day, by the clock of a place. Over midnight if the end is before the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// When they begin.
    pub start: NaiveTime,
    /// When they end.
    pub end: NaiveTime,
    /// Whose clock.
    pub timezone: Tz,
}

impl QuietHours {
    /// The end of the quiet hours that a moment is in; none: it is in none.
    pub fn until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let local = now.with_timezone(&self.timezone);
        let (time, date) = (local.time(), local.date_naive());
        let ends_on = if self.start == self.end {
            return None;
        } else if self.start < self.end {
            (time >= self.start && time < self.end).then_some(date)?
        } else if time >= self.start {
            date.checked_add_days(Days::new(1))?
        } else if time < self.end {
            date
        } else {
            return None;
        };
        let end = ends_on.and_time(self.end);
        // A time that the clock jumps over: an hour later there is one again.
        let there = self.timezone.from_local_datetime(&end).latest().or_else(|| {
            self.timezone
                .from_local_datetime(&(end + TimeDelta::hours(1)))
                .latest()
        })?;
        Some(there.with_timezone(&Utc))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until(hours: (&str, &str), timezone: &str, now: &str) -> Option<String> {
        let time = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").unwrap();
        let quiet = QuietHours {
            start: time(hours.0),
            end: time(hours.1),
            timezone: timezone.parse().unwrap(),
        };
        let now: DateTime<Utc> = now.parse().unwrap();
        quiet.until(now).map(|end| end.format("%FT%H:%M").to_string())
    }

    #[test]
    fn they_are_by_the_clock_of_the_place() {
        let night = ("22:00", "07:00");
        for (now, end) in [
            ("2026-11-25T20:59:00Z", None),
            ("2026-11-25T21:00:00Z", Some("2026-11-26T06:00")),
            ("2026-11-26T05:59:59Z", Some("2026-11-26T06:00")),
            ("2026-11-26T06:00:00Z", None),
            // The night in which the clock goes forward.
            ("2027-03-27T23:00:00Z", Some("2027-03-28T05:00")),
        ] {
            assert_eq!(until(night, "Europe/Vienna", now).as_deref(), end, "{now}");
        }
        let noon = ("12:00", "13:00");
        assert_eq!(
            until(noon, "Asia/Tokyo", "2026-11-25T03:30:00Z").as_deref(),
            Some("2026-11-25T04:00")
        );
        assert_eq!(until(noon, "Asia/Tokyo", "2026-11-25T12:30:00Z"), None);
        assert_eq!(until(("08:00", "08:00"), "UTC", "2026-11-25T08:00:00Z"), None);
        // An end that the clock jumps over: 02:30 is not there on that day.
        let end = until(("22:00", "02:30"), "Europe/Vienna", "2027-03-28T00:30:00Z");
        assert_eq!(end.as_deref(), Some("2027-03-28T01:30"));
    }
}
