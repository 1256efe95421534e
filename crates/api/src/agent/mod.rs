//! What agents ask for: they bring what they measured.

mod metrics;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(metrics::bring))
}
