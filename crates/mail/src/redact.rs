//! What a mail server says, without what it must not repeat.

use std::fmt::Write;

use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::{ExposeSecret, SecretString};

/// How much of an answer is told.
const TOLD: usize = 300;
/// What is shorter than this gives no part of a secret away, and would be found everywhere.
const PART_MIN: usize = 6;
/// What stands in for what is left out.
const HIDDEN: &str = "[…]";

/// An answer as one line: its words that hold a secret, or look like a link, are left out. Servers repeat links of a
/// mail they take for spam, and what they could not decode of a login.
pub(crate) fn told(answer: &str, secrets: &[&SecretString]) -> String {
    let mut answer = answer.to_owned();
    for secret in secrets.iter().map(|secret| secret.expose_secret()) {
        // A password may have spaces, or be short.
        if !secret.is_empty() {
            answer = answer.replace(secret, HIDDEN);
        }
    }
    let parts: Vec<String> = secrets.iter().flat_map(|secret| parts(secret)).collect();
    let mut line = String::new();
    for word in answer.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        let hidden = word.contains("://") || parts.iter().any(|part| word.contains(part.as_str()));
        // Writing to a string cannot fail.
        let _ = write!(line, " {}", if hidden { HIDDEN } else { word });
    }
    let line = line.trim_start();
    match line.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// What gives a secret away beside the whole of it: its words, the parts of a link, of which the last is as good as the
/// whole, and its base64.
fn parts(secret: &SecretString) -> Vec<String> {
    let text = secret.expose_secret();
    text.split(|c: char| c.is_whitespace() || matches!(c, '/' | '?' | '&' | '=' | '#'))
        .map(str::to_owned)
        .chain([BASE64_STANDARD.encode(text)])
        .filter(|part| part.chars().count() >= PART_MIN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_links_are_left_out() {
        let password = SecretString::from("hunter2 hunter2 x");
        let link = SecretString::from("https://ocore.example/verify?token=abcdef0123456789");
        let secrets = [&password, &link];
        for (answer, line) in [
            ("5.1.1 no such mailbox", "5.1.1 no such mailbox"),
            ("bad hunter2 hunter2 x", "bad […]"),
            ("bad hunter2", "bad […]"),
            ("cannot decode aHVudGVyMiBodW50ZXIyIHg=", "cannot decode […]"),
            ("blocked: https://elsewhere.example/x", "blocked: […]"),
            ("blocked (token:abcdef0123456789)\r\nsorry", "blocked […] sorry"),
        ] {
            assert_eq!(told(answer, &secrets), line);
        }
    }
}
