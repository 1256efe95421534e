//! What the bottleneck is, from evidence, and what to do about it.

mod control_plane;
mod database;
mod evidence;
mod finding;
mod instance;
mod server;
mod thresholds;
mod upkeep;

pub use control_plane::of_control_plane;
pub use database::{Database, Setting, Verdict, review};
pub use evidence::{ControlPlane, Culprit, Instance, Pressures, Server};
pub use finding::{Bottleneck, Figure, Finding, Severity, Subject, Symptom, Unit};
pub use instance::of_instance;
pub use server::of_server;
pub use upkeep::{Upkeep, upkeep};

/// Findings in the order in which they are to be read: the gravest first.
pub fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.sort_by(|a, b| {
        (b.severity, a.symptom as u8, &a.subject).cmp(&(a.severity, b.symptom as u8, &b.subject))
    });
    findings
}
