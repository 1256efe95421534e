//! Bringing batches to oCore: over one connection that is kept, in order, until each is accepted.

use std::{
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
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use crate::{
    fault::{Fault, Once, say},
    plane::{Plane, VERSION},
    ring::Ring,
};

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

/// The way of batches to oCore.
pub(crate) struct Way {
    plane: Plane,
    boot_id: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Way {
    pub(crate) const fn new(plane: Plane, boot_id: String) -> Self {
        Self {
            plane,
            boot_id,
            connection: None,
        }
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
                Outcome::Later(Fault(format!("{} did not answer in time", self.plane.url())))
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
        let request = Request::post(self.plane.path("/api/agent/metrics"))
            .header(header::HOST, self.plane.authority())
            .header(header::AUTHORIZATION, self.plane.bearer()?)
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
            Fault(format!("{} answered {status}: {text}", self.plane.url()))
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
        let stream = self.plane.connect().await?;
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(16 << 10)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Fault(format!("the connection broke: {error}")))?;
        drop(tokio::spawn(connection));
        Ok(sender)
    }
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
