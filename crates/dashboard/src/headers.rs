//! What browsers are told to refuse.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

const FIXED: [(HeaderName, &str); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), microphone=(), geolocation=(), publickey-credentials-get=(self), publickey-credentials-create=(self)",
    ),
];

/// A year. Names below this one are their owner's business.
const HTTPS_ONLY: &str = "max-age=31536000";

/// Adds what goes with every answer. `is_https`: people reach oCore by https.
pub(crate) fn secure(headers: &mut HeaderMap, policy: HeaderValue, is_https: bool) {
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if is_https {
        headers.insert(
            header::STRICT_TRANSPORT_SECURITY,
            HeaderValue::from_static(HTTPS_ONLY),
        );
    }
}

/// What pages may load and run: only what is oCore's own. Of scripts within the page, those that it was built with.
pub(crate) fn policy(index: &[u8]) -> HeaderValue {
    let page = String::from_utf8_lossy(index);
    let hashes: String = inline_scripts(&page)
        .map(|script| format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(script))))
        .collect();
    let policy = format!(
        "default-src 'none'; script-src 'self'{hashes}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
         font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; \
         form-action 'self'; frame-ancestors 'none'"
    );
    // It holds only what was written here, and Base64.
    HeaderValue::try_from(policy).unwrap_or_else(|_| HeaderValue::from_static("default-src 'none'"))
}

/// The scripts that stand in a page, to the byte.
fn inline_scripts(page: &str) -> impl Iterator<Item = &str> {
    let after = page.split("<script").skip(1);
    after.filter_map(|after| {
        let (attributes, rest) = after.split_once('>')?;
        let (script, _) = rest.split_once("</script>")?;
        let is_elsewhere = attributes
            .split_ascii_whitespace()
            .any(|attribute| attribute.starts_with("src="));
        (!is_elsewhere).then_some(script)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_within_the_page_are_found_and_no_others() {
        let page = r#"<head><script src="/theme.js"></script><script>
            one()</script></head><body><script type="module" async>two</script><script defer src=x></script>"#;
        let found: Vec<&str> = inline_scripts(page).collect();
        assert_eq!(found, ["\n            one()", "two"]);
    }

    /// The hash is that of the example in the specification of Content Security Policy Level 3, 8.3.
    #[test]
    fn a_script_is_allowed_by_its_hash() {
        let policy = policy(b"<script>alert('Hello, world.');</script>");
        let policy = policy.to_str().unwrap();
        assert!(policy.starts_with(
            "default-src 'none'; script-src 'self' 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='; style-src"
        ));
        assert!(policy.ends_with("frame-ancestors 'none'"));
    }
}
