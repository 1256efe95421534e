//! Containers that do one thing and go.

use std::time::Duration;

use bollard::{container::LogOutput, query_parameters::LogsOptions};
use futures::TryStreamExt;
use ocore_domain::Problem;
use tokio::time::timeout;

use super::{ContainerSpec, Engine, Labels};
use crate::{Finished, LineSink, host::too_long, lines::Collector};

impl Engine {
    /// Runs a container to its end and removes it, also when the call is dropped or its time is over. One that an
    /// earlier call left is removed first.
    pub async fn run_to_end(
        &self,
        spec: &ContainerSpec,
        limit: Duration,
        lines: Option<LineSink>,
    ) -> Result<Finished, Problem> {
        self.remove_container(&spec.name, &spec.labels).await?;
        let mut running = Running {
            engine: self.clone(),
            container: spec.name.clone(),
            owner: spec.labels.clone(),
            ended: false,
        };
        let work = async {
            self.create_container(spec).await?;
            if let Some(made) = self.container(&spec.name).await? {
                // From now on this very one: another attempt may make its own of the same name.
                running.container = made.id;
            }
            self.start(&spec.name).await?;
            let (stdout, stderr) = self.listen(&spec.name, lines).await?;
            let status = self.wait(&spec.name).await?;
            Ok::<_, Problem>(Finished {
                status,
                stdout,
                stderr,
            })
        };
        let finished = timeout(limit, work).await.map_err(|_| too_long(limit))??;
        running.remove().await?;
        Ok(finished)
    }

    /// Both of its outputs.
    async fn listen(&self, name: &str, lines: Option<LineSink>) -> Result<(String, String), Problem> {
        let _place = self.long().await?;
        let options = LogsOptions {
            follow: true,
            stdout: true,
            stderr: true,
            ..LogsOptions::default()
        };
        let mut log = std::pin::pin!(self.docker.logs(name, Some(options)));
        let (mut stdout, mut stderr) = (Collector::new(lines.clone()), Collector::new(lines));
        while let Some(chunk) = log.try_next().await.map_err(|error| self.problem(error, name))? {
            match chunk {
                LogOutput::StdErr { message } => stderr.push(&message),
                other => stdout.push(&other.into_bytes()),
            }
        }
        Ok((stdout.finish(), stderr.finish()))
    }

    /// Its exit status; the log can end a moment before it does.
    async fn wait(&self, name: &str) -> Result<i64, Problem> {
        loop {
            let Some(found) = self.container(name).await? else {
                return Err(Problem::internal(format!(
                    "the container {name} was removed while it ran"
                )));
            };
            if !found.is_running() {
                return Ok(found.exit_code.unwrap_or(-1));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// A container that goes with the call that made it.
struct Running {
    engine: Engine,
    /// Its name, or its id as soon as that is known.
    container: String,
    owner: Labels,
    ended: bool,
}

impl Running {
    async fn remove(mut self) -> Result<(), Problem> {
        self.engine.remove_container(&self.container, &self.owner).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (engine, container, owner) = (
            self.engine.clone(),
            std::mem::take(&mut self.container),
            std::mem::take(&mut self.owner),
        );
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if let Err(problem) = engine.remove_container(&container, &owner).await {
                tracing::warn!(container, %problem, "a container may still run there");
            }
        });
    }
}
