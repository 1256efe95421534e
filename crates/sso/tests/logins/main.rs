//! Logins by real processes: an OpenID Connect provider, and a stand-in for GitHub, which cannot be had in a test.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod github;
mod oidc;

use ocore_domain::{Code, Problem};
use ocore_sso::{Callback, Identity};

/// The query that the browser brings back.
fn callback(url: &str) -> Callback {
    let url: reqwest::Url = url.parse().unwrap();
    let value = |name: &str| {
        let mut pairs = url.query_pairs();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    };
    Callback {
        code: value("code"),
        state: value("state"),
        error: value("error"),
        iss: value("iss"),
    }
}

/// The login failed with this code, and says this.
fn is(result: Result<Identity, Problem>, code: Code, detail: &str) {
    let problem = result.unwrap_err();
    assert_eq!(problem.code, code, "{problem}");
    assert!(problem.detail.contains(detail), "{problem}");
    assert!(
        !problem.to_string().contains("a-secret-of-the-testbed"),
        "{problem}"
    );
}
