//! TLS to oCore: the system's authorities, and one more where that is configured.

use std::sync::Arc;

use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::Host;

use crate::fault::Fault;

/// What makes a connection private, and its other side known.
#[derive(Clone)]
pub(crate) struct Tls(TlsConnector);

impl Tls {
    pub(crate) fn new(ca: Option<&str>) -> Result<Self, Fault> {
        let mut roots = RootCertStore::empty();
        // Some of the system's may be of a kind that nobody reads any more.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Some(path) = ca {
            let fault = |error: &dyn std::fmt::Display| Fault(format!("{path} cannot be read: {error}"));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fault(&error))? {
                let certificate = certificate.map_err(|error| fault(&error))?;
                roots.add(certificate).map_err(|error| fault(&error))?;
            }
        }
        if roots.is_empty() {
            return Err(Fault(
                "no certificate authority is known: install ca-certificates".to_owned(),
            ));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Fault(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }

    pub(crate) async fn wrap(
        &self,
        host: &Host<&str>,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Fault> {
        let name = match host {
            Host::Domain(name) => {
                ServerName::try_from((*name).to_owned()).map_err(|error| Fault(format!("{name}: {error}")))?
            }
            Host::Ipv4(address) => ServerName::IpAddress(std::net::IpAddr::from(*address).into()),
            Host::Ipv6(address) => ServerName::IpAddress(std::net::IpAddr::from(*address).into()),
        };
        self.0
            .connect(name, stream)
            .await
            .map_err(|error| Fault(format!("no TLS with {host}: {error}")))
    }
}
