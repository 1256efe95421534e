//! The demonstration's look at Odoo: the way a browser would, not through oCore.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use ureq::Agent;

fn agent() -> Agent {
    // The first page of a fresh Odoo takes its time.
    Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

/// Waits until `/web/health` answers.
pub(crate) fn await_health(url: &str) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        match agent().get(format!("{url}/web/health")).call() {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > deadline => {
                return Err(error).with_context(|| format!("{url}/web/health does not answer"));
            }
            Err(_) => sleep(Duration::from_millis(300)),
        }
    }
}

/// Logs in by JSON-RPC; answers the user's name.
pub(crate) fn log_in(url: &str, database: &str, login: &str, password: &str) -> Result<String> {
    let call = json!({"jsonrpc": "2.0", "params": {"db": database, "login": login, "password": password}});
    let answer: Value = agent()
        .post(format!("{url}/web/session/authenticate"))
        .send_json(call)
        .context("Odoo did not answer the login")?
        .body_mut()
        .read_json()
        .context("Odoo answered the login with something else than JSON")?;
    if answer["result"]["uid"].as_i64().is_none_or(|uid| uid <= 0) {
        let why = answer["error"]["data"]["message"]
            .as_str()
            .unwrap_or("no reason given");
        bail!("Odoo refused the login as {login}: {why}");
    }
    let name = answer["result"]["name"]
        .as_str()
        .or_else(|| answer["result"]["username"].as_str());
    Ok(name.unwrap_or(login).to_owned())
}
