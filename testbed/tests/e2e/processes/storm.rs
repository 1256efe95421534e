//! Processes killed again and again under load: no operation is lost, and no step leaves its trace twice.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::ledger::Ledger;
use crate::plane::Plane;

/// For how many seconds, instead of the usual few: with a kill every 10 s then.
const LONG: &str = "OCORE_E2E_STORM";

#[test]
fn killed_under_load_nothing_is_lost_and_nothing_done_twice() {
    let long = std::env::var(LONG).ok().map(|text| text.parse().unwrap());
    let time = Duration::from_secs(long.unwrap_or(18));
    let every = Duration::from_secs(if long.is_some() { 10 } else { 4 });
    let settings = vec![
        ("OCORE_WORKERS", "16".to_owned()),
        ("OCORE_LOG", "info".to_owned()),
    ];
    let first = Plane::start_with(settings);
    let second = first.beside();
    let ledger = Ledger::new(&first);
    let mut planes = [first, second];
    let (began, mut killed) = (Instant::now(), 0);
    let mut next = every;
    while began.elapsed() < time {
        // More than is done at once, so that a kill always finds some at work.
        ledger.ask(8, Duration::from_millis(200));
        if began.elapsed() >= next {
            next += every;
            let plane = &mut planes[killed % 2];
            plane.kill();
            plane.up();
            killed += 1;
        }
        sleep(Duration::from_millis(300));
    }
    let count = ledger.settle(&planes[0], Duration::from_secs(120));
    eprintln!("{killed} kills in {:?}: {count:?}", began.elapsed());
    assert!(killed >= 3, "{killed}");
    assert!(
        count.operations > 100,
        "{} operations are no load",
        count.operations
    );
    assert!(count.taken_over > 0, "no kill found anything at work: {count:?}");
    assert_eq!((count.lost, count.missing, count.doubled), (0, 0, 0), "{count:?}");
}
