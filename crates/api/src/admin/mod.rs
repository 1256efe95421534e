//! What only who administers the installation may see and do.

mod api_keys;
mod audit_logs;
mod operations;
mod org_members;
mod orgs;
mod queue;
mod users;

use ocore_domain::sort::{ApiKeySort, MemberSort, OrganizationSort, UserSort};
use ocore_store::Sorted;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    access::{Routes, guarded},
    page,
    problem::Answer,
};

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
        .with(guarded!(queue::show))
        .with(guarded!(queue::pause))
        .with(guarded!(queue::resume))
        .with(guarded!(audit_logs::list))
        .with(guarded!(audit_logs::verify))
}

/// Which part of a list is wanted, in which order. A structure for each list: what a list does not know it has to refuse.
macro_rules! wanted {
    ($($name:ident by $sort:ident, $default:literal;)+) => {$(
        #[derive(Deserialize, IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        struct $name {
            /// How many at most, 1 to 200.
            #[param(minimum = 1, maximum = 200)]
            limit: Option<i64>,
            /// Where the page before ended.
            cursor: Option<String>,
            #[doc = concat!("In which order; `", $default, "` if not given. A hyphen turns it round.")]
            #[param(inline)]
            sort: Option<$sort>,
            /// A part of what it is called.
            search: Option<String>,
        }

        impl $name {
            /// The same, checked.
            fn page(&self) -> Answer<Sorted<$sort>> {
                page::sorted(self.limit, self.cursor.as_deref(), self.sort)
            }
        }
    )+};
}

wanted! {
    WantedOrganizations by OrganizationSort, "slug";
    WantedMembers by MemberSort, "email";
    WantedUsers by UserSort, "email";
    WantedApiKeys by ApiKeySort, "-createdAt";
}
