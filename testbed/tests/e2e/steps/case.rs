//! The operations, each with how its world is prepared, begun, compared and cleared.

use crate::{
    plane::Plane,
    world::{Server, assert_world_is_as_the_rows, small, words},
};

const ONE: Server = Server(1);
const TWO: Server = Server(2);

pub(super) struct Case {
    pub(super) kind: &'static str,
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
}

const ON_THE_SAME: Case = Case {
    kind: "",
    name: |_| "acme".to_owned(),
    prepare: |_, _| {},
    verb: |_, _| Vec::new(),
    compare: as_the_rows,
    clear: |_, _| {},
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

pub(super) const ADD_SERVER: Case = Case {
    kind: "server_validate",
    name: |_| "two".to_owned(),
    prepare: |_, _| TWO.clean(),
    verb: |name, _| add_two(name),
    compare: second_as_the_rows,
    clear: |plane, name| {
        plane.ok(&["server", "remove", name, "--confirm", name]);
    },
};

pub(super) const REMOVE_SERVER: Case = Case {
    kind: "server_remove",
    name: |_| "two".to_owned(),
    prepare: |plane, name| {
        plane.ok(&add_two(name));
    },
    verb: |name, _| words(&["server", "remove", name, "--confirm", name]),
    compare: second_as_the_rows,
    clear: |_, _| {},
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
