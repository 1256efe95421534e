//! Secrets that oCore makes up.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::distr::{Alphanumeric, SampleString};
use secrecy::SecretString;

/// A secret for machines: 256 random bits.
pub(crate) fn key() -> SecretString {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()).into()
}

/// A password that a person may have to type: 20 letters and digits, 119 random bits.
pub(crate) fn password() -> SecretString {
    Alphanumeric.sample_string(&mut rand::rng(), 20).into()
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn no_two_are_the_same() {
        assert_eq!(key().expose_secret().len(), 43);
        assert_ne!(key().expose_secret(), key().expose_secret());
        assert_eq!(password().expose_secret().len(), 20);
        assert!(
            password()
                .expose_secret()
                .chars()
                .all(|c| c.is_ascii_alphanumeric())
        );
    }
}
