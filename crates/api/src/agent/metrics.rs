//! `POST /api/agent/metrics`: a batch of samples.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
};
use chrono::{DateTime, Utc};
use ocore_domain::{Code, Problem};
use ocore_store::{
    agents::{self, Told},
    metrics::{self, Source},
};
use ocore_telemetry::{Batch, CONTENT_TYPE};

use crate::{
    Api,
    access::{Agent, Allowed, unauthenticated},
    body::unreadable,
    problem::{Answer, Failure},
};

/// The body: `MessagePack` as `crates/telemetry` writes it.
pub(super) struct Samples(Batch);

impl<S: Send + Sync> FromRequest<S> for Samples {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let declared = request.headers().get(header::CONTENT_TYPE);
        if declared.is_none_or(|declared| declared != CONTENT_TYPE) {
            let problem = Problem::new(
                Code::InvalidRequest,
                "The body is not declared as a batch of samples",
                format!("Send the header `Content-Type: {CONTENT_TYPE}`."),
            );
            return Err(Failure::from(problem).with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        // Bounded like every other body, by which a batch is bounded too.
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| unreadable(rejection.status()))?;
        Batch::decode(&body)
            .map(Self)
            .map_err(|malformed| Failure::field("body", &malformed.to_string()))
    }
}

/// Bring what an agent measured
///
/// For agents only, by their token. A batch that arrives twice changes nothing; an empty one shows only that oCore is
/// reached and takes the token.
#[utoipa::path(
    post, path = "/api/agent/metrics", operation_id = "bringMetrics", tag = "servers",
    request_body(content = String, content_type = "application/vnd.ocore.telemetry+msgpack"),
    responses((status = 204, description = "Taken"))
)]
pub(super) async fn bring(
    allowed: Allowed<Agent>,
    State(api): State<Api>,
    Samples(batch): Samples,
) -> Answer<StatusCode> {
    let agent = allowed.agent()?;
    let Some(last) = batch.samples.last() else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let told = Told {
        version: &batch.version,
        boot_id: &batch.boot_id,
        last_sample_at: DateTime::<Utc>::from_timestamp_millis(last.at),
        lost: i64::try_from(batch.lost).unwrap_or(i64::MAX),
    };
    let mut tx = allowed.bring().await?;
    if !agents::heard(&mut tx, agent.server, &agent.token, &told).await? {
        api.agents.forget(&agent.token);
        return Err(unauthenticated("The agent's token is not valid any more"));
    }
    metrics::ingest(&mut tx, agent.organization, agent.server, Source::Agent, &batch).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(StatusCode::NO_CONTENT)
}
