//! What should be where, by the rows, and what is.

use std::{collections::BTreeSet, fs};

use serde_json::Value;

use crate::plane::Plane;

pub(crate) use crate::server::{Server, log_in, port_of, slot};

/// Adds a server of the testbed by root's key.
pub(crate) fn add_server(plane: &Plane, server: Server, name: &str) -> Value {
    plane.ok(&[
        "server",
        "add",
        "--name",
        name,
        "--host",
        &server.address(),
        "--user",
        "root",
        "--key-file",
        &server.key_file(),
    ])
}

/// The words that make an instance on server one, as small as Odoo goes.
pub(crate) fn small(name: &str) -> Vec<String> {
    let create = ["instance", "create", name, "--server", "one"];
    words(&[&create[..], &["--workers", "0", "--memory", "1GiB"]].concat())
}

pub(crate) fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// Compares what is on a server with what the rows say: every running instance has all its parts, and nothing else
/// is there.
pub(crate) fn assert_world_is_as_the_rows(plane: &Plane, server: Server, server_name: &str) {
    let instances = plane.get("/api/instances?limit=200")["data"]
        .as_array()
        .unwrap()
        .clone();
    let here: Vec<&Value> = instances
        .iter()
        .filter(|i| i["serverName"] == server_name)
        .collect();
    let slugs: Vec<String> = here
        .iter()
        .map(|i| i["slug"].as_str().unwrap().to_owned())
        .collect();
    let containers: BTreeSet<String> = slugs.iter().map(|s| format!("ocore-{s}")).collect();
    let volumes: BTreeSet<String> = slugs.iter().map(|s| format!("ocore-{s}-data")).collect();
    let databases: BTreeSet<String> = slugs
        .iter()
        .map(|s| format!("odoo_{}", s.replace('-', "_")))
        .flat_map(|name| [format!("database {name}"), format!("role {name}")])
        .collect();
    let ports: BTreeSet<String> = here
        .iter()
        .filter(|i| i["status"] == "running")
        .flat_map(|i| {
            [
                i["httpPortHost"].to_string(),
                i["longpollingPortHost"].to_string(),
            ]
        })
        .collect();
    assert_eq!(server.containers(), containers, "containers");
    assert_eq!(server.volumes(), volumes, "volumes");
    assert_eq!(server.databases(), databases, "databases and roles");
    assert_eq!(server.ports(), ports, "ports");
    assert_eq!(server.half_templates(), BTreeSet::new(), "half made templates");
    let reserved = plane.sql("select count(*) from port_reservations");
    assert_eq!(reserved, (2 * instances.len()).to_string(), "port reservations");
    assert_eq!(
        plane.sql("select count(*) from operation_leases"),
        "0",
        "leases of operations"
    );
    assert_eq!(
        plane.sql("select count(*) from leases where name like 'template:%'"),
        "0",
        "turns at templates"
    );
}

/// A file that only the test reads.
pub(crate) fn write_private(plane: &Plane, name: &str, content: &str) -> String {
    let path = plane.dir().join(name);
    fs::write(&path, content).unwrap();
    path.to_string_lossy().into_owned()
}
