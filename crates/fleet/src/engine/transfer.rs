//! Files from one Engine to another: a tar archive that flows from the one into the other and is nowhere kept whole.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bollard::{
    container::LogOutput,
    errors::Error,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
    query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions},
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream, stream::BoxStream};
use ocore_domain::Problem;
use tokio::{io::AsyncWrite, sync::OwnedSemaphorePermit, time::timeout};

use super::Engine;
use crate::{Finished, host::too_long, lines::Collector, supervise::supervised};

/// A tar archive on its way.
pub struct Archive {
    chunks: BoxStream<'static, Result<Bytes, Problem>>,
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Archive")
    }
}

/// A command whose output is taken piece by piece.
struct Running {
    engine: Engine,
    container: String,
    id: String,
    output: Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>,
    /// Open until the command has ended: when it closes, the command is ended.
    _input: Pin<Box<dyn AsyncWrite + Send>>,
    _place: OwnedSemaphorePermit,
    stderr: Collector,
}

impl Running {
    /// The next piece of its standard output; at its end, whether it went well.
    async fn next(mut self) -> Result<Option<(Bytes, Self)>, Problem> {
        while let Some(chunk) = self.output.next().await {
            match chunk.map_err(|error| self.engine.problem(error, &self.container))? {
                LogOutput::StdErr { message } => self.stderr.push(&message),
                other => return Ok(Some((other.into_bytes(), self))),
            }
        }
        let finished = Finished {
            status: self.engine.exec_status(&self.id, &self.container).await?,
            stdout: String::new(),
            stderr: self.stderr.finish(),
        };
        finished.success("Packing files")?;
        Ok(None)
    }
}

impl Engine {
    /// The archive that a command in a running container writes to its standard output. It is ended when the archive is
    /// dropped; that it failed is told at the archive's end.
    pub async fn archive_by(&self, container: &str, argv: &[&str]) -> Result<Archive, Problem> {
        let place = self.long().await?;
        let options = CreateExecOptions {
            attach_stdin: Some(true),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(supervised(0, argv.iter().copied())),
            ..CreateExecOptions::default()
        };
        let made = self.docker.create_exec(container, options).await;
        let id = made.map_err(|error| self.problem(error, container))?.id;
        let started = self.docker.start_exec(&id, None::<StartExecOptions>).await;
        let started = started.map_err(|error| self.problem(error, container))?;
        let StartExecResults::Attached { output, input } = started else {
            return Err(Problem::internal("an exec was not attached"));
        };
        let running = Running {
            engine: self.clone(),
            container: container.to_owned(),
            id,
            output,
            _input: input,
            _place: place,
            stderr: Collector::new(None),
        };
        Ok(Archive {
            chunks: stream::try_unfold(running, Running::next).boxed(),
        })
    }

    /// A file or directory of a container, running or not, under its last name.
    pub async fn archive_of(&self, container: &str, path: &str) -> Result<Archive, Problem> {
        let place = self.long().await?;
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let (docker, engine, container) = (self.docker.clone(), self.clone(), container.to_owned());
        let chunks = docker
            .download_from_container(&container, Some(options))
            .map_err({
                let container = container.clone();
                move |error| engine.problem(error, &container)
            })
            .inspect(move |_| {
                // Held for as long as it flows.
                let _ = &place;
            });
        Ok(Archive {
            chunks: chunks.boxed(),
        })
    }

    /// Unpacks an archive into a directory of a container, running or not, with owners and modes as they are in it;
    /// answers its length in bytes. What fails on either side fails here.
    pub async fn unpack(
        &self,
        container: &str,
        directory: &str,
        archive: Archive,
        limit: Duration,
    ) -> Result<u64, Problem> {
        let _place = self.long().await?;
        let (length, fault) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(None)));
        let body = {
            let (length, fault) = (length.clone(), fault.clone());
            archive.chunks.map(move |chunk| match chunk {
                Ok(bytes) => {
                    length.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                    Ok(bytes)
                }
                Err(problem) => {
                    // The Engine is told nothing but that it broke off; why is told here.
                    let told = std::io::Error::other(problem.to_string());
                    *fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
                    Err(told)
                }
            })
        };
        let options = UploadToContainerOptions {
            path: directory.to_owned(),
            ..Default::default()
        };
        // Its answer comes when all is unpacked.
        let docker = self.docker.clone().with_timeout(limit);
        let unpacked = docker.upload_to_container(container, Some(options), bollard::body_try_stream(body));
        let unpacked = timeout(limit, unpacked).await.map_err(|_| too_long(limit))?;
        if let Some(problem) = fault.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(problem);
        }
        unpacked.map_err(|error| self.problem(error, container))?;
        Ok(length.load(Ordering::Relaxed))
    }
}
