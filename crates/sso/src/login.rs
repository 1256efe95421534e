//! A login in two halves: before the browser goes to the provider, and after it came back.

use std::fmt;

use async_trait::async_trait;
use ocore_domain::Problem;

use crate::Callback;

/// Logs people in by one provider.
#[async_trait]
pub trait Login: Send + Sync + fmt::Debug {
    /// The provider's name in addresses.
    fn id(&self) -> &str;

    /// The provider's name on a button.
    fn name(&self) -> &str;

    /// Begins a login that comes back to `redirect_uri`.
    async fn begin(&self, redirect_uri: &str) -> Result<Begun, Problem>;

    /// Ends a login: finds out who came back. `state` is what [`Login::begin`] gave to keep.
    ///
    /// The caller has taken `state` out of where it was kept, so that it is used once; keeps none for longer than some
    /// minutes; and finds it by a cookie of the browser, not by the address: else somebody could be made to end a login
    /// that another began.
    async fn finish(&self, state: &[u8], callback: &Callback) -> Result<Identity, Problem>;
}

/// A login that has begun.
#[derive(Clone)]
pub struct Begun {
    /// Where to send the browser.
    pub url: String,
    /// What to keep until it comes back. It is a secret.
    pub state: Vec<u8>,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

/// Who somebody is, as a provider says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Who it is for this provider: never another person, and the same when the address changes.
    pub subject: String,
    /// Their e-mail address.
    pub email: String,
    /// Whether the provider has seen that the address is theirs. If not, anybody may have written it there: it must not
    /// lead to an account.
    pub email_verified: bool,
    /// Their name, for people to read.
    pub name: String,
}
