//! Alerts: what rules are about ([`Metric`]), when one fires and clears ([`judge()`]), when a server counts as unreachable
//! ([`reach()`]), and the hours in which somebody does not want to be told ([`QuietHours`]).

mod judge;
mod metric;
mod notice;
mod presets;
mod quiet;
mod reach;
mod rule;

pub use judge::{Ending, Phase, Reading, Standing, Step, judge};
pub use metric::{Aggregate, Metric, SubjectKind};
pub use notice::{ChannelKind, Culprit, Notice, NoticeKind};
pub use presets::{PRESETS, Preset};
pub use quiet::QuietHours;
pub use reach::{AGENT_SILENCE, Agent, Reach, Ssh, reach};
pub use rule::{Operator, Severity, Terms, Window};
