//! `cargo xtask images`: the images of oCore, made of programs that are built outside.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use clap::Args;
use ocore_testbed::command::{output, read};

use crate::{
    agent, binary,
    process::{cargo, run},
    web, workspace,
};

/// Who the programs run as in a container, and whose their data is.
const USER: u64 = 10001;
/// An image of Debian as others have it.
const DEBIAN: &str = "debian:trixie-slim";

/// Which programs, and on what.
#[derive(Args)]
pub(crate) struct Options {
    /// Of a debug build, with the faults that tests ask for
    #[arg(long)]
    debug: bool,
    /// Of an `ocore` that is built already
    #[arg(long, value_name = "PATH", conflicts_with = "debug")]
    binary: Option<PathBuf>,
    /// The image to build on, instead of `debian:trixie-slim` or, where that cannot be had, one made of Debian's packages
    #[arg(long)]
    base: Option<String>,
    /// The tag of the images
    #[arg(long, default_value = "latest")]
    tag: String,
}

/// Builds `ocore-backend`, `ocore-frontend` and `ocore-pgbouncer`.
pub(crate) fn command(options: &Options) -> Result<()> {
    let ocore = match &options.binary {
        Some(binary) => binary.clone(),
        None if options.debug => {
            web::command(false)?;
            binary::build()?
        }
        None => release()?,
    };
    build(&ocore, options.base.as_deref(), &options.tag)
}

/// With the dashboard in it.
fn release() -> Result<PathBuf> {
    web::command(false)?;
    run(&mut cargo(&["build", "--quiet", "--release", "-p", "ocore"]))?;
    Ok(workspace::target().join("release/ocore"))
}

/// Builds the three images of an `ocore` and this workspace's agent.
pub(crate) fn build(ocore: &Path, base: Option<&str>, tag: &str) -> Result<()> {
    let agent = match std::env::var_os("OCORE_AGENT_BIN") {
        Some(agent) => agent.into(),
        None => agent::build()?,
    };
    ocore_testbed::engine()?;
    let bases = match base {
        Some(base) => [base; 2],
        None if has_debian() => [DEBIAN; 2],
        None => ocore_testbed::bases()?,
    };
    let script = workspace::root().join("deploy/images/ocore-pgbouncer");
    let program = |from: &Path, to: &'static str| Entry::File(from.to_owned(), to);
    let ocore = || program(ocore, "usr/local/bin/ocore");
    image(
        "backend",
        bases[0],
        tag,
        &[
            ocore(),
            program(&agent, "usr/local/bin/ocore-agent"),
            Entry::Data("var/lib/ocore"),
        ],
    )?;
    image("frontend", bases[0], tag, &[ocore()])?;
    image(
        "pgbouncer",
        bases[1],
        tag,
        &[program(&script, "usr/local/bin/ocore-pgbouncer")],
    )
}

/// Whether Debian's image is here, or comes when it is asked for.
fn has_debian() -> bool {
    let there = Command::new("docker")
        .args(["image", "inspect", "--format", "there", DEBIAN])
        .output();
    there.is_ok_and(|there| there.status.success())
        || output(Command::new("timeout").args(["120", "docker", "pull", "-q", DEBIAN]))
            .is_ok_and(|pulled| pulled.success())
}

