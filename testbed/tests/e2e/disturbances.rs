//! What happens around oCore while it works: cuts, reboots, a database that restarts.

use std::{process::Command, thread::sleep, time::Duration};

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows, small},
};

const ONE: Server = Server(1);

#[test]
fn a_cut_a_reboot_and_a_restarted_database() {
    ONE.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");

    // Cut off in the middle of a step, and back: the operation goes on and ends well.
    let id = plane.begin(&small("acme"));
    plane.await_that(Duration::from_secs(60), "Odoo to initialise", || {
        ONE.sh("docker ps --format '{{.Names}}'")
            .contains("ocore-builder.")
            .then_some(())
    });
    // For longer than it takes to find out that the connection is dead.
    ocore_testbed::cut(ONE.number()).unwrap();
    sleep(Duration::from_secs(75));
    ocore_testbed::heal(ONE.number()).unwrap();
    let ended = plane.await_operation(&id, Duration::from_secs(400));
    assert_eq!(ended["state"], "done", "{ended}");
    assert_world_is_as_the_rows(&plane, ONE, "one");

    // oCore's own database restarts under a running operation.
    let id = plane.begin(&["instance", "restart", "acme"]);
    restart_database(&plane);
    let ended = plane.await_that(Duration::from_secs(120), "the restart to end", || {
        let (status, body) = plane.api("GET", &format!("/api/operations/{id}"), None);
        (status == 200 && body.contains("\"state\":\"done\"")).then_some(body)
    });
    assert!(ended.contains("done"));

    // Power cut and boot: the instance comes back by itself, and oCore says so.
    healthy(&plane);
    ocore_testbed::kill(ONE.number()).unwrap();
    plane.await_that(Duration::from_secs(90), "the server to be missed", || {
        (plane.ok(&["server", "show", "one"])["status"] == "unreachable").then_some(())
    });
    assert_eq!(plane.ok(&["instance", "show", "acme"])["health"], "unknown");
    ocore_testbed::start(ONE.number()).unwrap();
    healthy(&plane);
    assert_eq!(plane.ok(&["server", "show", "one"])["status"], "active");
    let told = plane.get("/api/activity?limit=50").to_string();
    for word in [
        "server.unreachable",
        "server.active",
        "server.rebooted",
        "instance.recovered",
        "after the reboot of one",
    ] {
        assert!(told.contains(word), "{word} is not told: {told}");
    }
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["instance", "delete", "acme", "--confirm", "acme", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

#[test]
fn a_cut_that_lasts_is_rolled_back_when_the_server_is_there_again() {
    ONE.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");
    plane.ok(&small("warm"));
    let id = plane.begin(&small("lost"));
    plane.await_that(Duration::from_secs(60), "the container to be made", || {
        ONE.sh("docker ps -a --format '{{.Names}}'")
            .contains("ocore-lost")
            .then_some(())
    });
    ocore_testbed::cut(ONE.number()).unwrap();
    plane.await_that(Duration::from_secs(240), "patience to end", || {
        (plane.get(&format!("/api/operations/{id}"))["state"] == "undoing").then_some(())
    });
    ocore_testbed::heal(ONE.number()).unwrap();
    let ended = plane.await_operation(&id, Duration::from_secs(120));
    assert_eq!(ended["state"], "rolled_back", "{ended}");
    assert!(
        ended["error"]["code"].as_str().unwrap().starts_with("ssh."),
        "{ended}"
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["instance", "delete", "warm", "--confirm", "warm", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

fn healthy(plane: &Plane) {
    plane.await_that(Duration::from_secs(120), "the instance to be healthy", || {
        let shown = plane.ok(&["instance", "show", "acme"]);
        // Read when this fails.
        eprintln!(
            "{} {} at {}",
            shown["health"], shown["healthDetail"], shown["observedAt"]
        );
        (shown["health"] == "healthy").then_some(())
    });
}

/// Ends the plane's PostgreSQL without warning and starts it again, as its operator would.
fn restart_database(plane: &Plane) {
    let data = Command::new("find")
        .arg(plane.dir())
        .args(["-name", "postmaster.pid"])
        .output()
        .unwrap();
    let pid_file = String::from_utf8_lossy(&data.stdout).trim().to_owned();
    let data = pid_file.trim_end_matches("/postmaster.pid");
    let options = std::fs::read_to_string(format!("{data}/postmaster.opts")).unwrap();
    let pid: String = std::fs::read_to_string(&pid_file)
        .unwrap()
        .lines()
        .next()
        .unwrap()
        .to_owned();
    assert!(
        Command::new("kill")
            .args(["-QUIT", &pid])
            .status()
            .unwrap()
            .success()
    );
    sleep(Duration::from_secs(3));
    // Whoever watches over it may have started it again already.
    if std::path::Path::new(&pid_file).exists() {
        return;
    }
    let owner = Command::new("stat").args(["-c", "%U", data]).output().unwrap();
    let owner = String::from_utf8_lossy(&owner.stdout).trim().to_owned();
    let command = format!(
        "cd {data}/.. && exec {} >/dev/null 2>&1 </dev/null &",
        options.trim()
    );
    let started = Command::new("setpriv")
        .args([
            "--reuid",
            &owner,
            "--regid",
            &owner,
            "--init-groups",
            "sh",
            "-c",
            &command,
        ])
        .status();
    assert!(started.unwrap().success());
}
