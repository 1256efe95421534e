//! Bringing batches to oCore: over one connection that is kept, in order, until each is accepted.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header,
};
use hyper_util::rt::TokioIo;
use ocore_telemetry::{Batch, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpStream,
    sync::Notify,
    time::{sleep, timeout},
};
use url::{Host, Url};

use crate::{
    fault::{Fault, Once, say},
    ring::Ring,
    tls::Tls,
};

/// This agent's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How long one delivery may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first and the longest pause after a failure; the real one is between half of it and all.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What became of a batch.
#[derive(Debug)]
pub(crate) enum Outcome {
    Accepted,
    /// It may go better later.
    Later(Fault),
    /// It will never be taken.
    Refused(Fault),
}

/// The way to oCore.
pub(crate) struct Way {
    url: Url,
    token: SecretString,
    tls: Option<Tls>,
    boot_id: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Way {
    pub(crate) fn new(
        url: &Url,
        ca: Option<&str>,
        token: SecretString,
        boot_id: String,
    ) -> Result<Self, Fault> {
        let tls = match url.scheme() {
            "https" => Some(Tls::new(ca)?),
            _ => None,
        };
        Ok(Self {
            url: url.clone(),
            token,
            tls,
            boot_id,
            connection: None,
        })
    }

    /// Brings some samples.
    pub(crate) async fn deliver(&mut self, lost: u64, samples: &[&[u8]]) -> Outcome {
        let body = match Batch::assemble(VERSION, &self.boot_id, lost, samples) {
            Ok(body) => Bytes::from(body),
            Err(error) => return Outcome::Refused(Fault(error.to_string())),
        };
        let kept = self.connection.is_some();
        let outcome = self.send(body.clone()).await;
        // A kept connection may have been closed by the other side meanwhile: that says nothing of the way.
        if kept && matches!(outcome, Outcome::Later(_)) && self.connection.is_none() {
            return self.send(body).await;
        }
        outcome
    }

    async fn send(&mut self, body: Bytes) -> Outcome {
        match timeout(PATIENCE, self.try_send(body)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(fault)) => {
                self.connection = None;
                Outcome::Later(fault)
            }
            Err(_) => {
                self.connection = None;
                Outcome::Later(Fault(format!("{} did not answer in time", self.url)))
            }
        }
    }

    async fn try_send(&mut self, body: Bytes) -> Result<Outcome, Fault> {
        let broken = |error: &dyn std::fmt::Display| Fault(format!("the connection broke: {error}"));
        let mut connection = match self.connection.take() {
            Some(kept) if !kept.is_closed() => kept,
            _ => self.connect().await?,
        };
        connection.ready().await.map_err(|error| broken(&error))?;
        let path = format!("{}/api/agent/metrics", self.url.path().trim_end_matches('/'));
        let authority = self.url.authority();
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut bearer = header::HeaderValue::try_from(bearer)
            .map_err(|_| Fault("the token holds what no token holds".to_owned()))?;
        bearer.set_sensitive(true);
        let request = Request::post(path)
            .header(header::HOST, authority)
            .header(header::AUTHORIZATION, bearer)
            .header(header::CONTENT_TYPE, CONTENT_TYPE)
            .header(header::USER_AGENT, format!("ocore-agent/{VERSION}"))
            .body(Full::new(body))
            .map_err(|error| broken(&error))?;
        let answer = connection
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = answer.status();
        // Read to its end, or the connection could not be used again.
        let text = Limited::new(answer.into_body(), 64 << 10)
            .collect()
            .await
            .map_err(|error| broken(&error))?
            .to_bytes();
        self.connection = Some(connection);
        let said = || {
            let text: String = String::from_utf8_lossy(&text).chars().take(300).collect();
            Fault(format!("{} answered {status}: {text}", self.url))
        };
        Ok(match status {
            _ if status.is_success() => Outcome::Accepted,
            StatusCode::UNAUTHORIZED | StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
                Outcome::Later(said())
            }
            _ if status.is_client_error() => Outcome::Refused(said()),
            _ => Outcome::Later(said()),
        })
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, Fault> {
        let host = self
            .url
            .host()
            .ok_or_else(|| Fault("the URL names no host".to_owned()))?;
        let port = self.url.port_or_known_default().unwrap_or(443);
        let stream = open(&host, port).await?;
        let (sender, connection) = match &self.tls {
            None => {
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                (sender, tokio::spawn(async move { drop(connection.await) }))
            }
            Some(tls) => {
                let stream = tls.wrap(&host, stream).await?;
                let (sender, connection) = handshake(TokioIo::new(stream)).await?;
                (sender, tokio::spawn(async move { drop(connection.await) }))
            }
        };
        drop(connection);
        Ok(sender)
    }
}

