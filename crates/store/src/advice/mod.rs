//! What advice and capacity are drawn from: averages of what was measured, and how it has grown.

mod alerting;
mod drills;
mod growth;
mod instances;
mod process;
mod servers;
mod settings;

pub use alerting::{Alerting, alerting};
pub use drills::{Drill, NewDrill, drills, latest_drill, record_drill};
pub use growth::{ServerGrowth, database_growth, server_growth};
pub use instances::instances;
pub use process::{Managed, Process, Sample, control_plane, keep, managed, ping, processes, prune};
pub use servers::{Bearing, Seen, bearing, servers};
pub use settings::{Settings, settings};
