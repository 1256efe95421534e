//! What only who administers the installation may see and do.

mod api_keys;
mod audit_logs;
mod operations;
mod org_members;
mod orgs;
mod users;

use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(orgs::list))
        .with(guarded!(orgs::create))
        .with(guarded!(orgs::show))
        .with(guarded!(orgs::deactivate))
        .with(guarded!(orgs::activate))
        .with(guarded!(orgs::delete))
        .with(guarded!(org_members::list))
        .with(guarded!(org_members::add))
        .with(guarded!(org_members::remove))
        .with(guarded!(users::list))
        .with(guarded!(users::create))
        .with(guarded!(users::show))
        .with(guarded!(users::deactivate))
        .with(guarded!(users::activate))
        .with(guarded!(api_keys::list))
        .with(guarded!(api_keys::revoke))
        .with(guarded!(operations::show))
        .with(guarded!(operations::logs))
        .with(guarded!(audit_logs::list))
        .with(guarded!(audit_logs::verify))
}

/// Which part of a list is wanted.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// How many at most, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Where the page before ended.
    cursor: Option<String>,
    /// A part of what it is called.
    search: Option<String>,
}
