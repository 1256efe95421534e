//! Every step of every operation: killed after it, made to fail at it, done twice. After each the world is
//! compared with the rows. One scaffold for all of them; an operation is a line of [`case`].

mod case;
mod scaffold;

use std::time::{Duration, Instant};

use case::{ADD_SERVER, CREATE, DELETE, MOVE, REMOVE_SERVER, RESTART, START, STOP, UPDATE};
use scaffold::every_step;

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows, small},
};

const ONE: Server = Server(1);

#[test]
fn of_adding_a_server() {
    every_step(&ADD_SERVER);
}

#[test]
fn of_removing_a_server() {
    every_step(&REMOVE_SERVER);
}

#[test]
fn of_creating_an_instance() {
    every_step(&CREATE);
}

#[test]
fn of_deleting_an_instance() {
    every_step(&DELETE);
}

#[test]
fn of_starting_an_instance() {
    every_step(&START);
}

#[test]
fn of_stopping_an_instance() {
    every_step(&STOP);
}

#[test]
fn of_restarting_an_instance() {
    every_step(&RESTART);
}

#[test]
fn of_changing_an_instance() {
    every_step(&UPDATE);
}

#[test]
fn of_moving_an_instance() {
    every_step(&MOVE);
}

/// A move that is taken back by one process after another: it runs where it was, and nothing is left where it was going.
#[test]
fn of_moving_killed_while_undoing() {
    ONE.clean();
    let mut plane = Plane::start();
    add_server(&plane, ONE, "one");
    (MOVE.second)(&plane);
    for step in [
        "create_container",
        "copy_database",
        "stop",
        "copy_files",
        "reserve_ports",
    ] {
        (MOVE.prepare)(&plane, "acme");
        let id = scaffold::die(
            &mut plane,
            &format!("fail:instance_move:wait_healthy:after,kill:instance_move:{step}:undo"),
            &(MOVE.verb)("acme", 0),
        );
        let ended = plane.await_operation(&id, Duration::from_secs(180));
        assert_eq!(
            ended["state"], "rolled_back",
            "killed while undoing {step}: {ended}"
        );
        let shown = plane.ok(&["instance", "show", "acme"]);
        assert_eq!(
            (&shown["serverName"], &shown["status"]),
            (&"one".into(), &"running".into())
        );
        (MOVE.compare)(&plane);
    }
}

/// Killed in the middle of taking back: the next process goes on in the same direction.
#[test]
fn killed_while_undoing() {
    ONE.clean();
    let mut plane = Plane::start();
    add_server(&plane, ONE, "one");
    for (case, last, step) in [
        (&CREATE, "wait_healthy", "reserve_ports"),
        (&CREATE, "wait_healthy", "create_database"),
        (&CREATE, "wait_healthy", "create_volume"),
        (&CREATE, "wait_healthy", "create_container"),
        (&UPDATE, "wait_healthy", "replace_container"),
        (&RESTART, "wait_healthy", "stop"),
        (&STOP, "stop", "stop"),
        (&DELETE, "keep_dump", "keep_dump"),
    ] {
        let kind = case.kind;
        let name = (case.name)(&format!("undo {step}"));
        (case.prepare)(&plane, &name);
        let id = scaffold::die(
            &mut plane,
            &format!("fail:{kind}:{last}:after,kill:{kind}:{step}:undo"),
            &(case.verb)(&name, 0),
        );
        assert_eq!(
            plane.await_operation(&id, Duration::from_secs(120))["state"],
            "rolled_back",
            "{kind} killed while undoing {step}"
        );
        assert_world_is_as_the_rows(&plane, ONE, "one");
    }
}

/// A process that is lost for good is replaced by another that runs beside it, on the same database.
#[test]
fn of_a_lost_process_are_done_by_another() {
    ONE.clean();
    let mut plane = Plane::start();
    add_server(&plane, ONE, "one");
    plane.ok(&small("first"));
    plane.ask_for("kill:instance_create:wait_healthy:after");
    let id = plane.begin(&small("second"));
    plane.await_that(Duration::from_secs(60), "the first process to take it up", || {
        (plane.get(&format!("/api/operations/{id}"))["attempt"] == 1).then_some(())
    });
    let mut second = plane.beside();
    assert!(plane.is_alive(), "it dies while the other is there");
    plane.wait_for_death(Duration::from_secs(60));
    let died = Instant::now();
    second.await_that(Duration::from_secs(40), "the operation to be taken over", || {
        (second.get(&format!("/api/operations/{id}"))["attempt"].as_i64() >= Some(2)).then_some(())
    });
    let taken = died.elapsed();
    assert!(taken < Duration::from_secs(30), "taken over after {taken:?}");
    assert_eq!(
        second.await_operation(&id, Duration::from_secs(120))["state"],
        "done"
    );
    second.stop();
    plane.up();
    assert_world_is_as_the_rows(&plane, ONE, "one");
}
