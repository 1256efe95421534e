//! `GET /api/admin/audit-logs` and `…/verify`: the record of what belongs to no organization.

use axum::Json;

use crate::{
    access::{Allowed, ServerAdmin},
    audit_logs::{self, AuditLog, Start, Verification, Wanted},
    body::Query,
    page::List,
    problem::Answer,
};

/// What was done to the installation itself, newest first unless told otherwise
#[utoipa::path(
    get, path = "/api/admin/audit-logs", operation_id = "listInstallationAuditLogs", tag = "administration", params(Wanted),
    responses((status = 200, body = List<AuditLog>))
)]
pub(super) async fn list(
    allowed: Allowed<ServerAdmin>,
    Query(wanted): Query<Wanted>,
) -> Answer<Json<List<AuditLog>>> {
    audit_logs::page(&mut *allowed.read_outside().await?, None, wanted).await
}

/// Whether the installation's own record is as it was written
///
/// One request checks at most 100000 entries and takes at most some ten seconds; `next` tells how to go on.
#[utoipa::path(
    get, path = "/api/admin/audit-logs/verify", operation_id = "verifyInstallationAuditLogs", tag = "administration", params(Start),
    responses((status = 200, body = Verification))
)]
pub(super) async fn verify(
    allowed: Allowed<ServerAdmin>,
    Query(start): Query<Start>,
) -> Answer<Json<Verification>> {
    start.verify(&mut *allowed.read_outside().await?, None).await
}
