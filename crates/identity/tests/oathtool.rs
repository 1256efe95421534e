//! One-time codes against an implementation of somebody else's: Debian's `oathtool`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use chrono::{DateTime, Utc};
use ocore_identity::totp;
use secrecy::ExposeSecret;

/// The code an app would show.
fn app(base32: &str, seconds: i64) -> String {
    let output = Command::new("oathtool")
        .args(["--totp", "--base32", &format!("--now=@{seconds}"), base32])
        .output()
        .expect("this test needs: apt-get install oathtool");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

#[test]
fn the_codes_of_an_app_are_right() {
    for seconds in [1_u32, 59, 1_111_111_109, 1_764_000_000, 2_100_000_000].map(i64::from) {
        let secret = totp::generate();
        let code = app(totp::base32(&secret).expose_secret(), seconds);
        let step = seconds / 30;
        assert_eq!(totp::check(&secret, &code, at(seconds), None), Some(step));
        assert_eq!(totp::check(&secret, &code, at(seconds + 30), None), Some(step));
        assert_eq!(totp::check(&secret, &code, at(seconds), Some(step)), None);
        assert_eq!(totp::check(&secret, &code, at(seconds + 90), None), None);
    }
}
