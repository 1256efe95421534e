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
    /// The key it must show; none: the first it shows is taken.
    pub host_key: Option<HostKey>,
    /// How the user becomes root.
    pub privilege: Privilege,
    /// The Docker Engine's socket.
    pub docker_socket: String,
    /// Commands at once. OpenSSH's `MaxSessions` is 10, of which two are kept for ending commands.
    pub max_sessions: usize,
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
