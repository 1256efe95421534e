//! Checks of single fields. All faults of a request are told at once.

use ocore_identity::password;
use secrecy::SecretString;

use crate::problem::{Answer, Failure, Field};

/// What is wrong so far.
#[derive(Default)]
pub(crate) struct Checks(Vec<Field>);

impl Checks {
    /// Notes a fault of a field unless it fits.
    pub(crate) fn that(&mut self, fits: bool, field: &str, detail: &str) {
        if !fits {
            self.0.push(Field {
                field: field.to_owned(),
                detail: detail.to_owned(),
            });
        }
    }

    /// Notes a fault when there is one.
    pub(crate) fn value<T>(&mut self, field: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|detail| self.that(false, field, &detail)).ok()
    }

    /// Goes on only when nothing is wrong.
    pub(crate) fn done(self) -> Answer<()> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Failure::fields(self.0))
        }
    }

    /// An e-mail address. Whether it is somebody's shows when a mail arrives.
    pub(crate) fn email(&mut self, field: &str, email: &str) {
        self.that(
            email.len() <= 254 && ocore_mail::is_address(email),
            field,
            "must be an e-mail address such as `name@example.com`",
        );
    }

    /// A password that somebody chooses.
    pub(crate) fn password(&mut self, field: &str, password: &SecretString) {
        if let Err(problem) = password::check(password) {
            self.that(false, field, problem.detail.trim_start_matches("The password "));
        }
    }

    /// The name of a server or an instance.
    pub(crate) fn name(&mut self, name: &str) {
        let length = name.chars().count();
        let fits = (1..=100).contains(&length) && name.trim() == name && !name.chars().any(char::is_control);
        self.that(
            fits,
            "name",
            "must have 1 to 100 characters, none of them a control character, and no space around",
        );
    }
}
