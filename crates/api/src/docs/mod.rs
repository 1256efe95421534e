//! `GET /api/docs`: the description of the API, for people. Anybody may ask.
//!
//! The page is made of the description when it is asked for first, and is plain HTML: no script, nothing from elsewhere.

mod page;
mod schema;

use std::sync::OnceLock;

use axum::{
    http::{HeaderName, header},
    response::IntoResponse,
};

use crate::access::{Allowed, Anyone, Routes, guarded};

const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded but the style, and nothing may be done with the page.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Routes {
    Routes::default().with(guarded!(show)).with(guarded!(style))
}

/// This description, for people
#[utoipa::path(
    get, path = "/api/docs", operation_id = "readApi", tag = "health", security(()),
    responses((status = 200, content_type = "text/html", body = String))
)]
async fn show(_: Allowed<Anyone>) -> impl IntoResponse {
    static PAGE: OnceLock<String> = OnceLock::new();
    let page = PAGE.get_or_init(|| {
        let described = serde_json::to_value(crate::openapi()).unwrap_or_default();
        page::page(&described, &crate::problems::all()).into_string()
    });
    answer("text/html; charset=utf-8", page)
}

/// The style of that page
#[utoipa::path(
    get, path = "/api/docs/style.css", operation_id = "readApiStyle", tag = "health", security(()),
    responses((status = 200, content_type = "text/css", body = String))
)]
async fn style(_: Allowed<Anyone>) -> impl IntoResponse {
    answer("text/css; charset=utf-8", STYLE)
}

fn answer(kind: &'static str, text: &'static str) -> ([(HeaderName, &'static str); 4], &'static str) {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, text)
}
