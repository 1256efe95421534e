//! One server, and what can be done to it.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    cache,
    command::{Output, output},
    docker,
    engine::tail,
};

/// The network of all servers.
pub(crate) const NETWORK: &str = "ocore-testbed";
/// Its addresses.
pub(crate) const SUBNET: &str = "10.77.0.0/24";
/// What the name of each server, followed by its number, begins with.
pub(crate) const PREFIX: &str = "ocore-testbed-";

/// A server of the testbed. Its users: `root` by key; `deploy` by key or [`Server::DEPLOY_PASSWORD`], with sudo
/// that asks for no password; `plain` by key or [`Server::PLAIN_PASSWORD`], without. Neither may use Docker directly.
#[derive(Clone, Debug)]
pub struct Server {
    /// From 1.
    pub number: u8,
    /// The name of its container, and of the volume with its Docker's data.
    pub name: String,
    /// Its address, the same for all its life; sshd is on port 22.
    pub address: String,
    /// The private key that opens it.
    pub key_path: PathBuf,
}

impl Server {
    /// The password of the user `deploy`.
    pub const DEPLOY_PASSWORD: &str = "deploy-password";
    /// The password of the user `plain`.
    pub const PLAIN_PASSWORD: &str = "plain-password";
}

/// The server with a number, whether or not it is up.
pub fn server(i: u8) -> Server {
    let address = Ipv4Addr::new(10, 77, 0, i.saturating_add(10)).to_string();
    Server {
        number: i,
        name: format!("{PREFIX}{i}"),
        address,
        key_path: cache::key(),
    }
}

/// This machine, as the servers see it.
pub fn gateway() -> String {
    Ipv4Addr::new(10, 77, 0, 1).to_string()
}

/// Runs a shell script as root on a server, not by SSH but from outside: it works with the network cut too.
pub fn exec(i: u8, script: &str) -> Result<Output> {
    output(&mut docker::docker(&[
        "exec",
        &server(i).name,
        "bash",
        "-c",
        script,
    ]))
}

/// Runs a script that must succeed; answers its output.
pub(crate) fn sh(i: u8, script: &str) -> Result<String> {
    let answer = exec(i, script)?;
    if !answer.success() {
        bail!(
            "on server {i}, a script failed ({}): {}",
            answer.status,
            tail(&answer.stderr)
        );
    }
    Ok(answer.stdout)
}

/// Cuts a server off the network: packets vanish, connections hang.
pub fn cut(i: u8) -> Result<()> {
    if connected(i)? {
        docker::read(&["network", "disconnect", NETWORK, &server(i).name])?;
    }
    Ok(())
}

/// Connects it again, with the address it had.
pub fn heal(i: u8) -> Result<()> {
    if !connected(i)? {
        let server = server(i);
        docker::read(&[
            "network",
            "connect",
            "--ip",
            &server.address,
            NETWORK,
            &server.name,
        ])?;
    }
    Ok(())
}

/// Loses packets of a server by chance, so many percent in each direction, as `tc netem loss` would: by the firewall, since
/// not every kernel has netem. 0 loses none any longer.
pub fn lose(i: u8, percent: u8) -> Result<()> {
    let address = server(i).address;
    let rules = ["INPUT -d", "OUTPUT -s"].map(|rule| {
        let part = f32::from(percent) / 100.0;
        format!(
            "while iptables -S | grep -e '-A {chain}' | grep -m 1 ocore-testbed-loss | sed 's/^-A/-D/' | xargs -r iptables
             iptables -S | grep -e '-A {chain}' | grep -q ocore-testbed-loss; do :; done
             [ {percent} -eq 0 ] || iptables -I {rule} {address} -m statistic --mode random --probability {part} \
                 -m comment --comment ocore-testbed-loss -j DROP",
            chain = &rule[..rule.len() - 3],
        )
    });
    sh(i, &rules.join("\n")).map(drop)
}

fn connected(i: u8) -> Result<bool> {
    let format = format!("{{{{if index .NetworkSettings.Networks {NETWORK:?}}}}}yes{{{{end}}}}");
    Ok(docker::read(&["inspect", "--format", &format, &server(i).name])? == "yes")
}

/// Takes its power away: every process ends at once, what was written to disk stays.
pub fn kill(i: u8) -> Result<()> {
    if running(i)? {
        docker::read(&["kill", "--signal", "KILL", &server(i).name])?;
    }
    Ok(())
}

/// Boots it.
pub fn start(i: u8) -> Result<()> {
    docker::read(&["start", &server(i).name])?;
    share_mounts(i)
}

/// What is mounted is seen by services too, as on every machine that boots: in a container systemd leaves that to who made
/// it, and Docker does not do it. Without it systemd cannot pass secrets to a service.
pub(crate) fn share_mounts(i: u8) -> Result<()> {
    sh(i, "mount --make-rshared /").map(drop)
}

pub(crate) fn running(i: u8) -> Result<bool> {
    Ok(docker::read(&["inspect", "--format", "{{.State.Running}}", &server(i).name])? == "true")
}

/// Waits until its sshd takes connections and its Docker answers (unless it is [bare](crate::bare())).
pub fn wait_ready(i: u8) -> Result<()> {
    const READY: &str =
        "systemctl is-active -q ssh && { [ -e /var/lib/ocore-testbed/bare ] || docker info >/dev/null; }";
    let server = server(i);
    let address = SocketAddr::from((server.address.parse::<Ipv4Addr>()?, 22));
    let deadline = Instant::now() + Duration::from_secs(90);
    loop {
        let inside = exec(i, READY)?;
        let open = inside.success() && TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok();
        if open {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!(
                "server {i} ({}) is not ready after 90 s: {}",
                server.address,
                inside.stderr
            );
        }
        sleep(Duration::from_millis(200));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_give_names_and_addresses() {
        let second = server(2);
        assert_eq!(
            (second.name.as_str(), second.address.as_str()),
            ("ocore-testbed-2", "10.77.0.12")
        );
    }
}
