//! Placement on real servers: a server is picked, cordoned and drained, and a real Odoo with a file in its filestore serves at
//! its new place.

use serde_json::Value;

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows, port_of},
};

const ONE: Server = Server(1);
const TWO: Server = Server(2);

/// Signs in as the administrator, keeping the cookie on the server, and calls what is given as a user's browser would.
fn call(server: Server, created: &Value, path: &str, params: &Value) -> Value {
    let instance = &created["instance"];
    let port = port_of(instance);
    let login = serde_json::json!({"jsonrpc": "2.0", "params": {
        "db": instance["databaseName"], "login": created["adminLogin"], "password": created["adminPassword"]}});
    let body = serde_json::json!({"jsonrpc": "2.0", "method": "call", "params": params});
    let answer = server.sh(&format!(
        "rm -f /tmp/e2e.cookie
         curl -fsS -m 60 -c /tmp/e2e.cookie -H 'content-type: application/json' -d '{login}' \
             -o /tmp/e2e.login http://127.0.0.1:{port}/web/session/authenticate
         grep -q '\"uid\"' /tmp/e2e.login || cat /tmp/e2e.login >&2
         curl -fsS -m 60 -b /tmp/e2e.cookie -H 'content-type: application/json' -d '{body}' http://127.0.0.1:{port}{path}"
    ));
    let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|_| panic!("no JSON: {answer}"));
    assert!(answer["error"].is_null(), "{answer}");
    answer["result"].clone()
}

#[test]
fn a_drained_server_gives_its_instances_to_another() {
    ONE.clean();
    TWO.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");
    add_server(&plane, TWO, "two");
    plane.ok(&[
        "server",
        "update",
        "one",
        "--country",
        "DE",
        "--label",
        "disk=nvme",
    ]);
    plane.ok(&["server", "cordon", "two"]);

    // Nobody names a server: the one that is not cordoned is picked, and told with its reasons.
    let size = ["--workers", "0", "--memory", "1GiB"];
    let place = plane.ok(&[&["instance", "place", "--country", "DE"][..], &size[..]].concat());
    let servers = place["servers"].as_array().unwrap();
    assert_eq!(servers[0]["serverName"], "one", "{place}");
    assert_eq!(servers[1]["reasons"][0]["code"], "cordoned", "{place}");
    let mut created = plane.ok(&[&["instance", "create", "acme", "--country", "DE"][..], &size[..]].concat());
    assert_eq!(created["placement"]["serverName"], "one", "{created}");
    assert!(created["placement"]["score"].as_u64() > Some(0), "{created}");
    created["instance"] = plane.ok(&["instance", "show", "acme"]);
    plane.ok(&[&["instance", "create", "rests", "--server", "one"][..], &size[..]].concat());
    plane.ok(&["instance", "stop", "rests"]);
    plane.refused(
        &[
            "instance",
            "create",
            "late",
            "--server",
            "two",
            "--workers",
            "0",
            "--memory",
            "1GiB",
        ],
        "placement.refused",
    );

    // A file of a user, which Odoo keeps in its filestore.
    let content = "a file of a user, kept outside of the database. ".repeat(1000);
    let datas = base64(&content);
    let made = call(
        ONE,
        &created,
        "/web/dataset/call_kw/ir.attachment/create",
        &serde_json::json!({"model": "ir.attachment", "method": "create",
            "args": [{"name": "e2e.txt", "datas": datas}], "kwargs": {}}),
    );
    let kept = ONE.sh(
        "docker exec ocore-postgres psql -U postgres -XqAt -d odoo_acme -c \
         \"select store_fname from ir_attachment where name = 'e2e.txt'\"",
    );
    assert!(kept.contains('/'), "it is not in the filestore: {kept}");

    // Nowhere to go: told by name, and nothing is moved.
    let stuck = plane.cli(&["server", "drain", "one"]);
    assert_ne!(stuck.code, 0, "{}", stuck.text);
    assert!(
        stuck.text.contains("acme") && stuck.text.contains("cordoned"),
        "{}",
        stuck.text
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");

    plane.ok(&["server", "uncordon", "two"]);
    let drained = plane.ok(&["server", "drain", "one"]);
    assert_eq!(
        drained["operation"]["result"]["moved"],
        serde_json::json!(["acme", "rests"]),
        "{drained}"
    );
    assert!(
        !drained["server"]["cordonedAt"].is_null(),
        "it stays cordoned: {drained}"
    );
    assert_world_is_as_the_rows(&plane, ONE, "one");
    assert_world_is_as_the_rows(&plane, TWO, "two");
    created["instance"] = plane.ok(&["instance", "show", "acme"]);
    assert_eq!(created["instance"]["serverName"], "two");
    assert_eq!(plane.ok(&["instance", "show", "rests"])["status"], "stopped");
    let moves = plane.get("/api/operations?kind=instance_move&limit=10");
    let downtime = moves["data"]
        .as_array()
        .unwrap()
        .iter()
        .find_map(|one| one["result"]["downtimeMs"].as_i64());
    let downtime = downtime.unwrap_or_else(|| panic!("no downtime in {moves}"));
    println!("away for {downtime} ms");
    assert!((100..120_000).contains(&downtime), "{downtime}");

    // A login at the new place, and the file is what it was.
    let read = call(
        TWO,
        &created,
        "/web/dataset/call_kw/ir.attachment/read",
        &serde_json::json!({"model": "ir.attachment", "method": "read", "args": [made, ["datas", "store_fname"]], "kwargs": {}}),
    );
    assert_eq!(read[0]["datas"], datas.as_str(), "the file came over");
    assert_eq!(read[0]["store_fname"], kept.as_str());

    // And back, by name; what rested starts there.
    plane.ok(&["server", "uncordon", "one"]);
    let moved = plane.ok(&["instance", "move", "rests", "--to", "one"]);
    assert_eq!(moved["instance"]["serverName"], "one", "{moved}");
    assert!(
        moved["operation"]["result"]["downtimeMs"].is_null(),
        "it did not serve: {moved}"
    );
    plane.ok(&["instance", "start", "rests"]);
    assert_world_is_as_the_rows(&plane, ONE, "one");
    assert_world_is_as_the_rows(&plane, TWO, "two");
}

fn base64(text: &str) -> String {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut child = Command::new("base64")
        .args(["-w", "0"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
