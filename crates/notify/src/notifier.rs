//! Tells somebody, by whichever way.

use std::{fmt, sync::Arc};

use chrono::Utc;
use ocore_domain::{DeliveryId, OrganizationId, alerts::Notice};
use ocore_mail::{Mailer, Message};
use secrecy::SecretString;
use serde_json::json;

use crate::{
    address, chat,
    http::Outcome,
    webhook,
    webpush::{self, Subscription, Vapid},
};

/// Where Telegram takes messages of bots.
const TELEGRAM: &str = "https://api.telegram.org";

/// What an installation says of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address people enter in their browsers: what links begin with, and whom push services write to.
    pub app_url: String,
    /// Whether requests may go to this machine and to private networks.
    pub allow_private: bool,
    /// Another address for Telegram's API: of a server of one's own.
    pub telegram_url: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            app_url: "http://localhost:3000".to_owned(),
            allow_private: false,
            telegram_url: None,
        }
    }
}

/// To whom, and what it takes to reach them.
pub enum Target {
    /// An e-mail address.
    Email(String),
    /// An address that is asked, and the key to sign with.
    Webhook(String, SecretString),
    /// The address of an incoming webhook.
    Slack(SecretString),
    /// A bot's token and a chat.
    Telegram(SecretString, String),
    /// A browser, and the installation's key.
    WebPush(Subscription, Arc<Vapid>),
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email(_) => "Email",
            Self::Webhook(..) => "Webhook",
            Self::Slack(_) => "Slack",
            Self::Telegram(..) => "Telegram",
            Self::WebPush(..) => "WebPush",
        })
    }
}

/// Tells people. Cheap to clone.
#[derive(Clone, Default)]
pub struct Notifier {
    mailer: Option<Arc<dyn Mailer>>,
    settings: Arc<Settings>,
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Notifier {
    /// One that sends mails by a mailer, if there is one.
    pub fn new(mailer: Option<Arc<dyn Mailer>>, settings: Settings) -> Self {
        Self {
            mailer,
            settings: Arc::new(settings),
        }
    }

    /// Checks the address of a webhook; why not follows "must".
    pub fn check_url(&self, url: &str) -> Result<(), String> {
        address::check(url, self.settings.allow_private).map(drop)
    }

    /// Where an alert can be looked at.
    pub fn link(&self, notice: &Notice) -> String {
        let app = &self.settings.app_url;
        notice.event_id.map_or_else(
            || format!("{app}/monitoring/alerts"),
            |id| format!("{app}/monitoring/alerts/{id}"),
        )
    }

    /// Tries once.
    pub async fn tell(&self, target: &Target, of: (DeliveryId, OrganizationId), notice: &Notice) -> Outcome {
        let private = self.settings.allow_private;
        let link = self.link(notice);
        match target {
            Target::Email(to) => self.mail(to, notice, link).await,
            Target::Webhook(url, secret) => match address::check(url, private) {
                Ok(url) => webhook::send(&url, secret, of, notice, Utc::now(), private).await,
                Err(why) => Outcome::refused(format!("its address must {why}")),
            },
            Target::Slack(url) => chat::slack(url, notice, &link, private).await,
            Target::Telegram(token, to) => {
                let base = self.settings.telegram_url.as_deref();
                // Whoever runs this chose the address.
                let allowed = private || base.is_some();
                chat::telegram(base.unwrap_or(TELEGRAM), token, to, notice, &link, allowed).await
            }
            Target::WebPush(subscription, vapid) => {
                let message = json!({
                    "title": notice.title(),
                    "body": notice.body(),
                    "url": link,
                    "severity": notice.severity,
                    "tag": notice.event_id,
                });
                let (message, contact) = (message.to_string(), &self.settings.app_url);
                let contact = contact.replacen("http://", "https://", 1);
                webpush::send(
                    subscription,
                    vapid,
                    &contact,
                    message.as_bytes(),
                    notice.severity,
                    Utc::now(),
                    private,
                )
                .await
            }
        }
    }

    async fn mail(&self, to: &str, notice: &Notice, link: String) -> Outcome {
        let Some(mailer) = &self.mailer else {
            return Outcome::failed("no mail server is configured (SMTP_HOST)");
        };
        let message = Message::Alert {
            title: notice.title(),
            body: notice.body(),
            link: link.into(),
        };
        match mailer.send(to, &message).await {
            Ok(()) => Outcome::arrived(None),
            Err(problem) => Outcome::failed(problem.detail),
        }
    }
}
