//! Login by others: an OpenID Connect provider, or GitHub.
//!
//! A [`Provider`] is what an operator configured; its [`Login`] sends a browser there and finds out who came back. No
//! account is known here, and nothing is kept but what a provider says of itself.

mod callback;
mod github;
mod http;
mod kept;
mod login;
mod oidc;
mod problems;
mod provider;

pub use callback::Callback;
pub use login::{Begun, Identity, Login};
pub use provider::Provider;
