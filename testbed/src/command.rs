//! Running programs, with errors that name the program and carry what it said.

use std::process::{Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// What a program answered, whether or not it succeeded.
#[derive(Clone, Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// Its standard output, without the last line feed.
    pub stdout: String,
    /// Its standard error, without the last line feed.
    pub stderr: String,
}

impl Output {
    /// Whether it ended with status 0.
    pub fn success(&self) -> bool {
        self.status.success()
    }
}

/// Runs a program and returns what it answered; fails only if it could not be started.
pub fn output(command: &mut Command) -> Result<Output> {
    let answer = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start `{}`", name(command)))?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim_end().to_owned();
    Ok(Output {
        status: answer.status,
        stdout: text(&answer.stdout),
        stderr: text(&answer.stderr),
    })
}

/// Runs a program that must succeed, and returns its standard output.
pub fn read(command: &mut Command) -> Result<String> {
    let answer = output(command)?;
    if !answer.success() {
        bail!(
            "`{}` failed ({}): {}",
            name(command),
            answer.status,
            answer.stderr
        );
    }
    Ok(answer.stdout)
}

/// Whether a program can be found in PATH.
pub fn installed(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// A command as a person would have typed it, cut short: arguments may be whole scripts.
pub fn name(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words
        .map(|word| word.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    match line.char_indices().nth(160) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program_and_what_it_said() {
        let error = read(Command::new("sh").args(["-c", "echo no room >&2; exit 3"]))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("sh -c") && error.contains("no room") && error.contains('3'),
            "{error}"
        );
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = read(&mut Command::new("ocore-no-such-program"))
            .unwrap_err()
            .to_string();
        assert!(error.contains("ocore-no-such-program"), "{error}");
    }
}
