//! Environment variables for an instance, from arguments and files.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{failure::Failure, secret};

/// Where environment variables come from.
#[derive(Args)]
pub(crate) struct Sources {
    /// An environment variable. Every user of this machine can read arguments: put secrets into --env-file.
    #[arg(long = "env", value_name = "KEY=VALUE")]
    variables: Vec<String>,
    /// A file of KEY=VALUE lines; `-` is standard input. Empty lines and those that begin with # are skipped.
    #[arg(long = "env-file", value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Variables by name; none stands for the value that is set already.
#[derive(Default)]
pub(crate) struct Variables(pub(crate) BTreeMap<String, Option<SecretString>>);

impl Sources {
    /// The variables; an argument wins over a file, and a later one over an earlier one.
    pub(crate) fn read(&self) -> Result<Variables, Failure> {
        let mut variables = Variables::default();
        for file in &self.files {
            let text = secret::from_file(file)?;
            for (number, line) in text.expose_secret().lines().enumerate() {
                if !line.trim().is_empty() && !line.trim_start().starts_with('#') {
                    variables.add(line, &format!("{} line {}", file.display(), number + 1))?;
                }
            }
        }
        for variable in &self.variables {
            variables.add(variable, "--env")?;
        }
        Ok(variables)
    }
}

impl Variables {
    /// The line is not repeated in the failure: it may be a secret.
    fn add(&mut self, line: &str, source: &str) -> Result<(), Failure> {
        let (key, value) = line
            .split_once('=')
            .filter(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'))
            .ok_or_else(|| Failure::Usage(format!("{source} is not KEY=VALUE")))?;
        self.0.insert(key.to_owned(), Some(value.into()));
        Ok(())
    }
}

impl Serialize for Variables {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            map.serialize_entry(key, &value.as_ref().map(ExposeSecret::expose_secret))?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn files_and_arguments_are_put_together() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "# comment\n\nA=1=2\nB= spaced \nC=file").unwrap();
        let sources = Sources {
            variables: vec!["C=argument".into()],
            files: vec![file.path().into()],
        };
        let json = serde_json::to_string(&sources.read().unwrap()).unwrap();
        assert_eq!(json, r#"{"A":"1=2","B":" spaced ","C":"argument"}"#);
    }

    #[test]
    fn what_is_no_variable_is_refused_without_repeating_it() {
        for wrong in ["canary", "=canary", "a b=canary"] {
            let sources = Sources {
                variables: vec![wrong.into()],
                files: Vec::new(),
            };
            let Err(Failure::Usage(text)) = sources.read() else {
                panic!("{wrong}")
            };
            assert!(!text.contains("canary"), "{text}");
        }
    }
}
