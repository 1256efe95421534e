//! Every step of every operation, done twice, made to fail, and with the process killed at it; after each the world is
//! compared with the rows.

use std::time::{Duration, Instant};

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows},
};

const ONE: Server = Server(1);

const CREATE: &[&str] = &[
    "check_server",
    "reserve_ports",
    "get_image",
    "prepare_template",
    "create_database",
    "create_volume",
    "create_container",
    "start",
    "wait_healthy",
];
const DELETE: &[&str] = &[
    "keep_dump",
    "remove_container",
    "remove_database",
    "remove_volume",
    "release_ports",
];

fn small<'a>(verb: &'a str, name: &'a str) -> Vec<&'a str> {
    match verb {
        "create" => {
            vec![
                "instance",
                "create",
                name,
                "--server",
                "one",
                "--workers",
                "0",
                "--memory",
                "1GiB",
            ]
        }
        _ => vec!["instance", "delete", name, "--confirm", name],
    }
}

/// Starts a verb, lets the process die at the step asked for, and takes up again; answers the operation's end.
fn die_at(plane: &mut Plane, kind: &str, step: &str, point: &str, verb: &[&str]) -> String {
    plane.stop();
    plane.up(&[("OCORE_FAULTS", &format!("kill:{kind}:{step}:{point}"))]);
    let mut arguments = verb.to_vec();
    arguments.push("--no-wait");
    let begun = plane.ok(&arguments);
    let id = begun["operation"]["id"].as_str().unwrap().to_owned();
    plane.wait_for_death(Duration::from_secs(180));
    let died = Instant::now();
    plane.up(&[]);
    let taken = plane.await_that(Duration::from_secs(60), "the operation to be taken over", || {
        let operation = plane.get(&format!("/api/operations/{id}"));
        (operation["attempt"].as_i64() >= Some(2) || operation["finishedAt"].is_string())
            .then(|| died.elapsed())
    });
    assert!(taken < Duration::from_secs(30), "taken over after {taken:?}");
    let ended = plane.await_operation(&id, Duration::from_secs(240));
    ended["state"].as_str().unwrap().to_owned()
}

#[test]
fn killed_at_each_step_of_create_and_delete() {
    ONE.clean();
    let mut plane = Plane::start();
    add_server(&plane, ONE, "one");
    for (i, step) in CREATE.iter().enumerate() {
        for point in ["before", "after"] {
            let name = format!("c{i}{point}");
            let state = die_at(
                &mut plane,
                "instance_create",
                step,
                point,
                &small("create", &name),
            );
            assert_eq!(state, "done", "create killed {point} {step}");
            assert_world_is_as_the_rows(&plane, ONE, "one");
            plane.ok(&["instance", "delete", &name, "--confirm", &name, "--no-dump"]);
        }
    }
    for (i, step) in DELETE.iter().enumerate() {
        for point in ["before", "after"] {
            let name = format!("d{i}{point}");
            plane.ok(&small("create", &name));
            let state = die_at(
                &mut plane,
                "instance_delete",
                step,
                point,
                &small("delete", &name),
            );
            assert_eq!(state, "done", "delete killed {point} {step}");
            assert_world_is_as_the_rows(&plane, ONE, "one");
        }
    }
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

#[test]
fn failed_at_each_step_and_killed_while_undoing() {
    ONE.clean();
    let mut plane = Plane::start();
    add_server(&plane, ONE, "one");
    for (i, step) in CREATE.iter().enumerate() {
        let name = format!("f{i}");
        plane.stop();
        plane.up(&[("OCORE_FAULTS", &format!("fail:instance_create:{step}:after"))]);
        let failed = plane.cli(&small("create", &name));
        assert_eq!(
            failed.json["operation"]["state"], "rolled_back",
            "{step}: {}",
            failed.text
        );
        assert_world_is_as_the_rows(&plane, ONE, "one");
    }
    // Killed in the middle of taking back: the next process goes on in the same direction.
    for step in [
        "reserve_ports",
        "create_database",
        "create_volume",
        "create_container",
    ] {
        plane.stop();
        let faults = format!("fail:instance_create:wait_healthy:before,kill:instance_create:{step}:undo");
        plane.up(&[("OCORE_FAULTS", &faults)]);
        let name = format!("u{}", step.replace('_', "-"));
        let mut arguments = small("create", &name);
        arguments.push("--no-wait");
        let id = plane.ok(&arguments)["operation"]["id"]
            .as_str()
            .unwrap()
            .to_owned();
        plane.wait_for_death(Duration::from_secs(180));
        plane.up(&[]);
        assert_eq!(
            plane.await_operation(&id, Duration::from_secs(120))["state"],
            "rolled_back",
            "{step}"
        );
        assert_world_is_as_the_rows(&plane, ONE, "one");
    }
    // The retry of a creation that was rolled back makes the same instance.
    plane.stop();
    plane.up(&[("OCORE_FAULTS", "fail:instance_create:start:before")]);
    let failed = plane.cli(&small("create", "again"));
    plane.stop();
    plane.up(&[]);
    let retried = plane.ok(&[
        "operation",
        "retry",
        failed.json["operation"]["id"].as_str().unwrap(),
    ]);
    assert_eq!(retried["state"], "done", "{retried}");
    assert_eq!(plane.ok(&["instance", "show", "again"])["status"], "running");
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["instance", "delete", "again", "--confirm", "again", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

#[test]
fn every_step_done_twice() {
    ONE.clean();
    let kinds = [
        "server_validate",
        "instance_create",
        "instance_stop",
        "instance_start",
        "instance_restart",
        "instance_update",
        "instance_delete",
        "server_remove",
    ];
    let faults: Vec<String> = kinds.iter().map(|kind| format!("repeat:{kind}:*")).collect();
    let faults = faults.join(",");
    let plane = Plane::start_with(&[("OCORE_FAULTS", &faults)]);
    add_server(&plane, ONE, "one");
    plane.ok(&small("create", "twice"));
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["instance", "stop", "twice"]);
    plane.ok(&["instance", "start", "twice"]);
    plane.ok(&["instance", "restart", "twice"]);
    plane.ok(&["instance", "update", "twice", "--memory", "1100MiB"]);
    assert_eq!(
        ONE.sh("docker inspect -f '{{.HostConfig.Memory}}' ocore-twice"),
        (1100_u64 << 20).to_string()
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&small("delete", "twice"));
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

#[test]
fn cancelling_stops_the_remote_work() {
    ONE.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");
    let mut arguments = small("create", "gone");
    arguments.push("--no-wait");
    let id = plane.ok(&arguments)["operation"]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // The first creation initialises the template: long enough to be stopped in the middle.
    plane.await_that(Duration::from_secs(60), "Odoo to initialise", || {
        ONE.sh("docker ps --format '{{.Names}}'")
            .contains("ocore-template-")
            .then_some(())
    });
    plane.ok(&["operation", "cancel", &id, "--no-wait"]);
    let asked = Instant::now();
    plane.await_that(Duration::from_secs(10), "the remote work to stop", || {
        (!ONE
            .sh("docker ps --format '{{.Names}}'")
            .contains("ocore-template-"))
        .then_some(())
    });
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(
        plane.await_operation(&id, Duration::from_secs(60))["state"],
        "cancelled"
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}
