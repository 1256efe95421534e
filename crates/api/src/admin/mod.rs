//! What only who administers the installation may see and do.

mod audit_logs;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(audit_logs::list))
        .with(guarded!(audit_logs::verify))
}
