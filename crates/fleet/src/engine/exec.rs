//! Commands in running containers.

use std::time::Duration;

use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use futures::{StreamExt, stream::BoxStream};
use ocore_domain::Problem;
use secrecy::{ExposeSecret, SecretSlice};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::Engine;
use crate::{Finished, LineSink, host::too_long, lines::Collector};

/// A command in a running container.
#[derive(Clone)]
pub struct Exec {
    /// What is run.
    pub argv: Vec<String>,
    /// What it reads.
    pub stdin: Option<SecretSlice<u8>>,
    /// As whom; none: the container's user.
    pub user: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Who is told its output as it comes.
    pub lines: Option<LineSink>,
}

/// Says its number in the container first, then becomes the command, so that it can be ended.
const SAY_NUMBER: &str = "echo $$; exec \"$@\"";

impl Engine {
    /// Runs a command in a running container. It is ended when the call is dropped or its time is over.
    pub async fn exec(&self, container: &str, exec: Exec) -> Result<Finished, Problem> {
        let limit = exec.timeout;
        timeout(limit, self.exec_to_its_end(container, exec))
            .await
            .map_err(|_| too_long(limit))?
    }

    async fn exec_to_its_end(&self, container: &str, exec: Exec) -> Result<Finished, Problem> {
        let argv = ["sh", "-c", SAY_NUMBER, "sh"]
            .into_iter()
            .map(str::to_owned)
            .chain(exec.argv)
            .collect();
        let (id, mut output, input) = self
            .attach(container, argv, exec.user, exec.stdin.is_some())
            .await?;
        let mut running = Running {
            engine: self.clone(),
            container: container.to_owned(),
            pid: None,
        };
        let feed = async {
            let mut input = input;
            if let Some(bytes) = &exec.stdin {
                // A command that does not read to the end is its own affair.
                let _ = input.write_all(bytes.expose_secret()).await;
            }
            let _ = input.shutdown().await;
        };
        let read = async {
            let (mut stdout, mut stderr) = (
                Collector::new(exec.lines.clone()),
                Collector::new(exec.lines.clone()),
            );
            let mut head = Some(Vec::new());
            while let Some(chunk) = output.next().await {
                match chunk.map_err(|error| self.problem(error, container))? {
                    LogOutput::StdErr { message } => stderr.push(&message),
                    other => {
                        let bytes = other.into_bytes();
                        let Some(begun) = head.as_mut() else {
                            stdout.push(&bytes);
                            continue;
                        };
                        begun.extend_from_slice(&bytes);
                        if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                            running.pid = String::from_utf8_lossy(&begun[..end]).trim().parse().ok();
                            stdout.push(&begun[end + 1..]);
                            head = None;
                        }
                    }
                }
            }
            Ok::<_, Problem>((stdout.finish(), stderr.finish()))
        };
        let ((), read) = tokio::join!(feed, read);
        let (stdout, stderr) = read?;
        let status = self.exec_status(&id, container).await?;
        running.pid = None;
        Ok(Finished {
            status,
            stdout,
            stderr,
        })
    }

    async fn attach(
        &self,
        container: &str,
        argv: Vec<String>,
        user: Option<String>,
        stdin: bool,
    ) -> Result<(String, Output, Input), Problem> {
        let options = CreateExecOptions {
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(argv),
            user,
            ..CreateExecOptions::default()
        };
        let made = self
            .docker
            .create_exec(container, options)
            .await
            .map_err(|error| self.problem(error, container))?;
        let started = self.docker.start_exec(&made.id, None::<StartExecOptions>).await;
        match started.map_err(|error| self.problem(error, container))? {
            StartExecResults::Attached { output, input } => Ok((made.id, output, input)),
            StartExecResults::Detached => Err(Problem::internal("an exec was not attached")),
        }
    }

    /// The output can end a moment before the Engine knows how the command ended.
    async fn exec_status(&self, id: &str, container: &str) -> Result<i64, Problem> {
        for pause in [0, 10, 20, 50, 100, 200, 500, 1000] {
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let looked = self
                .docker
                .inspect_exec(id)
                .await
                .map_err(|error| self.problem(error, container))?;
            if looked.running != Some(true)
                && let Some(status) = looked.exit_code
            {
                return Ok(status);
            }
        }
        Err(Problem::internal(
            "a command in a container closed its output and did not end",
        ))
    }
}

type Output = BoxStream<'static, Result<LogOutput, bollard::errors::Error>>;
type Input = std::pin::Pin<Box<dyn tokio::io::AsyncWrite + Send>>;

/// A command that is ended when it is dropped before its time.
struct Running {
    engine: Engine,
    container: String,
    pid: Option<u32>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(pid) = self.pid else { return };
        let (engine, container) = (self.engine.clone(), self.container.clone());
        tokio::spawn(async move {
            // Its children first: a shell that is ended leaves them.
            let script = format!(
                "for p in /proc/[0-9]*; do [ \"$(sed 's/.*) //' $p/stat 2>/dev/null | cut -d' ' -f2)\" = {pid} ] && kill ${{p#/proc/}}; \
                 done 2>/dev/null; kill {pid} 2>/dev/null; sleep 2; kill -9 {pid} 2>/dev/null; true"
            );
            let argv = vec!["sh".to_owned(), "-c".to_owned(), script];
            let ended = async {
                let (_, mut output, _input) = engine
                    .attach(&container, argv, Some("0".to_owned()), false)
                    .await
                    .ok()?;
                while output.next().await.is_some() {}
                Some(())
            };
            if timeout(Duration::from_secs(10), ended).await.is_err() {
                tracing::warn!(container, pid, "a command may still run there");
            }
        });
    }
}
