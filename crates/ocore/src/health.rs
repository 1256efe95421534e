//! `ocore health`: asks the process on this machine whether it is well, for the health checks of containers, where there
//! is no other program that could ask.

use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use anyhow::{Context, bail};

/// Less than a health check waits.
const PATIENCE: Duration = Duration::from_secs(8);

/// Fails unless the process that listens at `OCORE_LISTEN` answers a path with success.
pub(crate) async fn ask(path: &str) -> anyhow::Result<()> {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 8080));
    if let Some(listen) = env::var("OCORE_LISTEN").ok().filter(|text| !text.is_empty()) {
        address = listen
            .parse()
            .context("OCORE_LISTEN is not an address and a port")?;
    }
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    let url = format!("http://{address}{path}");
    // The client asks for one, though no TLS is spoken here. It fails only where there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder()
        .tls_certs_only([])
        .no_proxy()
        .timeout(PATIENCE)
        .build()?;
    let answer = http
        .get(&url)
        .send()
        .await
        .with_context(|| format!("{url} does not answer"))?;
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    if !status.is_success() {
        bail!("{url} answers {status}: {text}");
    }
    println!("{text}");
    Ok(())
}
