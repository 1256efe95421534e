//! Secrets come by standard input, file or variable; never as an argument.

use std::{
    fs,
    io::{self, IsTerminal, Read},
    path::Path,
};

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

use super::failure::Failure;

/// A whole file; `-` is standard input.
pub(crate) fn from_file(path: &Path) -> Result<SecretString, Failure> {
    let content = if path == Path::new("-") {
        read_stdin()
    } else {
        fs::read_to_string(path)
    };
    content
        .map(SecretString::from)
        .map_err(|error| Failure::Usage(format!("{} cannot be read: {error}", path.display())))
}

/// A file's first line.
pub(crate) fn line_from_file(path: &Path) -> Result<SecretString, Failure> {
    first_line(&from_file(path)?, &path.display().to_string())
}

/// The value of an environment variable.
pub(crate) fn from_variable(name: &str) -> Result<SecretString, Failure> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value.into()),
        _ => Err(Failure::Usage(format!(
            "the environment variable {name} is not set"
        ))),
    }
}

/// The first line of standard input; on a terminal it is asked for and not shown.
pub(crate) fn line_from_stdin(what: &str) -> Result<SecretString, Failure> {
    if io::stdin().is_terminal() {
        let answer = dialoguer::Password::new().with_prompt(what).interact();
        return answer
            .map(SecretString::from)
            .map_err(|error| Failure::Failed(error.to_string()));
    }
    first_line(&from_file(Path::new("-"))?, "standard input")
}

fn first_line(text: &SecretString, source: &str) -> Result<SecretString, Failure> {
    match text.expose_secret().lines().next() {
        Some(line) if !line.is_empty() => Ok(line.into()),
        _ => Err(Failure::Usage(format!("the first line of {source} is empty"))),
    }
}

fn read_stdin() -> io::Result<String> {
    let mut text = String::new();
    io::stdin().read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a secret into a request or into the file of profiles; the only way out of this program.
#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
pub(crate) fn expose<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => serializer.serialize_str(secret.expose_secret()),
        None => serializer.serialize_none(),
    }
}
