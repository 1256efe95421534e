//! The connection that the agent keeps open to oCore, over which it is asked for logs of instances.
//!
//! It is an addition: where it does not come about, oCore reads logs over SSH. Nothing that is asked here changes anything.

mod log;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::{SinkExt, StreamExt, stream::SplitSink};
use hyper::{StatusCode, header};
use ocore_telemetry::stream::{
    Ask, Follow, LONGEST_ASKED, LONGEST_TOLD, PATH, PROTOCOL, Reason, SILENCE, STREAMS, Tell, WINDOW,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep, timeout, timeout_at},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        Error, Message, client::IntoClientRequest, error::ProtocolError, handshake::client::Request,
        http::HeaderValue, protocol::WebSocketConfig,
    },
};

use crate::{
    docker::Docker,
    fault::{Fault, Once, say},
    plane::{Plane, VERSION, Wire},
};

/// How long a connection may take to come about, and a message to be taken.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first and the longest pause between attempts; the real one is between half of it and all.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// The pause where it is refused, by an older oCore or by something in front of it.
const REFUSED: Duration = Duration::from_secs(300);
/// A connection that lasted so long was a good one.
const LASTING: Duration = Duration::from_secs(30);
/// Messages that wait to be sent before who makes them waits too.
const WAITING: usize = 4;
/// More credit than this is none: nobody needs it.
const MOST_CREDIT: usize = 8 * WINDOW as usize;

type Socket = WebSocketStream<Box<dyn Wire>>;

/// Why there is no connection.
#[derive(Debug)]
enum Unopened {
    /// There may be one a little later.
    Later(Fault),
    /// Nobody here knows what it is.
    Refused(Fault),
}

impl From<Fault> for Unopened {
    fn from(fault: Fault) -> Self {
        Self::Later(fault)
    }
}

/// Keeps a connection, and answers what is asked over it.
pub(crate) async fn keep(plane: Plane, docker: Docker) {
    let mut said = Once::default();
    let mut pause = PAUSES.0;
    loop {
        let mut rest = pause;
        match open(&plane).await {
            Ok(socket) => {
                if said.clear() {
                    say("oCore can ask for logs again");
                }
                let began = Instant::now();
                serve(socket, &docker).await;
                if began.elapsed() >= LASTING {
                    (pause, rest) = (PAUSES.0, PAUSES.0);
                }
            }
            Err(Unopened::Later(fault)) => {
                said.warn(&format!(
                    "oCore cannot ask for logs, and reads them over SSH: {fault}"
                ));
            }
            Err(Unopened::Refused(fault)) => {
                said.warn(&format!(
                    "oCore, or a proxy in front of it, knows no streams, and reads logs over SSH: {fault}"
                ));
                rest = REFUSED;
            }
        }
        // Of the agents that all lost the same oCore not all come back at once.
        sleep(rest.mul_f64(rand::random_range(0.5..1.0))).await;
        pause = (pause * 2).min(PAUSES.1);
    }
}

async fn open(plane: &Plane) -> Result<Socket, Unopened> {
    let request = request(plane)?;
    // One message of either side at a time: buffers are as small as that allows.
    let config = WebSocketConfig::default()
        .read_buffer_size(LONGEST_ASKED)
        .write_buffer_size(0)
        .max_write_buffer_size(4 * LONGEST_TOLD)
        .max_message_size(Some(LONGEST_ASKED))
        .max_frame_size(Some(LONGEST_ASKED));
    let opened = async {
        let wire = plane.connect().await?;
        let (socket, _) = client_async_with_config(request, wire, Some(config))
            .await
            .map_err(|error| unopened(plane, &error))?;
        Ok(socket)
    };
    let late = |_| Fault(format!("{} did not answer in time", plane.url()));
    timeout(PATIENCE, opened).await.map_err(late)?
}

fn request(plane: &Plane) -> Result<Request, Fault> {
    let url = format!("ws://{}{}", plane.authority(), plane.path(PATH));
    let mut request = url
        .into_client_request()
        .map_err(|error| Fault(format!("{} is no address: {error}", plane.url())))?;
    let headers = request.headers_mut();
    headers.insert(header::AUTHORIZATION, plane.bearer()?);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    let agent = HeaderValue::try_from(format!("ocore-agent/{VERSION}"));
    headers.extend(agent.ok().map(|agent| (header::USER_AGENT, agent)));
    Ok(request)
}

