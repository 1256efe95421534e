//! The browser's credentials: cookies, and what keeps other sites from using them.

use axum::http::{HeaderMap, Method, header};
use ocore_domain::{Code, Problem};

use crate::{Api, problem::Answer};

/// The access token.
pub(crate) const ACCESS: &str = "ocore_access";
/// The refresh token.
pub(crate) const REFRESH: &str = "ocore_refresh";
/// A random text that only scripts of oCore's own pages can read, and have to send back.
pub(crate) const CSRF: &str = "ocore_csrf";
/// Which login at another provider this browser has begun.
pub(crate) const SSO: &str = "ocore_sso";
/// The header in which they send it.
const CSRF_HEADER: &str = "x-csrf-token";

/// The value of a cookie.
pub(crate) fn get(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, value)| *found == name && !value.is_empty())
        .map(|(_, value)| value.to_owned())
}

/// Refuses what changes something and may have been sent by another site's page: browsers add cookies to that too.
pub(crate) fn refuse_cross_site(api: &Api, method: &Method, headers: &HeaderMap) -> Answer<()> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(method) {
        return Ok(());
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let same_origin = text("origin")
        .is_none_or(|origin| origin == api.installation.settings.app_url || is_of(origin, text("host")));
    let sent = text(CSRF_HEADER);
    let kept = get(headers, CSRF);
    if same_origin && sent.is_some() && sent == kept.as_deref() {
        return Ok(());
    }
    Err(Problem::new(
        Code::CrossSite,
        "The request came by cookie and without proof that oCore's own page sent it",
        format!(
            "Send the cookie `{CSRF}` in the header `X-CSRF-Token`, from {} itself; programs use `Authorization: Bearer`.",
            api.installation.settings.app_url
        ),
    )
    .into())
}

/// Whether a page's origin is the very host that it asks: then both are the same site, under whatever name it was reached.
/// No page can name another host than the one it sends to. The scheme is not known here, where a proxy may end TLS.
fn is_of(origin: &str, host: Option<&str>) -> bool {
    let of_origin = origin
        .strip_prefix("https://")
        .or_else(|| origin.strip_prefix("http://"));
    of_origin.is_some_and(|of_origin| {
        host.is_some_and(|host| !host.is_empty() && of_origin.eq_ignore_ascii_case(host))
    })
}

/// A cookie to be set. `age` is in seconds; 0 removes it.
pub(crate) fn set(api: &Api, name: &str, value: &str, path: &str, age: i64) -> String {
    let secure = if api.installation.settings.app_url.starts_with("https:") {
        "; Secure"
    } else {
        ""
    };
    let hidden = if name == CSRF { "" } else { "; HttpOnly" };
    // Another provider sends the browser back from its own site, and then this one has to come along.
    let same_site = if name == SSO { "Lax" } else { "Strict" };
    format!("{name}={value}; Path={path}; Max-Age={age}; SameSite={same_site}{secure}{hidden}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_that_of_the_host_or_another() {
        for (origin, host) in [
            ("http://10.0.0.5:8080", "10.0.0.5:8080"),
            ("https://ocore.example.com", "oCore.example.com"),
            ("http://[::1]:8080", "[::1]:8080"),
        ] {
            assert!(is_of(origin, Some(host)), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://10.0.0.5:8081", Some("10.0.0.5:8080")),
            ("http://evil.example", Some("ocore.example.com")),
            ("http://ocore.example.com.evil.example", Some("ocore.example.com")),
            ("null", Some("null")),
            ("https://", Some("")),
            ("ftp://ocore.example.com", Some("ocore.example.com")),
            ("https://ocore.example.com", None),
        ] {
            assert!(!is_of(origin, host), "{origin} {host:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "a=1; ocore_access=x.y=z;b=".parse().unwrap());
        assert_eq!(get(&headers, ACCESS).as_deref(), Some("x.y=z"));
        assert_eq!(get(&headers, "b"), None);
        assert_eq!(get(&headers, REFRESH), None);
    }
}
