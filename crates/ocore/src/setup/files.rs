//! The files, as they were when this binary was built.

use std::{
    fs,
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use anyhow::{Context, bail};

/// A file of `deploy/`, with its path in the folder.
macro_rules! deployed {
    ($($path:literal),* $(,)?) => {
        [$(($path, include_str!(concat!("../../../../deploy/", $path)))),*]
    };
}

/// What every installation is given; what is not asked for by `COMPOSE_FILE` does nothing.
pub(super) const ALL: [(&str, &str); 12] = deployed![
    "docker-compose.prod.yml",
    "docker-compose.external-db.yml",
    "docker-compose.pgbouncer.yml",
    "docker-compose.logs.yml",
    "caddy/Caddyfile",
    "logs/fluent-bit.conf",
    "logs/logs.env.example",
    "logs/ocore.lua",
    "logs/output-cloudwatch.conf",
    "logs/output-elasticsearch.conf",
    "logs/output-loki.conf",
    "logs/parsers.conf",
];

/// What became of a file.
pub(super) enum Written {
    /// It was not there.
    New,
    /// It was there, and the same.
    Same,
    /// Another was there and stays; this is the name of ours beside it.
    Differs(String),
}

/// Writes one, unless there is one.
pub(super) fn write(dir: &Path, name: &str, content: &str) -> anyhow::Result<Written> {
    let path = dir.join(name);
    if let Some(parent) = path.parent() {
        folder(parent, 0o755)?;
    }
    match fs::read_to_string(&path) {
        Ok(there) if there == content => return Ok(Written::Same),
        Ok(_) => {
            let new = format!("{name}.new");
            put(&dir.join(&new), content)?;
            return Ok(Written::Differs(new));
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("could not read {}", path.display())),
    }
    put(&path, content)?;
    Ok(Written::New)
}

/// Whatever the umask says: containers read it as somebody else.
fn put(path: &Path, content: &str) -> anyhow::Result<()> {
    fs::write(path, content)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(0o644)))
        .with_context(|| format!("could not write {}", path.display()))
}

/// Makes a folder unless there is one, which stays as it is.
pub(super) fn folder(path: &Path, mode: u32) -> anyhow::Result<()> {
    if path.as_os_str().is_empty() || path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)
        .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)))
        .with_context(|| format!("could not make {}", path.display()))
}

/// Writes what only its owner may read. Whole or not at all, and never over another.
pub(super) fn write_private(path: &Path, content: &str) -> anyhow::Result<()> {
    let beside = path.with_file_name(format!(".env.{}", std::process::id()));
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| {
            file.write_all(content.as_bytes())?;
            file.sync_all()
        });
    // A link is refused where there is a file; renaming would replace it.
    let linked = written.and_then(|()| fs::hard_link(&beside, path));
    let _ = fs::remove_file(&beside);
    match linked {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} has appeared meanwhile; it is kept as it is", path.display())
        }
        linked => linked.with_context(|| format!("could not write {}", path.display())),
    }
}
