//! Server-sent events, as far as the API uses them.

/// One event.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Event {
    /// Its kind.
    pub(crate) kind: String,
    /// What it says.
    pub(crate) data: String,
}

/// Puts events together from the pieces in which they come.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
    event: Event,
}

impl Parser {
    /// Takes the next bytes and gives the events that are whole now.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        // Lines are cut before they are decoded: a character may be cut in two between pieces, a line feed not.
        while let Some(end) = self.rest.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            events.extend(self.line(line.trim_end_matches(['\n', '\r'])));
        }
        events
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // A line's number is in its data too; a comment, with an empty field name, only keeps the line alive.
            _ => (),
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_the_same_however_they_are_cut() {
        let stream = ": alive\n\nevent: line\nid: 1\ndata: {\"line\":\"größer\"}\n\nevent: end\r\ndata: a\r\ndata:b\r\n\r\ndata: cut";
        let event = |kind: &str, data: &str| Event {
            kind: kind.to_owned(),
            data: data.to_owned(),
        };
        let expected = [event("line", "{\"line\":\"größer\"}"), event("end", "a\nb")];
        for size in [1, 2, 7, 1000] {
            let mut parser = Parser::default();
            let events: Vec<Event> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.feed(piece))
                .collect();
            assert_eq!(events, expected, "pieces of {size}");
        }
    }
}
