//! Opaque tokens: shown once, kept as a hash. For sessions, invitations, resets and whatever else goes by a link.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A new token and its hash. The prefix says what the token is for; whoever finds one knows what was lost.
pub fn generate(prefix: &str) -> (SecretString, Vec<u8>) {
    // 256 random bits: hard to guess, so a plain hash is enough to keep it.
    let secret = hex::encode(rand::random::<[u8; 32]>());
    let token = SecretString::from(format!("{prefix}{secret}"));
    let hash = hash(&token);
    (token, hash)
}

/// What is kept of a token.
pub fn hash(token: &SecretString) -> Vec<u8> {
    Sha256::digest(token.expose_secret()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash() {
        let (token, kept) = generate("ocore_session_");
        let text = token.expose_secret();
        let random = text.strip_prefix("ocore_session_").unwrap();
        assert_eq!(random.len(), 64);
        assert!(random.bytes().all(|b| b.is_ascii_hexdigit()));
        assert_eq!(hash(&token), kept);
        assert_eq!(kept.len(), 32);
        assert_ne!(
            hash(&SecretString::from(random)),
            kept,
            "the prefix is part of it"
        );
    }

    #[test]
    fn no_two_are_alike() {
        assert_ne!(generate("x_").1, generate("x_").1);
    }

    #[test]
    fn the_hash_is_sha_256() {
        // FIPS 180-4's own example.
        assert_eq!(
            hex::encode(hash(&SecretString::from("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
