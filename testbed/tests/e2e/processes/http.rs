//! Requests over one connection each, without anything that tries again.

use std::{
    io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

pub(super) struct Request {
    method: &'static str,
    path: String,
    token: String,
    body: Option<String>,
    last_event: Option<i64>,
}

/// One event of a stream.
#[derive(Debug, Default)]
pub(super) struct Event {
    pub(super) name: String,
    pub(super) id: Option<i64>,
    pub(super) data: String,
}

impl Request {
    pub(super) fn get(path: &str) -> Self {
        Self {
            method: "GET",
            path: path.to_owned(),
            token: String::new(),
            body: None,
            last_event: None,
        }
    }

    pub(super) fn post(path: &str, body: &str) -> Self {
        Self {
            method: "POST",
            body: Some(body.to_owned()),
            ..Self::get(path)
        }
    }

    pub(super) fn of(mut self, token: &str) -> Self {
        token.clone_into(&mut self.token);
        self
    }

    pub(super) const fn after(mut self, event: Option<i64>) -> Self {
        self.last_event = event;
        self
    }

    fn begin(&self, port: u16) -> Result<TcpStream> {
        let mut stream =
            TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), Duration::from_secs(5))?;
        stream.set_read_timeout(Some(Duration::from_secs(40)))?;
        let body = self.body.as_deref().unwrap_or_default();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n",
            self.method, self.path, self.token
        );
        if self.body.is_some() {
            let length = body.len();
            let length = length.to_string();
            head.extend([
                "Content-Type: application/json\r\nContent-Length: ",
                &length,
                "\r\n",
            ]);
        }
        if let Some(last) = self.last_event {
            head.extend(["Last-Event-ID: ", &last.to_string(), "\r\n"]);
        }
        stream.write_all(format!("{head}\r\n{body}").as_bytes())?;
        Ok(stream)
    }

    /// Status and body.
    pub(super) fn send(&self, port: u16) -> Result<(u16, String)> {
        let mut text = String::new();
        self.begin(port)?.read_to_string(&mut text)?;
        let status = status(&text)?;
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, body.to_owned()))
    }

    /// Reads events until the stream ends, or nobody wants more.
    pub(super) fn follow(&self, port: u16, mut heard: impl FnMut(Event) -> bool) -> Result<()> {
        let mut lines = BufReader::new(self.begin(port)?).lines();
        let first = lines.next().ok_or(ErrorKind::UnexpectedEof)??;
        match status(&first)? {
            200 => {}
            other => return Err(Error::other(format!("status {other}"))),
        }
        let mut event = Event::default();
        for line in lines {
            let line = line?;
            if let Some(name) = line.strip_prefix("event: ") {
                name.clone_into(&mut event.name);
            } else if let Some(id) = line.strip_prefix("id: ") {
                event.id = id.parse().ok();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data += data;
            } else if line.is_empty() && !event.name.is_empty() && !heard(std::mem::take(&mut event)) {
                return Ok(());
            }
        }
        Ok(())
    }
}

fn status(text: &str) -> Result<u16> {
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| Error::new(ErrorKind::UnexpectedEof, format!("no answer: {text:?}")))
}
