//! `GET /api/inventory`: servers and the distribution of instances, as a document to keep.

mod json;
mod markdown;

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, header},
};
use chrono::Utc;
use futures::stream;
use ocore_domain::{
    OrganizationId,
    access::{Permission, Resource},
};
use ocore_store::{
    inventory::{self, Entry},
    organizations,
};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, ToSchema};

use crate::{
    Api,
    access::{Allowed, Reader, Routes, Servers, View, guarded},
    body::Query,
    in_parts::{EndedEarly, unless_stopping},
    problem::{Answer, Failure},
};

/// Servers that are read at once.
const BATCH: i64 = 50;

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(write))
}

/// In which form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    /// For people.
    Markdown,
    /// For programs: one object.
    #[default]
    Json,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `json` or `markdown`; `json` when left out.
    #[param(inline)]
    #[serde(default)]
    format: Format,
}

/// Servers and what is on each, as a document
///
/// What a runbook needs when oCore itself is lost: which machines there are and which instances each bears. It holds no
/// secrets. Servers come by name.
#[utoipa::path(
    get, path = "/api/inventory", operation_id = "writeInventory", tag = "capacity", params(Wanted),
    responses((status = 200, content((json::Inventory = "application/json"), (String = "text/markdown"))))
)]
async fn write(
    allowed: Allowed<View<Servers>>,
    State(api): State<Api>,
    Query(wanted): Query<Wanted>,
) -> Answer<([(HeaderName, &'static str); 2], Body)> {
    // Who may see servers only is told of those.
    let with_instances = allowed
        .membership()?
        .permissions()
        .allow(Permission::view(Resource::Instances));
    let organization = allowed.organization()?;
    let name = organizations::get(&mut *allowed.read().await?, organization)
        .await?
        .ok_or_else(|| Failure::not_found("organization", &organization.to_string()))?
        .name;
    let document = Document {
        reader: allowed.reader()?,
        closing: api.closing,
        organization,
        name,
        format: wanted.format,
        with_instances,
        after: None,
        part: Part::Head,
    };
    let (kind, disposition) = match wanted.format {
        Format::Markdown => (
            "text/markdown; charset=utf-8",
            "attachment; filename=\"inventory.md\"",
        ),
        Format::Json => ("application/json", "attachment; filename=\"inventory.json\""),
    };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((
        headers,
        Body::from_stream(stream::try_unfold(document, Document::next)),
    ))
}

/// A document on its way. A part is read when the one before it was taken: who reads slowly holds no transaction.
struct Document {
    reader: Reader,
    closing: CancellationToken,
    organization: OrganizationId,
    name: String,
    format: Format,
    with_instances: bool,
    after: Option<String>,
    part: Part,
}

/// What comes next.
enum Part {
    Head,
    Servers { is_first: bool },
    End,
}

impl Document {
    /// The next part. An error ends the answer before its time, so that nobody takes it for whole.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, EndedEarly> {
        let is_markdown = self.format == Format::Markdown;
        let part = match self.part {
            Part::Head => {
                self.part = Part::Servers { is_first: true };
                let now = Utc::now();
                Ok(if is_markdown {
                    markdown::head(&self.name, now)
                } else {
                    json::head(&self.name, now)
                })
            }
            Part::Servers { is_first } => {
                let servers = self.read().await.map_err(EndedEarly::since("an inventory"))?;
                if let Some(last) = servers.last() {
                    self.after = Some(last.name.clone());
                    self.part = Part::Servers { is_first: false };
                    if is_markdown {
                        Ok(markdown::servers(&servers))
                    } else {
                        json::servers(&servers, is_first)
                    }
                } else {
                    self.part = Part::End;
                    Ok(if is_markdown {
                        markdown::end(is_first)
                    } else {
                        json::END.to_owned()
                    })
                }
            }
            Part::End => return Ok(None),
        };
        let part = part.map_err(|error| {
            tracing::error!(%error, "an inventory cannot be written");
            EndedEarly
        })?;
        Ok(Some((part.into(), self)))
    }

    async fn read(&self) -> Answer<Vec<Entry>> {
        unless_stopping(&self.closing)?;
        let mut tx = self.reader.read().await?;
        let mut servers = inventory::after(&mut tx, self.organization, self.after.as_deref(), BATCH).await?;
        if !self.with_instances {
            for server in &mut servers {
                server.instances = None;
            }
        }
        Ok(servers)
    }
}
