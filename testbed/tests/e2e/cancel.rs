//! Cancelling: what runs on the server ends with the operation.

use std::time::{Duration, Instant};

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows},
};

const ONE: Server = Server(1);

#[test]
fn cancelling_stops_the_remote_work() {
    ONE.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");
    let id = plane.begin(&["instance", "create", "gone", "--server", "one"]);
    // The first creation initialises the template: long enough to be stopped in the middle.
    plane.await_that(Duration::from_secs(60), "Odoo to initialise", || {
        initialises().then_some(())
    });
    plane.ok(&["operation", "cancel", &id, "--no-wait"]);
    let asked = Instant::now();
    plane.await_that(Duration::from_secs(10), "the remote work to stop", || {
        (!initialises()).then_some(())
    });
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(
        plane.await_operation(&id, Duration::from_secs(60))["state"],
        "cancelled"
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");
}

fn initialises() -> bool {
    ONE.sh("docker ps --format '{{.Names}}'")
        .contains("ocore-builder.")
}
