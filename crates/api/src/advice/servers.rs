//! `GET /api/advice`: the bottlenecks of the organization's servers and instances.

use axum::Json;
use chrono::TimeDelta;
use ocore_domain::{
    OrganizationId,
    advice::{Finding, of_instance, of_server},
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
    let (findings, unmeasured) = found(&mut conn, allowed.organization()?, over).await?;
    Ok(Json(Advice::new(over, findings, unmeasured)))
}

/// The bottlenecks of an organization, and the names of servers that nothing is known of.
pub(crate) async fn found(
    conn: &mut PgConnection,
    organization: OrganizationId,
    over: TimeDelta,
) -> Answer<(Vec<Finding>, Vec<String>)> {
    let servers = advice::servers(conn, Some(organization), over).await?;
    let instances = advice::instances(conn, Some(organization), over).await?;
    let unmeasured = servers.iter().filter(|server| server.at.is_none());
    let unmeasured = unmeasured.map(|server| server.evidence.name.clone()).take(MOST);
    let of_servers = servers.iter().flat_map(|server| of_server(&server.evidence));
    let findings = of_servers.chain(instances.iter().flat_map(of_instance)).collect();
    Ok((findings, unmeasured.collect()))
}
