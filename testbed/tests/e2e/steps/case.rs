//! The operations, each with how its world is prepared, begun, compared and cleared.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows, small, words},
};

const ONE: Server = Server(1);
const TWO: Server = Server(2);

pub(super) struct Case {
    pub(super) kind: &'static str,
    /// Brings the second server in, for who needs one.
    pub(super) second: fn(&Plane),
    /// The name of the instance or server that an attempt of this description is about.
    pub(super) name: fn(&str) -> String,
    /// Brings the world to where the operation can begin.
    pub(super) prepare: fn(&Plane, &str),
    /// The words of the CLI that begin it; the number is another for each attempt.
    pub(super) verb: fn(&str, usize) -> Vec<String>,
    /// Compares the world with the rows.
    pub(super) compare: fn(&Plane),
    /// Takes away what an attempt that ended well leaves, where the next needs it gone.
    pub(super) clear: fn(&Plane, &str),
    /// Whether a failure is tried at each step always, or with `OCORE_E2E_ALL` only: it takes minutes where much is copied.
    pub(super) fails_always: bool,
}

const ON_THE_SAME: Case = Case {
    kind: "",
    second: |_| {},
    name: |_| "acme".to_owned(),
    prepare: |_, _| {},
    verb: |_, _| Vec::new(),
    compare: as_the_rows,
    clear: |_, _| {},
    fails_always: true,
};

pub(super) const CREATE: Case = Case {
    kind: "instance_create",
    name: slug,
    verb: |name, _| small(name),
    clear: |plane, name| {
        plane.ok(&["instance", "delete", name, "--confirm", name, "--no-dump"]);
    },
    ..ON_THE_SAME
};

pub(super) const DELETE: Case = Case {
    kind: "instance_delete",
    name: slug,
    prepare: |plane, name| {
        plane.ok(&small(name));
    },
    verb: |name, _| words(&["instance", "delete", name, "--confirm", name]),
    ..ON_THE_SAME
};

pub(super) const START: Case = Case {
    kind: "instance_start",
    prepare: |plane, name| be(plane, name, "stopped"),
    verb: |name, _| words(&["instance", "start", name]),
    ..ON_THE_SAME
};

pub(super) const STOP: Case = Case {
    kind: "instance_stop",
    prepare: |plane, name| be(plane, name, "running"),
    verb: |name, _| words(&["instance", "stop", name]),
    ..ON_THE_SAME
};

pub(super) const RESTART: Case = Case {
    kind: "instance_restart",
    prepare: |plane, name| be(plane, name, "running"),
    verb: |name, _| words(&["instance", "restart", name]),
    ..ON_THE_SAME
};

pub(super) const UPDATE: Case = Case {
    kind: "instance_update",
    prepare: |plane, name| be(plane, name, "running"),
    verb: |name, i| {
        words(&[
            "instance",
            "update",
            name,
            "--memory",
            &format!("{}MiB", 1100 + i),
        ])
    },
    ..ON_THE_SAME
};

/// To and fro between two servers: each attempt ends on the other one, if need be by its retry. Before each, a row and a file
/// are written, and after it all of them are there, in the one copy that there is.
pub(super) const MOVE: Case = Case {
    kind: "instance_move",
    second: |plane| {
        TWO.clean();
        add_server(plane, TWO, "two");
        WRITTEN.store(0, Ordering::Relaxed);
    },
    prepare: |plane, name| {
        be(plane, name, "running");
        write(plane, name);
    },
    verb: |name, i| {
        let to = if i % 2 == 0 { "two" } else { "one" };
        words(&["instance", "move", name, "--to", to])
    },
    compare: |plane| {
        assert_world_is_as_the_rows(plane, ONE, "one");
        assert_world_is_as_the_rows(plane, TWO, "two");
        let running = "docker ps -q --filter name=ocore-acme";
        let running = [ONE.sh(running), TWO.sh(running)].join(" ");
        assert_eq!(
            running.split_whitespace().count(),
            1,
            "copies that run: {running}"
        );
        assert_all_is_there(plane, "acme");
    },
    fails_always: false,
    ..ON_THE_SAME
};

/// How often something was written.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

