//! The small files of `/proc` and `/sys`, read into one buffer that is used again and again.
//!
//! A sample reads some two hundred of them. A library that makes maps and strings of each would cost more than the
//! reading; what is needed here is a few numbers of each file.

use std::{fs::File, io::Read};

/// More of a file than this is not read.
const LIMIT: u64 = 1 << 20;

/// Reads small files.
#[derive(Debug, Default)]
pub(crate) struct Files {
    buffer: Vec<u8>,
}

impl Files {
    /// The text of a file; none if it cannot be read: processes and containers end while they are looked at.
    pub(crate) fn read(&mut self, path: &str) -> Option<&str> {
        self.buffer.clear();
        File::open(path)
            .ok()?
            .take(LIMIT)
            .read_to_end(&mut self.buffer)
            .ok()?;
        std::str::from_utf8(&self.buffer).ok()
    }

    /// The one number that a file holds.
    pub(crate) fn number(&mut self, path: &str) -> Option<u64> {
        self.read(path)?.trim().parse().ok()
    }
}

/// What a counter rose by. One that fell began anew.
pub(crate) const fn risen(before: u64, now: u64) -> u64 {
    if now >= before { now - before } else { now }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_that_began_anew_did_not_fall() {
        assert_eq!(risen(5, 8), 3);
        assert_eq!(risen(5, 2), 2);
    }
}
