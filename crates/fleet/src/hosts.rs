//! The servers of this process, each with the one connection it has.

use std::{
    collections::HashMap,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use ocore_domain::{Problem, ServerId};
use rand::RngExt;
use tokio::time::Instant;

use crate::{Access, Credential, Host, HostKey, local::LocalHost, ssh::SshHost};

/// The longest pause between two attempts to connect to a server that does not answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Makes a connection of its own. A key shown for the first time is answered; one that is not the expected is refused.
pub async fn connect(access: &Access) -> Result<(Arc<dyn Host>, Option<HostKey>), Problem> {
    if matches!(access.credential, Credential::Local) {
        return Ok((Arc::new(LocalHost::new(access.docker_socket.clone())), None));
    }
    let (host, key) = SshHost::connect(access).await?;
    Ok((Arc::new(host), Some(key)))
}

/// The servers of this process: one connection for each, shared by all that work on it.
#[derive(Default)]
pub struct Hosts {
    slots: Mutex<HashMap<ServerId, Arc<tokio::sync::Mutex<Slot>>>>,
}

/// One server: at most one attempt to connect at a time, and a pause after each that failed.
#[derive(Default)]
struct Slot {
    host: Option<Arc<dyn Host>>,
    failed: Option<Failure>,
}

struct Failure {
    problem: Problem,
    again_at: Instant,
    pause: Duration,
}

impl Hosts {
    /// No connection yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The host of a server. `access` is only awaited where a connection has to be made; while a server does not
    /// answer, attempts are made with growing pauses, and who asks in between gets the last answer.
    pub async fn get<F>(&self, server: ServerId, access: F) -> Result<Arc<dyn Host>, Problem>
    where
        F: Future<Output = Result<Access, Problem>> + Send,
    {
        let slot = self.slot(server);
        let mut slot = slot.lock().await;
        if let Some(host) = slot.host.as_ref().filter(|host| host.is_alive()) {
            return Ok(host.clone());
        }
        slot.host = None;
        if let Some(failed) = slot
            .failed
            .as_ref()
            .filter(|failed| failed.again_at > Instant::now())
        {
            return Err(failed.problem.clone());
        }
        let connected = match access.await {
            Ok(access) => connect(&access).await,
            Err(problem) => return Err(problem),
        };
        match connected {
            Ok((host, _)) => {
                *slot = Slot {
                    host: Some(host.clone()),
                    failed: None,
                };
                Ok(host)
            }
            Err(problem) => {
                let pause = slot
                    .failed
                    .as_ref()
                    .map_or(Duration::from_millis(500), |failed| failed.pause * 2);
                let pause = pause.min(LONGEST_PAUSE);
                let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
                slot.failed = Some(Failure {
                    problem: problem.clone(),
                    again_at: Instant::now() + jittered,
                    pause,
                });
                Err(problem)
            }
        }
    }

    /// Takes in a connection that was made to look at a server, so that looking and working are one connection.
    pub async fn adopt(&self, server: ServerId, host: Arc<dyn Host>) {
        *self.slot(server).lock().await = Slot {
            host: Some(host),
            failed: None,
        };
    }

    /// Lets a server's connection go; what still works over it ends first.
    pub async fn forget(&self, server: ServerId) {
        *self.slot(server).lock().await = Slot::default();
    }

    /// How many connections stand.
    pub fn connections(&self) -> usize {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let alive = |slot: &Arc<tokio::sync::Mutex<Slot>>| {
            slot.try_lock()
                .is_ok_and(|slot| slot.host.as_ref().is_some_and(|host| host.is_alive()))
        };
        slots.values().filter(|slot| alive(slot)).count()
    }

    fn slot(&self, server: ServerId) -> Arc<tokio::sync::Mutex<Slot>> {
        self.slots
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(server)
            .or_default()
            .clone()
    }
}
