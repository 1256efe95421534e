//! Secrets at rest: AES-256-GCM envelopes, each bound to the place it was written for.

use std::fmt;

use aes_gcm::{
    Aes256Gcm, KeyInit, Nonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use ocore_domain::{Code, OrganizationId, Problem};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const VERSION: u8 = 1;
const KEY_ID: usize = 4;
const NONCE: usize = 12;

/// Where a secret belongs: an envelope copied to another place does not open.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The tenant.
    pub organization: OrganizationId,
    /// The table.
    pub table: &'static str,
    /// The row.
    pub row: Uuid,
    /// The column.
    pub column: &'static str,
}

impl Place {
    fn bytes(self) -> Vec<u8> {
        format!(
            "{}|{}|{}|{}",
            self.organization, self.table, self.row, self.column
        )
        .into_bytes()
    }
}

#[derive(Clone)]
struct RingKey {
    id: [u8; KEY_ID],
    cipher: Aes256Gcm,
}

/// A key ring: the first key seals, every one opens.
#[derive(Clone)]
pub struct Sealer {
    ring: Vec<RingKey>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({} keys)", self.ring.len())
    }
}

impl Sealer {
    /// A ring that seals with `current` and still opens what `previous` keys sealed.
    pub fn new(current: &SecretString, previous: &[SecretString]) -> Self {
        let ring = std::iter::once(current).chain(previous).map(ring_key).collect();
        Self { ring }
    }

    /// What the key that seals is told apart by; it tells nothing of the key.
    pub fn fingerprint(&self) -> String {
        hex::encode(self.ring[0].id)
    }

    /// Seals bytes for a place.
    pub fn seal(&self, place: Place, secret: &[u8]) -> Result<Vec<u8>, Problem> {
        let key = &self.ring[0];
        let nonce: [u8; NONCE] = rand::random();
        let sealed = key
            .cipher
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: secret,
                    aad: &place.bytes(),
                },
            )
            .map_err(|_| Problem::internal("a secret could not be sealed"))?;
        let mut envelope = Vec::with_capacity(1 + KEY_ID + NONCE + sealed.len());
        envelope.push(VERSION);
        envelope.extend_from_slice(&key.id);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(&sealed);
        Ok(envelope)
    }

    /// Opens an envelope that was sealed for this very place.
    pub fn open(&self, place: Place, envelope: &[u8]) -> Result<SecretSlice<u8>, Problem> {
        let unreadable = |why: &str| {
            Problem::new(
                Code::SecretUnreadable,
                format!(
                    "The secret {}.{} of {} cannot be opened: {why}",
                    place.table, place.column, place.row
                ),
                "Start oCore with the SSH_ENCRYPTION_KEY the secret was stored under, or enter the secret again.",
            )
        };
        let (head, sealed) = envelope
            .split_at_checked(1 + KEY_ID + NONCE)
            .ok_or_else(|| unreadable("it is cut short"))?;
        let (tag, nonce) = head.split_at(1 + KEY_ID);
        if tag[0] != VERSION {
            return Err(unreadable("it is of a newer format"));
        }
        let key = self
            .ring
            .iter()
            .find(|k| k.id == tag[1..])
            .ok_or_else(|| unreadable("it is under another key"))?;
        let nonce: [u8; NONCE] = nonce.try_into().map_err(|_| unreadable("it is cut short"))?;
        key.cipher
            .decrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: sealed,
                    aad: &place.bytes(),
                },
            )
            .map(SecretSlice::from)
            .map_err(|_| unreadable("it was changed or belongs elsewhere"))
    }

    /// Seals a text.
    pub fn seal_text(&self, place: Place, secret: &SecretString) -> Result<Vec<u8>, Problem> {
        self.seal(place, secret.expose_secret().as_bytes())
    }

    /// Opens a text.
    pub fn open_text(&self, place: Place, envelope: &[u8]) -> Result<SecretString, Problem> {
        let bytes = self.open(place, envelope)?;
        String::from_utf8(bytes.expose_secret().to_vec())
            .map(SecretString::from)
            .map_err(|_| Problem::internal("a sealed text is not UTF-8"))
    }
}

fn ring_key(secret: &SecretString) -> RingKey {
    let mut key = [0; 32];
    let derived = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes())
        .expand(b"ocore secrets at rest v1", &mut key);
    debug_assert!(derived.is_ok(), "32 bytes are a valid length for HKDF-SHA-256");
    let mut id = [0; KEY_ID];
    id.copy_from_slice(&Sha256::digest(key)[..KEY_ID]);
    RingKey {
        id,
        cipher: Aes256Gcm::new(&key.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(row: u128, column: &'static str) -> Place {
        Place {
            organization: OrganizationId::DEFAULT,
            table: "servers",
            row: Uuid::from_u128(row),
            column,
        }
    }

    #[test]
    fn an_envelope_opens_only_in_its_place_and_unchanged() {
        let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
        let mut envelope = sealer.seal(place(1, "a"), b"secret").unwrap();
        assert!(!envelope.windows(6).any(|w| w == b"secret"));
        assert_eq!(
            sealer.open(place(1, "a"), &envelope).unwrap().expose_secret(),
            b"secret"
        );
        for other in [place(2, "a"), place(1, "b")] {
            assert_eq!(
                sealer.open(other, &envelope).unwrap_err().code,
                Code::SecretUnreadable
            );
        }
        assert_eq!(
            sealer.open(place(1, "a"), &envelope[..9]).unwrap_err().code,
            Code::SecretUnreadable
        );
        *envelope.last_mut().unwrap() ^= 1;
        assert_eq!(
            sealer.open(place(1, "a"), &envelope).unwrap_err().code,
            Code::SecretUnreadable
        );
    }

    #[test]
    fn an_old_key_still_opens() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let envelope = Sealer::new(&old, &[])
            .seal_text(place(1, "a"), &"x".into())
            .unwrap();
        let rotated = Sealer::new(&new, std::slice::from_ref(&old));
        assert_eq!(
            rotated
                .open_text(place(1, "a"), &envelope)
                .unwrap()
                .expose_secret(),
            "x"
        );
        assert!(
            Sealer::new(&new, &[])
                .open_text(place(1, "a"), &envelope)
                .is_err()
        );
    }
}
