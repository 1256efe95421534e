//! Why a connection cannot be made, where waiting would not help, and what to do.

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use sqlx::error::DatabaseError;

use super::Address;

/// Something that the operator has to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub mend: String,
}

impl Failure {
    fn new(what: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            mend: mend.into(),
        }
    }
}

/// What the operator has to mend before a connection can be made; none where the server is merely away.
pub fn failure(error: &sqlx::Error, address: &Address) -> Option<Failure> {
    match error {
        sqlx::Error::Database(error) => refused(error.as_ref(), address),
        sqlx::Error::Tls(error) => Some(no_tls(&error.to_string(), address)),
        sqlx::Error::Io(error) => {
            let tls = error.get_ref()?.downcast_ref::<TlsError>()?;
            Some(handshake(tls, address))
        }
        sqlx::Error::Configuration(error) => Some(Failure::new(
            error.to_string(),
            "Correct the address of the database.",
        )),
        _ => None,
    }
}

/// Whether a fault of the connection is one of certificates, which does not go away by waiting.
pub(crate) fn is_of_tls(error: &std::io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(<dyn std::error::Error + Send + Sync>::is::<TlsError>)
}

fn no_tls(said: &str, address: &Address) -> Failure {
    if !said.contains("does not support TLS") {
        return Failure::new(
            format!("TLS is not possible: {said}"),
            "Check the host's name, sslrootcert, sslcert and sslkey.",
        );
    }
    Failure::new(
        format!(
            "the server offers no TLS, and sslmode={} demands it",
            address.security()
        ),
        "Turn TLS on there (ssl = on, ssl_cert_file, ssl_key_file in postgresql.conf; client_tls_sslmode in \
         pgbouncer.ini), or, where nobody else is on the network in between, use sslmode=disable.",
    )
}

fn handshake(error: &TlsError, address: &Address) -> Failure {
    let host = address.host().unwrap_or("the server");
    let renew = "Renew the server's certificate, and have PostgreSQL load it: select pg_reload_conf().";
    match error {
        TlsError::InvalidCertificate(reason) => match reason {
            CertificateError::NotValidForName => Failure::new(
                format!("the server's certificate is not for the name `{host}`"),
                name(address),
            ),
            CertificateError::NotValidForNameContext { presented, .. } => Failure::new(
                format!(
                    "the server's certificate is not for the name `{host}`, but for: {}",
                    presented.join(", ")
                ),
                name(address),
            ),
            // The second: by one of the same name and another key.
            CertificateError::UnknownIssuer | CertificateError::BadSignature => Failure::new(
                "the server's certificate is signed by an authority that is not trusted",
                if address.has_authority() {
                    "Check that the file in sslrootcert is that of this server's authority, as the provider gives it."
                } else {
                    "Get the authority's certificate from the provider, and name its file: sslrootcert=/path/to/ca.pem."
                },
            ),
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                Failure::new("the server's certificate has expired", renew)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => Failure::new(
                "the server's certificate is not valid yet",
                "Check this machine's clock: `timedatectl`.",
            ),
            other => Failure::new(
                format!(
                    "the server's certificate cannot be used: {}",
                    TlsError::from(other.clone())
                ),
                "It must be one for a server (X.509 version 3, with its names as subjectAltName), signed by an authority \
                 that is not itself: `openssl x509 -in server.crt -noout -text` shows it.",
            ),
        },
        TlsError::AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::BadCertificate
            | AlertDescription::UnknownCA
            | AlertDescription::CertificateUnknown
            | AlertDescription::CertificateExpired
            // Of an authority with the same name and another key.
            | AlertDescription::DecryptError,
        ) => Failure::new(
            format!("the server does not take the client's certificate, or misses it ({error})"),
            "Name one that an authority of the server's ssl_ca_file has signed: sslcert=/path/client.crt and \
             sslkey=/path/client.key.",
        ),
        other => Failure::new(
            format!("TLS with the server failed: {other}"),
            "Check that it speaks TLS 1.2 or 1.3 (ssl_min_protocol_version), and that nothing in between meddles.",
        ),
    }
}

fn name(address: &Address) -> String {
    format!(
        "Use a name that is in the certificate as the host in the address{}, or get a certificate for this one.",
        if address
            .host()
            .is_some_and(|host| host.parse::<std::net::IpAddr>().is_ok())
        {
            " rather than an IP address"
        } else {
            ""
        }
    )
}

fn refused(error: &dyn DatabaseError, address: &Address) -> Option<Failure> {
    let said = error.message();
    let (user, database) = (address.user(), address.database());
    let mend = match error.code().as_deref()? {
        "28P01" if address.shows_certificate() => format!(
            "Check the password of `{user}`, and that the certificate of sslcert= was made out to `{user}`: which of the two \
             it is, only the server's log tells."
        ),
        "28P01" => format!("Check the password of `{user}`: as a superuser `\\password {user}` in psql sets another one."),
        "28000" if said.contains("no encryption") => {
            "The server lets this user in by TLS only: use sslmode=verify-full with the provider's sslrootcert, or at \
             least sslmode=require."
                .to_owned()
        }
        "28000" if said.contains("SSL encryption") || said.contains("pg_hba") => format!(
            "Add a line to the server's pg_hba.conf, as in `hostssl {database} {user} ADDRESS/32 scram-sha-256`, and have \
             it loaded: select pg_reload_conf()."
        ),
        "28000" if said.contains("certificate") => {
            "Name a certificate that was made out to this user: sslcert=/path/client.crt and sslkey=/path/client.key."
                .to_owned()
        }
        "28000" => format!("As a superuser run: psql -c 'ALTER ROLE \"{user}\" LOGIN'"),
        "3D000" => format!("As a superuser run: createdb --owner {user} {database}"),
        "42501" => format!("As a superuser run: psql -c 'GRANT CONNECT ON DATABASE \"{database}\" TO \"{user}\"'"),
        // A pooler that does not pass on what is asked for in `options`.
        "08P01" if said.contains("startup parameter") => {
            "Take `options` out of the address: a pooler does not pass it on.".to_owned()
        }
        _ => return None,
    };
    Some(Failure::new(said.trim_end_matches('.').to_owned(), mend))
}
