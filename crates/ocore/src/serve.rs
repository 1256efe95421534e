//! `ocore serve`: the database, the operations, the API, and the order in which they begin and end.

use std::{
    io::{self, IsTerminal, Write},
    net::SocketAddr,
    process,
    time::Duration,
};

use axum::{Router, extract::Request, serve::ListenerExt};
use ocore_api::{Api, Installation};
use ocore_domain::OrganizationId;
use ocore_notify::Notifier;
use ocore_operations::{Hands, Runtime, RuntimeConfig, faults};
use ocore_store::{
    Store,
    api_keys::{self, NewApiKey},
    plane,
};
use secrecy::ExposeSecret;
use tokio::{
    net::TcpListener,
    signal::unix::{Signal, SignalKind, signal},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tracing::{Level, Metadata};
use tracing_subscriber::{
    EnvFilter, Layer, filter::filter_fn, layer::SubscriberExt, util::SubscriberInitExt,
};

use crate::{
    config::{Config, LogFormat},
    database::Database,
};

/// How long streams and requests may take to end at least, when everything else has.
const STREAMS: Duration = Duration::from_secs(5);
/// How long mails that are under way may take to arrive at the end.
const MAILS: Duration = Duration::from_secs(5);

/// How often it is looked whether another control plane has the servers now.
const LOOK: Duration = Duration::from_secs(5);

/// Serves until told to stop.
pub(crate) async fn run(mut config: Config) -> anyhow::Result<()> {
    start_log(&config.log, config.log_format)?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if config.development {
        tracing::warn!("ENVIRONMENT=development: fit for trying things out, not for an installation");
    }
    let mut asked = Asked::listen()?;
    let database = tokio::select! {
        database = Database::open(&config, None) => database?,
        () = asked.heard() => return Ok(()),
    };
    let served = serve(&mut config, &database, asked).await;
    database.close().await;
    served
}

async fn serve(config: &mut Config, database: &Database, mut asked: Asked) -> anyhow::Result<()> {
    refuse_superseded(&database.store).await?;
    let listener = TcpListener::bind(config.listen)
        .await
        .map_err(|error| deaf(config.listen, &error))?;
    // Its port is another when it was to find one by itself, and what people are sent begins with it.
    config.listen = listener.local_addr()?;
    let config = &*config;
    let notifications = database.notifications();
    let notifier = Notifier::new(config.mailer.0.clone(), config.notices());
    let hands = Hands::new(database.store.clone(), notifications.clone())
        .with_notifier(notifier)
        .with_agents(config.agents())
        .with_roles(config.roles);
    let runtime = Runtime::start(hands.clone(), runtime_config(config)).await?;
    let closing = CancellationToken::new();
    let stopping = CancellationToken::new();
    let mut installation = Installation::new(config.installation()?)?.with_logins(config.logins.clone());
    if let Some(mailer) = &config.mailer.0 {
        installation = installation.with_mailer(mailer.clone());
    } else {
        tracing::warn!(
            "SMTP_HOST is not set: no mail can be sent, so nobody signs up or gets a new password by mail"
        );
    }
    if let Some(token) = &config.metrics_token {
        installation = installation.with_metrics_token(token);
    }
    let post = installation.post();
    let api = Api::new(
        database.store.clone(),
        notifications,
        hands.clone(),
        closing.clone(),
        installation,
    );
    // An event is sent when it happens, not when a packet is full.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(
        listener,
        served(config, api).into_make_service_with_connect_info::<SocketAddr>(),
    )
    .with_graceful_shutdown(stopping.clone().cancelled_owned());
    let serving = tokio::spawn(serving.into_future());
    if config.first_key {
        introduce(database).await?;
    }
    say(&format!(
        "oCore {} listens on http://{} and keeps its data in {}",
        env!("CARGO_PKG_VERSION"),
        config.listen,
        database.name
    ))?;

    let superseded = tokio::select! {
        () = asked.heard() => None,
        superseded = superseded(&database.store) => Some(superseded),
    };
    // What it does on servers is another's now: nothing goes on.
    let (delay, grace) = if superseded.is_some() {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (config.shutdown_delay, config.shutdown_grace)
    };
    tracing::info!(
        ?delay,
        ?grace,
        "stopping: requests are answered for the delay, running steps may end within the grace; a second signal ends at once"
    );
    tokio::spawn(async move {
        asked.heard().await;
        process::exit(1);
    });
    let until = Instant::now() + delay + grace;
    // Who sends requests hears of it, and has the time to send them elsewhere.
    hands.leave();
    let no_more_requests = async {
        sleep(delay).await;
        stopping.cancel();
    };
    // What is at work needs no requests, and other processes take the rest up meanwhile.
    tokio::join!(runtime.shutdown(grace), no_more_requests);
    // The last: an open page has been told all along, and now asks for its stream elsewhere.
    closing.cancel();
    let patience = STREAMS.max(until.saturating_duration_since(Instant::now()));
    let _ = timeout(patience, serving).await;
    if timeout(MAILS, post.empty()).await.is_err() {
        tracing::warn!("mails that were under way at the end were not sent");
    }
    superseded.map_or(Ok(()), Err)
}

/// Waits until another control plane of this installation has the servers.
async fn superseded(store: &Store) -> anyhow::Error {
    loop {
        sleep(LOOK).await;
        if let Err(error) = refuse_superseded(store).await {
            return error;
        }
    }
}

