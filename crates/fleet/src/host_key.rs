//! The key by which a server is known.

use std::{fmt, str::FromStr};

use russh::keys::{HashAlg, PublicKey};

/// A server's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostKey(pub(crate) PublicKey);

impl HostKey {
    /// The fingerprint as `ssh-keygen -l` prints it: `SHA256:…`.
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// Whether it is the same key, whatever its comment.
    pub(crate) fn is(&self, other: &PublicKey) -> bool {
        self.0.key_data() == other.key_data()
    }
}

impl FromStr for HostKey {
    type Err = String;

    fn from_str(line: &str) -> Result<Self, String> {
        PublicKey::from_openssh(line)
            .map(Self)
            .map_err(|error| format!("no public key: {error}"))
    }
}

impl fmt::Display for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_openssh().map_err(|_| fmt::Error)?)
    }
}
