//! `cargo xtask demo`: from nothing to a real Odoo on this machine.

mod odoo;
mod plane;
mod secrets;

use std::time::Instant;

use anyhow::{Context, Result};
use ocore_testbed::Origin;
use serde_json::Value;

use crate::{
    process::{cargo, run, wait_for_signal},
    setup, web,
};
use plane::{LOGIN, Plane};

const SERVER: &str = "this-machine";
const INSTANCE: &str = "demo";

/// Runs it until Ctrl-C; with `once` removes everything again as soon as a login has succeeded.
pub(crate) fn command(once: bool) -> Result<()> {
    let began = Instant::now();
    say("Checking what this machine has");
    setup::for_demo()?;
    images()?;
    say("Building oCore and its dashboard");
    web::command(false)?;
    run(&mut cargo(&["build", "--quiet", "-p", "ocore"]))?;
    say("Starting oCore with a PostgreSQL of its own");
    let mut plane = Plane::start()?;
    println!(
        "  its API is at {}, its dashboard at {}, its data in {}",
        plane.url,
        plane.dashboard(),
        plane.data.display()
    );

    take_this_machine(&plane)?;
    let instance = odoo_instance(&plane)?;
    let url = instance["url"]
        .as_str()
        .context("the instance has no URL")?
        .to_owned();
    let database = instance["databaseName"]
        .as_str()
        .context("the instance has no database")?;
    let login = instance["adminLogin"].as_str().unwrap_or("admin");
    say("Asking Odoo whether it is well, and logging in");
    odoo::await_health(&url)?;
    let user = odoo::log_in(&url, database, login, &plane.secrets.admin_password)?;
    println!("  logged in by JSON-RPC as {user}");

    println!("\nOdoo 19 runs after {} s:\n", began.elapsed().as_secs());
    println!("  address   {url}/web/login?db={database}");
    println!("  login     {login}");
    println!("  password  {}\n", plane.secrets.admin_password);
    if once {
        say("Removing the instance and this machine from oCore again");
        plane.cli(&["instance", "delete", INSTANCE, "--yes", INSTANCE, "--no-dump"])?;
        plane.cli(&["server", "remove", SERVER, "--yes", SERVER])?;
        plane.stop()?;
        println!("\nDone: everything that was started is stopped, and nothing is left behind.");
        return Ok(());
    }
    println!("  dashboard {}", plane.dashboard());
    println!("  login     {LOGIN}");
    println!("  password  {}\n", plane.secrets.admin_password);
    println!(
        "  oCore     export OCORE_URL={} OCORE_TOKEN={}",
        plane.url,
        plane.token()
    );
    println!("            {} instance list\n", plane.binary.display());
    println!(
        "Ctrl-C stops it. `cargo xtask demo` goes on with it later, `cargo xtask demo --once` removes it."
    );
    wait_for_signal(|| !plane.runs());
    say("Stopping");
    if plane.runs() {
        plane.cli(&["instance", "stop", INSTANCE])?;
    }
    plane.stop()
}

/// The images, and how they came.
fn images() -> Result<()> {
    say("Looking for the images of Odoo and PostgreSQL");
    for (tag, origin) in ocore_testbed::images_from_registry_or_built()? {
        let how = match origin {
            Origin::Present => "was here already",
            Origin::Registry => "was pulled from the registry",
            Origin::Cache => "was built from Debian's packages earlier: no registry could be reached",
            Origin::Built => "was built from Debian's packages: no registry could be reached",
        };
        println!("  {tag} {how}");
    }
    Ok(())
}

/// This machine is a server of oCore's; it may be one from an earlier time.
fn take_this_machine(plane: &Plane) -> Result<()> {
    say("Taking this machine as the first server");
    match find(plane, "server", SERVER)? {
        None => plane.cli(&["server", "add", "--local", "--name", SERVER])?,
        Some(_) => plane.cli(&["server", "validate", SERVER])?,
    };
    Ok(())
}

/// A running instance: the one from an earlier time if it was whole, else a new one.
fn odoo_instance(plane: &Plane) -> Result<Value> {
    say("Creating an instance of Odoo 19");
    let earlier = find(plane, "instance", INSTANCE)?;
    match earlier.as_ref().and_then(|instance| instance["status"].as_str()) {
        Some("running") => {}
        Some("stopped") => drop(plane.cli(&["instance", "start", INSTANCE])?),
        Some("creating" | "starting" | "stopping" | "restarting" | "updating" | "removing") => {
            // Interrupted the last time, and gone on with by itself. However it ends, what is there then counts.
            let _ = plane.cli(&["operation", "follow", INSTANCE]);
            return odoo_instance(plane);
        }
        other => {
            if other.is_some() {
                plane.cli(&["instance", "delete", INSTANCE, "--yes", INSTANCE, "--no-dump"])?;
            }
            let password = plane.secrets.admin_password_file.to_string_lossy();
            plane.cli(&[
                "instance",
                "create",
                INSTANCE,
                "--server",
                SERVER,
                "--admin-password-file",
                &password,
                // As small as Odoo goes: this may be the smallest machine there is.
                "--workers",
                "0",
                "--memory",
                "1GiB",
            ])?;
        }
    }
    // As it is now: what its creation answered was from before it had ports.
    let shown = plane.cli(&["instance", "show", INSTANCE])?;
    Ok(if shown["instance"].is_object() {
        shown["instance"].clone()
    } else {
        shown
    })
}

fn find(plane: &Plane, resource: &str, name: &str) -> Result<Option<Value>> {
    let list = plane.cli(&[resource, "list", "--search", name])?;
    let found = list["data"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["name"] == name);
    Ok(found.cloned())
}

fn say(what: &str) {
    println!("\n── {what}");
}
