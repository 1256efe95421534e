//! `GET /api/advice`: the bottlenecks of the organization's servers and instances.

use axum::Json;
use chrono::TimeDelta;
use ocore_domain::{
    OrganizationId,
    advice::{Finding, Server, of_instance, of_server, sorted},
};
use ocore_store::{PgConnection, advice};

use super::{Advice, MOST, Wanted};
use crate::{
    access::{Allowed, Monitoring, View},
    body::Query,
    problem::Answer,
};

/// What the bottleneck is, and what to do
///
/// Drawn from what was measured within the last minutes: processors, memory, disks, network and PostgreSQL of servers, and
/// the limits of instances. Each finding has the figures that it was drawn from.
#[utoipa::path(
    get, path = "/api/advice", operation_id = "advise", tag = "capacity", params(Wanted),
    responses((status = 200, body = Advice))
)]
pub(super) async fn advise(
    allowed: Allowed<View<Monitoring>>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<Advice>> {
    let over = wanted.minutes()?;
    let mut conn = allowed.read().await?;
    let found = found(&mut conn, allowed.organization()?, over).await?;
    Ok(Json(Advice::new(over, found.findings, found.unmeasured)))
}

/// What was found of an organization.
pub(crate) struct Found {
    /// The bottlenecks, the gravest first.
    pub(crate) findings: Vec<Finding>,
    /// The servers as they were measured.
    pub(crate) servers: Vec<Server>,
    /// How many of them were.
    pub(crate) measured: usize,
    /// The names of those that nothing is known of.
    pub(crate) unmeasured: Vec<String>,
}

/// The bottlenecks of an organization.
pub(crate) async fn found(
    conn: &mut PgConnection,
    organization: OrganizationId,
    over: TimeDelta,
) -> Answer<Found> {
    let seen = advice::servers(conn, Some(organization), over).await?;
    let instances = advice::instances(conn, Some(organization), over).await?;
    let unmeasured = seen.iter().filter(|server| server.at.is_none());
    let unmeasured = unmeasured.map(|server| server.evidence.name.clone()).take(MOST);
    let of_servers = seen.iter().flat_map(|server| of_server(&server.evidence));
    Ok(Found {
        findings: sorted(of_servers.chain(instances.iter().flat_map(of_instance)).collect()),
        unmeasured: unmeasured.collect(),
        measured: seen.iter().filter(|server| server.at.is_some()).count(),
        servers: seen.into_iter().map(|server| server.evidence).collect(),
    })
}
