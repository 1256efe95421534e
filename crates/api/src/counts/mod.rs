//! How many there are: for who looks at the whole, and would go through long lists to count.

mod instances;
mod servers;

use crate::access::{Routes, guarded};

pub(crate) fn routes() -> Routes {
    Routes::default()
        .with(guarded!(servers::show))
        .with(guarded!(instances::show))
}