/// Fails where another one was restored from a backup of this one, and has the servers.
async fn refuse_superseded(store: &Store) -> anyhow::Result<()> {
    let seen = async { plane::get(&mut *store.connection().await?).await }.await;
    match seen {
        Ok(plane) => match plane.superseded_by {
            Some(by) => Err(anyhow::anyhow!(
                "another control plane was restored from a backup of this one, and has the servers ({by} after {}). If this \
                 one is to have them, end the other and run `ocore backup take-over` here",
                plane.epoch
            )),
            None => Ok(()),
        },
        // A database that does not answer just now says nothing of it.
        Err(error) => {
            tracing::debug!(%error, "it could not be looked whether another control plane has the servers");
            Ok(())
        }
    }
}

/// The API, and the dashboard at every path that is not the API's. Files are neither counted nor limited nor logged. Where
/// this process is not for requests, only what tells how it does.
fn served(config: &Config, api: Api) -> Router {
    if !config.roles.api {
        return ocore_api::status_router(api);
    }
    let api = ocore_api::router(api);
    if !config.dashboard {
        return api;
    }
    let settings = ocore_dashboard::Settings {
        is_https: config.app_url().starts_with("https:"),
    };
    let dashboard = ocore_dashboard::router(ocore_dashboard::built(), settings);
    Router::new().fallback(move |request: Request| {
        let asked = if is_of_api(request.uri().path()) {
            api.clone()
        } else {
            dashboard.clone()
        };
        asked.oneshot(request)
    })
}

/// Whether a path is the API's, be there anything or not: what is unknown there is a problem, not a page.
pub(crate) fn is_of_api(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    ["api", "health", "metrics"].contains(&first)
}

/// Why an address cannot be listened on, and what to do.
pub(crate) fn deaf(address: SocketAddr, error: &io::Error) -> anyhow::Error {
    let mend = match error.kind() {
        io::ErrorKind::AddrInUse => {
            "Something listens there already, maybe another `ocore serve` (`ss -ltnp` tells): end it, or set \
             OCORE_LISTEN to another port."
        }
        io::ErrorKind::AddrNotAvailable => {
            "It is no address of this machine: set OCORE_LISTEN to one that is, or to 127.0.0.1 or [::] with a port."
        }
        io::ErrorKind::PermissionDenied => "Ports below 1024 are for root: set OCORE_LISTEN to a higher one.",
        _ => "Set OCORE_LISTEN to another address or port.",
    };
    anyhow::anyhow!("OCORE_LISTEN: {address} cannot be listened on: {error}. {mend}")
}

fn runtime_config(config: &Config) -> RuntimeConfig {
    RuntimeConfig {
        workers: usize::try_from(config.workers.get()).unwrap_or(usize::MAX),
        bounds: config.bounds.clone(),
        health_interval: config.health_interval,
        operations_kept: config.operations_retention,
        data_dir: config.data_dir.clone(),
        #[cfg(feature = "faults")]
        faults: faults::from_environment(),
        #[cfg(not(feature = "faults"))]
        faults: std::sync::Arc::new(faults::NoFaults),
    }
}

/// At the first start, makes a token for the administrator and shows it: once, and not in the log.
async fn introduce(database: &Database) -> anyhow::Result<()> {
    let mut tx = database.store.begin().await?;
    let first = NewApiKey::administrator(OrganizationId::DEFAULT, "administrator");
    let token = api_keys::create_first(&mut tx, &first).await?;
    tx.commit().await?;
    let Some(token) = token else { return Ok(()) };
    say(&format!(
        "The administrator's token, shown only this once:\n\n  export OCORE_TOKEN={}\n",
        token.expose_secret()
    ))
}

/// Tells the person or program that started this process, whatever the log is set to.
pub(crate) fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}

/// Writes the log to standard error from now on.
pub(crate) fn start_log(filter: &str, format: LogFormat) -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let log = match format {
        LogFormat::Json => log.json().flatten_event(true).with_span_list(false).boxed(),
        LogFormat::Text => log.boxed(),
    };
    // Filters of the whole, not of this layer: with one of a layer, a library that asks by `log` whether a line is wanted (sqlx
    // does at each statement) makes the next span of the thread disappear, and with it the request's id.
    tracing_subscriber::registry()
        .with(log)
        .with(EnvFilter::try_new(filter)?)
        .with(filter_fn(keeps_secrets))
        .init();
    Ok(())
}

/// Below INFO, libraries log whole requests, passwords and all, so that only oCore's own crates are heard there,
/// whatever was asked for.
fn keeps_secrets(of: &Metadata<'_>) -> bool {
    *of.level() <= Level::INFO || of.target().starts_with("ocore")
}

/// The signals that ask for an end.
pub(crate) struct Asked {
    terminate: Signal,
    interrupt: Signal,
}

impl Asked {
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for one of them.
    pub(crate) async fn heard(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_the_apis_and_pages_are_not() {
        for route in ocore_api::table() {
            assert!(is_of_api(&route.path), "{}", route.path);
        }
        assert!(is_of_api("/api") && is_of_api("/api/nothing"));
        for page in ["/", "/apis", "/servers/api", "/healthy", "//api"] {
            assert!(!is_of_api(page), "{page}");
        }
    }
}
