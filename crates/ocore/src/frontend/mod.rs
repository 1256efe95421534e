//! `ocore frontend`: the dashboard's files by a process of its own, and what is the API's passed on to where that is.
//!
//! Browsers see one origin, as they do with `ocore serve` alone: cookies, the policy of the pages and server-sent events
//! need nothing else.

mod config;
mod proxy;

use std::{net::SocketAddr, process, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
    serve::ListenerExt,
};
use serde_json::json;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use crate::serve::{Asked, deaf, is_of_api, say, start_log};

pub(crate) use config::Config;
use proxy::Proxy;

/// Where this process tells whether it is well, whatever the API does.
const HEALTH: &str = "/health/frontend";
/// How long answers that are under way may take to end, streams among them.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Frontend {
    dashboard: Router,
    proxy: Proxy,
}

/// Serves until told to stop.
pub(crate) async fn run(config: Config) -> anyhow::Result<()> {
    start_log(&config.log, config.log_format)?;
    let mut asked = Asked::listen()?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| deaf(config.listen, &error))?;
    let address = listener.local_addr()?;
    // An event is passed on when it comes, not when a packet is full.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let stopping = CancellationToken::new();
    let served = router(&config)?.into_make_service_with_connect_info::<SocketAddr>();
    let serving = axum::serve(listener, served).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let serving = tokio::spawn(serving.into_future());
    say(&format!(
        "oCore {} shows its dashboard on http://{address} and asks the API at {}",
        env!("CARGO_PKG_VERSION"),
        config.api_url
    ))?;
    asked.heard().await;
    tracing::info!("stopping: answers that are under way may end");
    tokio::spawn(async move {
        asked.heard().await;
        process::exit(1);
    });
    stopping.cancel();
    let _ = timeout(LAST_ANSWERS, serving).await;
    Ok(())
}

fn router(config: &Config) -> anyhow::Result<Router> {
    let settings = ocore_dashboard::Settings {
        is_https: config.is_https,
    };
    let frontend = Frontend {
        dashboard: ocore_dashboard::router(ocore_dashboard::built(), settings),
        proxy: Proxy::new(&config.api_url)?,
    };
    Ok(Router::new()
        .route(HEALTH, get(health))
        .fallback(answer)
        .with_state(frontend))
}

async fn answer(State(frontend): State<Frontend>, request: Request) -> Response {
    if is_of_api(request.uri().path()) {
        return frontend.proxy.pass(request).await;
    }
    match frontend.dashboard.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

/// Whether the page can be given away: not whether the API answers, which has its own word at `/health/ready`.
async fn health(State(frontend): State<Frontend>) -> Response {
    let page = frontend.dashboard.oneshot(Request::new(Body::empty())).await;
    let has_page = page.is_ok_and(|page| page.status().is_success());
    let (code, status) = if has_page {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "no_dashboard")
    };
    let body = json!({"status": status, "version": env!("CARGO_PKG_VERSION")});
    (code, Json(body)).into_response()
}
