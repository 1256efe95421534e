//! `POST /api/servers`: adds a server and begins to validate it.

use axum::extract::State;
use ocore_domain::{Code, OrganizationId, Problem, server::AuthMethod};
use ocore_operations::server_validate;
use ocore_store::servers::{self as rows, Credentials, NewServer};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Accepted, ServerAccepted, accepted, check_credentials, check_fingerprint};
use crate::{
    Api,
    access::{Act, Allowed, Manage, Servers},
    body::Json,
    checks::Checks,
    operations,
    problem::{Answer, Failure},
    secrets,
};

/// A server to be added.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct AddServer {
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    #[schema(max_length = 2000)]
    description: Option<String>,
    /// Its name or address. Not given for `local`.
    #[schema(max_length = 255)]
    host: Option<String>,
    /// Of its SSH server; 22 if not given.
    #[schema(minimum = 1)]
    port: Option<u16>,
    /// `root` if not given.
    ssh_user: Option<String>,
    auth_method: AuthMethod,
    /// For `key`.
    #[schema(value_type = Option<String>, write_only)]
    ssh_private_key: Option<SecretString>,
    /// For an encrypted key.
    #[schema(value_type = Option<String>, write_only)]
    ssh_key_passphrase: Option<SecretString>,
    /// For `password`. Not for production.
    #[schema(value_type = Option<String>, write_only)]
    ssh_password: Option<SecretString>,
    /// Of the host key the server must show; without it, the one it shows first is pinned.
    host_key_fingerprint: Option<String>,
    /// Whether Docker is to be installed where it is missing.
    #[serde(default)]
    install_docker: bool,
    /// SSH sessions at once, 1 to 64; 8 if not given.
    #[schema(minimum = 1, maximum = 64)]
    max_ssh_sessions: Option<i32>,
}

/// Add a server
///
/// It is validated by an operation: the host key is pinned, the machine and its Docker are looked at, and the server's
/// own PostgreSQL is started.
#[utoipa::path(
    post, path = "/api/servers", operation_id = "addServer", tag = "servers", request_body = AddServer,
    responses((status = 202, body = ServerAccepted))
)]
pub(super) async fn add(
    allowed: Allowed<Manage<Servers>>,
    State(api): State<Api>,
    Json(body): Json<AddServer>,
) -> Answer<Accepted> {
    let (new, params) = body.checked(allowed.organization()?)?;
    let mut change = allowed.change().await?;
    let id = rows::insert(&mut change, api.store.sealer(), &new)
        .await
        .map_err(|error| taken(error, &new.name))?;
    let server = rows::get(&mut change, id)
        .await?
        .ok_or_else(|| Problem::internal("the new server is gone"))?;
    let requested = server_validate::request(&mut change, &server, &params).await;
    let operation = operations::requested(&allowed, id.uuid(), requested).await?;
    let answer = accepted(&mut change, id, operation).await?;
    let act = Act::new("server.created").on("server", id, &server.name);
    operations::begin(&api, change, act.after(&answer.1.server)).await?;
    Ok(answer)
}

pub(super) fn taken(error: ocore_store::Error, name: &str) -> Failure {
    if error.constraint() != Some("servers_name") {
        return error.into();
    }
    Problem::new(
        Code::NameTaken,
        format!("There is a server named `{name}` already"),
        "Choose another name, or validate that server again if it is the same machine.",
    )
    .into()
}

impl AddServer {
    fn checked(self, organization_id: OrganizationId) -> Answer<(NewServer, server_validate::Params)> {
        let mut checks = Checks::default();
        checks.name(&self.name);
        let description = self.description.unwrap_or_default();
        checks.that(
            description.chars().count() <= 2000,
            "description",
            "must have at most 2000 characters",
        );
        let host = check_host(&mut checks, self.auth_method, self.host);
        let port = self.port.unwrap_or(22);
        checks.that(port > 0, "port", "must be from 1 to 65535");
        let ssh_user = self.ssh_user.unwrap_or_else(|| "root".to_owned());
        checks.that(
            is_user(&ssh_user),
            "sshUser",
            "must be the name of a Linux user, such as `root`",
        );
        let credentials = Credentials {
            private_key: self.ssh_private_key,
            passphrase: self.ssh_key_passphrase,
            password: self.ssh_password,
        };
        check_credentials(&mut checks, self.auth_method, &credentials);
        check_fingerprint(&mut checks, self.host_key_fingerprint.as_deref());
        let max_ssh_sessions = self.max_ssh_sessions.unwrap_or(8);
        checks.that(
            (1..=64).contains(&max_ssh_sessions),
            "maxSshSessions",
            "must be from 1 to 64",
        );
        checks.done()?;
        let new = NewServer {
            organization_id,
            name: self.name,
            description,
            host,
            port,
            ssh_user,
            auth_method: self.auth_method,
            credentials,
            max_ssh_sessions,
            postgres_password: secrets::key(),
        };
        let params = server_validate::Params {
            accept_fingerprint: self.host_key_fingerprint,
            install_docker: self.install_docker,
        };
        Ok((new, params))
    }
}

