//! Three servers with agents, and a fault of its own for each at the same time: one is cut off from oCore, one is killed, one
//! loses packets. Only the killed one is told of, and no sample of the other two is lost.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use ocore_testbed::SmtpCatcher;

use crate::{
    alerts::{TWO_LOOKS, await_look, events, settings, tell},
    hook::Receiver,
    plane::Plane,
    world::{Server, add_server},
};

const CUT: Server = Server(1);
const KILLED: Server = Server(2);
/// After the four of the tests that run side by side.
const LOSING: Server = Server(5);
const SERVERS: [(Server, &str); 3] = [(CUT, "cut"), (KILLED, "killed"), (LOSING, "losing")];

/// Packets are lost for as many minutes as `OCORE_E2E_LOSS_MINUTES` says, and otherwise for as long as the rest takes.
#[test]
fn of_three_servers_only_the_killed_one_is_told_of() {
    let minutes: u64 = std::env::var("OCORE_E2E_LOSS_MINUTES").map_or(0, |text| text.parse().unwrap());
    let (mails, receiver) = (SmtpCatcher::start().unwrap(), Receiver::start());
    for (server, _) in SERVERS {
        server.clean();
    }
    let plane = Plane::start_with_agents_and(settings(&mails));
    for (server, name) in SERVERS {
        add_server(&plane, server, name);
    }
    tell(&plane, &receiver);
    // The servers are one machine, which other tests keep busy.
    plane.sql(
        "update alert_rules set enabled = false
         where metric not in ('serverUnreachable', 'sshUnreachable', 'agentSilent', 'dockerUnavailable')",
    );
    for (_, name) in SERVERS {
        await_look(&plane, name);
        plane.await_that(Duration::from_secs(120), "the agent", || {
            (plane.ok(&["server", "agent", "status", name])["alive"] == true).then_some(())
        });
    }

    let began = plane.sql("select now()");
    let losing = Instant::now();
    ocore_testbed::lose(LOSING.number(), 5).unwrap();
    CUT.sh(&format!(
        "iptables -I OUTPUT -p tcp --dport {} -j DROP",
        plane.port()
    ));
    ocore_testbed::kill(KILLED.number()).unwrap();
    let killed = Instant::now();
    plane.await_that(Duration::from_secs(90), "the alert by both ways", || {
        (mails.mails().unwrap().len() == 1 && receiver.kinds().len() == 1).then_some(())
    });
    println!("told of after {:.1} s", killed.elapsed().as_secs_f64());
    assert!(killed.elapsed() < Duration::from_secs(90));
    CUT.sh("iptables -F OUTPUT");
    sleep(TWO_LOOKS);
    ocore_testbed::start(KILLED.number()).unwrap();
    plane.await_that(Duration::from_secs(120), "the end to be told of", || {
        (mails.mails().unwrap().len() == 2 && receiver.kinds().len() == 2).then_some(())
    });
    plane.await_that(
        Duration::from_secs(60),
        "the agent of the server that is back",
        || (plane.ok(&["server", "agent", "status", "killed"])["alive"] == true).then_some(()),
    );
    while losing.elapsed() < Duration::from_secs(60 * minutes) {
        sleep(Duration::from_secs(5));
        assert_eq!(plane.ok(&["server", "show", "losing"])["status"], "active");
    }
    let lost = LOSING.sh("iptables -vxnL | grep ocore-testbed-loss | awk '{n += $1} END {print n}'");
    ocore_testbed::lose(LOSING.number(), 0).unwrap();
    let minutes = losing.elapsed().as_secs() / 60;
    println!("{lost} packets were lost in {minutes} minutes");
    // There is little to lose: a look every 15 s and a push every 30.
    assert!(lost.parse::<u64>().unwrap() > 2 * minutes, "{lost}");
    sleep(TWO_LOOKS);

    let events = events(&plane);
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(receiver.kinds(), ["alert.opened", "alert.resolved"]);
    assert_eq!(events[0]["metric"], "serverUnreachable", "{events:?}");
    assert_eq!(events[0]["resolution"], "cleared", "{events:?}");
    let mails = mails.mails().unwrap();
    assert!(mails[0].subject.contains("killed cannot be reached"), "{mails:?}");
    assert!(mails[1].subject.starts_with("Resolved: killed"), "{mails:?}");
    for name in ["cut", "losing"] {
        no_sample_is_lost(&plane, name, &began);
    }
    for (_, name) in SERVERS {
        plane.ok(&["server", "remove", name, "--confirm", name]);
    }
}

/// One is taken each ten seconds, on a busy machine a little late. A push that is lost would be a gap of half a minute.
fn no_sample_is_lost(plane: &Plane, name: &str, began: &str) {
    let row = plane.sql(&format!(
        "select count(*), max(gap), min(gap), (select lost_samples from agents a join servers s on s.id = a.server_id where s.name = '{name}'),
                extract(epoch from max(at) - '{began}')::float8 from (
             select at, extract(epoch from at - lag(at) over (order by at))::float8 as gap
             from server_samples join servers s on s.id = server_id where s.name = '{name}' and at >= '{began}') gaps"
    ));
    println!("{name}: {row}");
    let numbers: Vec<f64> = row.split('|').map(|word| word.parse().unwrap()).collect();
    let [count, longest, shortest, lost, seconds] = numbers[..] else {
        panic!("{row}")
    };
    assert!(longest < 25.0 && shortest > 2.0 && lost == 0.0, "{row}");
    assert!(count >= seconds / 10.0 * 0.9, "{row}");
}
