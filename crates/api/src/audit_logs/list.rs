//! `GET /api/audit-logs`.

use axum::Json;
use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};
use ocore_domain::sort::AuditLogSort;
use ocore_store::{Sorted, audit::Filter};
use serde::Deserialize;
use utoipa::IntoParams;

use super::AuditLog;
use crate::{
    access::{Allowed, AuditLogs, View},
    body::Query,
    checks::Checks,
    page::{self, List},
    problem::Answer,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// In which order; `-createdAt` if not given. A hyphen turns it round.
    #[param(inline)]
    sort: Option<AuditLogSort>,
    /// Done to this kind of thing only, for example `server`. Also as `resourceType`.
    #[serde(alias = "resourceType")]
    resource_type: Option<String>,
    /// Done to this thing only. Also as `resourceId`.
    #[serde(alias = "resourceId")]
    resource_id: Option<String>,
    /// This action only, for example `server.created`; with a dot at its end, all that begin so.
    action: Option<String>,
    /// Done by this person only. Also as `userId`.
    #[serde(alias = "userId")]
    user_id: Option<String>,
    /// Not before this moment, or this day (UTC). Also as `startDate`.
    #[serde(alias = "startDate")]
    start_date: Option<String>,
    /// Before this moment, or up to the end of this day (UTC). Also as `endDate`.
    #[serde(alias = "endDate")]
    end_date: Option<String>,
    /// A part of the thing's name, of the name of who did it, or of the action.
    search: Option<String>,
}

impl Wanted {
    pub(super) fn checked(self) -> Answer<(Filter, Sorted<AuditLogSort, i64>)> {
        let mut checks = Checks::default();
        let start = moment(
            &mut checks,
            "start_date",
            self.start_date.as_deref(),
            &Edge::Begin,
        );
        let end = moment(&mut checks, "end_date", self.end_date.as_deref(), &Edge::End);
        for (field, given) in [
            ("resource_type", &self.resource_type),
            ("resource_id", &self.resource_id),
            ("action", &self.action),
            ("user_id", &self.user_id),
            ("search", &self.search),
        ] {
            let fits = given.as_ref().is_none_or(|text| (1..=200).contains(&text.len()));
            checks.that(fits, field, "must have 1 to 200 bytes");
        }
        checks.done()?;
        let filter = Filter {
            resource_type: self.resource_type,
            resource_id: self.resource_id,
            action: self.action,
            user_id: self.user_id,
            start,
            end,
            search: self.search,
        };
        let page = page::sorted(self.limit, self.cursor.as_deref(), self.sort)?;
        Ok((filter, page))
    }
}

/// Which end of a day is meant by it.
enum Edge {
    Begin,
    End,
}

/// A moment, or the beginning or end of a day.
fn moment(checks: &mut Checks, field: &str, given: Option<&str>, edge: &Edge) -> Option<DateTime<Utc>> {
    let given = given?;
    let of_day = |day: NaiveDate| {
        let day = match edge {
            Edge::Begin => day,
            Edge::End => day.checked_add_days(Days::new(1))?,
        };
        Some(day.and_time(NaiveTime::MIN).and_utc())
    };
    let parsed = match given.parse::<NaiveDate>() {
        Ok(day) => of_day(day),
        Err(_) => given.parse().ok(),
    };
    // What PostgreSQL keeps as a moment.
    let parsed = parsed.filter(|moment| (0..10_000).contains(&chrono::Datelike::year(moment)));
    checks.value(
        field,
        parsed.ok_or_else(|| "must be a moment (2026-11-25T12:00:00Z) or a day (2026-11-25)".to_owned()),
    )
}

/// What was done, newest first unless told otherwise
#[utoipa::path(
    get, path = "/api/audit-logs", operation_id = "listAuditLogs", tag = "audit", params(Wanted),
    responses((status = 200, body = List<AuditLog>))
)]
pub(super) async fn list(
    allowed: Allowed<View<AuditLogs>>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<List<AuditLog>>> {
    let organization = allowed.organization()?;
    super::page(&mut *allowed.read().await?, Some(organization), wanted).await
}
