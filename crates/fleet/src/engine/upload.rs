//! Files into containers.

use bollard::query_parameters::UploadToContainerOptions;
use ocore_domain::Problem;
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
