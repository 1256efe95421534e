//! The agent on a server with twenty containers, beside Debian's `prometheus-node-exporter` in the same run.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, Response, body::Bytes, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, time::sleep};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::report::{Figures, Target};

const CONTAINERS: u32 = 20;
/// Until everything is seen and the first batches are brought.
const SETTLED: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(240);
/// As often as the agent samples.
const SCRAPED: Duration = Duration::from_secs(10);
/// This machine, as the testbed's servers see it.
const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// A little work twice a second, and a line as Odoo writes them.
const BUSY: &str = r#"while :; do i=0; while [ $i -lt 3000 ]; do i=$((i+1)); done
    echo "2026-01-01 00:00:00,000 1 INFO db werkzeug: 172.18.0.1 - - [01/Jan/2026 00:00:00] \"GET /web HTTP/1.1\" 200 - 12 0.034 0.120" >&2
    sleep 0.5; done"#;

pub async fn run(agent: &Path, server: &str) -> Result<Figures> {
    let server = Server(server.to_owned());
    server.clear();
    let measured = measure(agent, &server).await;
    server.clear();
    measured
}

async fn measure(agent: &Path, server: &Server) -> Result<Figures> {
    let mut figures = Figures::default();
    let pushes = Arc::new(AtomicU64::new(0));
    let (port, certificate) = receive(pushes.clone()).await?;
    let folder = tempfile::tempdir()?;
    let exporter = exporter(folder.path());
    if let Err(error) = &exporter {
        println!("  prometheus-node-exporter is not to be had: {error:#}");
    }
    server.sh("mkdir -p /root/bench")?;
    server.copy(agent, "/root/bench/ocore-agent")?;
    std::fs::write(folder.path().join("ca.pem"), certificate)?;
    std::fs::write(folder.path().join("token"), "ocore_agent_0123456789")?;
    std::fs::write(
        folder.path().join("config.toml"),
        format!(
            "url = \"https://{GATEWAY}:{port}\"\nserver = \"bench\"\nca = \"/root/bench/ca.pem\"\ndocker = \"/var/run/docker.sock\"\n"
        ),
    )?;
    for file in ["ca.pem", "token", "config.toml"] {
        server.copy(&folder.path().join(file), &format!("/root/bench/{file}"))?;
    }
    for number in 0..CONTAINERS {
        server.sh(&format!(
            "docker run -d --name bench-{number} --label sh.ocore.instance=bench-{number} -m 256m postgres:17 sh -c '{BUSY}' >/dev/null"
        ))?;
    }
    // As the unit does it, but for the folder: the secret is passed, and the user is nobody.
    server.sh(
        "chmod 755 /root /root/bench; chmod 644 /root/bench/*; chmod 755 /root/bench/ocore-agent
         systemd-run -q --unit bench-agent -p DynamicUser=yes -p SupplementaryGroups=docker -p ProtectSystem=strict \
             -p LoadCredential=token:/root/bench/token /root/bench/ocore-agent run --config /root/bench/config.toml",
    )?;
    if let Ok(exporter) = &exporter {
        server.copy(exporter, "/root/bench/exporter")?;
        server.sh(
            "chmod 755 /root/bench/exporter
             systemd-run -q --unit bench-exporter -p DynamicUser=yes /root/bench/exporter --web.listen-address=0.0.0.0:9100",
        )?;
    }
    let address = server.address()?;
    let scraping = tokio::spawn(async move {
        loop {
            let _ = Command::new("curl")
                .args([
                    "-s",
                    "-m",
                    "5",
                    "-o",
                    "/dev/null",
                    &format!("http://{address}:9100/metrics"),
                ])
                .status();
            sleep(SCRAPED).await;
        }
    });
    sleep(SETTLED).await;
    let before = pushes.load(Ordering::Relaxed);
    let mut watched = vec![("agent", server.pid("bench-agent")?)];
    if exporter.is_ok() {
        watched.push(("exporter", server.pid("bench-exporter")?));
    }
    let began = Instant::now();
    let first: Vec<f64> = watched
        .iter()
        .map(|(_, pid)| server.cpu(pid))
        .collect::<Result<_>>()?;
    sleep(MEASURED).await;
    let seconds = began.elapsed().as_secs_f64();
    let pushed = pushes.load(Ordering::Relaxed) - before;
    if pushed < MEASURED.as_secs() / 30 - 1 {
        bail!(
            "the agent brought {pushed} batches only: {}",
            server.sh("journalctl -u bench-agent -o cat | tail -5")?
        );
    }
    for ((which, pid), first) in watched.iter().zip(first) {
        let cpu = (server.cpu(pid)? - first) / seconds * 100.0;
        let (resident, peak) = (server.kib(pid, "VmRSS")?, server.kib(pid, "VmHWM")?);
        if *which == "agent" {
            figures.add("agent, resident", resident, "MB", Some(Target::AtMost(8.0)));
            figures.add("agent, resident at most", peak, "MB", None);
            figures.add("agent, of one core", cpu, "%", Some(Target::AtMost(0.3)));
        } else {
            figures.add("node exporter, resident", resident, "MB", None);
            figures.add("node exporter, resident at most", peak, "MB", None);
            figures.add("node exporter, of one core", cpu, "%", None);
        }
    }
    scraping.abort();
    Ok(figures)
}

