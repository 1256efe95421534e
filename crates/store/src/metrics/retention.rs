//! How long what was measured is kept.

use chrono::TimeDelta;
use sqlx::{PgConnection, postgres::types::PgInterval};

use super::{RAW, ROLLUPS};
use crate::{Error, Result};

/// How long each resolution is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Raw samples.
    pub raw: TimeDelta,
    /// Rollups of 60, 600 and 7200 seconds.
    pub rollups: [TimeDelta; 3],
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            raw: TimeDelta::hours(1),
            rollups: [TimeDelta::hours(24), TimeDelta::days(7), TimeDelta::days(30)],
        }
    }
}

impl Retention {
    /// The least that each can be: a coarser one is made from what is there of the finer one, late samples included.
    pub const LEAST: Self = Self {
        raw: TimeDelta::minutes(30),
        rollups: [TimeDelta::hours(2), TimeDelta::hours(12), TimeDelta::days(2)],
    };

    fn each(&self) -> impl Iterator<Item = (i32, TimeDelta)> {
        let rollups = ROLLUPS.into_iter().zip(self.rollups);
        std::iter::once((RAW, self.raw)).chain(rollups)
    }

    /// Whether nothing is kept shorter than it can be, nor than what is finer.
    pub fn holds(&self) -> bool {
        let (own, least) = (self.each(), Self::LEAST.each());
        own.zip(least).all(|((_, own), (_, least))| own >= least)
            && self.each().map(|(_, keep)| keep).is_sorted()
    }
}

/// Sets how long everything is kept from now on, for all processes.
pub async fn set_retention(conn: &mut PgConnection, retention: &Retention) -> Result<()> {
    for (resolution, keep) in retention.each() {
        let keep = PgInterval::try_from(keep).map_err(|error| Error::Row(error.to_string()))?;
        sqlx::query!(
            "update metric_resolutions set keep = $2 where resolution = $1 and keep <> $2",
            resolution,
            keep,
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_shorter_than_what_is_finer() {
        assert!(Retention::default().holds() && Retention::LEAST.holds());
        let wrong = Retention {
            raw: TimeDelta::days(2),
            ..Retention::default()
        };
        assert!(!wrong.holds());
        let short = Retention {
            raw: TimeDelta::minutes(29),
            ..Retention::default()
        };
        assert!(!short.holds());
    }
}
