//! Access tokens: JWTs (HS256) that say who asks and by which session, good for minutes and kept nowhere.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use hkdf::Hkdf;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use ocore_domain::{Code, Problem};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

/// The fewest characters of the secret, as the configuration demands too.
const SHORTEST_SECRET: usize = 32;
/// Of the key's derivation: the same secret may serve other uses under other labels.
const LABEL: &[u8] = b"ocore access token v1";
const ISSUER: &str = "ocore";
const AUDIENCE: &str = "ocore-api";
/// RFC 9068's type: another JWT under the same key is not taken for an access token.
const TYPE: &str = "at+jwt";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user.
    #[serde(rename = "sub")]
    pub user: Uuid,
    /// The session it was issued to.
    #[serde(rename = "sid")]
    pub session: Uuid,
    /// When it was issued.
    #[serde(rename = "iat", with = "chrono::serde::ts_seconds")]
    pub issued_at: DateTime<Utc>,
    /// When it ends.
    #[serde(rename = "exp", with = "chrono::serde::ts_seconds")]
    pub expires_at: DateTime<Utc>,
    iss: String,
    aud: String,
}

/// Why a token says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It was good once: time to get another.
    #[error("the access token has expired")]
    Expired,
    /// It was not issued here, not for this, or was changed.
    #[error("the access token is not valid")]
    Forged,
}

