//! Where backups are kept: a directory on this machine, in which only whole ones have their name.

use std::{
    fs::{self, File},
    io::{self, IsTerminal},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use chrono::{DateTime, NaiveDateTime, Utc};
use tempfile::NamedTempFile;

use crate::config::Backup;

/// Between these two stands when it was made.
const NAME: (&str, &str) = ("ocore-", ".tar.age");
const TIME: &str = "%Y-%m-%dT%H%M%SZ";
/// What is not whole yet, or never was.
const PARTIAL: &str = ".ocore-backup-";

/// Where a backup goes.
#[derive(Clone, Debug)]
pub(crate) enum Destination {
    Folder(Folder),
    StandardOutput,
}

impl Destination {
    pub(crate) const fn is_standard_output(&self) -> bool {
        matches!(self, Self::StandardOutput)
    }
}

/// Where a backup goes that was asked for.
pub(crate) fn destination(asked: Option<PathBuf>, config: &Backup) -> anyhow::Result<Destination> {
    if asked.as_deref() == Some(Path::new("-")) {
        ensure!(
            !io::stdout().is_terminal(),
            "standard output is a terminal: send it to a file or a program (`ocore backup create --to - | …`)"
        );
        return Ok(Destination::StandardOutput);
    }
    Folder::open(asked.or_else(|| config.dir.clone())).map(Destination::Folder)
}

/// A directory with backups.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

/// A backup in it.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) made_at: DateTime<Utc>,
    pub(crate) bytes: u64,
}

impl Folder {
    /// A directory that is there, or can be made: then nobody but its owner enters it.
    pub(crate) fn open(path: Option<PathBuf>) -> anyhow::Result<Self> {
        let Some(path) = path else {
            bail!("nothing says where backups are: set OCORE_BACKUP_DIR to a directory, or name one");
        };
        if !path.is_dir() {
            fs::create_dir_all(&path)
                .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o700)))
                .with_context(|| format!("{} is no directory and cannot be made one", path.display()))?;
        }
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A file that is not there under its name before it is whole. Dropped before that, it leaves nothing.
    pub(crate) fn begin(&self) -> anyhow::Result<NamedTempFile> {
        self.remove_partial();
        tempfile::Builder::new()
            .prefix(PARTIAL)
            .tempfile_in(&self.0)
            .with_context(|| format!("no backup can be written into {}", self.0.display()))
    }

    /// Gives a whole one its name, once it is on the disk.
    pub(crate) fn keep(&self, file: NamedTempFile, made_at: DateTime<Utc>) -> anyhow::Result<PathBuf> {
        file.as_file().sync_all()?;
        let path = self
            .0
            .join(format!("{}{}{}", NAME.0, made_at.format(TIME), NAME.1));
        file.persist_noclobber(&path)
            .map_err(|refused| refused.error)
            .with_context(|| format!("the backup cannot be named {}", path.display()))?;
        File::open(&self.0).and_then(|folder| folder.sync_all())?;
        Ok(path)
    }

    /// The backups, the newest first. What bears no name of ours is none.
    pub(crate) fn backups(&self) -> anyhow::Result<Vec<Found>> {
        let entries =
            fs::read_dir(&self.0).with_context(|| format!("{} cannot be read", self.0.display()))?;
        let mut found: Vec<Found> = entries
            .flatten()
            .filter_map(|entry| {
                let made_at = made_at(entry.file_name().to_str()?)?;
                let about = entry.metadata().ok().filter(fs::Metadata::is_file)?;
                Some(Found {
                    path: entry.path(),
                    made_at,
                    bytes: about.len(),
                })
            })
            .collect();
        found.sort_by_key(|one| std::cmp::Reverse(one.made_at));
        Ok(found)
    }

    /// Removes all but the newest. Answers those that went.
    pub(crate) fn prune(&self, keep: u32) -> anyhow::Result<Vec<PathBuf>> {
        let keep = usize::try_from(keep.max(1)).unwrap_or(usize::MAX);
        let old: Vec<PathBuf> = self
            .backups()?
            .into_iter()
            .skip(keep)
            .map(|one| one.path)
            .collect();
        for path in &old {
            fs::remove_file(path)
                .with_context(|| format!("the old backup {} cannot be removed", path.display()))?;
        }
        Ok(old)
    }

    /// What was left by one that was killed, a day ago or more.
    fn remove_partial(&self) {
        let is_old = |about: fs::Metadata| {
            let age = about.modified().ok().and_then(|at| at.elapsed().ok());
            age.is_some_and(|age| age.as_secs() > 86_400)
        };
        for entry in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let is_partial = entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.starts_with(PARTIAL));
            if is_partial && entry.metadata().is_ok_and(is_old) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// When a backup was made, by its name.
fn made_at(name: &str) -> Option<DateTime<Utc>> {
    let time = name.strip_prefix(NAME.0)?.strip_suffix(NAME.1)?;
    Some(NaiveDateTime::parse_from_str(time, TIME).ok()?.and_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_stay_and_what_is_no_backup_too() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(Some(dir.path().join("made"))).unwrap();
        let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let at = |hour: i64| DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).unwrap();
        for hour in [2, 0, 1, 3] {
            folder.keep(folder.begin().unwrap(), at(hour)).unwrap();
        }
        // The same second once more: nothing is overwritten.
        assert!(folder.keep(folder.begin().unwrap(), at(1)).is_err());
        for other in ["ocore-notes.txt", "ocore-2026.tar.age", "other.tar.age"] {
            fs::write(folder.path().join(other), "").unwrap();
        }
        assert_eq!(folder.prune(2).unwrap().len(), 2);
        let left: Vec<_> = folder
            .backups()
            .unwrap()
            .into_iter()
            .map(|one| one.made_at)
            .collect();
        assert_eq!(left, [at(3), at(2)]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
        let about = fs::metadata(&folder.backups().unwrap()[0].path).unwrap();
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
    }
}
