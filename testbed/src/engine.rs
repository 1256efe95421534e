//! The Docker Engine of this machine.

use std::{
    fs::{self, File},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{
    cache, command, docker,
    packages::{ENGINE, install},
};

/// Makes sure that a Docker Engine answers: installs it and starts it where that is possible.
pub fn engine() -> Result<()> {
    if answers() {
        return Ok(());
    }
    let refused = command::output(&mut docker::docker(&["info"]))
        .is_ok_and(|said| said.stderr.contains("permission denied"));
    if refused {
        bail!(
            "this user may not use Docker. Run this, log in again, and repeat the command:\n    \
             sudo usermod -aG docker $USER"
        );
    }
    install(&ENGINE)?;
    if answers() {
        return Ok(());
    }
    if fs::exists("/run/systemd/system").unwrap_or(false) {
        command::read(Command::new("systemctl").args(["start", "docker"])).context(
            "Docker Engine is installed, but does not answer; as root run: systemctl start docker",
        )?;
    } else {
        start_detached()?;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    while !answers() {
        if Instant::now() > deadline {
            let log = fs::read_to_string(cache::folder().join("dockerd.log")).unwrap_or_default();
            bail!(
                "Docker Engine was started, but does not answer; the end of its log:\n{}",
                tail(&log)
            );
        }
        sleep(Duration::from_millis(300));
    }
    Ok(())
}

fn answers() -> bool {
    docker::look(&["info", "--format", "{{.ServerVersion}}"]).is_some()
}

/// Where no init system runs (a container, a CI runner): in a session of its own, so that it outlives us. Its pid is
/// in dockerd.pid beside its log.
fn start_detached() -> Result<()> {
    let folder = cache::folder();
    fs::create_dir_all(&folder)?;
    let log = File::create(folder.join("dockerd.log"))?;
    let dockerd = Command::new("setsid")
        .arg("dockerd")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .context("could not start dockerd")?;
    eprintln!("testbed: started dockerd (pid {})", dockerd.id());
    fs::write(folder.join("dockerd.pid"), dockerd.id().to_string())?;
    Ok(())
}

/// The last lines of a log.
pub(crate) fn tail(log: &str) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(15)..].join("\n")
}
