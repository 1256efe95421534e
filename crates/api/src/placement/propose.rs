//! `POST /api/placement`: which servers can take an instance, best first, with reasons. Nothing is reserved.

use axum::Json as Answered;
use ocore_domain::{
    instance::EnvironmentType,
    placement::{DISK, Need, Policy},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Candidate, Preferences, check_group, ranked};
use crate::{
    access::{Allowed, Servers, View},
    body::Json,
    checks::Checks,
    objects::object,
    problem::Answer,
};

/// So many servers are told at most; the best ones.
const TOLD: usize = 200;

/// An instance to be placed; what is not given is as in its creation.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PlaceInstance {
    /// `development` if not given.
    environment_type: Option<EnvironmentType>,
    workers: Option<u32>,
    memory_limit_bytes: Option<u64>,
    /// In thousandths of a core.
    cpu_limit_millis: Option<u32>,
    /// What it is expected to need on disk; 2 GiB if not given.
    disk_bytes: Option<u64>,
    placement_group: Option<String>,
    #[serde(default)]
    anti_affinity: bool,
    #[serde(default, deserialize_with = "object")]
    placement: Preferences,
    /// The organization's if not given.
    policy: Option<Policy>,
}

/// More bytes than any machine has.
const MOST: u64 = 1 << 50;

/// Servers for an instance, best first.
#[derive(Serialize, ToSchema)]
pub(super) struct Proposal {
    /// By which those that can take it were ordered.
    policy: Policy,
    /// Those that can take it, then those that cannot.
    servers: Vec<Candidate>,
    /// More than are told here.
    truncated: bool,
}

/// Propose servers for an instance
#[utoipa::path(
    post, path = "/api/placement", operation_id = "proposePlacement", tag = "servers", request_body = PlaceInstance,
    responses((status = 200, body = Proposal))
)]
pub(super) async fn propose(
    allowed: Allowed<View<Servers>>,
    Json(body): Json<PlaceInstance>,
) -> Answer<Answered<Proposal>> {
    let mut checks = Checks::default();
    body.placement.check(&mut checks, "placement.");
    check_group(&mut checks, "placementGroup", body.placement_group.as_deref());
    checks.that(
        body.workers.is_none_or(|workers| workers <= 256),
        "workers",
        "must be at most 256",
    );
    // As an instance of this wish would be checked when it is made.
    checks.that(
        body.memory_limit_bytes
            .is_none_or(|bytes| (512 << 20..=MOST).contains(&bytes)),
        "memoryLimitBytes",
        "must be at least 536870912, and no more than a machine can have",
    );
    checks.that(
        body.cpu_limit_millis
            .is_none_or(|millis| (100..=10_000_000).contains(&millis)),
        "cpuLimitMillis",
        "must be from 100 to 10000000",
    );
    checks.that(
        body.disk_bytes.is_none_or(|bytes| (1..=MOST).contains(&bytes)),
        "diskBytes",
        "must be at least 1, and no more than a machine can have",
    );
    checks.done()?;
    let need = Need {
        environment: body.environment_type.unwrap_or_default(),
        workers: body.workers,
        memory_bytes: body.memory_limit_bytes,
        cpu_limit_millis: body.cpu_limit_millis,
        disk_bytes: body.disk_bytes.unwrap_or(DISK),
    };
    let wish = body
        .placement
        .wish(need, body.placement_group, body.anti_affinity);
    let mut conn = allowed.read().await?;
    let (policy, mut placed) = ranked(&mut conn, allowed.organization()?, &wish, body.policy).await?;
    let truncated = placed.len() > TOLD;
    placed.truncate(TOLD);
    Ok(Answered(Proposal {
        policy,
        servers: placed.into_iter().map(Candidate::from).collect(),
        truncated,
    }))
}
