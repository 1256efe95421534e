//! What the Docker Engine sends of a container's output, as lines.

/// Bytes before each piece: which output it is of, and its length.
const HEADER: usize = 8;

/// Takes apart what the Engine sends: pieces of output, each after eight bytes with its length, which end anywhere.
#[derive(Debug)]
pub(crate) struct Lines {
    header: Vec<u8>,
    /// How much of the present piece is still to come.
    left: usize,
    line: Vec<u8>,
    longest: usize,
    /// What becomes of the rest of a line that is too long: it is left out, or it is a line of its own.
    is_rest_kept: bool,
    has_headers: bool,
}

impl Lines {
    /// Lines of which everything after so many bytes is left out.
    pub(crate) const fn cut_off_at(longest: usize) -> Self {
        Self {
            header: Vec::new(),
            left: 0,
            line: Vec::new(),
            longest,
            is_rest_kept: false,
            has_headers: true,
        }
    }

    /// Lines that become several where they are longer than so many bytes.
    pub(crate) fn cut_up_at(longest: usize) -> Self {
        Self {
            is_rest_kept: true,
            ..Self::cut_off_at(longest)
        }
    }

    /// The same for the output of a terminal, which comes as it is.
    pub(crate) fn of_terminal(self) -> Self {
        Self {
            has_headers: false,
            ..self
        }
    }

    /// Tells of each line that ends in these bytes, without its end.
    pub(crate) fn read(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if self.left == 0 && self.has_headers {
                let taken = bytes.len().min(HEADER - self.header.len());
                self.header.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                if let [_, _, _, _, a, b, c, d] = self.header[..] {
                    self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(0);
                    self.header.clear();
                }
                continue;
            }
            let length = if self.has_headers { self.left } else { bytes.len() };
            let (piece, rest) = bytes.split_at(bytes.len().min(length));
            self.left = self.left.saturating_sub(piece.len());
            bytes = rest;
            for part in piece.split_inclusive(|byte| *byte == b'\n') {
                self.take(part, tell);
            }
        }
    }

    /// Tells of the line that has begun and will not end.
    pub(crate) fn finish(&mut self, tell: &mut impl FnMut(&[u8])) {
        if !self.line.is_empty() {
            self.end_line(tell);
        }
    }

    /// Takes a part of one line, maybe with its end.
    fn take(&mut self, part: &[u8], tell: &mut impl FnMut(&[u8])) {
        let (mut part, ends) = match part.split_last() {
            Some((b'\n', part)) => (part, true),
            _ => (part, false),
        };
        loop {
            let room = self.longest - self.line.len();
            let (fits, rest) = part.split_at(part.len().min(room));
            self.line.extend_from_slice(fits);
            if rest.is_empty() || !self.is_rest_kept {
                break;
            }
            self.end_line(tell);
            part = rest;
        }
        if ends {
            self.end_line(tell);
        }
    }

    fn end_line(&mut self, tell: &mut impl FnMut(&[u8])) {
        tell(&self.line);
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pieces as the Engine sends them.
    fn sent(pieces: &[&str]) -> Vec<u8> {
        let mut sent = Vec::new();
        for piece in pieces {
            sent.extend_from_slice(&[2, 0, 0, 0]);
            sent.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_be_bytes());
            sent.extend_from_slice(piece.as_bytes());
        }
        sent
    }

    fn told(mut lines: Lines, sent: &[u8], size: usize) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |line: &[u8]| told.push(String::from_utf8(line.to_vec()).unwrap());
        for chunk in sent.chunks(size) {
            lines.read(chunk, &mut tell);
        }
        lines.finish(&mut tell);
        told
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let sent = sent(&["one ", "line", "\nother", "\n", "\nbegun"]);
        for size in [1, 7, 8, 9, 64, 4096] {
            assert_eq!(
                told(Lines::cut_up_at(100), &sent, size),
                ["one line", "other", "", "begun"],
                "{size}"
            );
        }
        let raw = b"one line\nother\n";
        assert_eq!(
            told(Lines::cut_up_at(100).of_terminal(), raw, 3),
            ["one line", "other"]
        );
    }

    #[test]
    fn no_line_is_longer_than_may_be() {
        let sent = sent(&["abcdefgh\nabcd\n", "abcdef"]);
        for size in [1, 5, 4096] {
            assert_eq!(
                told(Lines::cut_off_at(4), &sent, size),
                ["abcd", "abcd", "abcd"],
                "{size}"
            );
            assert_eq!(
                told(Lines::cut_up_at(4), &sent, size),
                ["abcd", "efgh", "abcd", "abcd", "ef"],
                "{size}"
            );
        }
    }
}
