//! What a log tells of requests: Odoo writes a line for each that it has answered, with the time it took.

use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::output::Lines;

/// The longest line that is read; of a longer one the rest is skipped.
const LONGEST: usize = 8 << 10;
/// Paths whose requests are long because they wait on purpose.
const WAITING: [&str; 3] = ["/websocket", "/longpolling/", "/bus/"];

/// Reads a container's log to its end, and tells of each request how many milliseconds it took.
pub(super) async fn requests(mut body: Incoming, mut answered: impl FnMut(f32)) {
    let mut lines = Lines::cut_off_at(LONGEST);
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(bytes) = frame.data_ref() {
            lines.read(bytes, &mut |line| {
                let line = std::str::from_utf8(line).ok();
                if let Some(millis) = line.and_then(request) {
                    answered(millis);
                }
            });
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
}
