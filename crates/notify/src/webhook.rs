//! Webhooks: the notice as JSON, signed, so that the receiver knows who sent it and when.
//!
//! Headers: `X-Ocore-Event` (`alert.opened`, `alert.resolved`, `alert.test`), `X-Ocore-Delivery` (the same for each try of
//! one delivery), `X-Ocore-Timestamp` (seconds since 1970), `X-Ocore-Signature` (`v1=` and HMAC-SHA256 in hexadecimal of
//! timestamp, a dot and the body). A receiver compares the signature and refuses a timestamp older than five minutes.

use chrono::{DateTime, Utc};
use ocore_domain::{DeliveryId, OrganizationId, alerts::Notice};
use reqwest::Url;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::http::{self, Outcome};

/// The signature of a body at a time.
pub fn signature(secret: &SecretString, timestamp: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut signing = hmac::Context::with_key(&key);
    signing.update(timestamp.to_string().as_bytes());
    signing.update(b".");
    signing.update(body);
    format!("v1={}", hex::encode(signing.sign()))
}

pub(crate) async fn send(
    url: &Url,
    secret: &SecretString,
    (delivery, organization): (DeliveryId, OrganizationId),
    notice: &Notice,
    now: DateTime<Utc>,
    allow_private: bool,
) -> Outcome {
    let event = format!("alert.{}", notice.kind);
    let body = json!({
        "id": delivery,
        "type": event,
        "createdAt": now,
        "organizationId": organization,
        "title": notice.title(),
        "alert": notice,
    })
    .to_string()
    .into_bytes();
    let timestamp = now.timestamp();
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("x-ocore-event", event),
        ("x-ocore-delivery", delivery.to_string()),
        ("x-ocore-timestamp", timestamp.to_string()),
        ("x-ocore-signature", signature(secret, timestamp, &body)),
    ];
    http::post(url, &headers, body, allow_private).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_openssl() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac secret
        assert_eq!(
            signature(&"secret".into(), 1_700_000_000, br#"{"a":1}"#),
            "v1=49f24e537407743fa4a0242bb63b94b9a47ee99cbbe071ccd8a22550ae411686"
        );
    }
}
