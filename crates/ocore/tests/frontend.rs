//! `ocore frontend`: what reaches the API through it, what comes back, and what it answers by itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    convert::Infallible,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Request, State, WebSocketUpgrade, ws::Message},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use futures::{SinkExt, StreamExt};
use reqwest::{Client, redirect};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::timeout,
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{self as said, client::IntoClientRequest},
};

struct Frontend(Child, String);

impl Frontend {
    /// Before an API at an address.
    fn start(api: &str, listen: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ocore"))
            .arg("frontend")
            .env_clear()
            .env("APP_URL", "https://ocore.example.com")
            .env("OCORE_API_URL", api)
            .env("OCORE_LISTEN", listen)
            // Whatever it says is meant for other ways than the one to the API.
            .env("HTTP_PROXY", "http://127.0.0.1:1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.split("http://").nth(1).unwrap();
        let address = address.split_whitespace().next().unwrap().to_owned();
        Self(process, address)
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.1)
    }
}

impl Drop for Frontend {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What a request was when it arrived.
async fn echo(request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let told = json!({
        "method": parts.method.as_str(),
        "path": parts.uri.to_string(),
        "headers": headers,
        "length": body.len(),
    });
    let own = [
        ("set-cookie", "a=b; HttpOnly"),
        ("x-own", "kept"),
        ("location", "/api/elsewhere"),
    ];
    (StatusCode::SEE_OTHER, own, Json(told)).into_response()
}

/// One piece at once, and another when it is let go.
async fn stream(State(go): State<Arc<Notify>>) -> impl IntoResponse {
    let pieces = futures::stream::unfold(0, move |piece| {
        let go = go.clone();
        async move {
            match piece {
                0 => Some((Bytes::from_static(b"data: one\n\n"), 1)),
                1 => {
                    go.notified().await;
                    Some((Bytes::from_static(b"data: two\n\n"), 2))
                }
                _ => None,
            }
        }
    });
    let pieces = pieces.map(Ok::<_, Infallible>);
    ([("content-type", "text/event-stream")], Body::from_stream(pieces))
}

/// Says what it hears, until it hears enough.
async fn parrot(headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    assert_eq!(headers["authorization"], "Bearer t");
    assert_eq!(headers["x-forwarded-for"], "127.0.0.1");
    upgrade.protocols(["ours"]).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if let Message::Text(text) = &message
                && text.as_str() == "enough"
            {
                return;
            }
            socket.send(message).await.unwrap();
        }
    })
}

/// An API of its own, as far as this test needs one.
async fn api(go: Arc<Notify>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/api/stream", any(stream))
        .route("/api/socket", any(parrot))
        .fallback(echo)
        .with_state(go);
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(20))
        .build()
        .unwrap()
}

