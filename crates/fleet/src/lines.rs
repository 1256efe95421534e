//! Output as it comes: kept up to a bound, and told line by line.

use std::{collections::VecDeque, fmt::Write};

use crate::LineSink;

/// Bytes kept of the beginning, and again of the end, of each of a command's two outputs.
const KEPT: usize = 512 << 10;
/// A line that is longer is told in pieces.
const LONGEST: usize = 64 << 10;

/// One output of a command.
pub(crate) struct Collector {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// Bytes between the two that were let go.
    gone: usize,
    begun: Vec<u8>,
    sink: Option<LineSink>,
}

impl Collector {
    pub(crate) fn new(sink: Option<LineSink>) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            gone: 0,
            begun: Vec::new(),
            sink,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let (first, rest) = bytes.split_at(bytes.len().min(KEPT.saturating_sub(self.head.len())));
        self.head.extend_from_slice(first);
        self.tail.extend(rest);
        let over = self.tail.len().saturating_sub(KEPT);
        self.tail.drain(..over);
        self.gone += over;
        if let Some(sink) = &self.sink {
            for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
                self.begun.extend_from_slice(piece);
                if piece.ends_with(b"\n") || self.begun.len() > LONGEST {
                    sink(String::from_utf8_lossy(&self.begun).trim_end());
                    self.begun.clear();
                }
            }
        }
    }

    /// Everything kept; what came without a newline at the end is told too.
    pub(crate) fn finish(self) -> String {
        if let (Some(sink), false) = (&self.sink, self.begun.is_empty()) {
            sink(String::from_utf8_lossy(&self.begun).trim_end());
        }
        let mut text = String::from_utf8_lossy(&self.head).into_owned();
        if self.gone > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, "\n[… {} bytes are left out …]\n", self.gone);
        }
        text.push_str(&String::from_utf8_lossy(&Vec::from(self.tail)));
        text
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn lines_are_told_whole_and_output_is_bounded() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let sink: LineSink = {
            let told = told.clone();
            Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()))
        };
        let mut collector = Collector::new(Some(sink));
        for piece in ["on", "e\r\ntw", "o\n", "three"] {
            collector.push(piece.as_bytes());
        }
        assert_eq!(collector.finish(), "one\r\ntwo\nthree");
        assert_eq!(*told.lock().unwrap(), ["one", "two", "three"]);
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept() {
        let mut flood = Collector::new(None);
        flood.push(b"first ");
        for _ in 0..300 {
            flood.push(&[b'x'; 7000]);
        }
        flood.push(b" last");
        let text = flood.finish();
        assert!(text.len() < 2 * KEPT + 100, "{}", text.len());
        assert!(text.starts_with("first ") && text.ends_with(" last"));
        assert!(text.contains("bytes are left out"));
    }
}
