//! The control plane is lost for good, and another one is made of its backup: with an Odoo that runs on, and an agent.

use std::time::{Duration, Instant};

use crate::{
    plane::{CANARY, Plane},
    world::{Server, add_server, log_in, small},
};

const ONE: Server = Server(1);
/// Within this a new control plane manages what runs.
const GOAL: Duration = Duration::from_secs(300);
const MINUTE: Duration = Duration::from_secs(60);

/// A stop that somebody asked for just before the backup, and that was not begun.
const A_STOP: &str = "
    update instances set status = 'stopping';
    insert into operations (id, organization_id, kind, subject_kind, subject_id, subject_name, server_id, params, serial_key, run_at)
        select '00000000-0000-0000-0000-0000000000a1', organization_id, 'instance_stop', 'instance', id, name, server_id,
            '{\"before\": \"running\"}', 'instance:' || id, now() + interval '1 day' from instances;";

#[test]
fn a_lost_control_plane_is_made_again_from_its_backup() {
    ONE.clean();
    let backups = tempfile::tempdir().unwrap();
    let settings = vec![
        ("OCORE_BACKUP_DIR", backups.path().to_string_lossy().into_owned()),
        (
            "OCORE_BACKUP_PASSPHRASE",
            format!("{CANARY}-passphrase-of-backups"),
        ),
    ];
    let plane = Plane::start_with_agents_and(settings);
    let server = add_server(&plane, ONE, "one");
    let server = server["server"]["id"].as_str().unwrap().to_owned();
    let created = plane.ok(&small("acme"));
    plane.await_that(3 * MINUTE, "the agent to be heard", || {
        (plane.sql("select count(*) > 0 from server_samples where source = 'agent'") == "t").then_some(())
    });
    plane.sql(A_STOP);
    let made = plane.ok(&["backup", "create"]);
    let file = made["file"].as_str().unwrap().to_owned();

    // After the backup an instance is made of which it knows nothing.
    let later = "11111111-2222-3333-4444-555555555555";
    ONE.sh(&format!(
        "docker run -d --name ocore-later --label sh.ocore.managed=true --label sh.ocore.server={server} \
         --label sh.ocore.instance={later} postgres:17 sleep 600 >/dev/null"
    ));
    let uptime = "docker inspect -f '{{.State.StartedAt}}' ocore-acme";
    let runs_since = ONE.sh(uptime);

    let lost = plane.lose();
    let began = Instant::now();
    let mut plane = Plane::in_place_of(&lost);
    let restored = plane.ok(&["backup", "restore", &file]);
    println!("restored after {:?}: {restored}", began.elapsed());
    assert_eq!(
        (&restored["instances"], &restored["secrets"]["closed"]),
        (&1.into(), &0.into()),
        "{restored}"
    );
    plane.up();
    println!("serves after {:?}", began.elapsed());
    let seen = plane.await_that(MINUTE, "the instance to be seen", || {
        let acme = plane.ok(&["instance", "show", "acme"]);
        (acme["health"] == "healthy").then_some(acme)
    });
    println!("sees the instance after {:?}", began.elapsed());
    assert_eq!(seen["status"], "running");
    assert_eq!(ONE.sh(uptime), runs_since, "it was not touched");
    log_in(ONE, &created);
    let stop = plane.get("/api/operations/00000000-0000-0000-0000-0000000000a1");
    assert_eq!(stop["state"], "cancelled", "{stop}");
    plane.await_that(2 * MINUTE, "the agent to bring what it measured since", || {
        let newest = "select coalesce(max(at) > (select restored_at from control_plane), false) from server_samples where source = 'agent'";
        (plane.sql(newest) == "t").then_some(())
    });
    println!("hears the agent after {:?}", began.elapsed());
    plane.ok(&["instance", "stop", "acme"]);
    assert_eq!(
        ONE.sh("docker inspect -f '{{.State.Running}}' ocore-acme"),
        "false"
    );
    plane.ok(&["instance", "start", "acme"]);
    let took = began.elapsed();
    println!("stopped and started the instance after {took:?}");
    assert!(took < GOAL, "{took:?}");

    // What it does not know it tells of, and leaves alone.
    let told = plane.await_that(MINUTE, "the other instance to be told of", || {
        let told = plane.sql("select message from activity where kind = 'server.unknown_instance'");
        (!told.is_empty()).then_some(told)
    });
    assert!(
        told.contains("ocore-later") && told.contains(later) && told.lines().count() == 1,
        "{told}"
    );
    assert_eq!(
        ONE.sh("docker inspect -f '{{.State.Running}}' ocore-later"),
        "true"
    );

    // One more from the same backup: the one before finds its mark, and stands down.
    let mark = "docker volume ls -q --filter name=ocore-plane-";
    let first = plane.await_that(MINUTE, "the mark", || {
        Some(ONE.sh(mark)).filter(|mark| !mark.is_empty())
    });
    let mut third = Plane::in_place_of(&lost.elsewhere());
    third.ok(&["backup", "restore", &file]);
    third.up();
    plane.wait_for_death(2 * MINUTE);
    assert!(plane.log().contains("take-over"), "it says why");
    let second = ONE.sh(mark);
    assert!(second != first && second.lines().count() == 1, "{first} {second}");
    third.await_that(MINUTE, "the instance to be seen", || {
        (third.ok(&["instance", "show", "acme"])["health"] == "healthy").then_some(())
    });
    ONE.sh("docker rm -f ocore-later >/dev/null");
    third.ok(&["instance", "delete", "acme", "--confirm", "acme", "--no-dump"]);
    third.ok(&["server", "remove", "one", "--confirm", "one"]);
    assert_eq!(ONE.sh(mark), "");
}
