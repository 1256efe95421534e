//! Output as it comes: kept up to a bound, and told line by line.

use crate::LineSink;

/// Bytes kept of each of a command's two outputs.
const KEPT: usize = 1 << 20;

/// One output of a command.
pub(crate) struct Collector {
    kept: Vec<u8>,
    begun: Vec<u8>,
    sink: Option<LineSink>,
}

impl Collector {
    pub(crate) fn new(sink: Option<LineSink>) -> Self {
        Self {
            kept: Vec::new(),
            begun: Vec::new(),
            sink,
        }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = KEPT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..bytes.len().min(room)]);
        if let Some(sink) = &self.sink {
            self.begun.extend_from_slice(bytes);
            while let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.begun.drain(..=end).collect();
                sink(String::from_utf8_lossy(&line).trim_end());
            }
        }
    }

    /// Everything kept; what came without a newline at the end is told too.
    pub(crate) fn finish(self) -> String {
        if let (Some(sink), false) = (&self.sink, self.begun.is_empty()) {
            sink(String::from_utf8_lossy(&self.begun).trim_end());
        }
        String::from_utf8_lossy(&self.kept).into_owned()
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
        let mut flood = Collector::new(None);
        flood.push(&vec![b'x'; KEPT + 10]);
        assert_eq!(flood.finish().len(), KEPT);
    }
}