fn header<'a>(told: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = told["headers"].as_array().unwrap().iter();
    headers
        .filter(|header| header[0] == name)
        .map(|header| header[1].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn requests_arrive_as_they_were_sent_and_answers_come_back_as_they_were_given() {
    let frontend = Frontend::start(&api(Arc::default()).await, "127.0.0.1:0");
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "ocore.example.com"),
        ("cookie", "ocore_session=1"),
        ("x-forwarded-for", "203.0.113.9"),
        ("connection", "x-of-the-connection"),
        ("x-of-the-connection", "1"),
    ] {
        headers.insert(name, value.parse().unwrap());
    }
    let sent = client()
        .patch(frontend.url("/api/servers/1%2F2?q=a%20b"))
        .headers(headers)
        .body(vec![b'x'; 300_000]);
    let answer = sent.send().await.unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["set-cookie"], "a=b; HttpOnly");
    assert_eq!(answer.headers()["x-own"], "kept");
    assert_eq!(
        answer.headers()["location"],
        "/api/elsewhere",
        "it is not followed"
    );
    let told: Value = answer.json().await.unwrap();
    assert_eq!(told["method"], "PATCH");
    assert_eq!(told["path"], "/api/servers/1%2F2?q=a%20b");
    assert_eq!(told["length"], 300_000);
    assert_eq!(
        header(&told, "host"),
        ["ocore.example.com"],
        "cookies are bound to it"
    );
    assert_eq!(header(&told, "cookie"), ["ocore_session=1"]);
    assert_eq!(header(&told, "x-forwarded-for"), ["203.0.113.9", "127.0.0.1"]);
    assert_eq!(header(&told, "x-of-the-connection"), [""; 0]);

    let told: Value = client()
        .get(frontend.url("/metrics"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(
        header(&told, "transfer-encoding"),
        [""; 0],
        "nothing is sent where nothing was"
    );
}

#[tokio::test]
async fn events_come_when_they_happen() {
    let go = Arc::new(Notify::new());
    let frontend = Frontend::start(&api(go.clone()).await, "127.0.0.1:0");
    let mut answer = client().get(frontend.url("/api/stream")).send().await.unwrap();
    let first = timeout(Duration::from_secs(10), answer.chunk()).await;
    assert_eq!(first.unwrap().unwrap().unwrap(), "data: one\n\n");
    go.notify_one();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), "data: two\n\n");
    assert_eq!(answer.chunk().await.unwrap(), None);
}

#[tokio::test]
async fn websockets_are_passed_on() {
    let frontend = Frontend::start(&api(Arc::default()).await, "127.0.0.1:0");
    let ask = |path: &str| {
        let url = frontend.url(path).replacen("http:", "ws:", 1);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in [("authorization", "Bearer t"), ("sec-websocket-protocol", "ours")] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        let address = frontend.1.clone();
        async move { client_async(request, TcpStream::connect(address).await.unwrap()).await }
    };
    let (mut socket, answer) = ask("/api/socket").await.unwrap();
    assert_eq!(answer.headers()["sec-websocket-protocol"], "ours");
    for said in [
        said::Message::text("one"),
        said::Message::binary(vec![7; 100_000]),
    ] {
        socket.send(said.clone()).await.unwrap();
        let heard = timeout(Duration::from_secs(10), socket.next()).await.unwrap();
        assert_eq!(heard.unwrap().unwrap(), said);
    }
    socket.send(said::Message::text("enough")).await.unwrap();
    let heard = timeout(Duration::from_secs(10), socket.next()).await.unwrap();
    assert!(!matches!(heard, Some(Ok(said::Message::Text(_)))), "{heard:?}");
    // Who is refused hears why, as of any request.
    let Err(said::Error::Http(answer)) = ask("/api/elsewhere").await else {
        panic!()
    };
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["x-own"], "kept");
}

#[tokio::test]
async fn pages_are_its_own() {
    let frontend = Frontend::start(&api(Arc::default()).await, "127.0.0.1:0");
    let answer = client().get(frontend.url("/servers")).send().await.unwrap();
    // Where the dashboard was not built, the page says so; the API is not asked.
    assert!([200, 503].contains(&answer.status().as_u16()), "{answer:?}");
    let policy = answer.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("connect-src 'self'"), "{policy}");
    assert!(answer.headers().contains_key("strict-transport-security"));
    let health = client()
        .get(frontend.url("/health/frontend"))
        .send()
        .await
        .unwrap();
    assert_eq!(health.status(), answer.status());
}

#[tokio::test]
async fn what_keeps_it_from_the_api_is_told() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap().to_string();
    drop(unused);
    let api = format!("http://{address}");
    let frontend = Frontend::start(&api, "127.0.0.1:0");
    let answer = client().get(frontend.url("/api/servers")).send().await.unwrap();
    assert_eq!(answer.status(), 502);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "frontend.api_unreachable");
    drop(frontend);

    let round = Frontend::start(&api, &address);
    let answer = client().get(round.url("/api/servers")).send().await.unwrap();
    assert_eq!(answer.status(), 508);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["code"], "frontend.loop");
}
