//! Secrets go in and never come out: not in answers, not in errors, not in the log.

use std::{
    cell::RefCell,
    io::{self, Write},
};

use serde_json::{Value, json};
use sqlx::PgPool;

use crate::support::Client;

const CANARY: &str = "canary-7f3a";

thread_local! {
    /// What was logged on this thread: a test has one of its own.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[sqlx::test(migrations = "../store/migrations")]
async fn secrets_stay_inside(pool: PgPool) {
    let log = tracing_subscriber::fmt()
        .with_writer(|| Log)
        .with_ansi(false)
        .with_max_level(tracing::Level::TRACE);
    tracing::subscriber::set_global_default(log.finish()).unwrap();
    let client = Client::new(pool).await;
    client.active_server("active").await;
    let mut accepted = 0;
    for (method, path, body) in requests() {
        let reply = client.send(method, path, body.as_ref()).await;
        assert!(!reply.text.contains(CANARY), "{method} {path} {}", reply.text);
        accepted += u32::from(reply.status == 202);
    }
    assert_eq!(accepted, 4);
    for path in [
        "/api/servers",
        "/api/instances",
        "/api/operations",
        "/api/activity",
        "/api/servers/keyed",
    ] {
        let reply = client.get(path).await;
        assert!(
            reply.status == 200 && !reply.text.contains(CANARY),
            "{}",
            reply.text
        );
    }
    let log = String::from_utf8(LOG.take()).unwrap();
    assert!(log.contains("answered") && log.contains("/api/servers/keyed/validate"));
    assert!(
        !log.contains(CANARY),
        "{}",
        log.lines().find(|line| line.contains(CANARY)).unwrap()
    );
    assert!(!log.contains(&client.token()[7..]), "the token is logged");
}

/// Requests with secrets in every place, good ones and bad ones.
fn requests() -> Vec<(&'static str, &'static str, Option<Value>)> {
    let keyed = json!({"name": "keyed", "host": "h", "authMethod": "key", "sshPrivateKey": CANARY, "sshKeyPassphrase": CANARY});
    let with = |body: &Value, field: &str, value: Value| {
        let mut body = body.clone();
        body[field] = value;
        Some(body)
    };
    let instance =
        json!({"name": "acme", "serverId": "active", "adminPassword": CANARY, "envVars": {"A": CANARY}});
    let password = json!({"name": "password", "host": "h", "authMethod": "password", "sshPassword": CANARY});
    vec![
        ("POST", "/api/servers", Some(keyed.clone())),
        ("POST", "/api/servers", Some(keyed.clone())),
        ("POST", "/api/servers", Some(password)),
        ("POST", "/api/servers", with(&keyed, "authMethod", json!("local"))),
        ("POST", "/api/servers", with(&keyed, "port", json!(CANARY))),
        ("POST", "/api/servers", with(&keyed, "authMethod", json!(CANARY))),
        (
            "POST",
            "/api/servers",
            with(&keyed, "sshPrivateKey", json!({"key": CANARY})),
        ),
        (
            "POST",
            "/api/servers",
            with(&keyed, "hostKeyFingerprint", json!(CANARY)),
        ),
        (
            "POST",
            "/api/servers",
            with(&keyed, "sshUser", json!(format!("{CANARY} x"))),
        ),
        (
            "POST",
            "/api/servers/keyed/validate",
            Some(json!({"sshPassword": CANARY})),
        ),
        (
            "POST",
            "/api/servers/active/validate",
            Some(json!({"sshPassword": CANARY})),
        ),
        ("GET", "/api/servers?limit=canary-7f3a", None),
        ("POST", "/api/instances", Some(instance.clone())),
        ("POST", "/api/instances", Some(instance.clone())),
        (
            "POST",
            "/api/instances",
            with(&instance, "envVars", json!({"PATH": CANARY})),
        ),
        (
            "POST",
            "/api/instances",
            with(&instance, "envVars", json!({"A": [CANARY]})),
        ),
        (
            "POST",
            "/api/instances",
            with(&instance, "workers", json!(CANARY)),
        ),
        (
            "POST",
            "/api/instances",
            with(&instance, "odooVersion", json!(CANARY)),
        ),
        (
            "PUT",
            "/api/instances/acme",
            Some(json!({"envVars": {"A": CANARY, "B": CANARY}})),
        ),
        ("PUT", "/api/instances/acme", Some(json!({"name": "renamed"}))),
        (
            "PUT",
            "/api/instances/acme",
            Some(json!({"envVars": {"HOST": CANARY}})),
        ),
        ("DELETE", "/api/servers/keyed?confirm=canary-7f3a", None),
    ]
}
