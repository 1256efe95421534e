//! oCore's logs, shipped: `deploy/logs` as it is, run by the real Fluent Bit on logs of the real `ocore`, of the real Odoo's logger, of
//! Docker and of a server's journal.
//!
//! Amazon's is `moto`, which checks what it is sent. Of Loki and Elasticsearch no registry has one that may be used, so
//! what is sent to them is held against what their interfaces say, by a receiver of the test's own.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and tells one story from its beginning to its end"
)]

mod certificate;
mod containers;
mod door;
mod recorder;
mod shipper;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use ocore_testbed::CloudWatch;
use serde_json::Value;

use crate::{
    containers::{INSTANCE, SERVER, backend, instance, plain},
    door::Door,
    recorder::Recorder,
    shipper::Shipper,
};

/// In every secret that a log of this test holds.
const CANARY: &str = "canary7f3a";

/// Somebody whom the server does not know. It bears the mark, since it is to be found in what was shipped.
const GUEST: &str = "canary7f3a-guest";

/// How long something may take to arrive.
const PATIENCE: Duration = Duration::from_secs(40);

/// The receiver is away for so long.
const AWAY: Duration = Duration::from_secs(20);

/// The server whose journal is read.
const JOURNAL_OF: u8 = 4;

#[test]
fn nothing_is_lost_while_the_receiver_is_away_and_no_secret_arrives() {
    let papers = certificate::made_for("127.77.0.14");
    let receiver = CloudWatch::start(&papers.certificate, &papers.key, papers.authority.clone()).unwrap();
    // Fluent Bit knows no other port for it.
    let mut door = Door::open("127.77.0.14:443", receiver.address());
    let odoo = instance("outage", 500, Duration::from_millis(50));
    let other = plain("other");
    let plane = backend("plane");
    let mut shipper = Shipper::new("cloudwatch", JOURNAL_OF)
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "shipper")
        .with("AWS_SECRET_ACCESS_KEY", &format!("{CANARY}-aws"))
        .with("CLOUDWATCH_ENDPOINT", "127.77.0.14")
        .with("CLOUDWATCH_GROUP", "ocore")
        .with("CLOUDWATCH_STREAM_PREFIX", "ocore-")
        .with("OCORE_LOGS_CA", papers.authority.to_str().unwrap());
    shipper.start();
    let read = || {
        let events = receiver.events("ocore").unwrap();
        events
            .into_iter()
            .map(|event| serde_json::from_str(&event.message).unwrap())
            .collect::<Vec<Value>>()
    };
    await_that("the first lines", || {
        let events = read();
        events
            .iter()
            .any(|event| text(event, "message").contains("line 3 "))
    });

    door.shut();
    let away = Instant::now();
    // What happens on a server and to oCore meanwhile.
    knock(GUEST);
    let request = plane.ask("/api/servers", &format!("request-{}", std::process::id()));
    sleep(AWAY / 2);
    let before = read().len();
    // An upgrade of the shipper, with the receiver still away.
    shipper.stop();
    shipper.start();
    sleep(AWAY.saturating_sub(away.elapsed()));
    assert_eq!(read().len(), before, "the receiver was away");
    door.reopen();
    await_that("the last line", || {
        read()
            .iter()
            .any(|event| text(event, "message").contains("odoo.http: over"))
    });
    sleep(Duration::from_secs(2));
    let events = read();
    shipper.stop();

    // Every line, once or more, and each failure with its traceback as one event.
    let mut seen: BTreeMap<u32, u32> = BTreeMap::new();
    for event in events.iter().filter(|event| event["source"] == "instance") {
        let message = text(event, "message");
        assert!(
            message.starts_with("20"),
            "an event begins in the middle: {message}"
        );
        assert_eq!(
            (&event["instance"], &event["server"]),
            (&INSTANCE.into(), &SERVER.into()),
            "{event}"
        );
        assert_eq!(event["container"], odoo.name());
        if let Some(number) = message
            .lines()
            .next()
            .and_then(|line| line.split(" line ").nth(1))
        {
            let number = number.split_whitespace().next().unwrap().parse().unwrap();
            *seen.entry(number).or_default() += 1;
            let fails = number % 50 == 7;
            assert_eq!(event["level"], if fails { "error" } else { "info" }, "{event}");
            assert_eq!(event["logger"], "odoo.http");
            assert_eq!(
                message.contains("\nTraceback (most recent call last):\n"),
                fails,
                "{message}"
            );
            assert_eq!(message.ends_with("KeyError: 'key'"), fails, "{message}");
        }
    }
    let missing: Vec<u32> = (0..500).filter(|number| !seen.contains_key(number)).collect();
    assert!(missing.is_empty(), "lost: {missing:?}");
    let twice = seen.values().filter(|times| **times > 1).count();
    let most = seen.values().max().unwrap();
    assert!(
        twice <= 50 && *most <= 2,
        "{twice} lines came more than once, one {most} times"
    );
    let of = |source: &str| events.iter().filter(|event| event["source"] == source).count();
    println!(
        "500 lines arrived, {twice} of them more than once, at most {most} times; {} of the control plane, {} of the server",
        of("control-plane"),
        of("server")
    );

    // oCore's own line, by its fields.
    let answered = events.iter().find(|event| event["request"] == request.as_str());
    let answered = answered.unwrap_or_else(|| panic!("the request {request} is not there: {}", own(&events)));
    assert_eq!(answered["source"], "control-plane");
    assert_eq!(
        (&answered["message"], &answered["status"]),
        (&"answered".into(), &401.into())
    );
    assert_eq!(
        (&answered["method"], &answered["path"]),
        (&"GET".into(), &"/api/servers".into())
    );
    assert_eq!(
        (&answered["target"], &answered["level"]),
        (&"ocore_api::request".into(), &"info".into())
    );
    assert_eq!(answered["service"], "backend");
    assert!(answered["millis"].is_number(), "{answered}");

    // The journal of a server.
    let sshd = events
        .iter()
        .find(|event| text(event, "message").contains(GUEST))
        .unwrap();
    assert_eq!(
        (&sshd["source"], &sshd["unit"]),
        (&"server".into(), &"ssh.service".into()),
        "{sshd}"
    );

    // What is not oCore's stays where it is.
    assert!(
        !events.iter().any(|event| event["container"] == other.name()),
        "a foreign container was shipped"
    );

    // Secrets: those that Odoo wrote, that the shipper has, and that oCore said to who started it.
    let all = serde_json::to_string(&events).unwrap();
    let token = plane.token();
    assert!(
        odoo.log().contains(CANARY) && plane.log().contains(&token),
        "the secrets are in the logs"
    );
    assert!(!all.contains(&token), "the administrator's token was shipped");
    assert_no_secret(&all);
}

