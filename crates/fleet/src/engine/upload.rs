//! Files into containers.

use std::{io::Read, pin::pin};

use bollard::query_parameters::{DownloadFromContainerOptions, UploadToContainerOptions};
use futures::TryStreamExt;
use ocore_domain::{Code, Problem};
use secrecy::{ExposeSecret, SecretSlice};

use super::Engine;

/// A file to be put into a container.
#[derive(Clone, Debug)]
pub struct UploadFile {
    /// Its absolute path there; directories are made.
    pub path: String,
    /// What is in it.
    pub content: SecretSlice<u8>,
    /// Its permission bits; it belongs to root.
    pub mode: u32,
}

impl Engine {
    /// Puts files into a container, running or not.
    pub async fn upload(&self, container: &str, files: &[UploadFile]) -> Result<(), Problem> {
        let archive = pack(files).map_err(Problem::internal)?;
        let options = UploadToContainerOptions {
            path: "/".to_owned(),
            ..Default::default()
        };
        let body = bollard::body_full(archive.into());
        let uploaded = self
            .docker
            .upload_to_container(container, Some(options), body)
            .await;
        uploaded.map_err(|error| self.problem(error, container))
    }
}

/// Bytes that are read of a file at most.
const LARGEST: usize = 16 << 20;

impl Engine {
    /// Reads a file in a container, running or not, of at most 16 MiB.
    pub async fn read_file(&self, container: &str, path: &str) -> Result<Vec<u8>, Problem> {
        let options = DownloadFromContainerOptions {
            path: path.to_owned(),
        };
        let mut chunks = pin!(self.docker.download_from_container(container, Some(options)));
        let mut archive = Vec::new();
        while let Some(chunk) = chunks
            .try_next()
            .await
            .map_err(|error| self.problem(error, container))?
        {
            archive.extend_from_slice(&chunk);
            if archive.len() > LARGEST {
                return Err(Problem::new(
                    Code::DockerFailed,
                    format!("The file {path} in {container} is larger than 16 MiB"),
                    "Look at it on the server (docker cp).",
                ));
            }
        }
        unpack(&archive).map_err(|error| {
            Problem::new(
                Code::DockerFailed,
                format!("{path} in {container} cannot be read: {error}"),
                "Check that it is a file, then retry.",
            )
        })
    }
}

fn unpack(archive: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Archive::new(archive);
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content)?;
            return Ok(content);
        }
    }
    Err(std::io::Error::other("it is no file"))
}

fn pack(files: &[UploadFile]) -> std::io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let content = file.content.expose_secret();
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(0);
        header.set_gid(0);
        archive.append_data(&mut header, file.path.trim_start_matches('/'), content)?;
    }
    archive.into_inner()
}
