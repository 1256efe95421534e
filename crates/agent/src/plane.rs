//! The way to oCore: where it is, who asks, and a connection that is private where the URL says so.

use std::net::{IpAddr, SocketAddr};

use hyper::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use url::{Host, Url};

use crate::{fault::Fault, tls::Tls};

/// This agent's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Where oCore is, and by what it knows this agent. Cheap to clone: what is trusted is in memory once.
#[derive(Clone)]
pub(crate) struct Plane {
    url: Url,
    token: SecretString,
    tls: Option<Tls>,
}

/// A connection, be it private or not.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Plane {
    pub(crate) fn new(url: &Url, ca: Option<&str>, token: SecretString) -> Result<Self, Fault> {
        let tls = match url.scheme() {
            "https" => Some(Tls::new(ca)?),
            _ => None,
        };
        Ok(Self {
            url: url.clone(),
            token,
            tls,
        })
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }

    /// What goes into the header `Host`.
    pub(crate) fn authority(&self) -> &str {
        self.url.authority()
    }

    /// A path of the API, below that of the URL.
    pub(crate) fn path(&self, path: &str) -> String {
        format!("{}{path}", self.url.path().trim_end_matches('/'))
    }

    /// What goes into the header `Authorization`.
    pub(crate) fn bearer(&self) -> Result<HeaderValue, Fault> {
        let bearer = format!("Bearer {}", self.token.expose_secret());
        let mut bearer = HeaderValue::try_from(bearer)
            .map_err(|_| Fault("the token holds what no token holds".to_owned()))?;
        bearer.set_sensitive(true);
        Ok(bearer)
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Box<dyn Wire>, Fault> {
        let host = self
            .url
            .host()
            .ok_or_else(|| Fault("the URL names no host".to_owned()))?;
        let port = self.url.port_or_known_default().unwrap_or(443);
        let stream = open(&host, port).await?;
        Ok(match &self.tls {
            None => Box::new(stream),
            Some(tls) => Box::new(tls.wrap(&host, stream).await?),
        })
    }
}

/// A connection to the first address of a host that takes one.
async fn open(host: &Host<&str>, port: u16) -> Result<TcpStream, Fault> {
    let mut last = Fault(format!("{host} has no address"));
    for address in addresses(host).await? {
        match TcpStream::connect(SocketAddr::new(address, port)).await {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => {
                last = Fault(format!(
                    "{host} port {port} cannot be reached at {address}: {error}"
                ));
            }
        }
    }
    Err(last)
}

/// Not by the C library: in a static binary it would load the system's, of whatever version that is.
async fn addresses(host: &Host<&str>) -> Result<Vec<IpAddr>, Fault> {
    let name = match host {
        Host::Ipv4(address) => return Ok(vec![(*address).into()]),
        Host::Ipv6(address) => return Ok(vec![(*address).into()]),
        Host::Domain(name) => *name,
    };
    let fault = |error: &dyn std::fmt::Display| Fault(format!("the name {name} is not found: {error}"));
    let resolver = hickory_resolver::TokioResolver::builder_tokio()
        .and_then(hickory_resolver::ResolverBuilder::build)
        .map_err(|error| fault(&error))?;
    let found = resolver.lookup_ip(name).await.map_err(|error| fault(&error))?;
    Ok(found.iter().collect())
}
