//! Web Push: a message encrypted for one browser (RFC 8291, `aes128gcm` of RFC 8188), brought to its push service, which
//! learns who sends (VAPID, RFC 8292) and not what.

use std::{fmt, time::Duration};

use base64::{
    Engine,
    engine::general_purpose::{URL_SAFE, URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use hkdf::Hkdf;
use ocore_domain::{Problem, alerts::Severity};
use reqwest::Url;
use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{self, ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use secrecy::{ExposeSecret, SecretSlice};
use serde_json::json;
use sha2::Sha256;

use crate::http::{self, Outcome};

/// How long a push service keeps it for a browser that is closed.
const KEPT: Duration = Duration::from_secs(4 * 3600);
/// Bytes of one record, of which a message is one.
const RECORD: u32 = 4096;
/// The most bytes of a message: what push services take, without head, padding and tag.
const MESSAGE_MAX: usize = 3800;

/// A browser that subscribed.
#[derive(Clone)]
pub struct Subscription {
    /// Where its push service takes messages.
    pub endpoint: String,
    /// Its public key, as the browser tells it (base64url).
    pub p256dh: String,
    /// Its secret, as the browser tells it (base64url).
    pub auth: SecretSlice<u8>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

/// Bytes in base64url, with padding or without.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// Whether these are the keys of a browser: a point of P-256, uncompressed, and 16 bytes.
pub fn are_keys(p256dh: &str, auth: &str) -> bool {
    let point = decode(p256dh).is_some_and(|key| key.len() == 65 && key[0] == 4);
    point && decode(auth).is_some_and(|auth| auth.len() == 16)
}

/// The installation's key, by which push services know it.
pub struct Vapid {
    pair: EcdsaKeyPair,
    /// In base64url, as browsers ask for it.
    public: String,
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Vapid({})", self.public)
    }
}

impl Vapid {
    /// A new key: its PKCS#8 document.
    pub fn generate() -> Result<SecretSlice<u8>, Problem> {
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())
            .map(|document| SecretSlice::from(document.as_ref().to_vec()))
            .map_err(|_| Problem::internal("a key for Web Push could not be made"))
    }

    /// The key in a document.
    pub fn new(document: &SecretSlice<u8>) -> Result<Self, Problem> {
        let pair = EcdsaKeyPair::from_pkcs8(
            &ECDSA_P256_SHA256_FIXED_SIGNING,
            document.expose_secret(),
            &SystemRandom::new(),
        )
        .map_err(|_| Problem::internal("the key for Web Push cannot be read"))?;
        let public = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
        Ok(Self { pair, public })
    }

    /// Its public half in base64url.
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What is said to the push service at an origin.
    fn authorization(&self, origin: &str, contact: &str, now: DateTime<Utc>) -> Option<String> {
        let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let expires = (now + TimeDelta::hours(12)).timestamp();
        let head = part(json!({"typ": "JWT", "alg": "ES256"}));
        let claims = part(json!({"aud": origin, "exp": expires, "sub": contact}));
        let signed = format!("{head}.{claims}");
        let signature = self.pair.sign(&SystemRandom::new(), signed.as_bytes()).ok()?;
        let signature = URL_SAFE_NO_PAD.encode(signature.as_ref());
        Some(format!("vapid t={signed}.{signature}, k={}", self.public))
    }
}

/// The body of a request: the message, for this browser only. None: the browser's keys are none.
fn encrypt(subscription: &Subscription, message: &[u8]) -> Option<Vec<u8>> {
    let theirs = decode(&subscription.p256dh)?;
    let random = SystemRandom::new();
    let private = EphemeralPrivateKey::generate(&ECDH_P256, &random).ok()?;
    let ours = private.compute_public_key().ok()?;
    let info = [b"WebPush: info\0", theirs.as_slice(), ours.as_ref()].concat();
    let peer = UnparsedPublicKey::new(&ECDH_P256, &theirs);
    let input: [u8; 32] = agreement::agree_ephemeral(private, &peer, |shared| {
        expand(subscription.auth.expose_secret(), shared, &info)
    })
    .ok()??;
    let salt: [u8; 16] = rand::random();
    let key: [u8; 16] = expand(&salt, &input, b"Content-Encoding: aes128gcm\0")?;
    let nonce: [u8; 12] = expand(&salt, &input, b"Content-Encoding: nonce\0")?;
    let mut sealed = [message, &[2]].concat();
    LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).ok()?)
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut sealed)
        .ok()?;
    let length = u8::try_from(ours.as_ref().len()).ok()?;
    Some(
        [
            &salt,
            RECORD.to_be_bytes().as_slice(),
            &[length],
            ours.as_ref(),
            &sealed,
        ]
        .concat(),
    )
}

fn expand_into(salt: &[u8], input: &[u8], info: &[u8], output: &mut [u8]) -> Option<()> {
    Hkdf::<Sha256>::new(Some(salt), input).expand(info, output).ok()
}

/// As many bytes as are wanted, by HKDF.
fn expand<const N: usize>(salt: &[u8], input: &[u8], info: &[u8]) -> Option<[u8; N]> {
    let mut output = [0; N];
    expand_into(salt, input, info, &mut output)?;
    Some(output)
}

