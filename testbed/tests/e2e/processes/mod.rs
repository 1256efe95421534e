//! Several processes of oCore on one PostgreSQL: who leads, who does what, one after another restarted, and killed.

mod http;
mod leader;
mod ledger;
mod proxy;
mod roles;
mod rolling;
mod storm;

use crate::plane::Plane;

/// A figure among those that a process tells, by how its line begins.
fn figure(plane: &Plane, name: &str) -> Option<f64> {
    let (status, text) = http::Request::get("/metrics")
        .of(plane.token())
        .send(plane.port())
        .ok()?;
    (status == 200).then_some(())?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    line.trim().parse().ok()
}

/// Whether a process says that it leads.
fn leads(plane: &Plane) -> bool {
    figure(plane, "ocore_leader") == Some(1.0)
}
