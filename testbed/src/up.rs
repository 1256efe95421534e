//! Making servers and removing them.

use std::{fs, thread};

use anyhow::{Context, Result, anyhow, bail};

use crate::{
    bare::unbare,
    cache,
    command::output,
    docker::{docker, look, read},
    images::{INSIDE, SERVER, ensure, load},
    server::{
        NETWORK, PREFIX, SUBNET, Server, exec, heal, running, server, sh, share_mounts, start, wait_ready,
    },
};

/// Brings servers 1 to `n` up and whole: running, connected, with Docker, images and our key. What is already so
/// stays as it is.
pub fn up(n: u8) -> Result<Vec<Server>> {
    if !(1..=100).contains(&n) {
        bail!("the testbed has between 1 and 100 servers, not {n}");
    }
    let lock = cache::lock()?;
    ensure(&lock)?;
    let key = cache::public_key(&lock)?;
    if look(&["network", "inspect", NETWORK]).is_none() {
        read(&["network", "create", "--subnet", SUBNET, NETWORK])?;
    }
    let image = SERVER.id()?;
    for i in 1..=n {
        boot(i, &image)?;
    }
    thread::scope(|scope| {
        let key = key.as_str();
        let waiting: Vec<_> = (1..=n).map(|i| scope.spawn(move || furnish(i, key))).collect();
        waiting
            .into_iter()
            .try_for_each(|done| done.join().map_err(|_| anyhow!("preparing a server panicked"))?)
    })?;
    Ok((1..=n).map(server).collect())
}

/// Its container runs, and is one of the present image.
fn boot(i: u8, image: &str) -> Result<()> {
    let name = server(i).name;
    if look(&["inspect", "--format", "{{.Image}}", &name]).is_some_and(|its| its != image) {
        eprintln!("testbed: server {i} is of an older image and is made anew");
        remove(&name)?;
    }
    if look(&["inspect", &name]).is_none() {
        return create(&server(i));
    }
    if running(i)? {
        // One that a testbed before this began may lack it.
        share_mounts(i)?;
    } else {
        start(i)?;
    }
    heal(i)
}

fn create(server: &Server) -> Result<()> {
    let volume = format!("{}:/var/lib/docker", server.name);
    let hostname = format!("server-{}", server.number);
    let mut run = docker(&["run", "-d", "--name", &server.name, "--hostname", &hostname]);
    run.args(["--network", NETWORK, "--ip", &server.address, "-v", &volume]);
    // systemd and a Docker Engine of its own: both need to rule over cgroups, mounts and networks.
    run.args([
        "--cgroupns=private",
        "--device-cgroup-rule=a *:* rwm",
        "--tmpfs=/run",
        "--tmpfs=/tmp:exec",
    ]);
    for layer in ["seccomp", "apparmor", "systempaths"] {
        run.arg(format!("--security-opt={layer}=unconfined"));
    }
    for capability in capabilities()? {
        run.arg(format!("--cap-add={capability}"));
    }
    crate::command::read(run.arg(SERVER.tag))
        .with_context(|| format!("could not make server {}", server.number))?;
    share_mounts(server.number)
}

/// Every capability this machine has. `--privileged` asks for all there are, and fails where one is missing. The
/// newest three are unknown to older engines, and needed by none.
fn capabilities() -> Result<Vec<&'static str>> {
    const NAMES: [&str; 38] = [
        "chown",
        "dac_override",
        "dac_read_search",
        "fowner",
        "fsetid",
        "kill",
        "setgid",
        "setuid",
        "setpcap",
        "linux_immutable",
        "net_bind_service",
        "net_broadcast",
        "net_admin",
        "net_raw",
        "ipc_lock",
        "ipc_owner",
        "sys_module",
        "sys_rawio",
        "sys_chroot",
        "sys_ptrace",
        "sys_pacct",
        "sys_admin",
        "sys_boot",
        "sys_nice",
        "sys_resource",
        "sys_time",
        "sys_tty_config",
        "mknod",
        "lease",
        "audit_write",
        "audit_control",
        "setfcap",
        "mac_override",
        "mac_admin",
        "syslog",
        "wake_alarm",
        "block_suspend",
        "audit_read",
    ];
    let status = fs::read_to_string("/proc/1/status").or_else(|_| fs::read_to_string("/proc/self/status"))?;
    let bits = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bits = u64::from_str_radix(bits.context("no CapBnd in /proc/1/status")?.trim(), 16)?;
    Ok(NAMES
        .into_iter()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, name)| name)
        .collect())
}

/// Our key for every user, Docker, and the images in it.
fn furnish(i: u8, key: &str) -> Result<()> {
    let name = server(i).name;
    sh(
        i,
        &format!(
            "set -e; for user in root deploy plain; do home=$(getent passwd $user | cut -d: -f6)
             install -d -m 700 -o $user -g $user $home/.ssh
             echo '{}' >$home/.ssh/authorized_keys
             chown $user: $home/.ssh/authorized_keys; done",
            key.trim()
        ),
    )?;
    unbare(i)?;
    wait_ready(i)?;
    for image in INSIDE {
        let there = exec(
            i,
            &format!("docker image inspect --format '{{{{.Id}}}}' {}", image.tag),
        )?;
        if there.stdout != image.id()? {
            eprintln!("testbed: server {i}: loading {}", image.tag);
            load(
                &image.file(),
                &mut docker(&["exec", "-i", &name, "docker", "load", "-q"]),
            )?;
        }
    }
    Ok(())
}

/// Removes all servers, their volumes and the network.
pub fn down() -> Result<()> {
    let _lock = cache::lock()?;
    for name in names()? {
        remove(&name)?;
    }
    if look(&["network", "inspect", NETWORK]).is_some() {
        read(&["network", "rm", NETWORK])?;
    }
    Ok(())
}

fn remove(name: &str) -> Result<()> {
    read(&["rm", "-f", "-v", name])?;
    read(&["volume", "rm", "-f", name])?;
    Ok(())
}

/// Name, address and state of each server there is.
pub fn list() -> Result<Vec<(Server, String)>> {
    let mut servers = Vec::new();
    for name in names()? {
        let Some(number) = name.strip_prefix(PREFIX).and_then(|number| number.parse().ok()) else {
            continue;
        };
        let state = read(&["inspect", "--format", "{{.State.Status}}", &name])?;
        servers.push((server(number), state));
    }
    servers.sort_by_key(|(server, _)| server.number);
    Ok(servers)
}

/// Every server's container; an engine that does not answer holds none.
fn names() -> Result<Vec<String>> {
    let filter = format!("name=^{PREFIX}[0-9]+$");
    let found = output(&mut docker(&[
        "ps",
        "-a",
        "--filter",
        &filter,
        "--format",
        "{{.Names}}",
    ]))?;
    Ok(found.stdout.lines().map(str::to_owned).collect())
}
