//! The variables that an installation needs, as a backup keeps them and as files give them to programs.

use std::{collections::BTreeMap, fmt};

use secrecy::{ExposeSecret, SecretString};

/// Variables by name. All of them are taken for secrets.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<String, SecretString>);

/// Where a machine keeps things: a new one has other places, and says so itself.
const PLACES: &[&str] = &["DATABASE_URL", "DATABASE_DIRECT_URL", "PG_BIN"];

impl Environment {
    pub(crate) fn of(variables: BTreeMap<String, String>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name, value.into()))
                .collect(),
        )
    }

    /// For what is encrypted, and for what is given to a program.
    pub(crate) fn exposed(&self) -> BTreeMap<&str, &str> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose_secret()))
            .collect()
    }

    pub(crate) fn get(&self, name: &str) -> Option<&SecretString> {
        self.0.get(name)
    }

    /// This machine's, and what it does not say from `backup`, but where another database is.
    pub(crate) fn over(self, backup: &Self) -> Self {
        let mut all = backup.0.clone();
        all.retain(|name, _| !PLACES.contains(&name.as_str()));
        all.extend(self.0);
        Self(all)
    }

    /// As a file that systemd (`EnvironmentFile=`), Docker Compose (`env_file:`) and shells read alike.
    pub(crate) fn file(&self) -> String {
        let line = |(name, value): (&str, &str)| format!("{name}={}\n", quoted(value));
        self.exposed().into_iter().map(line).collect()
    }
}

impl From<BTreeMap<String, SecretString>> for Environment {
    fn from(variables: BTreeMap<String, SecretString>) -> Self {
        Self(variables)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Without quotes where nothing in it means anything, else in those in which nothing does, else with what does disarmed.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if value.chars().all(is_plain) {
        return value.to_owned();
    }
    if !value.contains('\'') {
        return format!("'{value}'");
    }
    let disarmed: String = value
        .chars()
        .flat_map(|c| {
            if "\"\\$`".contains(c) {
                vec!['\\', c]
            } else {
                vec![c]
            }
        })
        .collect();
    format!("\"{disarmed}\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Environment {
        Environment::of(
            pairs
                .iter()
                .map(|&(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_shell_reads_what_was_written() {
        for value in [
            "plain-1/2",
            "two words",
            "a$b`c\"d\\e",
            "it's $HOME `x` \"y\" \\",
            "#hash",
            "ä",
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("env");
            std::fs::write(&file, of(&[("A", value)]).file()).unwrap();
            let read = Command::new("sh")
                .args(["-c", ". \"$0\"; printf %s \"$A\""])
                .arg(&file)
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&read.stdout), value);
        }
    }

    #[test]
    fn a_new_machine_has_its_own_places_and_the_old_secrets() {
        let old = of(&[
            ("JWT_SECRET", "old"),
            ("DATABASE_URL", "postgres://old"),
            ("APP_URL", "https://a"),
        ]);
        let new = of(&[("APP_URL", "https://b"), ("OCORE_DATA_DIR", "/data")]).over(&old);
        let expected = [
            ("APP_URL", "https://b"),
            ("JWT_SECRET", "old"),
            ("OCORE_DATA_DIR", "/data"),
        ];
        assert_eq!(new.exposed(), expected.into());
        assert!(!format!("{old:?}").contains("old"));
    }
}