async fn handshake<S>(
    stream: S,
) -> Result<(SendRequest<Full<Bytes>>, http1::Connection<S, Full<Bytes>>), Fault>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    http1::Builder::new()
        .max_buf_size(16 << 10)
        .handshake(stream)
        .await
        .map_err(|error| Fault(format!("the connection broke: {error}")))
}

/// A connection to the first address of a host that takes one.
async fn open(host: &Host<&str>, port: u16) -> Result<TcpStream, Fault> {
    let mut last = Fault(format!("{host} has no address"));
    for address in addresses(host).await? {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                last = Fault(format!(
                    "{host} port {port} cannot be reached at {address}: {error}"
                ));
            }
        }
    }
    Err(last)
}

/// Not by the C library: in a static binary it would load the system's, of whatever version that is.
async fn addresses(host: &Host<&str>) -> Result<Vec<IpAddr>, Fault> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![(*address).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address).into()]),
        Host::Domain(name) => *name,
    };
    let fault = |error: &dyn std::fmt::Display| Fault(format!("the name {name} is not found: {error}"));
    let resolver = hickory_resolver::TokioResolver::builder_tokio()
        .and_then(hickory_resolver::ResolverBuilder::build)
        .map_err(|error| fault(&error))?;
    let found = resolver.lookup_ip(name).await.map_err(|error| fault(&error))?;
    Ok(found.iter().collect())
}

/// Brings what is in the ring, whenever it is told that there is more.
pub(crate) async fn deliver_all(mut way: Way, ring: Arc<Mutex<Ring>>, more: Arc<Notify>) {
    let mut said = Once::default();
    let mut pause = PAUSES.0;
    loop {
        more.notified().await;
        loop {
            match deliver_next(&mut way, &ring).await {
                None => break,
                Some(Outcome::Accepted) => {
                    pause = PAUSES.0;
                    if said.clear() {
                        say("samples are accepted again");
                    }
                }
                Some(Outcome::Refused(fault)) => said.warn(&format!("samples are dropped: {fault}")),
                Some(Outcome::Later(fault)) => {
                    said.warn(&format!("samples are kept and sent later: {fault}"));
                    sleep(pause.mul_f64(rand::random_range(0.5..1.0))).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }
}

/// Brings the next batch; none: nothing waits.
pub(crate) async fn deliver_next(way: &mut Way, ring: &Mutex<Ring>) -> Option<Outcome> {
    let lock = || ring.lock().unwrap_or_else(PoisonError::into_inner);
    let (batch, samples) = {
        let ring = lock();
        if ring.len() == 0 {
            return None;
        }
        let (batch, samples) = ring.next();
        let samples: Vec<Vec<u8>> = samples.into_iter().map(<[u8]>::to_vec).collect();
        (batch, samples)
    };
    let samples: Vec<&[u8]> = samples.iter().map(Vec::as_slice).collect();
    let outcome = way.deliver(batch.lost, &samples).await;
    match &outcome {
        Outcome::Accepted => lock().delivered(batch),
        Outcome::Refused(_) => lock().refused(batch),
        Outcome::Later(_) => {}
    }
    Some(outcome)
}

#[cfg(test)]
mod tests;
