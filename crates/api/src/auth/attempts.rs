//! Slows down who guesses, and who makes oCore send mails or keep rows. Known and unknown addresses are treated alike, and
//! what is kept are hashes.

use std::{net::IpAddr, time::Duration};

use ocore_domain::{Code, Problem, UserId};
use ocore_store::login_attempts::{self as rows, Limit};
use sha2::{Digest, Sha256};

use super::commit;
use crate::{
    access::{Allowed, OutsideTenancy},
    limits,
    problem::Answer,
};

const MINUTE: Duration = Duration::from_secs(60);
const THREE: Duration = Duration::from_secs(3 * 60);
const QUARTER: Duration = Duration::from_secs(15 * 60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// Of what attempts are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of<'a> {
    /// Logins of one account. A minute at most: nobody is to lock somebody else out for long.
    Account(&'a str),
    /// Logins from one address.
    Address(Option<IpAddr>),
    /// Codes after the right password: whoever tries many of them knows that password.
    SecondFactor(UserId),
    /// Passwords, and codes of devices, tried by somebody who is signed in.
    Confirmation(UserId),
    /// Mails to one e-mail address.
    Mail(&'a str),
    /// Whatever leaves a row or a mail behind, from one address.
    Begun(Option<IpAddr>),
}

impl Of<'_> {
    const fn limit(self) -> Limit {
        let (free, longest, forgotten) = match self {
            Self::Account(_) | Self::Confirmation(_) => (5, MINUTE, HOUR),
            Self::Address(_) => (20, QUARTER, THREE),
            Self::SecondFactor(_) => (5, QUARTER, HOUR),
            Self::Mail(_) => (3, QUARTER, QUARTER),
            Self::Begun(_) => (60, QUARTER, MINUTE),
        };
        Limit {
            free,
            longest,
            forgotten,
        }
    }

    fn key(self) -> Vec<u8> {
        let name = match self {
            Self::Account(email) => format!("account {}", email.to_lowercase()),
            Self::Address(address) => format!("address {}", network(address)),
            Self::SecondFactor(user) => format!("second {user}"),
            Self::Confirmation(user) => format!("confirm {user}"),
            Self::Mail(email) => format!("mail {}", email.to_lowercase()),
            Self::Begun(address) => format!("begun {}", network(address)),
        };
        Sha256::digest(name).to_vec()
    }
}

/// An address as it is counted; where none is known, all such are one.
fn network(address: Option<IpAddr>) -> String {
    address.map_or_else(
        || "unknown".to_owned(),
        |address| limits::network(address).to_string(),
    )
}

/// Counts an attempt, before it is known how it goes, and refuses it when there were too many. It takes a connection of its
/// own: whoever calls this must hold none, or many at once would wait for one another.
pub(crate) async fn count<N: OutsideTenancy>(allowed: &Allowed<N>, of: Of<'_>) -> Answer<()> {
    let mut tx = allowed.read_outside().await?;
    let blocked = rows::count(&mut tx, &of.key(), of.limit()).await?;
    commit(tx).await?;
    match blocked {
        None => Ok(()),
        Some(left) => Err(too_many(left)),
    }
}

/// Forgets what was counted: the attempt was a good one.
pub(crate) async fn clear<N: OutsideTenancy>(allowed: &Allowed<N>, of: Of<'_>) -> Answer<()> {
    let mut tx = allowed.read_outside().await?;
    rows::clear(&mut tx, &of.key()).await?;
    commit(tx).await
}

/// Takes one back that was a good one, and leaves the others.
pub(crate) async fn take_back<N: OutsideTenancy>(allowed: &Allowed<N>, of: Of<'_>) -> Answer<()> {
    let mut tx = allowed.read_outside().await?;
    rows::take_back(&mut tx, &of.key()).await?;
    commit(tx).await
}

/// What is named in a record in place of an e-mail address that may be a password in the wrong field.
pub(crate) fn hashed(email: &str) -> String {
    hex::encode(&Sha256::digest(email.to_lowercase())[..8])
}

/// The refusal of one who asks too often.
pub(crate) fn too_many(left: Duration) -> crate::problem::Failure {
    let seconds = left.as_secs_f64().ceil();
    let failure = crate::problem::Failure::from(Problem::new(
        Code::TooManyRequests,
        "There were too many attempts in a short time",
        format!("Wait for {seconds} s and try again."),
    ));
    failure.with_retry_after(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_household_is_one_address() {
        let of = |text: &str| network(Some(text.parse().unwrap()));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2:3::4"), of("2001:db8:1:3:3::4"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }

    #[test]
    fn how_an_address_is_written_does_not_matter_and_it_is_not_kept() {
        assert_eq!(
            Of::Account("Ada@Example.com").key(),
            Of::Account("ada@example.com").key()
        );
        assert_ne!(
            Of::Account("ada@example.com").key(),
            Of::Mail("ada@example.com").key()
        );
        assert_eq!(hashed("canary"), hashed("CANARY"));
        assert!(!hashed("canary").contains("canary"));
    }
}