/// What an image gets on top of its base.
enum Entry {
    /// A program, at a path.
    File(PathBuf, &'static str),
    /// A folder that the program may write to.
    Data(&'static str),
}

fn image(name: &str, base: &str, tag: &str, entries: &[Entry]) -> Result<()> {
    let epoch = epoch()?;
    let context = tempfile::tempdir_in(workspace::target())?;
    let dockerfile = workspace::root().join(format!("deploy/images/{name}.Dockerfile"));
    fs::copy(&dockerfile, context.path().join("Dockerfile"))
        .with_context(|| format!("could not copy {}", dockerfile.display()))?;
    root(&context.path().join("rootfs.tar"), entries, epoch)?;
    let tag = format!("ocore-{name}:{tag}");
    let mut build = Command::new("docker");
    build
        .args(["build", "-q", "-t", &tag])
        .args(["--build-arg", &format!("BASE={base}")])
        .args(["--build-arg", &format!("VERSION={}", env!("CARGO_PKG_VERSION"))])
        // BuildKit, where it is there, dates the image by it.
        .args(["--build-arg", &format!("SOURCE_DATE_EPOCH={epoch}")])
        .arg(context.path())
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        // It is a package of its own in some distributions; without it the older builder serves.
        .env("DOCKER_BUILDKIT", if has_buildkit() { "1" } else { "0" });
    read(&mut build).with_context(|| format!("could not build {tag}"))?;
    println!("{tag}");
    Ok(())
}

fn has_buildkit() -> bool {
    output(Command::new("docker").args(["buildx", "version"])).is_ok_and(|said| said.success())
}

/// The files as they are to be: owners, modes and times do not depend on the machine that builds.
fn root(tar: &Path, entries: &[Entry], epoch: u64) -> Result<()> {
    let mut tar = tar::Builder::new(File::create(tar)?);
    let mut folders = Vec::new();
    for entry in entries {
        let path = match entry {
            Entry::File(_, path) | Entry::Data(path) => Path::new(path),
        };
        // Those above it, the topmost first: a folder that is not named would get the time of the build.
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.retain(|folder| !folder.as_os_str().is_empty() && !folders.contains(folder));
        for folder in above.into_iter().rev() {
            let mut header = header(tar::EntryType::Directory, 0o755, 0, epoch);
            tar.append_data(&mut header, folder, std::io::empty())?;
            folders.push(folder);
        }
        match entry {
            Entry::File(from, to) => {
                let file = File::open(from).with_context(|| format!("could not read {}", from.display()))?;
                let mut header = header(tar::EntryType::Regular, 0o755, 0, epoch);
                header.set_size(file.metadata()?.len());
                tar.append_data(&mut header, to, file)?;
            }
            Entry::Data(path) => {
                let mut header = header(tar::EntryType::Directory, 0o700, USER, epoch);
                tar.append_data(&mut header, path, std::io::empty())?;
            }
        }
    }
    tar.into_inner()?.sync_all()?;
    Ok(())
}

fn header(kind: tar::EntryType, mode: u32, owner: u64, epoch: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(epoch);
    header.set_size(0);
    header
}

/// The time that files bear: of the last commit, unless `SOURCE_DATE_EPOCH` says another.
fn epoch() -> Result<u64> {
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        let Ok(epoch) = epoch.parse() else {
            bail!("SOURCE_DATE_EPOCH is `{epoch}`, and no number of seconds");
        };
        return Ok(epoch);
    }
    let commit = read(
        Command::new("git")
            .args(["log", "-1", "--format=%ct"])
            .current_dir(workspace::root()),
    );
    // Of a source without its history nothing is known.
    Ok(commit.ok().and_then(|time| time.parse().ok()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use std::{thread::sleep, time::Duration};

    use super::*;

    #[test]
    fn the_same_programs_make_the_same_layer() {
        let folder = tempfile::tempdir().unwrap();
        let layer = |name: &str| {
            let program = folder.path().join(name);
            fs::write(&program, "the program").unwrap();
            let tar = folder.path().join("rootfs.tar");
            let entries = [
                Entry::File(program.clone(), "usr/local/bin/ocore"),
                Entry::File(program, "usr/local/bin/ocore-agent"),
                Entry::Data("var/lib/ocore"),
            ];
            root(&tar, &entries, 1_700_000_000).unwrap();
            fs::read(tar).unwrap()
        };
        let first = layer("first");
        // Files on disk have another time then.
        sleep(Duration::from_millis(1100));
        assert!(first == layer("second"));

        let mut tar = tar::Archive::new(first.as_slice());
        let entries: Vec<_> = tar
            .entries()
            .unwrap()
            .map(|entry| {
                let entry = entry.unwrap();
                let header = entry.header();
                let path = entry.path().unwrap().display().to_string();
                (path, header.mode().unwrap(), header.uid().unwrap())
            })
            .collect();
        let entries: Vec<_> = entries
            .iter()
            .map(|(path, mode, owner)| (path.as_str(), *mode, *owner))
            .collect();
        assert_eq!(
            entries,
            [
                ("usr", 0o755, 0),
                ("usr/local", 0o755, 0),
                ("usr/local/bin", 0o755, 0),
                ("usr/local/bin/ocore", 0o755, 0),
                ("usr/local/bin/ocore-agent", 0o755, 0),
                ("var", 0o755, 0),
                ("var/lib", 0o755, 0),
                ("var/lib/ocore", 0o700, USER),
            ]
        );
    }
}
