//! `POST /api/instances`: adds an instance and begins to make it.

use std::collections::BTreeMap;

use axum::{extract::State, http::StatusCode};
use ocore_domain::{
    OrganizationId, Problem, Slug,
    instance::{Edition, EnvironmentType, Settings, memory_limit_bytes},
    placement::{DISK, Need, Wish},
};
use ocore_operations::{Version, capacity, instance_create};
use ocore_store::{
    PgConnection,
    instances::{self as rows, NewInstance, Secrets},
    servers::{self, Server},
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Instance, environment,
    settings::{Changes, changes},
    taken,
};
use crate::{
    Api,
    access::{Act, Allowed, Instances, Manage},
    body::Json,
    checks::Checks,
    objects::object,
    operations::{self, Operation},
    placement::{self, Candidate, Preferences, check_group},
    problem::Answer,
    secrets,
    servers::find as find_server,
};

/// An instance to be made.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CreateInstance {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// Names its container and database; made from the name if not given.
    slug: Option<String>,
    /// The id or name of its server; the best one if not given. Who names it sets aside its taints, labels and how often
    /// its cores are promised; nothing else.
    server_id: Option<String>,
    /// What the server that is picked should be like.
    #[serde(default, deserialize_with = "object")]
    placement: Preferences,
    /// Whose it is: a word that servers may be dedicated to, and within which instances may be kept apart.
    placement_group: Option<String>,
    /// Whether it is to stand on no server with another of its group.
    #[serde(default)]
    anti_affinity: bool,
    /// What it is expected to need on disk; 2 GiB if not given.
    #[schema(minimum = 1)]
    disk_bytes: Option<u64>,
    /// 19.0 if not given.
    odoo_version: Option<Version>,
    /// `community` if not given.
    odoo_edition: Option<Edition>,
    /// `development` if not given.
    environment_type: Option<EnvironmentType>,
    /// The version's official image if not given.
    image: Option<String>,
    /// By Odoo's rule, as the server's cores and memory allow, if not given.
    workers: Option<u32>,
    max_cron_threads: Option<u32>,
    /// What the workers need if not given.
    memory_limit_bytes: Option<u64>,
    /// In thousandths of a core; what the workers need if not given.
    cpu_limit_millis: Option<u32>,
    limit_memory_soft: Option<u64>,
    limit_memory_hard: Option<u64>,
    limit_time_cpu: Option<u32>,
    limit_time_real: Option<u32>,
    log_level: Option<String>,
    /// Environment variables. Their values are kept sealed and never answered.
    #[serde(default)]
    #[schema(value_type = std::collections::HashMap<String, String>, write_only)]
    env_vars: BTreeMap<String, SecretString>,
    /// The HTTP port on the server's loopback; the lowest free one if not given.
    http_port_host: Option<u16>,
    /// The websocket port there.
    longpolling_port_host: Option<u16>,
    /// Made up and answered once if not given.
    #[schema(value_type = Option<String>, write_only)]
    admin_password: Option<SecretString>,
}

/// A new instance, and the operation that makes it.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceCreated {
    instance: Instance,
    operation: Operation,
    admin_login: &'static str,
    /// Only when it was made up, and only this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_password: Option<String>,
    /// Why this server, when it was picked.
    placement: Option<Candidate>,
}

/// Create an instance
#[utoipa::path(
    post, path = "/api/instances", operation_id = "createInstance", tag = "instances", request_body = CreateInstance,
    responses((status = 202, body = InstanceCreated), (status = 404, description = "There is no such server"))
)]
pub(super) async fn create(
    allowed: Allowed<Manage<Instances>>,
    State(api): State<Api>,
    Json(body): Json<CreateInstance>,
) -> Answer<(StatusCode, axum::Json<InstanceCreated>)> {
    let draft = body.checked()?;
    let made_up = draft.admin_password.is_none().then(secrets::password);
    let mut change = allowed.change().await?;
    // Memory and ports are given out one at a time: the server's row is locked.
    let (server, picked) = draft.server(&mut change, allowed.organization()?).await?;
    let ports = draft.ports;
    let new = draft
        .on(&mut change, allowed.organization()?, &server, made_up.as_ref())
        .await?;
    let id = rows::insert(&mut change, api.store.sealer(), &new)
        .await
        .map_err(|error| taken(error, &new.name, &new.slug))?;
    let instance = rows::get(&mut change, id)
        .await?
        .ok_or_else(|| Problem::internal("the new instance is gone"))?;
    let params = instance_create::Params {
        http_port: ports.0,
        longpolling_port: ports.1,
    };
    let requested = instance_create::request(&mut change, &instance, &params).await;
    let operation = operations::requested(&allowed, id.uuid(), requested).await?;
    let created = InstanceCreated {
        instance: super::view_of(&mut change, id).await?,
        operation: operations::view_of(&mut change, operation).await?,
        admin_login: super::ADMIN,
        admin_password: made_up.map(|password| password.expose_secret().to_owned()),
        placement: picked,
    };
    let act = Act::new("instance.created").on("instance", id, &instance.name);
    operations::begin(&api, change, act.after(&created.instance)).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(created)))
}

/// What a request asks for, checked as far as can be without its server.
struct Draft {
    name: String,
    slug: Slug,
    server: Option<String>,
    wish: Wish,
    version: Version,
    edition: Edition,
    environment: EnvironmentType,
    changes: Changes,
    variables: BTreeMap<String, SecretString>,
    ports: (Option<u16>, Option<u16>),
    admin_password: Option<SecretString>,
}

