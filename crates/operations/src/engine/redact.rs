//! Takes secrets out of text before it is written anywhere.

use std::sync::{Mutex, PoisonError};

use secrecy::{ExposeSecret, SecretString};

/// Shorter secrets are not looked for: they would tear holes into ordinary words.
const SHORTEST: usize = 6;
const MARK: &str = "••••••";

/// The secrets an operation has touched.
#[derive(Default)]
pub(crate) struct Redactor {
    secrets: Mutex<Vec<SecretString>>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor")
    }
}

impl Redactor {
    /// From now on this secret does not pass. Each line of a longer one is looked for by itself.
    pub(crate) fn keep(&self, secret: &SecretString) {
        let mut secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        for line in secret
            .expose_secret()
            .lines()
            .map(str::trim)
            .filter(|line| line.len() >= SHORTEST)
        {
            if !secrets.iter().any(|known| known.expose_secret() == line) {
                secrets.push(SecretString::from(line));
            }
        }
        // Longest first: a secret inside another must not leave the other's ends.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
    }

    /// The text without the secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        let secrets = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = text.to_owned();
        for secret in secrets.iter() {
            if text.contains(secret.expose_secret()) {
                text = text.replace(secret.expose_secret(), MARK);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_pass() {
        let redactor = Redactor::default();
        redactor.keep(&"hunter2-hunter2".into());
        redactor.keep(&"first line of key\nsecond line of key\n".into());
        redactor.keep(&"abc".into());
        assert_eq!(redactor.clean("pw=hunter2-hunter2 abc"), format!("pw={MARK} abc"));
        assert_eq!(redactor.clean("> second line of key"), format!("> {MARK}"));
    }

    #[test]
    fn a_secret_within_a_secret_leaves_no_ends() {
        let redactor = Redactor::default();
        redactor.keep(&"secret".into());
        redactor.keep(&"top-secret-value".into());
        assert_eq!(redactor.clean("top-secret-value"), MARK);
    }
}
