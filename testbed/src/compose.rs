//! `docker compose`: the machine's own, or Debian 13's, kept in the cache.

use std::{
    fs::{self, File},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, command,
    engine::{engine, tail},
};

/// The oldest that knows `!reset` and `!override`.
const OLDEST: (u32, u32) = (2, 24);

/// `docker compose`, ready for arguments; put into the cache first where the machine has none, or one that is too old.
pub fn compose() -> Result<Command> {
    engine()?;
    if is_new_enough(&mut with_folder(None)) {
        return Ok(with_folder(None));
    }
    let folder = cache::folder().join("docker-compose");
    if !is_new_enough(&mut with_folder(Some(&folder))) {
        let _lock = cache::lock()?;
        fetch(&folder)?;
    }
    Ok(with_folder(Some(&folder)))
}

/// With plugins from a folder, which is not the one that has this user's own settings.
fn with_folder(folder: Option<&Path>) -> Command {
    let mut docker = Command::new("docker");
    docker.arg("compose");
    if let Some(folder) = folder {
        docker.env("DOCKER_CONFIG", folder);
    }
    docker
}

fn is_new_enough(compose: &mut Command) -> bool {
    command::read(compose.args(["version", "--short"])).is_ok_and(|version| {
        let mut numbers = version.trim_start_matches('v').split(['.', '-', '+']);
        let mut number = || numbers.next()?.parse::<u32>().ok();
        number().zip(number()).is_some_and(|version| version >= OLDEST)
    })
}

fn fetch(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    let log = folder.join("log");
    eprintln!(
        "testbed: fetching docker compose from Debian's archive (log: {})",
        log.display()
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/docker-compose.sh");
    let fetched = Command::new("bash")
        .arg(script)
        .arg(folder)
        .stdin(Stdio::null())
        .stderr(File::create(&log)?)
        .status()
        .context("could not start bash")?;
    if !fetched.success() || !is_new_enough(&mut with_folder(Some(folder))) {
        let said = fs::read_to_string(&log).unwrap_or_default();
        bail!(
            "docker compose {}.{} or newer is needed, and could not be fetched; install it, or look at the end of {}:\n{}",
            OLDEST.0,
            OLDEST.1,
            log.display(),
            tail(&said)
        );
    }
    Ok(())
}
