//! Bad input and things in the way: each gives a clear error with a code and what to do, and leaves nothing behind.

use std::process::Command;

use crate::{
    plane::Plane,
    world::{Server, add_server, assert_world_is_as_the_rows, small, write_private},
};

const ONE: Server = Server(1);
const TWO: Server = Server(2);

#[test]
fn servers_that_cannot_be_used() {
    ONE.clean();
    TWO.clean();
    let plane = Plane::start();
    let address = TWO.address();
    let key = TWO.key_file();
    let other_key = plane.dir().join("other");
    let other_key = other_key.to_str().unwrap();
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f", other_key])
        .status();
    assert!(made.unwrap().success());
    let no_key = write_private(&plane, "no-key", "this is no key");

    let add = |name: &str, rest: &[&str], code: &str| {
        let mut arguments = vec!["server", "add", "--name", name];
        arguments.extend(rest);
        let said = plane.refused(&arguments, code);
        plane.cli(&["server", "remove", name, "--confirm", name, "--force"]);
        said
    };
    add(
        "host",
        &[
            "--host",
            "no-such-host.invalid",
            "--user",
            "root",
            "--key-file",
            &key,
        ],
        "ssh.host_unknown",
    );
    add(
        "port",
        &[
            "--host",
            &address,
            "--port",
            "2",
            "--user",
            "root",
            "--key-file",
            &key,
        ],
        "ssh.unreachable",
    );
    add(
        "key",
        &["--host", &address, "--user", "root", "--key-file", other_key],
        "ssh.auth_failed",
    );
    add(
        "broken",
        &["--host", &address, "--user", "root", "--key-file", &no_key],
        "ssh.key_invalid",
    );
    let wrong = plane.cli_in(
        &[
            "server",
            "add",
            "--name",
            "password",
            "--host",
            &address,
            "--user",
            "deploy",
            "--password-stdin",
        ],
        Some("not-the-password"),
    );
    assert!(
        wrong.code != 0 && wrong.text.contains("ssh.auth_failed"),
        "{}",
        wrong.text
    );
    assert!(!wrong.text.contains("not-the-password") && !plane.log().contains("not-the-password"));
    add(
        "fingerprint",
        &[
            "--host",
            &address,
            "--user",
            "root",
            "--key-file",
            &key,
            "--fingerprint",
            "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ],
        "ssh.host_key_changed",
    );
    add(
        "plain",
        &["--host", &address, "--user", "plain", "--key-file", &key],
        "docker.permission_denied",
    );

    ocore_testbed::bare(TWO.number()).unwrap();
    let said = add(
        "bare",
        &["--host", &address, "--user", "root", "--key-file", &key],
        "docker.missing",
    );
    assert!(said.contains("install"), "it says what to do: {said}");
    // Asked to, oCore installs it.
    let installed = plane.cli(&[
        "server",
        "add",
        "--name",
        "installed",
        "--host",
        &address,
        "--user",
        "root",
        "--key-file",
        &key,
        "--install-docker",
    ]);
    assert_eq!(installed.code, 0, "{}", installed.text);
    assert_eq!(plane.ok(&["server", "show", "installed"])["status"], "active");
    plane.ok(&["server", "remove", "installed", "--confirm", "installed"]);
    ocore_testbed::unbare(TWO.number()).unwrap();
    assert_eq!(
        TWO.sh("docker ps -aq; docker volume ls -q"),
        "",
        "nothing is left behind"
    );

    // A host key that changed since: refused, both fingerprints told, accepted only when named.
    add_server(&plane, TWO, "two");
    let old = TWO.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    TWO.sh("rm /etc/ssh/ssh_host_*; ssh-keygen -A >/dev/null; systemctl restart ssh");
    let new = TWO.sh("ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2");
    let said = plane.refused(&["server", "validate", "two"], "ssh.host_key_changed");
    assert!(
        said.contains(&old) && said.contains(&new),
        "both fingerprints are told: {said}"
    );
    plane.ok(&["server", "validate", "two", "--fingerprint", &new]);
    assert_eq!(plane.ok(&["server", "show", "two"])["status"], "active");
    plane.ok(&["server", "remove", "two", "--confirm", "two"]);
}

#[test]
fn instances_that_cannot_be_made() {
    ONE.clean();
    let plane = Plane::start();
    add_server(&plane, ONE, "one");
    let create = |name: &str, rest: &[&str], code: &str| {
        let mut arguments = vec!["instance", "create", name, "--server", "one"];
        arguments.extend(rest);
        let said = plane.refused(&arguments, code);
        assert_world_is_as_the_rows(&plane, ONE, "one");
        said
    };
    create("huge", &["--memory", "900GiB"], "server.insufficient_memory");
    create("version", &["--odoo-version", "12.0"], "request.invalid");
    {
        let _full = FullDisk::leaving(1 << 30);
        create("disk", &[], "server.insufficient_disk");
    }
    create("image", &["--image", "no-such-image:1"], "image.not_found");
    let said = create("broken", &["--image", "caddy:2"], "odoo.failed_to_start");
    assert!(
        said.contains("No such file or directory"),
        "its last lines are told: {said}"
    );
    create("postgres", &[], "request.invalid");
    plane.refused(
        &["instance", "create", "nowhere", "--server", "none"],
        "resource.not_found",
    );

    squat(20_000);
    plane.refused(
        &[
            "instance",
            "create",
            "port",
            "--server",
            "one",
            "--http-port",
            "20000",
        ],
        "port.taken",
    );
    // None asked for: the one that is taken is passed by.
    plane.ok(&small("acme"));
    let shown = plane.ok(&["instance", "show", "acme"]);
    assert_ne!(shown["httpPortHost"], 20_000);
    unsquat();

    create("ACME", &[], "name.taken");
    plane.refused(
        &["server", "remove", "one", "--confirm", "one"],
        "resource.in_use",
    );

    // Two that change one instance at once: the second is refused, and the first goes on.
    let first = plane.begin(&["instance", "restart", "acme"]);
    plane.refused(&["instance", "stop", "acme"], "operation.in_progress");
    assert_eq!(
        plane.await_operation(&first, std::time::Duration::from_secs(120))["state"],
        "done"
    );

    // A port that something else took while the instance rested.
    plane.ok(&["instance", "stop", "acme"]);
    let port = shown["httpPortHost"].as_u64().unwrap();
    squat(u16::try_from(port).unwrap());
    let said = plane.refused(&["instance", "start", "acme"], "port.taken");
    assert!(said.contains(&port.to_string()), "the port is named: {said}");
    assert_eq!(plane.ok(&["instance", "show", "acme"])["status"], "stopped");
    unsquat();
    plane.ok(&["instance", "start", "acme"]);
    plane.ok(&["instance", "delete", "acme", "--confirm", "acme", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

/// Something else listens on a port of the server's loopback.
fn squat(port: u16) {
    ONE.sh(&format!(
        "systemd-run --quiet --collect --unit=squatter-{port} \
         /usr/bin/docker run --rm --network host --name squatter-{port} --entrypoint python3 odoo:19 \
         -m http.server {port} --bind 127.0.0.1; \
         for i in $(seq 100); do ss -Hltn | grep -q ':{port} ' && break; sleep 0.1; done"
    ));
}

fn unsquat() {
    ONE.sh("docker ps -q --filter name=squatter- | xargs -r docker rm -f >/dev/null; sleep 1");
}

/// The server's disk, filled by one file that goes with this.
struct FullDisk;

impl FullDisk {
    fn leaving(bytes: u64) -> Self {
        let full = Self;
        let free = ONE.sh("df -B1 --output=avail /var/lib/docker | tail -1");
        let free: u64 = free.trim().parse().unwrap();
        let size = free.saturating_sub(bytes);
        ONE.sh(&format!("fallocate -l {size} /var/lib/docker/full.test"));
        full
    }
}

impl Drop for FullDisk {
    fn drop(&mut self) {
        ONE.sh("rm -f /var/lib/docker/full.test");
    }
}
