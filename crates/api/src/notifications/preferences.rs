//! `/api/notifications/preferences`: of what a person wants to be told, and when not.

use axum::Json;
use chrono::NaiveTime;
use ocore_store::people_told as rows;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::feed::person;
use crate::{
    access::{Act, Allowed, SignedIn},
    body::Json as Body,
    checks::Checks,
    page::List,
    problem::Answer,
};

/// What a person wants of a category.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Preference {
    /// `alerts`.
    category: String,
    /// Whether to be told at all.
    enabled: bool,
    /// When quiet hours begin, as `22:00`; none: there are none.
    quiet_start: Option<String>,
    /// When they end.
    quiet_end: Option<String>,
    /// By whose clock, as `Europe/Vienna`.
    timezone: String,
    /// Whether what is critical comes all the same. `true` if not given.
    #[serde(default = "yes")]
    critical_passes: bool,
}

const fn yes() -> bool {
    true
}

impl From<rows::Preference> for Preference {
    fn from(row: rows::Preference) -> Self {
        let text = |time: NaiveTime| time.format("%H:%M").to_string();
        Self {
            category: row.category,
            enabled: row.enabled,
            quiet_start: row.quiet_start.map(text),
            quiet_end: row.quiet_end.map(text),
            timezone: row.timezone,
            critical_passes: row.critical_passes,
        }
    }
}

impl Preference {
    fn checked(self) -> Answer<rows::Preference> {
        let mut checks = Checks::default();
        checks.that(self.category == rows::ALERTS, "category", "must be `alerts`");
        let mut time = |field: &str, text: Option<String>| {
            let text = text?;
            let read = NaiveTime::parse_from_str(&text, "%H:%M");
            checks.value(field, read.map_err(|_| "must be a time such as 22:00".to_owned()))
        };
        let given = (self.quiet_start.is_some(), self.quiet_end.is_some());
        let quiet_start = time("quietStart", self.quiet_start);
        let quiet_end = time("quietEnd", self.quiet_end);
        checks.that(
            given.0 == given.1,
            "quietEnd",
            "goes with quietStart: give both or neither",
        );
        checks.that(
            self.timezone.parse::<chrono_tz::Tz>().is_ok(),
            "timezone",
            "must be the name of a time zone such as Europe/Vienna",
        );
        checks.done()?;
        Ok(rows::Preference {
            category: self.category,
            enabled: self.enabled,
            quiet_start,
            quiet_end,
            timezone: self.timezone,
            critical_passes: self.critical_passes,
        })
    }
}

/// What you want to be told, and when not
///
/// One for each category; until you change it, everything at any time.
#[utoipa::path(
    get, path = "/api/notifications/preferences", operation_id = "showNotificationPreferences", tag = "notifications",
    responses((status = 200, body = List<Preference>))
)]
pub(super) async fn list(allowed: Allowed<SignedIn>) -> Answer<Json<List<Preference>>> {
    let (user, _) = person(&allowed)?;
    let mut rows = rows::preferences(&mut *allowed.read_outside().await?, user).await?;
    if rows.is_empty() {
        rows.push(rows::Preference {
            category: rows::ALERTS.to_owned(),
            enabled: true,
            quiet_start: None,
            quiet_end: None,
            timezone: "UTC".to_owned(),
            critical_passes: true,
        });
    }
    Ok(Json(List::whole(
        rows.into_iter().map(Preference::from).collect(),
    )))
}

/// Say what you want to be told, and when not
///
/// What falls into quiet hours comes at their end. That holds for your browsers and for mails to your own address.
#[utoipa::path(
    put, path = "/api/notifications/preferences", operation_id = "setNotificationPreferences", tag = "notifications",
    request_body = Preference,
    responses((status = 200, body = Preference))
)]
pub(super) async fn set(
    allowed: Allowed<SignedIn>,
    Body(body): Body<Preference>,
) -> Answer<Json<Preference>> {
    let preference = body.checked()?;
    let (user, name) = person(&allowed)?;
    let mut change = allowed.change_outside().await?;
    rows::set_preference(&mut change, user, &preference).await?;
    let preference = Preference::from(preference);
    let act = Act::new("notification.preferences_updated").on("user", user, name);
    change.commit(act.after(&preference)).await?;
    Ok(Json(preference))
}
