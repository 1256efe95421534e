//! What a log tells of requests: Odoo writes a line for each that it has answered, with the time it took.

use http_body_util::BodyExt;
use hyper::body::Incoming;

/// The longest line that is read; of a longer one the rest is skipped.
const LONGEST: usize = 8 << 10;
/// Paths whose requests are long because they wait on purpose.
const WAITING: [&str; 3] = ["/websocket", "/longpolling/", "/bus/"];

/// Reads a container's log to its end, and tells of each request how many milliseconds it took.
pub(super) async fn requests(mut body: Incoming, mut answered: impl FnMut(f32)) {
    let mut lines = Lines::default();
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(bytes) = frame.data_ref() {
            lines.read(bytes, &mut |line| {
                if let Some(millis) = request(line) {
                    answered(millis);
                }
            });
        }
    }
}

/// Takes apart what the Engine sends: pieces of output, each after eight bytes with its length, which end anywhere.
#[derive(Debug, Default)]
struct Lines {
    header: Vec<u8>,
    /// How much of the present piece is still to come.
    left: usize,
    line: Vec<u8>,
}

impl Lines {
    fn read(&mut self, mut bytes: &[u8], tell: &mut impl FnMut(&str)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let taken = bytes.len().min(8 - self.header.len());
                self.header.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                if let [_, _, _, _, a, b, c, d] = self.header[..] {
                    self.left = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(0);
                    self.header.clear();
                }
                continue;
            }
            let (piece, rest) = bytes.split_at(bytes.len().min(self.left));
            self.left -= piece.len();
            bytes = rest;
            for byte in piece {
                if *byte != b'\n' {
                    if self.line.len() < LONGEST {
                        self.line.push(*byte);
                    }
                    continue;
                }
                if let Ok(line) = std::str::from_utf8(&self.line) {
                    tell(line);
                }
                self.line.clear();
            }
        }
    }
}

/// The milliseconds of a request, from its line: `… werkzeug: 172.18.0.1 - - [date] "GET /web HTTP/1.1" 200 - 12 0.034
/// 0.120`, where the last numbers are queries, seconds in the database and seconds beside it.
fn request(line: &str) -> Option<f32> {
    let (_, rest) = line.split_once(" werkzeug: ")?;
    let (begin, end) = rest.rsplit_once("\" ")?;
    let (_, asked) = begin.split_once('"')?;
    let path = asked.split(' ').nth(1)?;
    if WAITING.iter().any(|waiting| path.starts_with(waiting)) {
        return None;
    }
    let mut words = end.split_ascii_whitespace().skip(3);
    let mut seconds = || words.next()?.parse::<f32>().ok();
    Some((seconds()? + seconds()?) * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "2026-11-25 10:00:00,123 1 INFO odoo_acme werkzeug: 172.18.0.1 - - [25/Nov/2026 10:00:00] \
                        \"GET /web/login?a=\"b\" HTTP/1.1\" 200 - 12 0.034 0.120";

    #[test]
    fn the_time_of_a_request_is_in_its_line() {
        let time = request(LINE).unwrap();
        assert!((time - 154.0).abs() < 0.01, "{time}");
        // Newer versions say more after it.
        assert_eq!(request(&format!("{LINE} ro")), request(LINE));
        assert_eq!(request(&LINE.replace("/web/login", "/websocket")), None);
        assert_eq!(
            request("2026-11-25 10:00:00,123 1 INFO odoo_acme odoo.modules.loading: loaded"),
            None
        );
        assert_eq!(request("x werkzeug: \"GET / HTTP/1.1\" 200 - - - -"), None);
    }

    #[test]
    fn pieces_may_end_anywhere() {
        let mut sent = Vec::new();
        for piece in [&LINE[..40], &LINE[40..], "\nother", "\n"] {
            sent.extend_from_slice(&[2, 0, 0, 0]);
            sent.extend_from_slice(&u32::try_from(piece.len()).unwrap().to_be_bytes());
            sent.extend_from_slice(piece.as_bytes());
        }
        for size in [1, 7, 8, 9, 64, 4096] {
            let (mut lines, mut told) = (Lines::default(), Vec::new());
            for chunk in sent.chunks(size) {
                lines.read(chunk, &mut |line| told.push(line.to_owned()));
            }
            assert_eq!(told, [LINE, "other"], "{size}");
        }
    }
}
