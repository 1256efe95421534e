//! A real proxy before several processes: Debian's haproxy, which looks at `/health/ready`.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use crate::plane::{Plane, free_port};

pub(super) struct Proxy {
    process: Child,
    pub(super) port: u16,
}

impl Proxy {
    pub(super) fn start(behind: &[&Plane]) -> Self {
        ocore_testbed::install(&[ocore_testbed::PROXY]).unwrap();
        let port = free_port();
        let servers: String = behind
            .iter()
            .map(|plane| format!("    server ocore-{0} 127.0.0.1:{0} check\n", plane.port()))
            .collect();
        // As in docs/operators/processes.md. No request that may have reached a process is sent again.
        let text = format!(
            "defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    timeout check 3s
frontend in
    bind 127.0.0.1:{port}
    default_backend ocore
backend ocore
    balance roundrobin
    http-reuse always
    option httpchk GET /health/ready
    default-server inter 500ms fall 2 rise 2
{servers}"
        );
        let file = behind[0].dir().join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let process = Command::new("/usr/sbin/haproxy")
            .args(["-db", "-f"])
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let proxy = Self { process, port };
        let began = Instant::now();
        while !super::http::Request::get("/health")
            .send(port)
            .is_ok_and(|(status, _)| status == 200)
        {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "haproxy does not answer"
            );
            sleep(Duration::from_millis(100));
        }
        proxy
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