fn check_host(checks: &mut Checks, method: AuthMethod, host: Option<String>) -> String {
    if method == AuthMethod::Local {
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        checks.that(host == "localhost", "host", "does not go with authMethod `local`");
        return host;
    }
    let host = host.unwrap_or_default();
    let fits = (1..=255).contains(&host.len())
        && !host.starts_with('-')
        && !host.chars().any(|c| c.is_whitespace() || c.is_control());
    checks.that(
        fits,
        "host",
        "must be a host name or an address, of at most 255 bytes and without spaces",
    );
    host
}

fn is_user(name: &str) -> bool {
    let body = name.strip_suffix('$').unwrap_or(name);
    name.len() <= 64
        && body.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && body
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_.-".contains(&b))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn faults(change: &Value) -> String {
        let mut body =
            json!({"name": "one", "host": "10.0.0.1", "authMethod": "key", "sshPrivateKey": "canary"});
        for (field, value) in change.as_object().unwrap() {
            body[field] = value.clone();
        }
        let body: AddServer = serde_json::from_value(body).unwrap();
        body.checked(OrganizationId::DEFAULT)
            .err()
            .map(|failure| format!("{failure:?}"))
            .unwrap_or_default()
    }

    #[test]
    fn good_ones_pass() {
        for good in [
            json!({}),
            json!({"host": "fe80::1%eth0", "port": 2222, "sshUser": "deploy-1", "sshKeyPassphrase": "p"}),
            json!({"authMethod": "password", "sshPrivateKey": null, "sshPassword": "p", "sshUser": "machine$"}),
            json!({"authMethod": "local", "sshPrivateKey": null, "host": null}),
            json!({"hostKeyFingerprint": "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"}),
        ] {
            assert_eq!(faults(&good), "", "{good}");
        }
    }

    #[test]
    fn bad_ones_are_named() {
        for (bad, field) in [
            (json!({"name": ""}), "name"),
            (json!({"name": " a"}), "name"),
            (json!({"name": "a\nb"}), "name"),
            (json!({"name": "x".repeat(101)}), "name"),
            (json!({"host": null}), "host"),
            (json!({"host": "a b"}), "host"),
            (json!({"host": "-oProxyCommand=x"}), "host"),
            (json!({"host": "x".repeat(256)}), "host"),
            (json!({"port": 0}), "port"),
            (json!({"sshUser": "Root"}), "sshUser"),
            (json!({"sshUser": "a;b"}), "sshUser"),
            (json!({"sshUser": ""}), "sshUser"),
            (json!({"sshPrivateKey": null}), "sshPrivateKey"),
            (json!({"sshPrivateKey": ""}), "sshPrivateKey"),
            (json!({"sshPassword": "canary"}), "sshPassword"),
            (json!({"authMethod": "password"}), "sshPrivateKey"),
            (
                json!({"authMethod": "password", "sshPrivateKey": null}),
                "sshPassword",
            ),
            (json!({"authMethod": "local", "host": null}), "sshPrivateKey"),
            (json!({"authMethod": "local", "sshPrivateKey": null}), "host"),
            (json!({"hostKeyFingerprint": "MD5:00:11"}), "hostKeyFingerprint"),
            (json!({"hostKeyFingerprint": "SHA256:abc"}), "hostKeyFingerprint"),
            (json!({"maxSshSessions": 65}), "maxSshSessions"),
            (json!({"description": "x".repeat(2001)}), "description"),
        ] {
            let told = faults(&bad);
            assert!(told.contains(&format!("field: \"{field}\"")), "{bad}: {told}");
            assert!(!told.contains("canary"), "{told}");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let told = faults(&json!({"name": "", "port": 0, "sshUser": "?"}));
        for field in ["name", "port", "sshUser"] {
            assert!(told.contains(&format!("field: \"{field}\"")), "{told}");
        }
    }
}
