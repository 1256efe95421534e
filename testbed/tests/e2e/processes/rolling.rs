//! A rolling restart under load, behind a proxy: no request fails, no operation is lost, and who follows one misses no line.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle, sleep, spawn},
    time::{Duration, Instant},
};

use super::{http::Request, ledger::Ledger, proxy::Proxy};
use crate::plane::Plane;

/// Requests again and again, until told to stop.
struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    failed: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    fn start(port: u16, token: &str) -> Self {
        let mut load = Self {
            over: Arc::default(),
            sent: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
        };
        for number in 0..6 {
            let (over, sent, failed) = (load.over.clone(), load.sent.clone(), load.failed.clone());
            let token = token.to_owned();
            load.threads.push(spawn(move || {
                while !over.load(Ordering::Relaxed) {
                    let request = match number {
                        // One that changes something and is recorded: sent again it would be seen.
                        0 => Request::post(
                            "/api/admin/queue/pause",
                            r#"{"scope":"kind","target":"noop","reason":"load"}"#,
                        ),
                        1 => Request::get("/api/org"),
                        _ => Request::get("/api/operations?limit=20"),
                    };
                    sent.fetch_add(1, Ordering::Relaxed);
                    let fault = match request.of(&token).send(port) {
                        Ok((200, _)) => None,
                        Ok((status, body)) => Some(format!("{status}: {body}")),
                        Err(error) => Some(error.to_string()),
                    };
                    failed.lock().unwrap().extend(fault);
                    sleep(Duration::from_millis(20));
                }
            }));
        }
        load
    }

    /// How many were sent, and what became of those that failed.
    fn end(self) -> (u64, Vec<String>) {
        self.over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let failed = self.failed.lock().unwrap().clone();
        (self.sent.load(Ordering::Relaxed), failed)
    }
}

/// Follows an operation to its end as a page does: whenever the stream ends it comes back and names the last line it has.
fn follow(port: u16, token: &str, id: &str) -> JoinHandle<(Vec<i64>, u32)> {
    let (token, path) = (token.to_owned(), format!("/api/operations/{id}/logs"));
    spawn(move || {
        let (mut lines, mut connections, mut has_ended) = (Vec::new(), 0, false);
        let began = Instant::now();
        while !has_ended && began.elapsed() < Duration::from_secs(120) {
            connections += 1;
            let request = Request::get(&path).of(&token).after(lines.last().copied());
            // It breaks where its process ends.
            let _ = request.follow(port, |event| {
                lines.extend(event.id.filter(|_| event.name == "line"));
                has_ended = event.name == "end";
                !has_ended
            });
            sleep(Duration::from_millis(100));
        }
        assert!(has_ended, "the operation never ended: {lines:?}");
        (lines, connections)
    })
}

#[test]
fn a_rolling_restart_fails_no_request_and_loses_no_operation() {
    let settings = vec![
        ("OCORE_SHUTDOWN_DELAY", "4".to_owned()),
        ("OCORE_SHUTDOWN_GRACE", "1".to_owned()),
        ("OCORE_LIMIT_READ", "1000000/1".to_owned()),
        ("OCORE_LIMIT_CHANGE", "1000000/1".to_owned()),
        ("OCORE_LOG", "info".to_owned()),
    ];
    let mut first = Plane::start_with(settings);
    let mut second = first.beside();
    let ledger = Ledger::new(&first);
    let proxy = Proxy::start(&[&first, &second]);
    let load = Load::start(proxy.port, first.token());
    // Longer than the grace: it is given back in the middle, and done by the other.
    let long = ledger.ask(1, Duration::from_secs(6));
    let followed = follow(proxy.port, first.token(), &long);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        // What is asked for meanwhile: some of it is at work whenever a process is asked to end.
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                ledger.ask(4, Duration::from_millis(400));
                sleep(Duration::from_millis(300));
            }
        });
        for plane in [&mut first, &mut second] {
            sleep(Duration::from_secs(2));
            plane.stop();
            plane.up();
            // Until the proxy has seen it.
            sleep(Duration::from_secs(3));
        }
        over.store(true, Ordering::Relaxed);
    });
    let count = ledger.settle(&first, Duration::from_secs(60));
    let (lines, connections) = followed.join().unwrap();
    let (sent, failed) = load.end();
    eprintln!(
        "{sent} requests, {} failed; {count:?}; {connections} connections of a follower",
        failed.len()
    );
    assert!(
        failed.is_empty(),
        "of {sent} requests failed {}: {failed:#?}",
        failed.len()
    );
    assert!(sent > 300, "{sent} requests are no load");
    assert_eq!((count.lost, count.missing, count.doubled), (0, 0, 0), "{count:?}");
    assert!(count.taken_over > 0, "nothing was given back: {count:?}");
    assert!(
        lines.is_sorted_by(|a, b| a < b),
        "each line once, in order: {lines:?}"
    );
    let last: i64 = first
        .sql(&format!(
            "select count(*) from operation_events where operation_id = '{long}'"
        ))
        .parse()
        .unwrap();
    assert_eq!(i64::try_from(lines.len()).unwrap(), last, "none was missed");
    let pauses = first.sql("select count(*) from audit_log where action = 'queue.paused'");
    assert_eq!(pauses, "1", "what is paused already is not paused again");
}
