//! A receiver over HTTP that keeps what it is sent. It refuses the first request.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    /// A header's value, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }
}

#[derive(Default)]
struct Kept {
    requests: Vec<Request>,
    refused: u32,
}

pub(crate) struct Recorder {
    address: SocketAddr,
    kept: Arc<Mutex<Kept>>,
}

impl Recorder {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let kept: Arc<Mutex<Kept>> = Arc::default();
        let keeper = Arc::clone(&kept);
        thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let kept = Arc::clone(&keeper);
                thread::spawn(move || while answer(&caller, &kept).is_some() {});
            }
        });
        Self { address, kept }
    }

    pub(crate) fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub(crate) fn refused(&self) -> u32 {
        self.kept.lock().unwrap().refused
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.kept.lock().unwrap().requests.clone()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.requests().into_iter().map(|request| request.body).collect()
    }
}

/// Takes one request; none when the caller has gone.
fn answer(mut caller: &TcpStream, kept: &Mutex<Kept>) -> Option<()> {
    let mut reader = BufReader::new(caller);
    let line = read_line(&mut reader)?;
    let mut headers = Vec::new();
    loop {
        let header = read_line(&mut reader)?;
        let Some((name, value)) = header.split_once(':') else {
            break;
        };
        headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
    }
    let length = headers
        .iter()
        .find(|(name, _)| name == "content-length")?
        .1
        .parse()
        .ok()?;
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8(body).ok()?;
    let is_bulk = line.contains("_bulk");
    let said = {
        let mut kept = kept.lock().ok()?;
        if kept.refused == 0 {
            kept.refused += 1;
            "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n".to_owned()
        } else {
            kept.requests.push(Request { line, headers, body });
            if is_bulk {
                let answer = r#"{"took":1,"errors":false,"items":[]}"#;
                format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{answer}",
                    answer.len()
                )
            } else {
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
        }
    };
    caller.write_all(said.as_bytes()).ok()
}

fn read_line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
}
