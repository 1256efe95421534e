//! One-time codes of an app on the phone: TOTP (RFC 6238) with SHA-1, six digits and steps of 30 seconds, which is what
//! every app understands.

use chrono::{DateTime, Utc};
use ocore_domain::Problem;
use qrcode::{QrCode, render::svg};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use totp_rs::{Algorithm, Builder, Secret, Totp};

/// The name under which the app lists the account.
const ISSUER: &str = "oCore";
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;
/// How many steps the phone's clock may be early or late.
const SKEW: u16 = 1;
/// As long as SHA-1's output, as RFC 4226 recommends.
const SECRET: usize = 20;

/// A new secret to share with the app.
pub fn generate() -> SecretSlice<u8> {
    let secret: [u8; SECRET] = rand::random();
    SecretSlice::from(secret.to_vec())
}

/// The secret as people type it where no camera is.
pub fn base32(secret: &SecretSlice<u8>) -> SecretString {
    SecretString::from(shared(secret).to_base32())
}

/// What the app reads from the QR code: `otpauth://totp/oCore:…`. It holds the secret.
pub fn uri(secret: &SecretSlice<u8>, account: &str) -> Result<SecretString, Problem> {
    // A colon would end the issuer's name in the label.
    let account = account.replace(':', " ");
    totp(secret, &account)?
        .to_url()
        .map(SecretString::from)
        .map_err(|error| Problem::internal(format!("no URI for a one-time code: {error}")))
}

/// The URI as a QR code: an SVG, black on white whatever the page's colours are.
pub fn qr_svg(uri: &SecretString) -> Result<SecretString, Problem> {
    let code = QrCode::new(uri.expose_secret())
        .map_err(|error| Problem::internal(format!("no QR code for a one-time code: {error}")))?;
    let image = code
        .render::<svg::Color<'_>>()
        .min_dimensions(240, 240)
        .dark_color(svg::Color("#000000"))
        .light_color(svg::Color("#ffffff"))
        .build();
    Ok(SecretString::from(image))
}

/// The step whose code this is, if it is right now: this step's, the last one's or the next one's, but of none up to the
/// step that was used last. Whoever accepts the code keeps the step, so that a code that was watched is good for nothing.
pub fn check(
    secret: &SecretSlice<u8>,
    code: &str,
    now: DateTime<Utc>,
    last_used_step: Option<i64>,
) -> Option<i64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = u64::try_from(now.timestamp()).ok()?;
    let step = totp(secret, "").ok()?.check(&code, now)?;
    let step = i64::try_from(step).ok()?;
    last_used_step.is_none_or(|last| step > last).then_some(step)
}

fn shared(secret: &SecretSlice<u8>) -> Secret {
    Secret::from(secret.expose_secret().to_vec())
}

fn totp(secret: &SecretSlice<u8>, account: &str) -> Result<Totp, Problem> {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(STEP_SECONDS)
        .with_skew(SKEW)
        .with_secret(shared(secret))
        .with_issuer(Some(ISSUER))
        .with_account_name(account)
        .build()
        .map_err(|error| Problem::internal(format!("no one-time code from this secret: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn rfc_secret() -> SecretSlice<u8> {
        SecretSlice::from(b"12345678901234567890".to_vec())
    }

    /// RFC 6238, appendix B, for SHA-1; the last six of its eight digits.
    const RFC: [(i64, &str); 6] = [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ];

    #[test]
    fn the_codes_of_the_rfc_are_right() {
        for (seconds, code) in RFC {
            assert_eq!(
                check(&rfc_secret(), code, at(seconds), None),
                Some(seconds / 30),
                "{code}"
            );
        }
    }

    #[test]
    fn one_step_early_or_late_is_right_and_two_are_not() {
        let (seconds, code) = RFC[3];
        let step = seconds / 30;
        let check = |steps: i64| check(&rfc_secret(), code, at((step + steps) * 30), None);
        assert_eq!(check(-2), None);
        assert_eq!(check(-1), Some(step));
        assert_eq!(check(0), Some(step));
        assert_eq!(check(1), Some(step));
        assert_eq!(check(2), None);
    }

    #[test]
    fn a_code_is_right_once() {
        let (seconds, code) = RFC[3];
        let step = seconds / 30;
        let check = |last| check(&rfc_secret(), code, at(seconds), last);
        assert_eq!(check(Some(step - 1)), Some(step));
        assert_eq!(check(Some(step)), None, "the same again");
        assert_eq!(check(Some(step + 1)), None, "a later one was used already");
    }

    #[test]
    fn what_is_no_code_is_wrong() {
        let (seconds, code) = RFC[3];
        for wrong in ["", "0", "005925", "5924", "0005924", "+05924", "abcdef", "٠٠٥٩٢٤"] {
            assert_eq!(check(&rfc_secret(), wrong, at(seconds), None), None, "{wrong}");
        }
        assert!(check(&rfc_secret(), "005 924", at(seconds), None).is_some());
        assert_eq!(check(&generate(), code, at(seconds), None), None, "another's");
        assert_eq!(check(&rfc_secret(), code, at(-1), None), None);
        let short = SecretSlice::from(b"short".to_vec());
        assert_eq!(check(&short, code, at(seconds), None), None);
    }

    #[test]
    fn the_uri_says_what_apps_need() {
        assert_eq!(
            uri(&rfc_secret(), "ada@example.com").unwrap().expose_secret(),
            "otpauth://totp/oCore:ada%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=oCore"
        );
        assert_eq!(
            base32(&rfc_secret()).expose_secret(),
            "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        );
        let odd = uri(&rfc_secret(), "a:b?c=d&secret=x").unwrap();
        assert!(
            odd.expose_secret()
                .starts_with("otpauth://totp/oCore:a%20b%3Fc%3Dd%26secret%3Dx?secret=GEZD")
        );
    }

    #[test]
    fn the_qr_code_is_an_svg() {
        let uri = uri(&generate(), &"a".repeat(200)).unwrap();
        let image = qr_svg(&uri).unwrap();
        let image = image.expose_secret();
        assert!(image.contains("<svg") && image.ends_with("</svg>"), "{image}");
    }

    #[test]
    fn secrets_are_long_and_never_the_same() {
        let (one, other) = (generate(), generate());
        assert_eq!(one.expose_secret().len(), 20);
        assert_ne!(one.expose_secret(), other.expose_secret());
    }
}