impl CreateInstance {
    fn checked(mut self) -> Answer<Draft> {
        let mut checks = Checks::default();
        checks.name(&self.name);
        let slug = match &self.slug {
            Some(slug) => slug.parse(),
            None => Slug::from_name(&self.name),
        };
        let slug = checks.value(
            "slug",
            slug.map_err(|_: Problem| {
                "must be given as 2 to 40 lower-case letters, digits and hyphens, beginning with a letter"
                    .to_owned()
            }),
        );
        environment::check(
            &mut checks,
            self.env_vars.iter().map(|(name, value)| (name, Some(value))),
        );
        let ports = (self.http_port_host, self.longpolling_port_host);
        checks.that(ports.0 != Some(0), "httpPortHost", "must be from 1 to 65535");
        checks.that(
            ports.1 != Some(0),
            "longpollingPortHost",
            "must be from 1 to 65535",
        );
        checks.that(
            ports.0.is_none() || ports.0 != ports.1,
            "longpollingPortHost",
            "must be another than httpPortHost",
        );
        let fits = |password: &SecretString| (1..=256).contains(&password.expose_secret().len());
        checks.that(
            self.admin_password.as_ref().is_none_or(fits),
            "adminPassword",
            "must have 1 to 256 bytes",
        );
        self.placement.check(&mut checks, "placement.");
        check_group(&mut checks, "placementGroup", self.placement_group.as_deref());
        let disk = self.disk_bytes.unwrap_or(DISK);
        checks.that(
            (1..1 << 50).contains(&disk),
            "diskBytes",
            "must be at least 1 and below 1 PiB",
        );
        checks.done()?;
        let need = Need {
            environment: self.environment_type.unwrap_or_default(),
            workers: self.workers,
            memory_bytes: self.memory_limit_bytes,
            cpu_limit_millis: self.cpu_limit_millis,
            disk_bytes: disk,
        };
        let slug = slug.ok_or_else(|| Problem::internal("a slug was neither good nor bad"))?;
        Ok(Draft {
            changes: changes!(self),
            name: self.name,
            slug,
            server: self.server_id,
            wish: self
                .placement
                .wish(need, self.placement_group, self.anti_affinity),
            version: self.odoo_version.unwrap_or_default(),
            edition: self.odoo_edition.unwrap_or_default(),
            environment: self.environment_type.unwrap_or_default(),
            variables: self.env_vars,
            ports,
            admin_password: self.admin_password,
        })
    }
}

impl Draft {
    /// The server that is named, or the best one, with its row locked.
    async fn server(
        &self,
        conn: &mut PgConnection,
        organization: OrganizationId,
    ) -> Answer<(Server, Option<Candidate>)> {
        let Some(named) = &self.server else {
            let (server, why) = placement::pick(conn, organization, &self.wish, &self.name).await?;
            return Ok((server, Some(why)));
        };
        let server = find_server(conn, organization, named).await?;
        servers::lock(conn, server.id).await?;
        Ok((server, None))
    }

    /// The row to be added, with the sizes that suit its server.
    async fn on(
        self,
        conn: &mut PgConnection,
        organization_id: OrganizationId,
        server: &Server,
        made_up: Option<&SecretString>,
    ) -> Answer<NewInstance> {
        let room = capacity::room(conn, server).await?;
        let workers = self.wish.need.workers(room.cores, room.free().memory_bytes);
        let defaults = Settings::new(self.version.default_image(), workers, memory_limit_bytes(workers));
        Ok(NewInstance {
            organization_id,
            server_id: server.id,
            name: self.name,
            slug: self.slug,
            odoo_version: self.version.to_string(),
            odoo_edition: self.edition,
            environment_type: self.environment,
            settings: self.changes.over(&defaults)?,
            secrets: Secrets {
                environment: self.variables,
                database_password: secrets::key(),
                master_password: secrets::key(),
                admin_password: self.admin_password.or_else(|| made_up.cloned()),
            },
            placement_group: self.wish.group,
            anti_affinity: self.wish.anti_affinity,
            disk_bytes: self.wish.need.disk_bytes,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn checked(change: &Value) -> Answer<Draft> {
        let mut body = json!({"name": "Acme Prod", "serverId": "one"});
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        serde_json::from_value::<CreateInstance>(body).unwrap().checked()
    }

    #[test]
    fn little_needs_to_be_said() {
        let draft = checked(&json!({})).ok().unwrap();
        assert_eq!(draft.slug.as_str(), "acme-prod");
        assert_eq!((draft.version, draft.edition), (Version::V19, Edition::Community));
        assert_eq!(draft.environment, EnvironmentType::Development);
        let draft = checked(&json!({"slug": "other", "odooVersion": "18", "adminPassword": "x"}))
            .ok()
            .unwrap();
        assert_eq!((draft.slug.as_str(), draft.version), ("other", Version::V18));
    }

    #[test]
    fn bad_fields_are_named() {
        for (bad, field) in [
            (json!({"name": ""}), "name"),
            (json!({"name": "日本"}), "slug"),
            (json!({"slug": "A_b"}), "slug"),
            (json!({"envVars": {"PGHOST": "canary"}}), "envVars.PGHOST"),
            (json!({"envVars": {"A-B": "canary"}}), "envVars"),
            (json!({"httpPortHost": 0}), "httpPortHost"),
            (
                json!({"httpPortHost": 80, "longpollingPortHost": 80}),
                "longpollingPortHost",
            ),
            (json!({"adminPassword": ""}), "adminPassword"),
        ] {
            let told = format!("{:?}", checked(&bad).err());
            assert!(told.contains(&format!("field: \"{field}\"")), "{bad}: {told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }
}
