//! An instance's log by the agent of its server: live while SSH is cut, and by SSH when the agent is gone.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use crate::{plane::Plane, world::Server};

/// How long a line may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody who follows a log.
struct Reader {
    curl: Child,
    lines: Receiver<String>,
}

impl Reader {
    fn start(plane: &Plane, path: &str) -> Self {
        let mut curl = Command::new("curl")
            .args(["-sSN", "-H", &format!("authorization: Bearer {}", plane.token())])
            .arg(format!("http://127.0.0.1:{}{path}", plane.port()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let text = BufReader::new(curl.stdout.take().unwrap());
        let (send, lines) = channel();
        thread::spawn(move || {
            for line in text.lines().map_while(Result::ok) {
                if send.send(line).is_err() {
                    return;
                }
            }
        });
        Self { curl, lines }
    }

    /// Waits for a line with this in it.
    fn until(&self, plane: &Plane, part: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut before = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(part) => return line,
                Ok(line) => before.push(line),
                Err(error) => panic!("{error}: no line with {part} in {before:#?}\n{}", plane.log()),
            }
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let _ = self.curl.kill();
        let _ = self.curl.wait();
    }
}

/// A figure of the process itself.
fn figure(plane: &Plane, name: &str) -> f64 {
    let (_, figures) = plane.api("GET", "/metrics", None);
    let line = figures
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(-1.0, |value| value.parse().unwrap())
}

fn await_agents(plane: &Plane, count: f64) {
    plane.await_that(Duration::from_secs(60), "the agent's connection", || {
        (figure(plane, "ocore_agents_connected").to_bits() == count.to_bits()).then_some(())
    });
}

/// Of `acme`, which listens on this port.
pub(crate) fn comes_by_the_agent(plane: &Plane, server: Server, port: i64) {
    let resident = || -> u64 {
        let script = "grep VmRSS: /proc/$(systemctl show -p MainPID --value ocore-agent)/status";
        server
            .sh(script)
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    };
    // What is asked of Odoo is in its log.
    let mark = |word: &str| {
        server.sh(&format!(
            "curl -s -o /dev/null 'http://127.0.0.1:{port}/web/login?mark={word}'"
        ));
    };
    let all = Instant::now();
    await_agents(plane, 1.0);
    let idle = resident();

    // Nothing comes by SSH any more, on the connection that there is neither.
    server.sh("iptables -I INPUT -p tcp --dport 22 -j DROP");
    let ssh = format!("{}:22", server.address()).parse().unwrap();
    assert!(TcpStream::connect_timeout(&ssh, Duration::from_secs(2)).is_err());
    mark("before");
    let began = Instant::now();
    let reader = Reader::start(plane, "/api/instances/acme/logs?follow=true&tail=50");
    reader.until(plane, "mark=before");
    let first = began.elapsed();
    let began = Instant::now();
    mark("live");
    reader.until(plane, "mark=live");
    let live = began.elapsed();
    let (status, whole) = plane.api("GET", "/api/instances/acme/logs?tail=1000", None);
    assert!(status == 200 && whole.contains("mark=live"), "{status} {whole}");
    let followed = resident();
    println!(
        "by the agent with SSH cut: the first line after {first:?}, a new one {live:?} after it was asked for; resident {idle} kB, \
         with the log followed {followed} kB"
    );
    assert!(followed <= 8 << 10, "{followed} kB");
    assert_eq!(figure(plane, "ocore_agent_logs").to_bits(), 1_f64.to_bits());

    // SSH is back, and the agent goes: who reads is told of the gap, and reads on.
    server.sh("iptables -D INPUT -p tcp --dport 22 -j DROP; systemctl stop ocore-agent");
    reader.until(plane, "ocore: the connection to the agent broke off");
    // The log is opened over SSH a moment later; what comes before that is in the gap.
    plane.await_that(PATIENCE, "a line over SSH", || {
        mark("over-ssh");
        let until = Instant::now() + Duration::from_secs(1);
        let arrived = |line: String| line.contains("mark=over-ssh").then_some(());
        while let Ok(line) = reader
            .lines
            .recv_timeout(until.saturating_duration_since(Instant::now()))
        {
            if let Some(arrived) = arrived(line) {
                return Some(arrived);
            }
        }
        None
    });
    drop(reader);
    await_agents(plane, 0.0);
    let (status, whole) = plane.api("GET", "/api/instances/acme/logs?tail=1000", None);
    assert!(
        status == 200 && whole.contains("mark=over-ssh"),
        "{status} {whole}"
    );

    server.sh("systemctl start ocore-agent");
    await_agents(plane, 1.0);
    println!("its log by the agent and over SSH: {:?}", all.elapsed());
}
