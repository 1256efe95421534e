//! Processes that do a part each: what is done by one is seen at another as it happens.

use std::{
    sync::mpsc,
    thread::{sleep, spawn},
    time::Duration,
};

use super::{figure, http::Request, ledger::Ledger};
use crate::plane::Plane;

fn with_roles(roles: &str) -> Vec<(&'static str, String)> {
    vec![("OCORE_ROLES", roles.to_owned())]
}

#[test]
fn each_does_its_part_and_what_one_does_is_told_at_the_other() {
    let api = Plane::start_with(with_roles("api"));
    let ledger = Ledger::new(&api);
    let pause = Duration::from_millis(600);
    let id = ledger.ask(1, pause);
    let ready = api.get("/health/ready");
    assert_eq!(ready["roles"], serde_json::json!(["api"]));
    sleep(Duration::from_secs(3));
    let waits = api.get(&format!("/api/operations/{id}"));
    assert_eq!(
        (waits["state"].as_str(), waits["waitingFor"].as_str()),
        (Some("queued"), Some("a free worker"))
    );
    assert_eq!(figure(&api, "ocore_led"), Some(0.0), "nobody may lead yet");

    // Followed at the one that does not do it, before it is done.
    let (port, token) = (api.port(), api.token().to_owned());
    let (told, lines) = mpsc::channel();
    let path = format!("/api/operations/{id}/logs");
    let log = spawn({
        let token = token.clone();
        move || {
            Request::get(&path).of(&token).follow(port, |event| {
                let is_end = event.name == "end";
                told.send(event).unwrap();
                !is_end
            })
        }
    });
    let (hello, is_there) = mpsc::channel();
    let changes = spawn(move || {
        let mut topics = String::new();
        let followed = Request::get("/api/events").of(&token).follow(port, |event| {
            let _ = hello.send(());
            topics += &event.data;
            !topics.contains("operations")
        });
        followed.map(|()| topics)
    });
    is_there.recv_timeout(Duration::from_secs(10)).unwrap();

    let worker = api.beside_with(with_roles("worker,leader"));
    let done = api.await_operation(&id, Duration::from_secs(30));
    assert_eq!(done["state"], "done", "{done}");
    log.join().unwrap().unwrap();
    let told: Vec<_> = lines.iter().collect();
    let said = told.iter().filter(|event| event.name == "line").count();
    assert!(said >= 2, "{told:?}");
    let running = told
        .iter()
        .any(|event| event.name == "operation" && event.data.contains(r#""state":"running""#));
    assert!(running, "it was told as it happened: {told:?}");
    assert!(changes.join().unwrap().unwrap().contains("operations"));

    // It is no way in, but tells how it does.
    let (status, text) = worker.api("GET", "/api/servers", None);
    assert_eq!(status, 404, "{text}");
    let (status, _) = worker.api("GET", "/", None);
    assert_eq!(status, 404);
    let (_, ready) = worker.api("GET", "/health/ready", None);
    assert!(ready.contains(r#""roles":["worker","leader"]"#), "{ready}");
    worker.await_that(Duration::from_secs(10), "it to lead", || {
        super::leads(&worker).then_some(())
    });
    assert!(!super::leads(&api));

    // The queue is paused at the one, and at rest at the other.
    api.ok(&[
        "installation",
        "queue",
        "pause",
        "--kind",
        "ledger",
        "--reason",
        "a test",
    ]);
    let id = ledger.ask(1, Duration::ZERO);
    sleep(Duration::from_secs(2));
    let waits = api.get(&format!("/api/operations/{id}"));
    assert_eq!(
        waits["waitingFor"], "operations of its kind, which are paused: a test",
        "{waits}"
    );
    let ready = api.get("/health/ready");
    assert_eq!(
        (&ready["queueDepth"], &ready["queuePaused"]),
        (&1.into(), &1.into())
    );
    api.ok(&["installation", "queue", "resume", "--kind", "ledger"]);
    let count = ledger.settle(&api, Duration::from_secs(20));
    assert_eq!((count.lost, count.missing, count.doubled), (0, 0, 0), "{count:?}");
}
