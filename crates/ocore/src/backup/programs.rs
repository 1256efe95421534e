//! PostgreSQL's own programs: of a version that can read what they are given.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::bail;

/// Where Debian and Ubuntu keep each major version's.
const PACKAGED: &str = "/usr/lib/postgresql";

/// A directory with `pg_dump`, `pg_restore` and `psql`.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    dir: PathBuf,
    /// Their major version.
    pub(crate) major: u32,
}

impl Programs {
    /// Of this major version or newer: the oldest of those. The directory that is configured is looked into first.
    pub(crate) fn find(configured: Option<&Path>, at_least: u32, why: &str) -> anyhow::Result<Self> {
        let mut found: Vec<Self> = candidates(configured)
            .into_iter()
            .filter_map(Self::in_directory)
            .collect();
        found.sort_by_key(|programs| programs.major);
        if let Some(programs) = found.iter().find(|programs| programs.major >= at_least) {
            return Ok(programs.clone());
        }
        let seen: Vec<String> = found
            .iter()
            .map(|programs| format!("{} in {}", programs.major, programs.dir.display()))
            .collect();
        let seen = if seen.is_empty() {
            "none".to_owned()
        } else {
            seen.join(", ")
        };
        bail!(
            "PostgreSQL's client programs of version {at_least} or newer are needed, because {why}, and found: {seen}. Install \
             them (Debian and Ubuntu: apt-get install postgresql-client-{at_least}, from PostgreSQL's own repository where \
             the distribution is older), or set PG_BIN to their directory."
        )
    }

    fn in_directory(dir: PathBuf) -> Option<Self> {
        let is_whole = ["pg_dump", "pg_restore", "psql"]
            .iter()
            .all(|program| dir.join(program).is_file());
        let output = Command::new(dir.join("pg_dump"))
            .arg("--version")
            .env_clear()
            .output()
            .ok()
            .filter(|_| is_whole)?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        Some(Self { dir, major })
    }

    /// The path of one.
    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.dir.join(program)
    }
}

/// Of `pg_dump (PostgreSQL) 17.4 (Debian 17.4-1)`.
fn major(text: &str) -> Option<u32> {
    let number = text.split_once("PostgreSQL) ")?.1;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn candidates(configured: Option<&Path>) -> Vec<PathBuf> {
    let mut dirs: Vec<PathBuf> = configured.map(Path::to_owned).into_iter().collect();
    let packaged = fs::read_dir(PACKAGED).into_iter().flatten().flatten();
    dirs.extend(packaged.map(|entry| entry.path().join("bin")));
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    // Debian's are wrappers that look for the version by themselves; what they lead to was found above.
    let links = on_path
        .unwrap_or_default()
        .into_iter()
        .map(|dir| dir.join("pg_dump"));
    let real = links.filter_map(|program| program.canonicalize().ok());
    dirs.extend(
        real.filter(|program| program.ends_with("pg_dump"))
            .filter_map(|p| p.parent().map(Path::to_owned)),
    );
    dirs.dedup();
    dirs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read() {
        assert_eq!(
            major("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("pg_dump (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("something else 3"), None);
    }

    #[test]
    fn what_is_missing_is_told_with_its_package() {
        let refused = Programs::find(None, 99, "the server is of that version")
            .unwrap_err()
            .to_string();
        assert!(refused.contains("postgresql-client-99"), "{refused}");
    }
}