#[test]
fn loki_and_elasticsearch_are_sent_what_they_ask_for() {
    // Slow enough that they go out in more than one request.
    let odoo = instance("shape", 10, Duration::from_millis(200));
    let (loki, elasticsearch) = (Recorder::start(), Recorder::start());
    // Both say once that they cannot, and are asked again.
    let mut to_loki = Shipper::new("loki", JOURNAL_OF)
        .with("LOKI_HOST", "127.0.0.1")
        .with("LOKI_PORT", &loki.port())
        .with("LOKI_TLS", "off")
        .with("LOKI_USER", "tenant")
        .with("LOKI_PASSWORD", &format!("{CANARY}-loki"));
    let mut to_elasticsearch = Shipper::new("elasticsearch", JOURNAL_OF)
        .with("ELASTICSEARCH_HOST", "127.0.0.1")
        .with("ELASTICSEARCH_PORT", &elasticsearch.port())
        .with("ELASTICSEARCH_TLS", "off");
    to_loki.start();
    to_elasticsearch.start();
    // The last line may well arrive before those that were refused once and are sent again.
    let all_of = |recorder: &Recorder| {
        let bodies = recorder.bodies().concat();
        (0..10).all(|number| bodies.contains(&format!("line {number} of 10")))
            && bodies.contains("odoo.http: over")
    };
    await_that("Loki has all lines", || all_of(&loki));
    await_that("Elasticsearch has all lines", || all_of(&elasticsearch));
    to_loki.stop();
    to_elasticsearch.stop();

    assert_eq!(loki.refused(), 1);
    let mut lines = 0;
    for request in loki.requests() {
        assert_eq!(request.line, "POST /loki/api/v1/push HTTP/1.1");
        assert!(
            request.header("authorization").starts_with("Basic "),
            "{request:?}"
        );
        assert_eq!(request.header("x-scope-orgid"), "", "no tenant was set");
        let body: Value = serde_json::from_str(&request.body).unwrap();
        for stream in body["streams"].as_array().unwrap() {
            let labels = stream["stream"].as_object().unwrap();
            assert_eq!(labels["job"], "ocore");
            assert!(
                labels
                    .keys()
                    .all(|key| ["job", "source", "host", "level", "server", "instance"]
                        .contains(&key.as_str()))
            );
            for entry in stream["values"].as_array().unwrap() {
                let (time, line) = (entry[0].as_str().unwrap(), entry[1].as_str().unwrap());
                assert!(
                    time.len() == 19 && time.parse::<u64>().is_ok(),
                    "nanoseconds: {time}"
                );
                let line: Value = serde_json::from_str(line).unwrap();
                if line["container"] == odoo.name() && text(&line, "message").contains(" line ") {
                    assert_eq!(
                        (&labels["source"], &labels["instance"]),
                        (&"instance".into(), &INSTANCE.into())
                    );
                    lines += 1;
                }
            }
        }
    }
    assert_eq!(lines, 10);

    assert_eq!(elasticsearch.refused(), 1);
    let mut documents = 0;
    for request in elasticsearch.requests() {
        assert_eq!(request.line, "POST /_bulk HTTP/1.1");
        let values: Vec<Value> = request
            .body
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        for pair in values.chunks(2) {
            let [action, document] = pair else {
                panic!("an action without a document")
            };
            let action = action.get("create").or(action.get("index")).unwrap();
            assert!(
                text(action, "_index").starts_with("ocore-20") && action.get("_type").is_none(),
                "{action}"
            );
            assert!(!text(action, "_id").is_empty());
            assert!(text(document, "@timestamp").starts_with("20"), "{document}");
            if document["container"] == odoo.name() && text(document, "message").contains(" line ") {
                assert_eq!(document["instance"], INSTANCE);
                documents += 1;
            }
        }
    }
    assert_eq!(documents, 10);
    let all = [loki.bodies().concat(), elasticsearch.bodies().concat()].concat();
    assert_no_secret(&all);
}

