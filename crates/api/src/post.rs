//! Mails on their way out. They are sent beside the answer to a request: how long a mail server takes tells nobody whether
//! an address is known here.

use std::{fmt, future::Future, sync::Arc};

use ocore_domain::{Code, Problem};
use ocore_mail::{Mailer, Message};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use crate::problem::Answer;

/// How many are sent, or prepared, at once.
const AT_ONCE: usize = 4;
/// How many may wait: more than that and the mail server is lost anyway, and memory is not to be.
const WAITING: usize = 1000;

/// Takes mails to people, if there is somebody to take them.
#[derive(Clone)]
pub struct Post {
    mailer: Option<Arc<dyn Mailer>>,
    turns: Arc<Semaphore>,
    under_way: TaskTracker,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post")
            .field("configured", &self.mailer.is_some())
            .finish_non_exhaustive()
    }
}

impl Post {
    pub(crate) fn new(mailer: Option<Arc<dyn Mailer>>) -> Self {
        Self {
            mailer,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            under_way: TaskTracker::new(),
        }
    }

    /// Whether mails can be sent.
    pub(crate) const fn is_open(&self) -> bool {
        self.mailer.is_some()
    }

    /// Refuses what makes no sense without a mail.
    pub(crate) fn must_be_open(&self) -> Answer<()> {
        if self.is_open() {
            return Ok(());
        }
        Err(Problem::new(
            Code::MailFailed,
            "No mail can be sent: no mail server is configured",
            "Set SMTP_HOST and SMTP_FROM (docs/operators/accounts.md). Without mails, `ocore admin create --email …` on the \
             server makes an account or a link for a new password.",
        )
        .into())
    }

    /// Sends a mail, later. What goes wrong then stands in the log.
    pub(crate) fn send(&self, to: &str, message: Message) {
        let Some(mailer) = self.mailer.clone() else {
            tracing::warn!("a mail was not sent: no mail server is configured");
            return;
        };
        let to = to.to_owned();
        self.beside(async move {
            if let Err(problem) = mailer.send(&to, &message).await {
                tracing::error!(%problem, "a mail was not sent");
            }
        });
    }

    /// Does something beside the answer to a request, unless there is far too much to do already.
    pub(crate) fn beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        if self.under_way.len() >= WAITING {
            tracing::error!("a mail was not sent: too many are waiting");
            return;
        }
        let turns = Arc::clone(&self.turns);
        self.under_way.spawn(async move {
            // They are never closed.
            if let Ok(_turn) = turns.acquire().await {
                work.await;
            }
        });
    }

    /// Waits until what is under way has arrived.
    pub async fn empty(&self) {
        self.under_way.close();
        self.under_way.wait().await;
    }
}
