//! What is done with each step of a case.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::case::Case;
use crate::{
    plane::Plane,
    world::{Server, add_server},
};

/// Goes through all steps of an operation: each done twice, each killed after, each failed. With `OCORE_E2E_ALL` each is
/// killed before, too: the world is then as after the step before it, so that finds little and takes long.
pub(super) fn every_step(case: &Case) {
    let all = std::env::var_os("OCORE_E2E_ALL").is_some();
    let one = Server(1);
    one.clean();
    let mut plane = Plane::start();
    add_server(&plane, one, "one");
    (case.second)(&plane);
    let steps = twice(&plane, case);
    // Some go there and back: each attempt has the next number.
    let mut numbers = 1..;
    let mut next = || numbers.next().unwrap_or_default();
    for step in &steps {
        if all {
            killed(&mut plane, case, step, "before", next());
        }
        killed(&mut plane, case, step, "after", next());
        if all || case.fails_always {
            failed(&plane, case, step, next());
        }
    }
}

/// Once with every step done twice; answers the names of the steps.
fn twice(plane: &Plane, case: &Case) -> Vec<String> {
    let name = (case.name)("twice");
    (case.prepare)(plane, &name);
    plane.ask_for(&format!("repeat:{}:*", case.kind));
    let id = plane.begin(&(case.verb)(&name, 0));
    let ended = plane.await_operation(&id, Duration::from_secs(240));
    plane.ask_for("");
    assert_eq!(
        ended["state"], "done",
        "{} with each step twice: {ended}",
        case.kind
    );
    (case.compare)(plane);
    (case.clear)(plane, &name);
    let steps = ended["steps"].as_array().cloned().unwrap_or_default();
    assert!(!steps.is_empty(), "{ended}");
    steps.iter().map(|step| text(&step["name"])).collect()
}

/// The process is killed at a step; the next one brings the operation to its end.
fn killed(plane: &mut Plane, case: &Case, step: &str, point: &str, i: usize) {
    let name = (case.name)(&format!("k{i} {point}"));
    (case.prepare)(plane, &name);
    let id = die(
        plane,
        &format!("kill:{}:{step}:{point}", case.kind),
        &(case.verb)(&name, i),
    );
    let ended = plane.await_operation(&id, Duration::from_secs(240));
    assert_eq!(
        ended["state"], "done",
        "{} killed {point} {step}: {ended}",
        case.kind
    );
    (case.compare)(plane);
    (case.clear)(plane, &name);
}

/// The step fails when it has done everything: that is taken back, or where that cannot be, said; and a retry succeeds.
fn failed(plane: &Plane, case: &Case, step: &str, i: usize) {
    let name = (case.name)(&format!("f{i}"));
    (case.prepare)(plane, &name);
    plane.ask_for(&format!("fail:{}:{step}:after", case.kind));
    let id = plane.begin(&(case.verb)(&name, i));
    let ended = plane.await_operation(&id, Duration::from_secs(240));
    plane.ask_for("");
    let told = text(&ended["error"]["detail"]);
    assert!(told.contains("failed on purpose"), "{ended}");
    match ended["state"].as_str() {
        Some("rolled_back") => (case.compare)(plane),
        Some("failed") => {}
        _ => panic!("{} failed at {step}: {ended}", case.kind),
    }
    let retried = plane.ok(&["operation", "retry", &id]);
    assert_eq!(retried["operation"]["state"], "done", "{retried}");
    (case.compare)(plane);
    (case.clear)(plane, &name);
}

/// Begins an operation, lets the process die as asked, starts the next, and waits until that has taken the operation
/// over, which it does within 30 seconds. Answers the operation.
pub(super) fn die(plane: &mut Plane, faults: &str, verb: &[String]) -> String {
    plane.ask_for(faults);
    let before = newest(plane);
    let begun = plane.cli(&[verb, &["--no-wait".to_owned()]].concat());
    // It can die before it has answered; that the operation was begun is in the rows all the same.
    assert!(
        begun.code == 0 || begun.text.contains("cli.unreachable"),
        "{}",
        begun.text
    );
    plane.wait_for_death(Duration::from_secs(180));
    let died = Instant::now();
    let id = newest(plane);
    assert_ne!(id, before, "an operation was begun");
    plane.ask_for("");
    plane.up();
    plane.await_that(Duration::from_secs(60), "the operation to be taken over", || {
        let operation = plane.get(&format!("/api/operations/{id}"));
        (operation["attempt"].as_i64() >= Some(2)).then_some(())
    });
    let taken = died.elapsed();
    assert!(taken < Duration::from_secs(30), "taken over after {taken:?}");
    id
}

/// The operation that was begun last. Their ids are in the order of time.
fn newest(plane: &Plane) -> String {
    plane.sql("select id from operations order by id desc limit 1")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
