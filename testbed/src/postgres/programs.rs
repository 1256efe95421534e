//! Where the programs of each version of PostgreSQL are.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    command::{output, read},
    tools::{is_whole, modules},
};

/// The tool that has them.
pub(crate) const TOOL: &str = "postgres";

/// The versions that oCore runs on.
pub const VERSIONS: [u32; 4] = [15, 16, 17, 18];

/// A link of a library, which packages cannot hold.
#[derive(Deserialize)]
struct Link {
    source: String,
    target: String,
}

/// The folder with `initdb` and `postgres` of a version, as its package was installed.
fn packaged(version: u32) -> Result<PathBuf> {
    if !is_whole(TOOL)? {
        bail!("PostgreSQL {version} is not installed, or not as its lock file says: run `cargo xtask setup`");
    }
    let arch = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("PostgreSQL {version} is not to be had for {other}"),
    };
    Ok(modules(TOOL)
        .join("node_modules")
        .join(format!("postgres-{version}-{arch}")))
}

/// The programs of a version in a folder that the user they run as can enter, which root's own is not for others.
pub(super) fn programs(version: u32, folder: &Path) -> Result<PathBuf> {
    let (from, to) = (packaged(version)?, folder.join("programs"));
    copy(&from.join("native"), &to.join("native"))?;
    let links: Vec<Link> = serde_json::from_str(&fs::read_to_string(to.join("native/pg-symlinks.json"))?)
        .context("the package's links cannot be read")?;
    for Link { source, target } in links {
        let name = Path::new(&source).file_name().context("a link to nothing")?;
        symlink(name, to.join(&target)).with_context(|| format!("could not link {target}"))?;
    }
    // The package leaves out that they are programs.
    let bin = to.join("native/bin");
    read(Command::new("chmod").arg("-R").arg("a+rX").arg(&to))?;
    read(
        Command::new("chmod").arg("a+x").args(
            fs::read_dir(&bin)?
                .map(|entry| Ok(entry?.path()))
                .collect::<Result<Vec<_>>>()?,
        ),
    )?;
    Ok(bin)
}

/// A folder once more: by hard links where that can be.
pub(super) fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    let linked = output(Command::new("cp").arg("-al").arg(from).arg(to))?;
    if !linked.success() {
        drop(fs::remove_dir_all(to));
        read(Command::new("cp").arg("-a").arg(from).arg(to))?;
    }
    Ok(())
}

/// The folder of the distribution's programs, which have what clusters are copied with.
pub(super) fn distribution() -> Result<(u32, PathBuf)> {
    let found = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    found
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .filter(|(_, bin)| bin.join("pg_basebackup").is_file())
        .max()
        .context("pg_basebackup is not installed: run `cargo xtask setup`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::source;

    #[test]
    fn the_lock_file_has_every_version_for_both_architectures() {
        let lock = fs::read_to_string(source(TOOL).join("package-lock.json")).unwrap();
        for version in VERSIONS {
            for arch in ["x64", "arm64"] {
                assert!(lock.contains(&format!("node_modules/postgres-{version}-{arch}")));
            }
        }
    }
}
