//! Connections to PostgreSQL: whose address it is, how it is secured, whether a pooler stands in between, and what becomes
//! of them when the server goes away.

mod address;
mod failure;
mod lifeline;
mod pool;
mod way;

pub use address::{Address, NotAnAddress, Security};
pub(crate) use failure::is_of_tls;
pub use failure::{Failure, failure};
pub(crate) use pool::{doubt, open};
pub use way::Way;
