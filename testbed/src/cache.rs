//! The folder that keeps what is slow to make.

use std::{
    fs::{self, File},
    path::PathBuf,
    process::Command,
};

use anyhow::{Context, Result};

use crate::command::read;

/// Where images, the SSH key and logs are kept: `OCORE_TESTBED_CACHE`, else `~/.cache/ocore-testbed`.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("OCORE_TESTBED_CACHE") {
        return folder.into();
    }
    std::env::home_dir()
        .unwrap_or_else(std::env::temp_dir)
        .join(".cache/ocore-testbed")
}

/// Held by whoever changes the testbed; released when dropped, or when its holder dies.
pub(crate) struct Lock {
    _file: File,
}

/// Waits until nobody else changes the testbed.
pub(crate) fn lock() -> Result<Lock> {
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
    let file = File::create(folder.join("lock"))?;
    if file.try_lock().is_err() {
        eprintln!("testbed: waiting for another process that changes it");
        file.lock()?;
    }
    Ok(Lock { _file: file })
}

/// The private key that opens every server.
pub(crate) fn key() -> PathBuf {
    folder().join("id_ed25519")
}

/// Its public half; the pair is made when there is none.
pub(crate) fn public_key(_lock: &Lock) -> Result<String> {
    let public = key().with_extension("pub");
    if !public.is_file() {
        read(
            Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "ocore-testbed", "-f"])
                .arg(key()),
        )?;
    }
    fs::read_to_string(&public).with_context(|| format!("could not read {}", public.display()))
}