pub(crate) async fn send(
    subscription: &Subscription,
    vapid: &Vapid,
    contact: &str,
    message: &[u8],
    severity: Severity,
    now: DateTime<Utc>,
    allow_private: bool,
) -> Outcome {
    let url: Url = match crate::check(&subscription.endpoint, allow_private) {
        Ok(url) => url,
        Err(why) => return Outcome::refused(format!("its address must {why}")),
    };
    let message = &message[..message.len().min(MESSAGE_MAX)];
    let body = encrypt(subscription, message);
    let origin = url.origin().ascii_serialization();
    let (Some(body), Some(authorization)) = (body, vapid.authorization(&origin, contact, now)) else {
        return Outcome::refused("the browser's keys are none");
    };
    let urgency = if severity == Severity::Critical {
        "high"
    } else {
        "normal"
    };
    let headers = [
        ("authorization", authorization),
        ("content-encoding", "aes128gcm".to_owned()),
        ("content-type", "application/octet-stream".to_owned()),
        ("ttl", KEPT.as_secs().to_string()),
        ("urgency", urgency.to_owned()),
    ];
    let outcome = http::post(&url, &headers, body, allow_private).await;
    // The browser is gone.
    let is_gone = matches!(outcome.status, Some(404 | 410));
    Outcome {
        is_final: outcome.is_final || is_gone,
        ..outcome
    }
}

#[cfg(test)]
mod tests {
    use p256::{
        PublicKey, SecretKey,
        ecdh::diffie_hellman,
        ecdsa::{Signature, VerifyingKey, signature::Verifier},
        elliptic_curve::sec1::ToSec1Point,
    };

    use super::*;

    /// The browser's side, by another implementation of the curve and straight from RFC 8291.
    fn decrypt(private: &SecretKey, auth: &[u8], body: &[u8]) -> Vec<u8> {
        let (salt, rest) = body.split_at(16);
        let (length, rest) = (usize::from(rest[4]), &rest[5..]);
        let (sender, sealed) = rest.split_at(length);
        let theirs = PublicKey::from_sec1_bytes(sender).unwrap();
        let shared = diffie_hellman(private.to_nonzero_scalar(), theirs.as_affine());
        let ours = private.public_key().to_sec1_point(false);
        let info = [b"WebPush: info\0", ours.as_bytes(), sender].concat();
        let mut input = [0; 32];
        expand_into(auth, shared.raw_secret_bytes(), &info, &mut input).unwrap();
        let (mut key, mut nonce) = ([0; 16], [0; 12]);
        expand_into(salt, &input, b"Content-Encoding: aes128gcm\0", &mut key).unwrap();
        expand_into(salt, &input, b"Content-Encoding: nonce\0", &mut nonce).unwrap();
        let mut opened = sealed.to_vec();
        let opened = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &key).unwrap())
            .open_in_place(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut opened)
            .unwrap();
        let end = opened.iter().rposition(|&byte| byte != 0).unwrap();
        assert_eq!(opened[end], 2, "the last record");
        opened[..end].to_vec()
    }

    fn key(text: &str) -> SecretKey {
        SecretKey::from_slice(&decode(text).unwrap()).unwrap()
    }

    #[test]
    fn the_example_of_the_rfc_can_be_read() {
        // RFC 8291, section 5.
        let private = key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
        let auth = decode("BTBZMqHH6r4Tts7J_aSIgg").unwrap();
        let body = decode(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
        )
        .unwrap();
        assert_eq!(
            decrypt(&private, &auth, &body),
            b"When I grow up, I want to be a watermelon"
        );
    }

    #[test]
    fn what_is_encrypted_is_read_by_the_browser_only() {
        let private = key("q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94");
        let auth: [u8; 16] = rand::random();
        let p256dh = URL_SAFE_NO_PAD.encode(private.public_key().to_sec1_point(false).as_bytes());
        assert!(are_keys(&p256dh, &URL_SAFE_NO_PAD.encode(auth)));
        assert!(!are_keys(&p256dh, "short") && !are_keys("AAAA", &URL_SAFE_NO_PAD.encode(auth)));
        let subscription = Subscription {
            endpoint: String::new(),
            p256dh,
            auth: SecretSlice::from(auth.to_vec()),
        };
        let body = encrypt(&subscription, b"one cannot be reached").unwrap();
        assert_eq!(decrypt(&private, &auth, &body), b"one cannot be reached");
        assert_ne!(body, encrypt(&subscription, b"one cannot be reached").unwrap());
    }

    #[test]
    fn push_services_know_who_sends() {
        let vapid = Vapid::new(&Vapid::generate().unwrap()).unwrap();
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let said = vapid
            .authorization("https://push.example.com", "https://ocore.example", now)
            .unwrap();
        let (token, key) = said.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let verifying = VerifyingKey::from_sec1_bytes(&decode(key).unwrap()).unwrap();
        let signature = Signature::from_slice(&decode(signature).unwrap()).unwrap();
        verifying.verify(signed.as_bytes(), &signature).unwrap();
        let claims = decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example.com");
        assert_eq!(claims["exp"], 1_700_000_000 + 12 * 3600);
    }
}