/// The server on which an instance is by its row.
fn server_of(plane: &Plane, name: &str) -> Server {
    match plane.ok(&["instance", "show", name])["serverName"].as_str() {
        Some("one") => ONE,
        Some("two") => TWO,
        other => panic!("{name} is on {other:?}"),
    }
}

fn write(plane: &Plane, name: &str) {
    let server = server_of(plane, name);
    let n = WRITTEN.fetch_add(1, Ordering::Relaxed) + 1;
    server.sh(&format!(
        "docker exec ocore-postgres psql -U postgres -XqAt -d odoo_{name} -c \"insert into ir_config_parameter (key, value) \
         values ('e2e.{n}', 'written {n}')\"
         docker exec ocore-{name} sh -c 'd=/var/lib/odoo/filestore/odoo_{name}/e2e; mkdir -p $d; echo written {n} >\"$d/file {n}\"'"
    ));
}

fn assert_all_is_there(plane: &Plane, name: &str) {
    let server = server_of(plane, name);
    let n = WRITTEN.load(Ordering::Relaxed);
    let rows = server.sh(&format!(
        "docker exec ocore-postgres psql -U postgres -XqAt -d odoo_{name} -c \"select count(*) from ir_config_parameter where \
         key like 'e2e.%' and value = 'written ' || substr(key, 5)\""
    ));
    assert_eq!(rows, n.to_string(), "rows written");
    let files = server.sh(&format!(
        "docker exec ocore-{name} sh -c 'cd /var/lib/odoo/filestore/odoo_{name}/e2e; for i in $(seq {n}); do \
         [ \"$(cat \"file $i\")\" = \"written $i\" ] && [ -O \"file $i\" ] || echo \"$i is not as it was\"; done; ls | wc -l'"
    ));
    assert_eq!(files, n.to_string(), "files written");
}

pub(super) const ADD_SERVER: Case = Case {
    kind: "server_validate",
    second: |_| TWO.clean(),
    name: |_| "two".to_owned(),
    prepare: |_, _| TWO.clean(),
    verb: |name, _| add_two(name),
    compare: second_as_the_rows,
    clear: |plane, name| {
        plane.ok(&["server", "remove", name, "--confirm", name]);
    },
    fails_always: true,
};

pub(super) const REMOVE_SERVER: Case = Case {
    kind: "server_remove",
    second: |_| TWO.clean(),
    name: |_| "two".to_owned(),
    prepare: |plane, name| {
        plane.ok(&add_two(name));
    },
    verb: |name, _| words(&["server", "remove", name, "--confirm", name]),
    compare: second_as_the_rows,
    clear: |_, _| {},
    fails_always: true,
};

fn add_two(name: &str) -> Vec<String> {
    words(&[
        "server",
        "add",
        "--name",
        name,
        "--host",
        &TWO.address(),
        "--user",
        "root",
        "--key-file",
        &TWO.key_file(),
    ])
}

/// An instance that is there, and in this state.
fn be(plane: &Plane, name: &str, status: &str) {
    let shown = plane.cli(&["instance", "show", name]);
    if shown.code != 0 {
        plane.ok(&small(name));
    }
    if plane.ok(&["instance", "show", name])["status"] != status {
        let verb = if status == "running" { "start" } else { "stop" };
        plane.ok(&["instance", verb, name]);
    }
}

fn as_the_rows(plane: &Plane) {
    assert_world_is_as_the_rows(plane, ONE, "one");
}

/// The second server: active with its PostgreSQL, or gone without a trace.
fn second_as_the_rows(plane: &Plane) {
    let shown = plane.cli(&["server", "show", "two"]);
    let here = TWO
        .sh("docker ps --format '{{.Names}}'; docker volume ls -q; docker network ls -q --filter name=ocore");
    if shown.code != 0 {
        assert_eq!(here, "", "nothing is left of a server that was removed");
    } else if shown.json["status"] == "active" {
        assert!(here.contains("ocore-postgres"), "{here}");
    }
    assert_eq!(
        plane.sql("select count(*) from operation_leases"),
        "0",
        "leases of operations"
    );
}

fn slug(what: &str) -> String {
    what.replace(['_', ' '], "-")
}
