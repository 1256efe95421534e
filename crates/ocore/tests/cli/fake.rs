//! An API that answers as a test wants and remembers what it was asked, and the program run against it.

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Method and path, for example `GET /api/org`.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// An API for one test.
pub(crate) struct Fake {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Fake {
    /// Answers each request by a function of it and of how many of its kind came before.
    pub(crate) async fn start(answer: impl Fn(&Asked, usize) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answer, remembered) = (Arc::new(answer), asked.clone());
        let routes = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body: Bytes = to_bytes(body, usize::MAX).await.unwrap();
            let request = Asked {
                what: format!("{} {}", parts.method, parts.uri.path()),
                query: parts.uri.query().unwrap_or_default().to_owned(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            };
            let before = {
                let mut asked = remembered.lock().unwrap();
                let before = asked.iter().filter(|it| it.what == request.what).count();
                asked.push(request.clone());
                before
            };
            answer(&request, before)
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address: SocketAddr = listener.local_addr().unwrap();
        tokio::spawn(async { axum::serve(listener, routes).await });
        Self {
            url: format!("http://{address}"),
            asked,
        }
    }

    /// The requests of this method and path.
    pub(crate) fn asked(&self, what: &str) -> Vec<Asked> {
        let asked = self.asked.lock().unwrap();
        asked.iter().filter(|it| it.what == what).cloned().collect()
    }

    /// The only request of this method and path.
    pub(crate) fn the(&self, what: &str) -> Asked {
        let mut asked = self.asked(what);
        assert_eq!(asked.len(), 1, "{what}: {asked:?}");
        asked.remove(0)
    }
}

/// The program with what it is told; nothing of the machine's own settings reaches it.
pub(crate) struct Ocore {
    command: Command,
    input: String,
}

impl Ocore {
    pub(crate) fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocore"));
        for name in ["OCORE_URL", "OCORE_TOKEN", "OCORE_PROFILE", "OCORE_ORG", "HOME"] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("XDG_CONFIG_HOME", "/nonexistent")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            command,
            input: String::new(),
        }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// Where its settings are.
    pub(crate) fn home(self, folder: &Path) -> Self {
        self.env("XDG_CONFIG_HOME", folder.to_str().unwrap())
    }

    pub(crate) fn input(self, input: &str) -> Self {
        Self {
            input: input.to_owned(),
            ..self
        }
    }

    pub(crate) fn spawn(mut self) -> Child {
        let mut child = self.command.spawn().unwrap();
        // A command that reads nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(self.input.as_bytes());
        child
    }

    pub(crate) async fn run(self) -> Ran {
        let output = tokio::task::spawn_blocking(|| self.spawn().wait_with_output().unwrap());
        Ran::new(output.await.unwrap())
    }
}

/// How the program ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn new(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Standard output as the one JSON document it must be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// The same, having seen that all went well.
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self
    }

    /// The same, having seen that it ended so and said this.
    pub(crate) fn failed(self, code: i32, said: &str) -> Self {
        assert!(
            self.code == code && self.err.contains(said),
            "{} instead of {code}, without `{said}`: {}{}",
            self.code,
            self.out,
            self.err
        );
        self
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.out.contains(text) || self.err.contains(text)
    }
}

pub(crate) fn problem(status: StatusCode, code: &str, detail: &str, mend: &str) -> Response {
    let document = json!({"type": format!("https://docs.ocore.sh/problems/{code}"), "title": "Refused", "code": code,
        "status": status.as_u16(), "detail": detail, "mend": mend, "requestId": "req-1"});
    (
        status,
        [(header::CONTENT_TYPE, "application/problem+json")],
        document.to_string(),
    )
        .into_response()
}

pub(crate) fn not_found() -> Response {
    problem(
        StatusCode::NOT_FOUND,
        "resource.not_found",
        "There is no such thing",
        "Look at the list.",
    )
}

pub(crate) fn list(rows: &[Value]) -> Response {
    Json(json!({"data": rows, "nextCursor": null, "hasMore": false})).into_response()
}

/// An answer with its tag.
pub(crate) fn tagged(tag: &str, body: Value) -> Response {
    ([(header::ETAG, tag)], Json(body)).into_response()
}