/// Signs tokens and reads them.
#[derive(Clone)]
pub struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    /// Signs with a key derived from the secret.
    pub fn new(secret: &SecretString) -> Result<Self, Problem> {
        let secret = secret.expose_secret();
        if secret.chars().count() < SHORTEST_SECRET {
            return Err(Problem::new(
                Code::InvalidRequest,
                format!("JWT_SECRET is shorter than {SHORTEST_SECRET} characters"),
                "Set a longer one, for example from `openssl rand -hex 32`.",
            ));
        }
        let mut key = [0; 32];
        Hkdf::<Sha256>::new(None, secret.as_bytes())
            .expand(LABEL, &mut key)
            .map_err(|_| Problem::internal("no key for access tokens"))?;
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Whoever asks with an old token gets a new one by the session: no need to be generous.
        validation.leeway = 0;
        Ok(Self {
            encoding: EncodingKey::from_secret(&key),
            decoding: DecodingKey::from_secret(&key),
            validation,
        })
    }

    /// A token of a user's session, good for a time from now on.
    pub fn sign(&self, user: Uuid, session: Uuid, ttl: TimeDelta) -> Result<SecretString, Problem> {
        let now = Utc::now();
        self.encode(&Claims {
            user,
            session,
            issued_at: now,
            expires_at: now + ttl,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        })
    }

    /// What a token says, if it was signed here and is still good.
    pub fn read(&self, token: &str) -> Result<Claims, Invalid> {
        let token =
            jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation).map_err(|error| {
                match error.kind() {
                    // The signature is checked first: only what was ours can be expired.
                    ErrorKind::ExpiredSignature => Invalid::Expired,
                    _ => Invalid::Forged,
                }
            })?;
        if token.header.typ.as_deref() != Some(TYPE) {
            return Err(Invalid::Forged);
        }
        Ok(token.claims)
    }

    fn encode(&self, claims: &Claims) -> Result<SecretString, Problem> {
        let header = Header {
            typ: Some(TYPE.to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        jsonwebtoken::encode(&header, claims, &self.encoding)
            .map(SecretString::from)
            .map_err(|error| Problem::internal(format!("an access token could not be signed: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn signer() -> Signer {
        Signer::new(&SecretString::from(SECRET)).unwrap()
    }

    fn claims(expires_in: i64) -> Claims {
        let now = DateTime::from_timestamp(Utc::now().timestamp(), 0).unwrap();
        Claims {
            user: Uuid::from_u128(1),
            session: Uuid::from_u128(2),
            issued_at: now - TimeDelta::minutes(10),
            expires_at: now + TimeDelta::seconds(expires_in),
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
        }
    }

    /// A token with any header and claims, rightly signed by the key of the signer, with HS256 unless it can be as it says.
    fn forge(header: &Value, claims: &Value) -> String {
        let algorithm = match header["alg"].as_str() {
            Some("HS384") => Algorithm::HS384,
            Some("HS512") => Algorithm::HS512,
            _ => Algorithm::HS256,
        };
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let signature =
            jsonwebtoken::crypto::sign(message.as_bytes(), &signer().encoding, algorithm).unwrap();
        format!("{message}.{signature}")
    }

    #[test]
    fn a_token_says_who_asks() {
        let (user, session) = (Uuid::now_v7(), Uuid::now_v7());
        let token = signer().sign(user, session, TimeDelta::minutes(5)).unwrap();
        // Another process with the same secret reads it.
        let claims = signer().read(token.expose_secret()).unwrap();
        assert_eq!((claims.user, claims.session), (user, session));
        assert_eq!(claims.expires_at - claims.issued_at, TimeDelta::minutes(5));
    }

    #[test]
    fn the_claims_have_their_registered_names() {
        let token = signer().encode(&claims(60)).unwrap();
        let part = |n: usize| {
            let part = token.expose_secret().split('.').nth(n).unwrap();
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        };
        assert_eq!(part(0), json!({"alg": "HS256", "typ": "at+jwt"}));
        assert_eq!(
            part(1),
            json!({
                "sub": Uuid::from_u128(1),
                "sid": Uuid::from_u128(2),
                "iat": claims(60).issued_at.timestamp(),
                "exp": claims(60).expires_at.timestamp(),
                "iss": "ocore",
                "aud": "ocore-api",
            })
        );
    }

    #[test]
    fn what_was_ours_and_is_over_is_told_apart() {
        let old = signer().encode(&claims(-1)).unwrap();
        assert_eq!(signer().read(old.expose_secret()), Err(Invalid::Expired));
        let mut changed = old.expose_secret().to_owned();
        changed.pop();
        assert_eq!(signer().read(&changed), Err(Invalid::Forged));
    }

    #[test]
    fn other_keys_are_refused() {
        let other = Signer::new(&SecretString::from("0123456789abcdef0123456789abcdeX")).unwrap();
        let token = other.encode(&claims(60)).unwrap();
        assert_eq!(signer().read(token.expose_secret()), Err(Invalid::Forged));
        // The secret itself is not the key: it is derived under a label.
        let raw = jsonwebtoken::encode(
            &Header {
                typ: Some(TYPE.to_owned()),
                ..Header::new(Algorithm::HS256)
            },
            &claims(60),
            &EncodingKey::from_secret(SECRET.as_bytes()),
        );
        assert_eq!(signer().read(&raw.unwrap()), Err(Invalid::Forged));
    }

    #[test]
    fn every_changed_byte_is_seen() {
        let token = signer().encode(&claims(60)).unwrap();
        let token = token.expose_secret();
        assert!(signer().read(token).is_ok());
        for at in 0..token.len() {
            let mut bytes = token.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let changed = String::from_utf8(bytes).unwrap();
            assert_eq!(signer().read(&changed), Err(Invalid::Forged), "byte {at}");
        }
        for text in [
            "",
            ".",
            "..",
            "a.b.c",
            &format!("{token}."),
            &format!("{token}.{token}"),
        ] {
            assert_eq!(signer().read(text), Err(Invalid::Forged), "{text}");
        }
    }

    #[test]
    fn other_algorithms_are_refused() {
        let good = serde_json::to_value(claims(60)).unwrap();
        let right = json!({"alg": "HS256", "typ": TYPE});
        assert!(signer().read(&forge(&right, &good)).is_ok(), "the forge works");
        for algorithm in [
            "none", "None", "HS384", "HS512", "RS256", "ES256", "PS256", "EdDSA", "",
        ] {
            let forged = forge(&json!({"alg": algorithm, "typ": TYPE}), &good);
            assert_eq!(signer().read(&forged), Err(Invalid::Forged), "{algorithm}");
            let (message, _) = forged.rsplit_once('.').unwrap();
            for unsigned in [format!("{message}."), message.to_owned()] {
                assert_eq!(signer().read(&unsigned), Err(Invalid::Forged), "{algorithm}");
            }
        }
        let key_inside = json!({"alg": "HS256", "typ": TYPE, "jwk": {"kty": "oct", "k": "AAAA"}});
        let forged = forge(&key_inside, &good);
        let (message, _) = forged.rsplit_once('.').unwrap();
        let own = jsonwebtoken::crypto::sign(
            message.as_bytes(),
            &EncodingKey::from_secret(&[0, 0, 0]),
            Algorithm::HS256,
        );
        assert_eq!(
            signer().read(&format!("{message}.{}", own.unwrap())),
            Err(Invalid::Forged)
        );
    }

    #[test]
    fn tokens_for_something_else_are_refused() {
        let right = json!({"alg": "HS256", "typ": TYPE});
        for (claim, value) in [
            ("iss", json!("other")),
            ("aud", json!("ocore-mail")),
            ("iss", Value::Null),
            ("aud", Value::Null),
            ("exp", Value::Null),
            ("exp", json!("tomorrow")),
            ("sub", json!("ada")),
            ("sub", Value::Null),
            ("sid", Value::Null),
        ] {
            let mut claims = serde_json::to_value(claims(60)).unwrap();
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(claim);
            } else {
                claims[claim] = value.clone();
            }
            assert_eq!(
                signer().read(&forge(&right, &claims)),
                Err(Invalid::Forged),
                "{claim} {value}"
            );
        }
        let good = serde_json::to_value(claims(60)).unwrap();
        for header in [json!({"alg": "HS256", "typ": "JWT"}), json!({"alg": "HS256"})] {
            assert_eq!(signer().read(&forge(&header, &good)), Err(Invalid::Forged));
        }
    }

    #[test]
    fn a_short_secret_signs_nothing_and_is_not_repeated() {
        let problem = Signer::new(&SecretString::from("canary-secret")).unwrap_err();
        assert!(!format!("{problem:?}").contains("canary"));
        assert!(!format!("{:?}", signer()).contains(SECRET));
    }
}
