//! One leads: when it is killed another does soon, and when it was only stopped it does not go on as if nothing had been.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use super::leads;
use crate::plane::Plane;

/// A lease of 12 s, and 3 s from one look to the next; a little for a busy machine.
const SOON: Duration = Duration::from_secs(17);

fn await_lead(plane: &Plane, since: Instant) -> Duration {
    plane.await_that(SOON, "it to lead", || leads(plane).then_some(()));
    since.elapsed()
}

#[test]
fn who_was_stopped_does_not_lead_beside_another_and_who_is_killed_is_followed_soon() {
    let mut first = Plane::start();
    first.await_that(SOON, "it to lead", || leads(&first).then_some(()));
    let second = first.beside();
    assert!(!leads(&second));

    first.signal("-STOP");
    let stopped = Instant::now();
    let after = await_lead(&second, stopped);
    eprintln!("the one beside a stopped one leads after {after:?}");
    sleep(Duration::from_secs(20).saturating_sub(stopped.elapsed()));
    first.signal("-CONT");
    // From its first answer on.
    for _ in 0..50 {
        assert!(!leads(&first), "two lead");
        sleep(Duration::from_millis(50));
    }
    assert!(leads(&second));
    assert!(
        first.log().contains("a duty was left"),
        "it found out by its own clock"
    );

    // The other way round, by a kill.
    let mut second = second;
    second.kill();
    let after = await_lead(&first, Instant::now());
    eprintln!("the one beside a killed one leads after {after:?}");
    first.stop();
}
