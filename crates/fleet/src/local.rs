//! This machine as a server.

use std::{os::unix::process::ExitStatusExt, pin::pin, process::Stdio, sync::Arc};

use async_trait::async_trait;
use futures::future::join3;
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
    engine::{self, Bounds, Dial},
    host::{AFTERGLOW, too_long},
    lines::Collector,
    supervise::supervised,
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
        let sudo = script.as_root && !nix::unistd::geteuid().is_root();
        let limit = script.timeout;
        let finished = timeout(limit, run(script, sudo))
            .await
            .map_err(|_| too_long(limit))??;
        if sudo {
            finished.unless_sudo_refused()
        } else {
            Ok(finished)
        }
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
            Engine::negotiate(dial, alive, Bounds::wide()).await
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

/// Runs a script. When this is dropped the pipe to the script closes, and with that ends all it started.
async fn run(script: Script, sudo: bool) -> Result<Finished, Problem> {
    let input = script
        .stdin
        .as_ref()
        .map_or(0, |bytes| bytes.expose_secret().len());
    let sudo: &[&str] = if sudo { &["sudo", "-n"] } else { &[] };
    let words = supervised(input, ["sh", "-c", &script.text]);
    let mut words = sudo.iter().copied().chain(words.iter().map(String::as_str));
    let mut child = Command::new(words.next().unwrap_or("sh"))
        .args(words)
        // A Ctrl-C at oCore's terminal is not meant for it.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| Problem::internal(format!("no command can be started: {error}")))?;
    let mut stdin = child.stdin.take();
    let (pipe_out, pipe_err) = (child.stdout.take(), child.stderr.take());
    let (mut stdout, mut stderr) = (Collector::new(script.lines.clone()), Collector::new(script.lines));
    let status = {
        let feed = async {
            if let (Some(pipe), Some(bytes)) = (&mut stdin, &script.stdin) {
                // A command that does not read to the end is its own affair.
                let _ = pipe.write_all(bytes.expose_secret()).await;
            }
        };
        let mut read = pin!(join3(
            feed,
            collect(pipe_out, &mut stdout),
            collect(pipe_err, &mut stderr)
        ));
        tokio::select! {
            _ = &mut read => child.wait().await,
            status = child.wait() => {
                // What it left in the background may hold its output open for ever.
                let _ = timeout(AFTERGLOW, read).await;
                status
            }
        }
    };
    drop(stdin);
    let status = status.map_err(Problem::internal)?;
    let status = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .unwrap_or(-1);
    Ok(Finished {
        status: i64::from(status),
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    })
}

async fn collect(pipe: Option<impl AsyncRead + Unpin>, collector: &mut Collector) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read) = pipe.read(&mut buffer).await {
        if read == 0 {
            break;
        }
        collector.push(&buffer[..read]);
    }
}
