//! What agents ask for: they bring what they measured, and keep a stream over which they are asked for logs.

mod metrics;
mod stream;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(metrics::bring))
        .with(guarded!(stream::keep))
}
