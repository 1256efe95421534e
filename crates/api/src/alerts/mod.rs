//! Alerts: what is wrong now and was before, by which rules that is told, and whether it arrives.

mod count;
mod events;
mod respond;
mod rules;
mod test;

use crate::{
    access::{Allowed, InTenancy, Need, Routes, guarded},
    problem::{Answer, Failure},
};
use ocore_domain::{Code, Problem};

pub(crate) use test::Sent;
pub(crate) use test::report;

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(count::count))
        .with(guarded!(events::list))
        .with(guarded!(events::show))
        .with(guarded!(respond::resolve))
        .with(guarded!(respond::resolve_all))
        .with(guarded!(respond::acknowledge))
        .with(guarded!(rules::list))
        .with(guarded!(rules::create))
        .with(guarded!(rules::show))
        .with(guarded!(rules::update))
        .with(guarded!(rules::delete))
        .with(guarded!(test::test))
}

/// Refuses a grant that is limited to a part: rules and channels are the whole organization's.
pub(crate) fn must_be_whole<N: Need + InTenancy>(allowed: &Allowed<N>) -> Answer<()> {
    if allowed.membership()?.scope.is_whole() {
        return Ok(());
    }
    Err(Failure::from(Problem::new(
        Code::Forbidden,
        "Rules and channels are the whole organization's, and your grant is limited to a part of it",
        "Ask somebody whose grant is not limited.",
    )))
}
