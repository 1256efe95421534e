//! With a folder of made-up files.

use std::collections::BTreeMap;

use axum::body::Bytes;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use tower::ServiceExt;

use super::*;

const PAGE: &str = "<script src=\"/theme.js\"></script><script>boot()</script>";

fn folder(files: &[(&str, &'static str)]) -> impl Files {
    let files: BTreeMap<String, &'static str> = files
        .iter()
        .map(|&(path, text)| (path.to_owned(), text))
        .collect();
    move |path: &str| {
        files.get(path).map(|text| File {
            bytes: Bytes::from_static(text.as_bytes()),
            hash: Sha256::digest(text).into(),
        })
    }
}

fn site() -> Router {
    let files = folder(&[
        ("index.html", PAGE),
        ("index.html.br", "brotli of the page"),
        ("theme.js", "theme()"),
        ("theme.js.gz", "gzip of the theme"),
        ("_app/version.json", "{}"),
        ("_app/immutable/start.12.js", "start()"),
        ("_app/immutable/start.12.js.br", "brotli of the start"),
        ("_app/immutable/start.12.js.gz", "gzip of the start"),
        ("icon.svg", "<svg/>"),
        ("letters.woff2", "wOF2"),
        ("whole.gz", "an archive"),
        (".secret", "hidden"),
    ]);
    router(files, Settings { is_https: true })
}

struct Answered {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answered {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

async fn ask(site: Router, method: &str, path: &str, headers: &[(&str, &str)]) -> Answered {
    let mut request = Request::builder().method(method).uri(path);
    for &(name, value) in headers {
        request = request.header(name, value);
    }
    let request = request.body(Body::empty()).unwrap();
    let (parts, body) = site.oneshot(request).await.unwrap().into_parts();
    let bytes = body.collect().await.unwrap().to_bytes();
    Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        text: String::from_utf8(bytes.to_vec()).unwrap(),
    }
}

async fn get(path: &str) -> Answered {
    ask(site(), "GET", path, &[]).await
}

#[tokio::test]
async fn files_are_served_as_what_they_are() {
    for (path, kind, text) in [
        ("/theme.js", "text/javascript; charset=utf-8", "theme()"),
        ("/icon.svg", "image/svg+xml; charset=utf-8", "<svg/>"),
        ("/_app/version.json", "application/json; charset=utf-8", "{}"),
        ("/letters.woff2", "font/woff2", "wOF2"),
        ("/index.html", "text/html; charset=utf-8", PAGE),
        ("/whole.gz", "application/gzip", "an archive"),
    ] {
        let answer = get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, text), "{path}");
        assert_eq!(answer.header("content-type"), kind, "{path}");
        assert_eq!(answer.header("content-length"), text.len().to_string());
    }
}

#[tokio::test]
async fn what_could_be_a_page_is_the_page() {
    for path in [
        "/",
        "/login",
        "/servers/0198-a/metrics",
        "//",
        "/a//b",
        "/instances?tab=logs",
    ] {
        let answer = get(path).await;
        assert_eq!((answer.status, answer.text.as_str()), (200, PAGE), "{path}");
        assert_eq!(answer.header("cache-control"), "no-cache");
    }
    for path in [
        "/missing.js",
        "/_app/immutable/old.11.js",
        "/.secret",
        "/../Cargo.toml",
        "/a/..",
        "/theme.js.gz",
        "/index.html.br",
    ] {
        let answer = get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn the_smallest_form_that_is_taken_is_sent() {
    let start = "/_app/immutable/start.12.js";
    for (path, accepted, encoding, text) in [
        (start, "gzip, br", "br", "brotli of the start"),
        (start, "gzip", "gzip", "gzip of the start"),
        (start, "identity", "", "start()"),
        (start, "br;q=0", "", "start()"),
        ("/theme.js", "gzip, br", "gzip", "gzip of the theme"),
        ("/servers", "br", "br", "brotli of the page"),
        ("/icon.svg", "gzip, br", "", "<svg/>"),
    ] {
        let answer = ask(site(), "GET", path, &[("accept-encoding", accepted)]).await;
        assert_eq!(answer.text, text, "{path} {accepted}");
        assert_eq!(answer.header("content-encoding"), encoding, "{path} {accepted}");
        assert_eq!(answer.header("vary"), "Accept-Encoding");
        assert!(answer.header("content-type").ends_with("charset=utf-8"));
    }
}

#[tokio::test]
async fn what_is_known_is_not_sent_again() {
    let path = "/_app/immutable/start.12.js";
    let first = get(path).await;
    assert_eq!(first.header("cache-control"), FOR_EVER);
    let tag = first.header("etag");
    assert!(tag.starts_with('"') && tag.len() == 34, "{tag}");
    for known in [
        tag.to_owned(),
        format!("\"other\", {tag}"),
        format!("W/{tag}"),
        "*".to_owned(),
    ] {
        let again = ask(site(), "GET", path, &[("if-none-match", &known)]).await;
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{known}");
        assert_eq!(again.header("etag"), tag);
        assert_eq!(again.header("cache-control"), FOR_EVER);
        assert_eq!(again.header("vary"), "Accept-Encoding");
    }
    // Another form is something else.
    let smaller = ask(
        site(),
        "GET",
        path,
        &[("if-none-match", tag), ("accept-encoding", "br")],
    )
    .await;
    assert_eq!(smaller.status, 200);
    assert_ne!(smaller.header("etag"), tag);
}

#[tokio::test]
async fn nothing_but_reading_is_answered() {
    let head = ask(site(), "HEAD", "/theme.js", &[]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), "7");
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let refused = ask(site(), method, "/", &[]).await;
        assert_eq!(
            (refused.status, refused.header("allow")),
            (405, "GET, HEAD"),
            "{method}"
        );
    }
}

#[tokio::test]
async fn pages_may_do_nothing_they_need_not() {
    let answer = get("/servers").await;
    let policy = answer.header("content-security-policy");
    assert_eq!(policy, headers::policy(PAGE.as_bytes()).to_str().unwrap());
    assert!(policy.contains("script-src 'self' 'sha256-"), "{policy}");
    assert_eq!(policy.matches("sha256-").count(), 1, "the other one is a file");
    for (name, value) in [
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
        ("strict-transport-security", "max-age=31536000"),
    ] {
        assert_eq!(answer.header(name), value);
    }
    assert!(answer.header("permissions-policy").contains("camera=()"));
    let plain = router(folder(&[("index.html", PAGE)]), Settings { is_https: false });
    let answer = ask(plain, "GET", "/", &[]).await;
    assert_eq!(answer.header("strict-transport-security"), "");
}

#[tokio::test]
async fn without_a_build_every_page_says_so() {
    for path in ["/", "/servers", "/theme.js"] {
        let none = router(folder(&[]), Settings { is_https: false });
        let answer = ask(none, "GET", path, &[]).await;
        assert_eq!((answer.status, answer.text.as_str()), (503, NOT_BUILT));
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert!(
            answer
                .header("content-security-policy")
                .starts_with("default-src 'none'")
        );
    }
}
