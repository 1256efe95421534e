//! `GET /api/checklist`: the list for an organization's servers.

use axum::Json;
use chrono::{DateTime, TimeDelta, Utc};
use ocore_store::{
    advice::{self, Alerting},
    organizations,
};

use super::{
    BACKUPS, Checklist, DRILL, DRILL_DAYS, INVENTORY, Item, MONITORING, State, bottleneck, database,
};
use crate::{
    access::{Allowed, Monitoring, View},
    advice::found,
    problem::Answer,
    words::counted,
};

/// Over how long averages are taken.
const OVER: TimeDelta = TimeDelta::minutes(15);
/// A test of the alerts that is older proves little.
const TEST_DAYS: i64 = 90;

/// What should be known and done before one scales
#[utoipa::path(
    get, path = "/api/checklist", operation_id = "checklist", tag = "capacity",
    responses((status = 200, body = Checklist))
)]
pub(super) async fn check(allowed: Allowed<View<Monitoring>>) -> Answer<Json<Checklist>> {
    let organization = allowed.organization()?;
    let mut conn = allowed.read().await?;
    let found = found(&mut conn, organization, OVER).await?;
    let left = organizations::left(&mut conn, organization).await?;
    let now = Utc::now();
    let items = vec![
        bottleneck(found.findings, &found.unmeasured, found.measured),
        database::of_servers(&found.servers),
        Item::new(
            BACKUPS,
            State::Attention,
            "oCore makes no backups of instances yet; of a deleted one it keeps a final dump",
        )
        .action("Back up databases and filestores by your own means until it does, and try a restore."),
        monitoring(&advice::alerting(&mut conn, organization).await?, now),
        drill(advice::latest_drill(&mut conn, organization).await?, now),
        Item::new(
            INVENTORY,
            State::Done,
            format!(
                "{} with {} known",
                counted(left.servers, "server"),
                counted(left.instances, "instance")
            ),
        )
        .action("Keep the document where oCore is not: `ocore inventory --output inventory.md`."),
    ];
    Ok(Json(Checklist { items }))
}

fn monitoring(seen: &Alerting, now: DateTime<Utc>) -> Item {
    let lacks = |summary: &str, action: &str| Item::new(MONITORING, State::Attention, summary).action(action);
    if seen.rules == 0 {
        return lacks(
            "No alert rule is on",
            "Make the usual ones: `ocore alert rules` shows and creates them.",
        );
    }
    if seen.channels == 0 {
        return lacks(
            "Alerts are noticed, and nobody is told: no channel is on",
            "Add one: `ocore channel add`.",
        );
    }
    let Some(tested_at) = seen.tested_at.filter(|at| now - *at < TimeDelta::days(TEST_DAYS)) else {
        return lacks(
            "No test alert has arrived within 90 days",
            "Send one and see it arrive: `ocore alert test`.",
        );
    };
    if seen.tested_channels < seen.channels {
        let summary = format!(
            "The newest test alert arrived by {} of {} channels",
            seen.tested_channels, seen.channels
        );
        return lacks(
            &summary,
            "Look at why: `ocore alert test` tells for each channel.",
        );
    }
    Item::new(
        MONITORING,
        State::Done,
        format!(
            "{} rules are on, and a test alert arrived by all {} channels on {}",
            seen.rules,
            seen.channels,
            tested_at.format("%Y-%m-%d")
        ),
    )
}

fn drill(latest: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Item {
    let how = "Bring something back from a backup as if all were lost, and record it: `ocore recovery-drill record`.";
    match latest {
        None => Item::new(DRILL, State::Attention, "No drill that succeeded is recorded").action(how),
        Some(at) if now - at > TimeDelta::days(DRILL_DAYS) => Item::new(
            DRILL,
            State::Attention,
            format!(
                "The last drill that succeeded was {} days ago",
                (now - at).num_days()
            ),
        )
        .action(how),
        Some(at) => Item::new(
            DRILL,
            State::Done,
            format!("The last drill succeeded on {}", at.format("%Y-%m-%d")),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alerts_count_when_they_arrive() {
        let now = Utc::now();
        let all = Alerting {
            rules: 5,
            channels: 2,
            tested_channels: 2,
            tested_at: Some(now),
        };
        assert_eq!(monitoring(&all, now).state, State::Done);
        for lacking in [
            Alerting {
                rules: 0,
                ..all.clone()
            },
            Alerting {
                channels: 0,
                ..all.clone()
            },
            Alerting {
                tested_channels: 1,
                ..all.clone()
            },
            Alerting {
                tested_at: None,
                ..all.clone()
            },
            Alerting {
                tested_at: Some(now - TimeDelta::days(91)),
                ..all.clone()
            },
        ] {
            assert_eq!(monitoring(&lacking, now).state, State::Attention, "{lacking:?}");
        }
    }

    #[test]
    fn an_old_drill_is_none() {
        let now = Utc::now();
        assert_eq!(drill(None, now).state, State::Attention);
        assert_eq!(
            drill(Some(now - TimeDelta::days(91)), now).state,
            State::Attention
        );
        assert_eq!(drill(Some(now - TimeDelta::days(89)), now).state, State::Done);
    }
}
