//! `POST /api/servers/{id}/validate`: looks at a server again, with other credentials if given.

use axum::extract::{Path, State};
use ocore_domain::server::AuthMethod;
use ocore_operations::server_validate;
use ocore_store::{
    Sealer,
    servers::{self as rows, Credentials},
};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Accepted, ServerAccepted, accepted, check_credentials, check_fingerprint, find, view_of};
use crate::{
    Api,
    access::{Act, Allowed, Change, Manage, Servers},
    body::Json,
    checks::Checks,
    operations,
    problem::Answer,
};

/// What changed since.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ValidateServer {
    /// Of the host key the server must show from now on. Without it, the pinned one is demanded.
    host_key_fingerprint: Option<String>,
    /// Whether Docker is to be installed where it is missing.
    #[serde(default)]
    install_docker: bool,
    /// Another key; `authMethod` becomes `key`.
    #[schema(value_type = Option<String>, write_only)]
    ssh_private_key: Option<SecretString>,
    /// The passphrase of the key given, or of the one that is kept.
    #[schema(value_type = Option<String>, write_only)]
    ssh_key_passphrase: Option<SecretString>,
    /// Another password; `authMethod` becomes `password`.
    #[schema(value_type = Option<String>, write_only)]
    ssh_password: Option<SecretString>,
}

/// Validate a server again
///
/// A changed host key is accepted only when its fingerprint is given.
#[utoipa::path(
    post, path = "/api/servers/{id}/validate", operation_id = "validateServer", tag = "servers", request_body = ValidateServer,
    params(("id" = String, Path, description = "Id or name")),
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn validate(
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Path(id): Path<String>,
    Json(body): Json<ValidateServer>,
) -> Answer<Accepted> {
    let mut change = allowed.change().await?;
    let server = find(&mut change, allowed.organization()?, &id).await?;
    let before = view_of(&mut change, server.id).await?;
    let params = body.apply(&mut change, api.store.sealer(), &server).await?;
    let requested = server_validate::request(&mut change, &server, &params).await;
    let operation = operations::requested(&allowed, server.id.uuid(), requested).await?;
    let answer = accepted(&mut change, server.id, operation).await?;
    let act = Act::new("server.updated").on("server", server.id, &server.name);
    operations::begin(&api, change, act.before(&before).after(&answer.1.server)).await?;
    Ok(answer)
}

impl ValidateServer {
    async fn apply(
        self,
        change: &mut Change,
        sealer: &Sealer,
        server: &rows::Server,
    ) -> Answer<server_validate::Params> {
        let mut given = Credentials {
            private_key: self.ssh_private_key,
            passphrase: self.ssh_key_passphrase,
            password: self.ssh_password,
        };
        let any = given.private_key.is_some() || given.passphrase.is_some() || given.password.is_some();
        let mut checks = Checks::default();
        check_fingerprint(&mut checks, self.host_key_fingerprint.as_deref());
        if any {
            let method = match server.auth_method {
                AuthMethod::Local => AuthMethod::Local,
                _ if given.password.is_some() => AuthMethod::Password,
                _ => AuthMethod::Key,
            };
            if given.private_key.is_none() && given.passphrase.is_some() && method == AuthMethod::Key {
                // What opens a server cannot be read within the walls.
                change.leave_tenancy().await?;
                given.private_key = rows::secrets(change, sealer, server).await?.0.private_key;
            }
            check_credentials(&mut checks, method, &given);
            checks.done()?;
            rows::set_credentials(change, sealer, server, method, &given).await?;
        } else {
            checks.done()?;
        }
        Ok(server_validate::Params {
            accept_fingerprint: self.host_key_fingerprint,
            install_docker: self.install_docker,
        })
    }
}
