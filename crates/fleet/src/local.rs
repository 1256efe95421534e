//! This machine as a server.

use std::{os::unix::process::ExitStatusExt, process::Stdio, sync::Arc};

use async_trait::async_trait;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};
use ocore_domain::{Code, Problem, server::DockerRoute};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UnixStream},
    process::Command,
    sync::OnceCell,
    time::timeout,
};

use crate::{
    BoxedStream, Engine, Finished, Host, Script,
    engine::{self, Dial},
    host::too_long,
    lines::Collector,
};

/// This machine.
pub(crate) struct LocalHost {
    socket: String,
    engine: OnceCell<Engine>,
}

impl LocalHost {
    pub(crate) fn new(socket: String) -> Self {
        Self {
            socket,
            engine: OnceCell::new(),
        }
    }
}

#[async_trait]
impl Host for LocalHost {
    async fn run(&self, script: Script) -> Result<Finished, Problem> {
        let root = nix::unistd::geteuid().is_root();
        let mut command = if script.as_root && !root {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "sh"]);
            sudo
        } else {
            Command::new("sh")
        };
        let piped = if script.stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = command
            .args(["-c", &script.text])
            .process_group(0)
            .kill_on_drop(true)
            .stdin(piped)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(Problem::internal)?;
        let group = Group(child.id());
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let (Some(mut pipe), Some(bytes)) = (stdin, &script.stdin) {
                // A command that does not read to the end is its own affair.
                let _ = pipe.write_all(bytes.expose_secret()).await;
            }
        };
        let work = async {
            let ((), stdout, stderr) = tokio::join!(feed, collect(stdout, &script), collect(stderr, &script));
            (child.wait().await, stdout, stderr)
        };
        let (status, stdout, stderr) = timeout(script.timeout, work)
            .await
            .map_err(|_| too_long(script.timeout))?;
        group.ended();
        let status = status.map_err(Problem::internal)?;
        let status = status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .unwrap_or(-1);
        Ok(Finished {
            status: i64::from(status),
            stdout,
            stderr,
        })
    }

    async fn engine(&self) -> Result<Engine, Problem> {
        let make = async {
            if !tokio::fs::try_exists(&self.socket).await.unwrap_or(false) {
                return Err(engine::missing(&self.socket));
            }
            let socket = self.socket.clone();
            let dial: Dial = Arc::new(move || {
                let socket = socket.clone();
                Box::pin(async move { Ok(Box::new(UnixStream::connect(socket).await?) as BoxedStream) })
            });
            let alive = Arc::new(|| true);
            UnixStream::connect(&self.socket)
                .await
                .map_err(|error| match error.kind() {
                    std::io::ErrorKind::PermissionDenied => engine::permission_denied(&self.socket),
                    _ => engine::unavailable(&format!("{} does not answer: {error}", self.socket)),
                })?;
            Engine::negotiate(dial, alive).await
        };
        self.engine.get_or_try_init(|| make).await.cloned()
    }

    async fn connect(&self, port: u16) -> Result<BoxedStream, Problem> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await;
        stream
            .map(|stream| Box::new(stream) as BoxedStream)
            .map_err(|error| refused(port, &error.to_string()))
    }

    fn docker_route(&self) -> Option<DockerRoute> {
        self.engine.initialized().then_some(DockerRoute::Socket)
    }

    fn is_alive(&self) -> bool {
        true
    }
}

pub(crate) fn refused(port: u16, why: &str) -> Problem {
    Problem::new(
        Code::CommandFailed,
        format!("nothing answers on port {port} of the server: {why}"),
        "Look at what should listen there.",
    )
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, script: &Script) -> String {
    let mut collector = Collector::new(script.lines.clone());
    let Some(mut pipe) = pipe else {
        return String::new();
    };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = pipe.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        collector.push(&buffer[..read]);
    }
    collector.finish()
}

/// A process group that is ended when it is dropped before its time.
struct Group(Option<u32>);

impl Group {
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(pid) = self.0.and_then(|pid| i32::try_from(pid).ok()) {
            let _ = killpg(Pid::from_raw(pid), Signal::SIGTERM);
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}
