//! How people are told: an organization's channels and what went by them; what a person is told in oCore and in their
//! browsers, and when they do not want to be.

mod channels;
mod deliveries;
mod feed;
mod preferences;
mod push;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(channels::list))
        .with(guarded!(channels::create))
        .with(guarded!(channels::show))
        .with(guarded!(channels::update))
        .with(guarded!(channels::delete))
        .with(guarded!(channels::test))
        .with(guarded!(deliveries::list))
        .with(guarded!(deliveries::replay))
        .with(guarded!(feed::list))
        .with(guarded!(feed::mark))
        .with(guarded!(feed::read_all))
        .with(guarded!(preferences::list))
        .with(guarded!(preferences::set))
        .with(guarded!(push::subscribe))
        .with(guarded!(push::unsubscribe))
        .with(guarded!(push::list))
        .with(guarded!(push::key))
}
