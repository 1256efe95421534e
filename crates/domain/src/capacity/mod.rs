//! How large a machine must be for what it bears, and when it will be too small.

mod assess;
mod guide;
mod trend;

pub use assess::{Assessment, Machine, Need, Shortage, assess};
pub use guide::{GUIDE, StorageKind, Tier, tier_for};
pub use trend::{Point, Trend, trend};
