//! `GET /api/admin/checklist`: the list for oCore itself.

use axum::Json;
use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::advice::{of_control_plane, sorted};
use ocore_store::{
    advice,
    backups::{self, Standing},
};

use super::{BACKUPS, Checklist, DRILL, DRILL_DAYS, INVENTORY, Item, State, bottleneck, database};
use crate::{
    access::{Allowed, ServerAdmin},
    problem::Answer,
    words::counted,
};

/// One a day, and two hours for it to be late.
const FRESH: TimeDelta = TimeDelta::hours(26);

/// What should be known and done before one scales oCore itself
#[utoipa::path(
    get, path = "/api/admin/checklist", operation_id = "checklistOfControlPlane", tag = "capacity",
    responses((status = 200, body = Checklist))
)]
pub(super) async fn check(allowed: Allowed<ServerAdmin>) -> Answer<Json<Checklist>> {
    let mut conn = allowed.read_outside().await?;
    let seen = advice::control_plane(&mut conn, TimeDelta::minutes(15)).await?;
    let processes = advice::processes(&mut conn).await?;
    let managed = advice::managed(&mut conn).await?;
    let settings = advice::settings(&mut conn).await?;
    let standing = backups::standing(&mut conn).await?;
    let now = Utc::now();
    let measured = usize::from(seen.is_some());
    let findings = seen.map_or_else(Vec::new, |seen| sorted(of_control_plane(&seen)));
    let items = vec![
        bottleneck(findings, &[], measured),
        database::of_control_plane(&settings, &processes),
        backups(&standing, now),
        drill(&standing, now),
        Item::new(
            INVENTORY,
            State::Done,
            format!(
                "{} with {} managed",
                counted(managed.servers, "server"),
                counted(managed.instances, "instance")
            ),
        ),
    ];
    Ok(Json(Checklist { items }))
}

fn backups(seen: &Standing, now: DateTime<Utc>) -> Item {
    let how = "Make one a day where this machine cannot lose it: `ocore backup create`, by the timer in deploy/systemd \
               (docs/operators/recover.md).";
    let failed = seen
        .last_error
        .as_ref()
        .map(|error| format!("; the newest one failed: {error}"));
    let failed = failed.unwrap_or_default();
    let Some(at) = seen.last_good else {
        return Item::new(
            BACKUPS,
            State::Attention,
            format!("No backup of oCore's own database was made{failed}"),
        )
        .action(how);
    };
    let summary = format!(
        "The last good backup of oCore's own database is of {}",
        at.format("%Y-%m-%d %H:%M UTC")
    );
    if failed.is_empty() && now - at < FRESH {
        return Item::new(BACKUPS, State::Done, summary);
    }
    Item::new(BACKUPS, State::Attention, summary + &failed).action(how)
}

fn drill(seen: &Standing, now: DateTime<Utc>) -> Item {
    let how = "Try one out: `ocore backup drill FILE` restores it beside, checks it, and records that.";
    let (state, summary) = match seen.last_drill {
        _ if seen.drill_failed_since => (
            State::Attention,
            "The newest drill with a backup failed".to_owned(),
        ),
        None => (
            State::Attention,
            "No drill with a backup has succeeded yet".to_owned(),
        ),
        Some(at) if now - at > TimeDelta::days(DRILL_DAYS) => (
            State::Attention,
            format!(
                "The last drill that succeeded was {} days ago",
                (now - at).num_days()
            ),
        ),
        Some(at) => {
            return Item::new(
                DRILL,
                State::Done,
                format!("The last drill succeeded on {}", at.format("%Y-%m-%d")),
            );
        }
    };
    Item::new(DRILL, state, summary).action(how)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(item: &Item) -> State {
        item.state
    }

    #[test]
    fn a_backup_is_fresh_for_a_day_and_a_failure_is_told() {
        let now = Utc::now();
        let of = |hours: i64, error: Option<&str>| {
            let seen = Standing {
                last_good: Some(now - TimeDelta::hours(hours)),
                last_error: error.map(str::to_owned),
                ..Standing::default()
            };
            backups(&seen, now)
        };
        assert_eq!(state(&of(25, None)), State::Done);
        assert_eq!(state(&of(27, None)), State::Attention);
        let failed = of(1, Some("the disk is full"));
        assert!(failed.state == State::Attention && failed.summary.contains("the disk is full"));
        assert_eq!(state(&backups(&Standing::default(), now)), State::Attention);
    }

    #[test]
    fn a_drill_that_failed_undoes_one_that_succeeded() {
        let now = Utc::now();
        let of = |days: i64, failed| {
            let seen = Standing {
                last_drill: Some(now - TimeDelta::days(days)),
                drill_failed_since: failed,
                ..Standing::default()
            };
            state(&drill(&seen, now))
        };
        assert_eq!(
            (of(89, false), of(91, false), of(1, true)),
            (State::Done, State::Attention, State::Attention)
        );
        assert_eq!(state(&drill(&Standing::default(), now)), State::Attention);
    }
}
