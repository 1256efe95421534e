//! How a person proves who they are: passwords, one-time codes, recovery codes, access tokens, opaque tokens and passkeys.
//!
//! Nothing here keeps anything: what has to be kept is given to the caller as text or bytes. The clock, randomness and
//! the processor are all it uses.

pub mod access_token;
pub mod opaque;
pub mod passkey;
pub mod password;
pub mod recovery;
pub mod totp;
