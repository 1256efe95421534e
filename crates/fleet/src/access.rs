//! What it takes to get onto a server.

use ocore_domain::server::Privilege;
use secrecy::SecretString;

use crate::HostKey;

/// What it takes to get onto a server.
#[derive(Clone, Debug)]
pub struct Access {
    /// Name or address.
    pub host: String,
    /// The SSH port.
    pub port: u16,
    /// Who to be there.
    pub user: String,
    /// What opens it.
    pub credential: Credential,
    /// The key it must show before anything is said to it.
    pub host_key: ExpectedKey,
    /// How the user becomes root.
    pub privilege: Privilege,
    /// The Docker Engine's socket.
    pub docker_socket: String,
    /// Commands at once. OpenSSH's `MaxSessions` is 10, of which two are kept for ending commands.
    pub max_sessions: usize,
}

/// The key a server must show.
#[derive(Clone, Debug)]
pub enum ExpectedKey {
    /// The first it shows is taken.
    Any,
    /// The one that is known.
    Pinned(HostKey),
    /// One with this fingerprint, as `ssh-keygen -l` prints it.
    Fingerprint(String),
}

impl ExpectedKey {
    /// Whether a key will do.
    pub(crate) fn is(&self, shown: &HostKey) -> bool {
        match self {
            Self::Any => true,
            Self::Pinned(key) => key.is(&shown.0),
            Self::Fingerprint(fingerprint) => *fingerprint == shown.fingerprint(),
        }
    }
}

/// What opens a server.
#[derive(Clone, Debug)]
pub enum Credential {
    /// It is this machine.
    Local,
    /// A private key, perhaps encrypted.
    Key {
        /// OpenSSH's, PEM or PKCS#8.
        private_key: SecretString,
        /// What decrypts it.
        passphrase: Option<SecretString>,
    },
    /// A password.
    Password(SecretString),
}
