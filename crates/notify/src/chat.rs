//! Slack and Telegram.

use ocore_domain::alerts::{Notice, NoticeKind, Severity};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    address,
    http::{self, Outcome},
};

fn sign(notice: &Notice) -> &'static str {
    match (notice.kind, notice.severity) {
        (NoticeKind::Resolved, _) => "✅",
        (NoticeKind::Test, _) => "🔔",
        (NoticeKind::Opened, Severity::Critical) => "🔴",
        (NoticeKind::Opened, Severity::Warning) => "🟠",
        (NoticeKind::Opened, Severity::Info) => "🔵",
    }
}

fn json_header() -> [(&'static str, String); 1] {
    [("content-type", "application/json".to_owned())]
}

/// To an incoming webhook. Its address is the secret.
pub(crate) async fn slack(
    address: &SecretString,
    notice: &Notice,
    link: &str,
    allow_private: bool,
) -> Outcome {
    let url = match address::check(address.expose_secret(), allow_private) {
        Ok(url) => url,
        Err(why) => return Outcome::refused(format!("its address must {why}")),
    };
    // Slack reads these three as its own marks.
    let plain = |text: &str| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    };
    let text = format!(
        "{} *{}*\n{}\n<{link}|Open in oCore>",
        sign(notice),
        plain(&notice.title()),
        plain(&notice.body())
    );
    let body = json!({ "text": text }).to_string().into_bytes();
    http::post(&url, &json_header(), body, allow_private).await
}

/// By a bot, whose token is the secret and stands in the address.
pub(crate) async fn telegram(
    base: &str,
    token: &SecretString,
    chat: &str,
    notice: &Notice,
    link: &str,
    allow_private: bool,
) -> Outcome {
    let address = format!(
        "{}/bot{}/sendMessage",
        base.trim_end_matches('/'),
        token.expose_secret()
    );
    let Ok(url) = address.parse::<Url>() else {
        return Outcome::refused("its token makes no address");
    };
    let text = format!("{} {}\n{}\n{link}", sign(notice), notice.title(), notice.body());
    let body = json!({"chat_id": chat, "text": text, "disable_web_page_preview": true});
    http::post(&url, &json_header(), body.to_string().into_bytes(), allow_private).await
}
