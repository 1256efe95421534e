//! The installations that one has signed in to, kept in a file that only its owner can read.

use std::{
    collections::BTreeMap,
    env,
    fs::{self, DirBuilder, File},
    io::{self, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{failure::Failure, secret};

/// The profile of who names none.
pub(crate) const FIRST: &str = "default";

/// What the file holds.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Profiles {
    /// The profile that is used when none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) current: Option<String>,
    #[serde(default)]
    pub(crate) profiles: BTreeMap<String, Profile>,
}

/// An installation, and who one is there.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) url: String,
    /// The slug of the organization that the key belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<String>,
    /// None after signing out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "secret::expose"
    )]
    pub(crate) key: Option<SecretString>,
}

impl Profiles {
    /// The profile of this name, or the current one.
    pub(crate) fn chosen(&self, name: Option<&str>) -> Result<Option<(String, Profile)>, Failure> {
        let Some(name) = name.or(self.current.as_deref()) else {
            return Ok(None);
        };
        Ok(Some((name.to_owned(), self.get(name)?.clone())))
    }

    /// The profile of this name.
    pub(crate) fn get(&self, name: &str) -> Result<&Profile, Failure> {
        self.profiles.get(name).ok_or_else(|| unknown(name))
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, name: &str) -> Result<&mut Profile, Failure> {
        self.profiles.get_mut(name).ok_or_else(|| unknown(name))
    }
}

/// Where the profiles are kept.
pub(crate) struct Store {
    file: PathBuf,
}

impl Store {
    /// The file in the folder that the system has for such things.
    pub(crate) fn locate() -> Result<Self, Failure> {
        let folder = |name: &str| {
            env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        folder("XDG_CONFIG_HOME")
            .or_else(|| Some(folder("HOME")?.join(".config")))
            .map(|config| Self {
                file: config.join("ocore").join("profiles.toml"),
            })
            .ok_or_else(|| {
                Failure::Usage("there is no place for profiles: set HOME or XDG_CONFIG_HOME".to_owned())
            })
    }

    /// Where it is.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// What is in the file; nothing, where there is none.
    pub(crate) fn read(&self) -> Result<Profiles, Failure> {
        let mut file = match File::open(&self.file) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Profiles::default()),
            opened => opened.map_err(|error| self.fails("be read", &error))?,
        };
        // Of the file that was opened, so that nobody puts another one in its place meanwhile.
        let about = file.metadata().map_err(|error| self.fails("be read", &error))?;
        if about.mode() & 0o077 != 0 || about.uid() != nix::unistd::geteuid().as_raw() {
            return Err(Failure::Usage(format!(
                "{file} holds keys, and others than you can get at it: it is not used\n  → Make it yours alone: chown \
                 $(id -u) {file} && chmod 600 {file}\n  → Others may have read the keys: revoke them, and sign in anew.",
                file = self.file.display()
            )));
        }
        let mut text = String::new();
        file.read_to_string(&mut text)
            .map_err(|error| self.fails("be read", &error))?;
        // The error's own text would show the line, which may be that of a key.
        toml::from_str(&text).map_err(|error| {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or(1, |before| before.matches('\n').count() + 1);
            Failure::Usage(format!(
                "{} is not as `ocore login` writes it, from line {line} on: mend it, or remove it and sign in anew",
                self.file.display()
            ))
        })
    }

    /// Changes what is in the file: whoever reads it sees it as it was before or as it is after, and two who change it
    /// do so one after the other.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut Profiles) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let _lock = self.lock().map_err(|error| self.fails("be written", &error))?;
        let mut profiles = self.read()?;
        let done = change(&mut profiles)?;
        let text = toml::to_string(&profiles)
            .map(SecretString::from)
            .map_err(|_| Failure::Failed("the profiles cannot be written as TOML".to_owned()))?;
        self.write(&text)
            .map_err(|error| self.fails("be written", &error))?;
        Ok(done)
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    fn lock(&self) -> io::Result<File> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.folder())?;
        // Not the file itself: another one takes its place.
        let lock = File::create(self.folder().join("profiles.lock"))?;
        lock.lock()?;
        Ok(lock)
    }

    fn write(&self, text: &SecretString) -> io::Result<()> {
        // Where a link leads, so that it stays one.
        let target = fs::canonicalize(&self.file).unwrap_or_else(|_| self.file.clone());
        let folder = target.parent().unwrap_or(Path::new("/"));
        // Made with mode 0600, before anything is in it.
        let mut new = tempfile::Builder::new().prefix(".profiles").tempfile_in(folder)?;
        new.write_all(secrecy::ExposeSecret::expose_secret(text).as_bytes())?;
        new.as_file().sync_all()?;
        new.persist(&target).map_err(|error| error.error)?;
        Ok(())
    }

    fn fails(&self, what: &str, error: &io::Error) -> Failure {
        Failure::Failed(format!("{} cannot {what}: {error}", self.file.display()))
    }
}

fn unknown(name: &str) -> Failure {
    Failure::Usage(format!(
        "there is no profile `{name}`\n  → `ocore profile list` tells those there are, `ocore login --profile {name}` makes one."
    ))
}

/// A name that a profile can have.
pub(crate) fn name(text: &str) -> Result<&str, Failure> {
    let fits = (1..=64).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if fits {
        Ok(text)
    } else {
        Err(Failure::Usage(
            "a profile's name has 1 to 64 letters, digits, dots, hyphens and underscores".to_owned(),
        ))
    }
}
