//! Alerts of a real server without an agent: it dies and is told of once, by mail and by webhook, and its return once.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use ocore_testbed::SmtpCatcher;
use serde_json::{Value, json};

use crate::{
    hook::Receiver,
    plane::Plane,
    world::{Server, add_server},
};

const ONE: Server = Server(1);
/// Of every 15 s.
pub(crate) const TWO_LOOKS: Duration = Duration::from_secs(32);

/// What a plane needs to tell people, looking as often as an installation does.
pub(crate) fn settings(mails: &SmtpCatcher) -> Vec<(&'static str, String)> {
    vec![
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", mails.port().to_string()),
        ("SMTP_FROM", "oCore <ocore@example.com>".to_owned()),
        ("OCORE_WEBHOOK_ALLOW_PRIVATE", "true".to_owned()),
        ("OCORE_HEALTH_INTERVAL", "15".to_owned()),
    ]
}

/// Has people told by mail and by webhook.
pub(crate) fn tell(plane: &Plane, receiver: &Receiver) {
    for channel in [
        json!({"name": "ops", "kind": "email", "to": ["ops@example.com"]}),
        json!({"name": "hook", "kind": "webhook", "url": receiver.url}),
    ] {
        let (status, text) = plane.api("POST", "/api/notification-channels", Some(&channel));
        assert_eq!(status, 201, "{text}");
    }
}

/// Waits until a server was looked at.
pub(crate) fn await_look(plane: &Plane, name: &str) {
    plane.await_that(Duration::from_secs(60), "the server to be looked at", || {
        let uptime = plane.get(&format!("/api/servers/{name}/uptime"));
        (uptime["periods"][0]["upSeconds"].as_i64() > Some(0)).then_some(())
    });
}

pub(crate) fn events(plane: &Plane) -> Vec<Value> {
    let events = plane.get("/api/monitoring/alerts/events?suppressed=false");
    events["data"].as_array().unwrap().clone()
}

#[test]
fn a_killed_server_is_told_of_once_within_90_seconds_and_its_return_once() {
    let (mails, receiver) = (SmtpCatcher::start().unwrap(), Receiver::start());
    ONE.clean();
    let plane = Plane::start_with(settings(&mails));
    add_server(&plane, ONE, "one");
    tell(&plane, &receiver);
    await_look(&plane, "one");
    let (status, text) = plane.api("POST", "/api/monitoring/alerts/test", Some(&json!({})));
    assert_eq!(status, 200, "{text}");
    let tested: Value = serde_json::from_str(&text).unwrap();
    assert!(
        tested["data"]
            .as_array()
            .unwrap()
            .iter()
            .all(|sent| sent["ok"] == true),
        "{tested}"
    );
    assert_eq!(mails.mails().unwrap().len(), 1);

    ocore_testbed::kill(ONE.number()).unwrap();
    let killed = Instant::now();
    plane.await_that(
        Duration::from_secs(90),
        "the alert to arrive by both ways",
        || (mails.mails().unwrap().len() == 2 && receiver.kinds().len() == 2).then_some(()),
    );
    println!(
        "told of {:.1} s after the server was killed",
        killed.elapsed().as_secs_f64()
    );
    assert!(killed.elapsed() < Duration::from_secs(90));
    // Once, however often it is missed: two more looks, and several evaluations.
    sleep(TWO_LOOKS);
    assert_eq!(events(&plane).len(), 1, "{:?}", events(&plane));

    ocore_testbed::start(ONE.number()).unwrap();
    let started = Instant::now();
    plane.await_that(Duration::from_secs(120), "the end to be told of", || {
        (mails.mails().unwrap().len() == 3 && receiver.kinds().len() == 3).then_some(())
    });
    println!(
        "its return told of {:.1} s after it was started",
        started.elapsed().as_secs_f64()
    );
    sleep(TWO_LOOKS);
    let events = events(&plane);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["metric"], "serverUnreachable");
    assert_eq!(events[0]["resolution"], "cleared");
    assert_eq!(receiver.kinds(), ["alert.test", "alert.opened", "alert.resolved"]);
    let subjects: Vec<String> = mails
        .mails()
        .unwrap()
        .into_iter()
        .map(|mail| mail.subject)
        .collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[1].contains("one cannot be reached"), "{subjects:?}");
    assert!(subjects[2].starts_with("Resolved: one"), "{subjects:?}");
    let uptime = plane.get("/api/servers/one/uptime");
    assert_eq!(uptime["periods"][0]["outageCount"], 1, "{uptime}");
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}
