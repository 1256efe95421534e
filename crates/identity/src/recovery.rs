//! Recovery codes: a way in for whoever lost the phone, each good for once.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How many are given out together.
pub const COUNT: usize = 8;

/// Lower-case letters and digits without `i`, `l`, `o` and `u`: those are mistaken for others (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const GROUPS: usize = 3;
const GROUP: usize = 5;

/// New codes, such as `7k2mq-x0d4t-9wzfe`.
pub fn generate() -> Vec<SecretString> {
    (0..COUNT).map(|_| code()).collect()
}

/// 75 random bits: enough for a plain hash to keep it, even if the hashes get into strange hands.
fn code() -> SecretString {
    let groups: Vec<String> = (0..GROUPS)
        .map(|_| {
            let random: [u8; GROUP] = rand::random();
            random
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect()
        })
        .collect();
    SecretString::from(groups.join("-"))
}

/// A code as it was meant: case, dashes and spaces do not matter, nor does an `o` for a `0`, an `i` or `l` for a `1`.
pub fn normalise(typed: &SecretString) -> SecretString {
    let plain: String = typed
        .expose_secret()
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| match c.to_ascii_lowercase() {
            'o' => '0',
            'i' | 'l' => '1',
            other => other,
        })
        .collect();
    SecretString::from(plain)
}

/// What is kept of a code. It is normalised first.
pub fn hash(code: &SecretString) -> Vec<u8> {
    Sha256::digest(normalise(code).expose_secret()).to_vec()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_easy_to_type_and_all_different() {
        let codes = generate();
        assert_eq!(codes.len(), COUNT);
        let mut seen = HashSet::new();
        for code in &codes {
            let text = code.expose_secret();
            let groups: Vec<&str> = text.split('-').collect();
            assert_eq!(groups.len(), GROUPS, "{text}");
            for group in groups {
                assert_eq!(group.len(), GROUP);
                assert!(group.bytes().all(|b| ALPHABET.contains(&b)), "{text}");
            }
            assert!(seen.insert(hash(code)));
        }
    }

    #[test]
    fn every_letter_comes_up() {
        let all: HashSet<char> = (0..100)
            .flat_map(|_| generate())
            .flat_map(|code| code.expose_secret().chars().collect::<Vec<_>>())
            .collect();
        assert_eq!(all.len(), ALPHABET.len() + 1, "the alphabet and the dash");
    }

    #[test]
    fn how_it_is_typed_does_not_matter() {
        let kept = hash(&SecretString::from("7k2mq-x0d1t-9wzfe"));
        for typed in [
            "7K2MQ-X0D1T-9WZFE",
            " 7k2mq x0d1t 9wzfe\n",
            "7k2mqx0d1t9wzfe",
            "7k2mq–xod1t–9wzfe",
            "7k2mq-xOdIt-9wzfe",
            "7k2mq-x0dlt-9wzfe",
        ] {
            assert_eq!(hash(&SecretString::from(typed)), kept, "{typed}");
        }
        for wrong in ["7k2mq-x0d1t-9wzff", "7k2mq-x0d1t", ""] {
            assert_ne!(hash(&SecretString::from(wrong)), kept, "{wrong}");
        }
    }
}
