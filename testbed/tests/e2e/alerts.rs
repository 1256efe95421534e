//! Alerts of real servers: one that dies is told of once, by mail and by webhook, and its return once; one that loses
//! packets is not told of at all.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use ocore_testbed::SmtpCatcher;
use serde_json::{Value, json};

use crate::{
    plane::Plane,
    world::{Server, add_server},
};

const ONE: Server = Server(1);
/// Of every 15 s.
const TWO_LOOKS: Duration = Duration::from_secs(32);

/// A receiver of webhooks: keeps the bodies.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Value>>>,
}

impl Receiver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let kept = got.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = BufReader::new(stream.unwrap());
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).unwrap();
                    let line = line.trim().to_ascii_lowercase();
                    if let Some(value) = line.strip_prefix("content-length:") {
                        length = value.trim().parse().unwrap();
                    }
                    if line.is_empty() {
                        break;
                    }
                }
                let mut body = vec![0; length];
                stream.read_exact(&mut body).unwrap();
                kept.lock().unwrap().push(serde_json::from_slice(&body).unwrap());
                stream
                    .get_mut()
                    .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                    .unwrap();
            }
        });
        Self { url, got }
    }

    fn kinds(&self) -> Vec<String> {
        let got = self.got.lock().unwrap();
        got.iter()
            .map(|body| body["type"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// A plane that tells people, with server one in it.
fn plane(mails: &SmtpCatcher, receiver: &Receiver, interval: u32) -> Plane {
    ONE.clean();
    let plane = Plane::start_with(vec![
        ("SMTP_HOST", "127.0.0.1".to_owned()),
        ("SMTP_PORT", mails.port().to_string()),
        ("SMTP_FROM", "oCore <ocore@example.com>".to_owned()),
        ("OCORE_WEBHOOK_ALLOW_PRIVATE", "true".to_owned()),
        ("OCORE_HEALTH_INTERVAL", interval.to_string()),
    ]);
    add_server(&plane, ONE, "one");
    for channel in [
        json!({"name": "ops", "kind": "email", "to": ["ops@example.com"]}),
        json!({"name": "hook", "kind": "webhook", "url": receiver.url}),
    ] {
        let (status, text) = plane.api("POST", "/api/notification-channels", Some(&channel));
        assert_eq!(status, 201, "{text}");
    }
    plane.await_that(Duration::from_secs(60), "the server to be looked at", || {
        let uptime = plane.get("/api/servers/one/uptime");
        (uptime["periods"][0]["upSeconds"].as_i64() > Some(0)).then_some(())
    });
    plane
}

fn events(plane: &Plane) -> Vec<Value> {
    let events = plane.get("/api/monitoring/alerts/events?suppressed=false");
    events["data"].as_array().unwrap().clone()
}

#[test]
fn a_killed_server_is_told_of_once_within_90_seconds_and_its_return_once() {
    let (mails, receiver) = (SmtpCatcher::start().unwrap(), Receiver::start());
    // As often as an installation looks.
    let plane = plane(&mails, &receiver, 15);
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

/// Minutes of `OCORE_E2E_LOSS_MINUTES`, one if it is not set: with 5 % of the packets lost in each direction, and looks
/// every three seconds, which are five times as many as usual.
#[test]
fn a_server_that_loses_packets_is_not_alerted_of() {
    let minutes: u64 = std::env::var("OCORE_E2E_LOSS_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let (mails, receiver) = (SmtpCatcher::start().unwrap(), Receiver::start());
    let plane = plane(&mails, &receiver, 3);
    ocore_testbed::lose(ONE.number(), 5).unwrap();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60 * minutes) {
        sleep(Duration::from_secs(5));
        assert_eq!(plane.ok(&["server", "show", "one"])["status"], "active");
    }
    let lost = ONE.sh("iptables -vxnL | grep ocore-testbed-loss | awk '{n += $1} END {print n}'");
    ocore_testbed::lose(ONE.number(), 0).unwrap();
    let lost: u64 = lost.parse().unwrap();
    println!("{lost} packets were lost in {minutes} minutes");
    assert!(lost > 10 * minutes, "packets were lost: {lost}");
    assert!(events(&plane).is_empty(), "{:?}", events(&plane));
    assert!(mails.mails().unwrap().is_empty() && receiver.kinds().is_empty());
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}
