//! What went wrong, in words for the journal.

use std::{error::Error, fmt};

/// What went wrong.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Fault {}

/// Writes a line for the journal, with the kernel's number of its weight: 4 is a warning, 6 a word.
pub(crate) fn warn(text: &str) {
    eprintln!("<4>{text}");
}

/// The same for what is no fault.
pub(crate) fn say(text: &str) {
    eprintln!("<6>{text}");
}

/// Says the same thing once only, until something else is to be said.
#[derive(Debug, Default)]
pub(crate) struct Once(Option<String>);

impl Once {
    /// A fault, if it is not the one of last time.
    pub(crate) fn warn(&mut self, text: &str) {
        if self.0.as_deref() != Some(text) {
            warn(text);
            self.0 = Some(text.to_owned());
        }
    }

    /// It is over; answers whether there was one.
    pub(crate) fn clear(&mut self) -> bool {
        self.0.take().is_some()
    }
}
