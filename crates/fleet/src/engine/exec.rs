//! Commands in running containers.

use std::{pin::pin, time::Duration};

use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use futures::StreamExt;
use ocore_domain::Problem;
use secrecy::{ExposeSecret, SecretSlice};
use tokio::{io::AsyncWriteExt, time::timeout};

use super::Engine;
use crate::{Finished, LineSink, host::too_long, lines::Collector, supervise::supervised};

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

impl Engine {
    /// Runs a command in a running container whose image has a shell. It is ended, with all it started, when the
    /// call is dropped, its time is over or the connection breaks.
    pub async fn exec(&self, container: &str, exec: Exec) -> Result<Finished, Problem> {
        let limit = exec.timeout;
        timeout(limit, self.exec_to_its_end(container, exec))
            .await
            .map_err(|_| too_long(limit))?
    }

    async fn exec_to_its_end(&self, container: &str, exec: Exec) -> Result<Finished, Problem> {
        let _place = self.long().await?;
        let input = exec.stdin.as_ref().map_or(0, |bytes| bytes.expose_secret().len());
        let options = CreateExecOptions {
            // Open until the command has ended: when it closes, the command is ended.
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(supervised(input, exec.argv.iter().map(String::as_str))),
            user: exec.user,
            ..CreateExecOptions::default()
        };
        let made = self.docker.create_exec(container, options).await;
        let id = made.map_err(|error| self.problem(error, container))?.id;
        let started = self.docker.start_exec(&id, None::<StartExecOptions>).await;
        let started = started.map_err(|error| self.problem(error, container))?;
        let StartExecResults::Attached {
            mut output,
            mut input,
        } = started
        else {
            return Err(Problem::internal("an exec was not attached"));
        };
        let (mut stdout, mut stderr) = (Collector::new(exec.lines.clone()), Collector::new(exec.lines));
        let feed = async {
            if let Some(bytes) = &exec.stdin {
                // A command that does not read to the end is its own affair.
                let _ = input.write_all(bytes.expose_secret()).await;
                let _ = input.flush().await;
            }
        };
        let read = async {
            while let Some(chunk) = output.next().await {
                match chunk.map_err(|error| self.problem(error, container))? {
                    LogOutput::StdErr { message } => stderr.push(&message),
                    other => stdout.push(&other.into_bytes()),
                }
            }
            Ok::<_, Problem>(())
        };
        {
            let mut read = pin!(read);
            tokio::select! {
                ended = &mut read => ended?,
                () = feed => read.await?,
            }
        }
        let status = self.exec_status(&id, container).await?;
        Ok(Finished {
            status,
            stdout: stdout.finish(),
            stderr: stderr.finish(),
        })
    }

    /// The output can end a moment before the Engine knows how the command ended.
    pub(super) async fn exec_status(&self, id: &str, container: &str) -> Result<i64, Problem> {
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