/// Takes batches over TLS, as oCore would, and counts them.
async fn receive(pushes: Arc<AtomicU64>) -> Result<(u16, String)> {
    let made = rcgen::generate_simple_self_signed([GATEWAY.to_string()])?;
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(anyhow::Error::msg)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, pushes) = (acceptor.clone(), pushes.clone());
            tokio::spawn(async move {
                let answer = service_fn(move |request: Request<Incoming>| {
                    let pushes = pushes.clone();
                    async move {
                        let _ = request.into_body().collect().await;
                        pushes.fetch_add(1, Ordering::Relaxed);
                        let mut answer = Response::new(Empty::<Bytes>::new());
                        *answer.status_mut() = hyper::StatusCode::NO_CONTENT;
                        Ok::<_, Infallible>(answer)
                    }
                });
                if let Ok(stream) = acceptor.accept(stream).await {
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), answer)
                        .await;
                }
            });
        }
    });
    Ok((port, made.cert.pem()))
}

/// Debian's own package, taken apart: it is not installed on this machine.
fn exporter(folder: &Path) -> Result<std::path::PathBuf> {
    let run = |program: &str, words: &[&str]| -> Result<()> {
        let status = Command::new(program)
            .args(words)
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("{program} {} failed", words.join(" "));
        }
        Ok(())
    };
    run("apt-get", &["download", "prometheus-node-exporter"])?;
    run("sh", &["-c", "dpkg-deb -x prometheus-node-exporter_*.deb tree"])?;
    Ok(folder.join("tree/usr/bin/prometheus-node-exporter"))
}

/// A server of the testbed, by the name of its container.
struct Server(String);

impl Server {
    fn sh(&self, script: &str) -> Result<String> {
        let output = Command::new("docker")
            .args(["exec", &self.0, "sh", "-c", script])
            .output()?;
        if !output.status.success() {
            bail!("on {}: {}", self.0, String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn copy(&self, from: &Path, to: &str) -> Result<()> {
        let to = format!("{}:{to}", self.0);
        let status = Command::new("docker")
            .arg("cp")
            .arg(from)
            .arg(to)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        if !status.success() {
            bail!("{} cannot be copied to {}", from.display(), self.0);
        }
        Ok(())
    }

    fn address(&self) -> Result<String> {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let output = Command::new("docker")
            .args(["inspect", "-f", format, &self.0])
            .output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn pid(&self, unit: &str) -> Result<String> {
        let pid = self.sh(&format!("systemctl show -p MainPID --value {unit}"))?;
        if pid == "0" {
            bail!(
                "{unit} ended: {}",
                self.sh(&format!("journalctl -u {unit} -o cat | tail -5"))?
            );
        }
        Ok(pid)
    }

    /// Seconds of a core that a process has used with all its threads.
    fn cpu(&self, pid: &str) -> Result<f64> {
        let text = self.sh(&format!("cat /proc/{pid}/stat"))?;
        let (_, rest) = text.rsplit_once(") ").context("no process")?;
        let ticks: Vec<f64> = rest
            .split(' ')
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse().ok())
            .collect();
        Ok(ticks.iter().sum::<f64>() / 100.0)
    }

    /// A line of `/proc/PID/status` in megabytes.
    fn kib(&self, pid: &str, name: &str) -> Result<f64> {
        let line = self.sh(&format!("grep {name} /proc/{pid}/status"))?;
        let kib: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
        Ok(kib * 1024.0 / 1e6)
    }

    fn clear(&self) {
        // What is not there need not go.
        let _ = self.sh(
            "systemctl stop bench-agent bench-exporter 2>/dev/null; systemctl reset-failed bench-agent bench-exporter 2>/dev/null
             docker ps -aq --filter name=bench- | xargs -r docker rm -fv >/dev/null; rm -rf /root/bench; chmod 700 /root; true",
        );
    }
}