/// Whoever follows the handbook is told of all that the configuration reads.
#[test]
fn every_variable_is_set_or_told() {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let read = |file: &Path| fs::read_to_string(file).unwrap();
    let told = read(&deploy.join("logs/logs.env.example")) + &read(&deploy.join("docker-compose.logs.yml"));
    let mut used = 0;
    for file in fs::read_dir(deploy.join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
    {
        if file.extension().is_some_and(|extension| extension == "conf") {
            let text = read(&file);
            for name in text
                .split("${")
                .skip(1)
                .map(|rest| rest.split('}').next().unwrap())
            {
                let is_told = told.lines().any(|line| {
                    line.trim_start().starts_with(&format!("{name}="))
                        || line.trim_start().starts_with(&format!("{name}:"))
                });
                assert!(is_told, "{}: {name} is neither set nor told", file.display());
                used += 1;
            }
        }
    }
    assert!(used > 15);
}

fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event[field].as_str().unwrap_or_default()
}

/// Nothing of what was sent bears the mark of a secret, but for the guest's name, which is none: a journal keeps it from one run of
/// these tests to the next.
fn assert_no_secret(sent: &str) {
    for (at, _) in sent.match_indices(CANARY) {
        let before: String = sent[..at].chars().rev().take(120).collect();
        assert!(
            sent[at..].starts_with(GUEST),
            "a secret was shipped: {}{:.40}",
            before.chars().rev().collect::<String>(),
            &sent[at..]
        );
    }
}

/// What the control plane said, for a message.
fn own(events: &[Value]) -> String {
    events
        .iter()
        .filter(|event| event["source"] == "control-plane")
        .map(|event| format!("\n{event}"))
        .collect()
}

/// Waits until something is so.
fn await_that(what: &str, is: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is() {
        assert!(
            Instant::now() < end,
            "after {} s still not: {what}",
            PATIENCE.as_secs()
        );
        sleep(Duration::from_millis(250));
    }
}

/// Somebody comes to the server by SSH whom it does not know.
fn knock(name: &str) {
    let server = ocore_testbed::server(JOURNAL_OF);
    let output = Command::new("ssh")
        .args([
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "BatchMode=yes",
        ])
        .args([
            "-o",
            "ConnectTimeout=10",
            &format!("{name}@{}", server.address),
            "true",
        ])
        .output()
        .unwrap();
    assert!(!output.status.success());
}

#[test]
fn each_receiver_s_configuration_is_understood() {
    for receiver in ["loki", "elasticsearch", "cloudwatch"] {
        let shipper = Shipper::new(receiver, JOURNAL_OF)
            .with("AWS_REGION", "eu-central-1")
            .with("CLOUDWATCH_ENDPOINT", "127.0.0.1")
            .with("CLOUDWATCH_GROUP", "ocore")
            .with("CLOUDWATCH_STREAM_PREFIX", "ocore-");
        let said = shipper.dry_run();
        assert!(
            said.contains("configuration test is successful"),
            "{receiver}: {said}"
        );
    }
}