fn unopened(plane: &Plane, error: &Error) -> Unopened {
    let url = plane.url();
    match error {
        Error::Http(answer) => {
            let status = answer.status();
            let fault = Fault(format!("{url} answered {status}"));
            // What may be otherwise in a moment: a token that is being changed, too many at once, oCore that starts or ends.
            let is_passing = [
                StatusCode::UNAUTHORIZED,
                StatusCode::REQUEST_TIMEOUT,
                StatusCode::TOO_MANY_REQUESTS,
                StatusCode::INTERNAL_SERVER_ERROR,
                StatusCode::BAD_GATEWAY,
                StatusCode::SERVICE_UNAVAILABLE,
                StatusCode::GATEWAY_TIMEOUT,
            ];
            if is_passing.contains(&status) {
                Unopened::Later(fault)
            } else {
                Unopened::Refused(fault)
            }
        }
        // It was answered, and not as by who knows what is asked.
        Error::Protocol(error) if *error != ProtocolError::HandshakeIncomplete => {
            Unopened::Refused(Fault(format!("{url}: {error}")))
        }
        error => Unopened::Later(Fault(format!("{url}: {error}"))),
    }
}

/// Answers what is asked until the connection ends.
async fn serve(socket: Socket, docker: &Docker) {
    let (sink, mut incoming) = socket.split();
    let (out, messages) = mpsc::channel(WAITING);
    let mut logs = Logs::new(docker.clone(), out);
    let writing = write(sink, messages);
    tokio::pin!(writing);
    let mut until = Instant::now() + SILENCE;
    loop {
        tokio::select! {
            heard = timeout_at(until, incoming.next()) => match heard {
                Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) | Err(_) => return,
                Ok(Some(Ok(message))) => {
                    until = Instant::now() + SILENCE;
                    // What else comes is for the library, or of a newer oCore.
                    if let Message::Text(text) = message && let Ok(ask) = Ask::decode(&text) {
                        logs.asked(ask);
                    }
                }
            },
            () = &mut writing => return,
            Some(stream) = logs.ended() => logs.forget(stream),
        }
    }
}

/// Sends what there is to be sent, until it cannot be.
async fn write(mut sink: SplitSink<Socket, Message>, mut messages: mpsc::Receiver<Message>) {
    while let Some(message) = messages.recv().await {
        if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// The logs that are followed over one connection. With it they end.
struct Logs {
    docker: Docker,
    out: mpsc::Sender<Message>,
    open: HashMap<u32, Log>,
    /// What works on them; each ends with its number.
    tasks: JoinSet<u32>,
}

struct Log {
    task: AbortHandle,
    /// How much more of it may be sent.
    credit: Arc<Semaphore>,
}

impl Logs {
    fn new(docker: Docker, out: mpsc::Sender<Message>) -> Self {
        Self {
            docker,
            out,
            open: HashMap::new(),
            tasks: JoinSet::new(),
        }
    }

    fn asked(&mut self, ask: Ask) {
        match ask {
            Ask::Follow(wanted) => self.follow(wanted),
            Ask::Credit { stream, credit } => {
                if let Some(log) = self.open.get(&stream) {
                    let room = MOST_CREDIT.saturating_sub(log.credit.available_permits());
                    log.credit.add_permits(room.min(credit as usize));
                }
            }
            Ask::Stop { stream } => {
                if let Some(log) = self.open.remove(&stream) {
                    log.task.abort();
                }
            }
            Ask::Unknown => {}
        }
    }

    fn follow(&mut self, wanted: Follow) {
        let stream = wanted.stream;
        // Refusals are tasks too. Whoever asks on and on without hearing them gets none.
        if self.open.contains_key(&stream) || self.tasks.len() >= 2 * STREAMS {
            return;
        }
        let out = self.out.clone();
        if self.open.len() >= STREAMS {
            self.tasks.spawn(async move {
                let full = Tell::failed(stream, Reason::Full, "so many logs are followed already");
                let _ = out.send(Message::text(full.encode())).await;
                stream
            });
            return;
        }
        let credit = Arc::new(Semaphore::new(MOST_CREDIT.min(wanted.credit as usize)));
        let bringing = log::bring(self.docker.clone(), wanted, credit.clone(), out);
        let task = self.tasks.spawn(async move {
            bringing.await;
            stream
        });
        self.open.insert(stream, Log { task, credit });
    }

    /// Waits until one has ended by itself.
    async fn ended(&mut self) -> Option<u32> {
        loop {
            match self.tasks.join_next().await {
                Some(Ok(stream)) => return Some(stream),
                // It was stopped, and is forgotten already.
                Some(Err(_)) => {}
                None => return std::future::pending().await,
            }
        }
    }

    /// Forgets one that has ended; not another that came by the same number meanwhile.
    fn forget(&mut self, stream: u32) {
        if self.open.get(&stream).is_some_and(|log| log.task.is_finished()) {
            self.open.remove(&stream);
        }
    }
}

#[cfg(test)]
mod tests;
