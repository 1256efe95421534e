//! What oCore asks and what comes back, over a real WebSocket, of an Engine that is made up.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt, Full, StreamBody, combinators::BoxBody};
use hyper::{
    Response,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ocore_telemetry::stream::{CHUNK, cost, stream_of};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{ErrorResponse, Request as Asked, Response as Accepted},
};
use url::Url;

use super::*;

/// An Engine with containers of the instance `i`: `short` has a log that ends, `endless` one that does not; `foreign` is of
/// another instance, and others are not there.
struct Engine {
    folder: TempDir,
    /// Pieces that were taken of endless logs.
    taken: Arc<AtomicUsize>,
    /// Endless logs that are read.
    read: Arc<AtomicUsize>,
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// A piece of output as the Engine sends it.
fn piece(text: &str) -> Bytes {
    let mut bytes = vec![1, 0, 0, 0];
    bytes.extend_from_slice(&u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.into()
}

fn whole(status: u16, text: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(BodyExt::boxed(Full::new(text.into())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

/// Counts itself while it is there.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Engine {
    fn start() -> Self {
        let engine = Self {
            folder: tempfile::tempdir().unwrap(),
            taken: Arc::default(),
            read: Arc::default(),
        };
        let listener = UnixListener::bind(engine.socket()).unwrap();
        let (taken, read) = (engine.taken.clone(), engine.read.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, read) = (taken.clone(), read.clone());
                let answer = service_fn(move |request: hyper::Request<Incoming>| {
                    let answer = answer(&request.uri().to_string(), &taken, &read);
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
            }
        });
        engine
    }

    fn socket(&self) -> String {
        self.folder
            .path()
            .join("docker.sock")
            .to_str()
            .unwrap()
            .to_owned()
    }
}

fn answer(asked: &str, taken: &Arc<AtomicUsize>, read: &Arc<AtomicUsize>) -> Answer {
    let about = |name: &str, instance: &str| {
        let text = format!(
            r#"{{"Id":"id-{name}","State":{{"Pid":0}},"Config":{{"Labels":{{"sh.ocore.instance":"{instance}"}},"Tty":false}}}}"#
        );
        whole(200, text)
    };
    match asked {
        "/containers/short/json" => about("short", "i"),
        "/containers/endless/json" => about("endless", "i"),
        "/containers/foreign/json" => about("foreign", "another"),
        "/containers/id-short/logs?follow=0&stdout=1&stderr=1&tail=2" => {
            whole(200, [piece("one\ntw"), piece("o\nbegun")].concat())
        }
        "/containers/id-endless/logs?follow=1&stdout=1&stderr=1&tail=5" => {
            read.fetch_add(1, Ordering::SeqCst);
            let state = (taken.clone(), Counted(read.clone()));
            let pieces = stream::unfold(state, |(taken, counted)| async move {
                taken.fetch_add(1, Ordering::SeqCst);
                let frame = Frame::data(piece(&format!("{}\n", "x".repeat(99))));
                Some((Ok(frame), (taken, counted)))
            });
            Response::new(BodyExt::boxed(StreamBody::new(pieces)))
        }
        _ => whole(404, "no such container"),
    }
}

/// oCore, as far as an agent sees it.
struct Place(TcpListener);

impl Place {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn plane(&self) -> Plane {
        let url = Url::parse(&format!("http://{}/below/", self.0.local_addr().unwrap())).unwrap();
        Plane::new(&url, None, "ocore_agent_t".into()).unwrap()
    }

    /// The next agent that comes.
    async fn agent(&self) -> Agent {
        let (stream, _) = timeout(PATIENCE, self.0.accept()).await.unwrap().unwrap();
        #[expect(clippy::result_large_err, reason = "the library's")]
        let look = |asked: &Asked, mut answer: Accepted| -> Result<Accepted, ErrorResponse> {
            assert_eq!(asked.uri().path(), "/below/api/agent/stream");
            assert_eq!(asked.headers()["authorization"], "Bearer ocore_agent_t");
            let protocol = asked.headers()["sec-websocket-protocol"].clone();
            assert_eq!(protocol, PROTOCOL);
            answer.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(answer)
        };
        Agent(accept_hdr_async(stream, look).await.unwrap())
    }
}

struct Agent(WebSocketStream<TcpStream>);

#[derive(Debug, PartialEq)]
enum Said {
    Told(Tell),
    Brought(u32, String),
}

impl Agent {
    async fn ask(&mut self, ask: Ask) {
        self.0.send(Message::text(ask.encode())).await.unwrap();
    }

    async fn follow(&mut self, stream: u32, container: &str, credit: u32) {
        let is_endless = container == "endless";
        self.ask(Ask::Follow(Follow {
            stream,
            container: container.to_owned(),
            instance: "i".to_owned(),
            tail: if is_endless { 5 } else { 2 },
            follow: is_endless,
            credit,
        }))
        .await;
    }

    async fn next(&mut self) -> Said {
        match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
            Message::Text(text) => Said::Told(Tell::decode(&text).unwrap()),
            Message::Binary(bytes) => Said::Brought(
                stream_of(&bytes).unwrap(),
                String::from_utf8(bytes[4..].to_vec()).unwrap(),
            ),
            other => panic!("{other:?}"),
        }
    }

    /// Reads until nothing comes any more; what was brought cost so much.
    async fn drain(&mut self, of: u32) -> u32 {
        let mut spent = 0;
        while let Ok(Some(Ok(Message::Binary(bytes)))) =
            timeout(Duration::from_millis(300), self.0.next()).await
        {
            assert_eq!(stream_of(&bytes), Ok(of));
            assert!(bytes.len() <= CHUNK + 4 && bytes.ends_with(b"\n"));
            spent += cost(bytes.len() - 4);
        }
        spent
    }
}

async fn connected() -> (Engine, Agent) {
    let (engine, place) = (Engine::start(), Place::new().await);
    tokio::spawn(keep(place.plane(), Docker::new(engine.socket())));
    let agent = place.agent().await;
    (engine, agent)
}

#[tokio::test]
async fn a_log_comes_and_what_is_not_to_be_read_is_refused() {
    let (_engine, mut agent) = connected().await;
    // What is not known is skipped.
    for text in ["rubbish", r#"{"ask":"dance"}"#, r#"{"ask":"stop","stream":99}"#] {
        agent.0.send(Message::text(text)).await.unwrap();
    }
    agent.0.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    agent.follow(3, "short", WINDOW).await;
    assert_eq!(agent.next().await, Said::Told(Tell::Opened { stream: 3 }));
    let mut text = String::new();
    let end = loop {
        match agent.next().await {
            Said::Brought(3, lines) => text.push_str(&lines),
            other => break other,
        }
    };
    assert_eq!(
        (text.as_str(), end),
        ("one\ntwo\nbegun\n", Said::Told(Tell::End { stream: 3 }))
    );
    for (container, wanted) in [
        ("gone", Reason::Absent),
        ("foreign", Reason::Foreign),
        ("short/json?x=", Reason::Other),
    ] {
        agent.follow(4, container, WINDOW).await;
        let Said::Told(Tell::Failed {
            stream: 4, reason, ..
        }) = agent.next().await
        else {
            panic!("{container}")
        };
        assert_eq!(reason, wanted, "{container}");
    }
}

#[tokio::test]
async fn a_log_that_is_not_read_waits_and_keeps_no_other_waiting() {
    let (engine, mut agent) = connected().await;
    agent.follow(1, "endless", WINDOW).await;
    assert_eq!(agent.next().await, Said::Told(Tell::Opened { stream: 1 }));
    let spent = agent.drain(1).await;
    assert!(spent <= WINDOW && spent > WINDOW - 2 * cost(CHUNK), "{spent}");
    // Nobody reads on from Docker meanwhile.
    sleep(Duration::from_millis(200)).await;
    let taken = engine.taken.load(Ordering::SeqCst);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(engine.taken.load(Ordering::SeqCst), taken);

    agent.follow(2, "short", WINDOW).await;
    assert_eq!(agent.next().await, Said::Told(Tell::Opened { stream: 2 }));
    while !matches!(agent.next().await, Said::Told(Tell::End { stream: 2 })) {}

    agent
        .ask(Ask::Credit {
            stream: 1,
            credit: spent,
        })
        .await;
    let more = agent.drain(1).await;
    assert!(more > WINDOW / 2 && more <= WINDOW, "{more}");
    agent.ask(Ask::Stop { stream: 1 }).await;
    for _ in 0..100 {
        if engine.read.load(Ordering::SeqCst) == 0 {
            return;
        }
        sleep(Duration::from_millis(50)).await;
    }
    panic!("a log that nobody wants is still read");
}

#[tokio::test]
async fn so_many_logs_and_no_more() {
    let (_engine, mut agent) = connected().await;
    let most = u32::try_from(STREAMS).unwrap();
    for stream in 1..=most {
        // Without credit it is opened and waits.
        agent.follow(stream, "endless", 0).await;
    }
    for _ in 1..=most {
        assert!(matches!(agent.next().await, Said::Told(Tell::Opened { .. })));
    }
    agent.follow(most + 1, "short", WINDOW).await;
    let Said::Told(Tell::Failed { stream, reason, .. }) = agent.next().await else {
        panic!()
    };
    assert_eq!((stream, reason), (most + 1, Reason::Full));
    // Under a number that is taken nothing else begins.
    agent.follow(1, "short", WINDOW).await;
    agent.ask(Ask::Stop { stream: 2 }).await;
    agent.follow(most + 2, "gone", WINDOW).await;
    let Said::Told(Tell::Failed { stream, reason, .. }) = agent.next().await else {
        panic!()
    };
    assert_eq!((stream, reason), (most + 2, Reason::Absent));
    // As much credit as anybody can name is no more than there can be.
    for _ in 0..3 {
        agent
            .ask(Ask::Credit {
                stream: 3,
                credit: u32::MAX,
            })
            .await;
    }
    assert!(matches!(agent.next().await, Said::Brought(3, _)));
}

#[tokio::test]
async fn it_comes_again_and_its_logs_end_with_the_connection() {
    let (engine, place) = (Engine::start(), Place::new().await);
    tokio::spawn(keep(place.plane(), Docker::new(engine.socket())));
    let mut agent = place.agent().await;
    agent.follow(1, "endless", WINDOW).await;
    assert_eq!(agent.next().await, Said::Told(Tell::Opened { stream: 1 }));
    agent.0.close(None).await.unwrap();
    drop(agent);
    let mut agent = place.agent().await;
    assert_eq!(engine.read.load(Ordering::SeqCst), 0);
    // A message that is longer than any is no message, and the end of the connection.
    let long = "x".repeat(LONGEST_ASKED + 1);
    agent.0.send(Message::text(long)).await.unwrap();
    let ended = timeout(PATIENCE, agent.0.next()).await.unwrap();
    assert!(
        !matches!(ended, Some(Ok(Message::Text(_) | Message::Binary(_)))),
        "{ended:?}"
    );
    place.agent().await;
}

#[tokio::test]
async fn who_knows_no_streams_is_told_from_who_is_away() {
    for (answer, is_refused) in [
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 426 Upgrade Required\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
        (
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n",
            true,
        ),
        (
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            false,
        ),
        ("HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n", false),
        ("", false),
    ] {
        let place = Place::new().await;
        let plane = place.plane();
        let asking = tokio::spawn(async move { open(&plane).await });
        let (mut stream, _) = place.0.accept().await.unwrap();
        let mut asked = [0; 1024];
        tokio::io::AsyncReadExt::read(&mut stream, &mut asked)
            .await
            .unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer.as_bytes())
            .await
            .unwrap();
        drop(stream);
        let error = asking.await.unwrap().err().unwrap();
        assert_eq!(
            matches!(error, Unopened::Refused(_)),
            is_refused,
            "{answer}: {error:?}"
        );
    }
}
