//! Containers that do one thing and go.

use std::time::Duration;

use futures::TryStreamExt;
use ocore_domain::Problem;
use tokio::time::timeout;

use super::{ContainerSpec, Engine, Labels};
use crate::{Finished, LineSink, host::too_long};

/// Lines kept of what it says.
const KEPT: usize = 5000;

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
        let running = Running {
            engine: self.clone(),
            name: spec.name.clone(),
            owner: spec.labels.clone(),
            ended: false,
        };
        let work = async {
            self.create_container(spec).await?;
            self.start(&spec.name).await?;
            let said = self.listen(&spec.name, lines).await?;
            Ok::<_, Problem>((said, self.wait(&spec.name).await?))
        };
        let (stdout, status) = timeout(limit, work).await.map_err(|_| too_long(limit))??;
        running.remove().await?;
        Ok(Finished {
            status,
            stdout,
            stderr: String::new(),
        })
    }

    async fn listen(&self, name: &str, lines: Option<LineSink>) -> Result<String, Problem> {
        let mut log = self.logs(name, true, None);
        let mut said = std::collections::VecDeque::new();
        while let Some(line) = log.try_next().await? {
            if let Some(sink) = &lines {
                sink(&line);
            }
            said.push_back(line);
            if said.len() > KEPT {
                said.pop_front();
            }
        }
        Ok(Vec::from(said).join("\n"))
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
    name: String,
    owner: Labels,
    ended: bool,
}

impl Running {
    async fn remove(mut self) -> Result<(), Problem> {
        self.engine.remove_container(&self.name, &self.owner).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (engine, name, owner) = (
            self.engine.clone(),
            std::mem::take(&mut self.name),
            std::mem::take(&mut self.owner),
        );
        tokio::spawn(async move {
            if let Err(problem) = engine.remove_container(&name, &owner).await {
                tracing::warn!(container = name, %problem, "a container may still run there");
            }
        });
    }
}
