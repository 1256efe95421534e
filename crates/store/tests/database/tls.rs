//! Every `sslmode` on a real server with real certificates, and what is said where it does not fit.

use std::path::PathBuf;

use ocore_store::connect::{Address, Security};
use ocore_testbed::postgres::Postgres;
use tempfile::TempDir;

use crate::support::{Authority, open, own, refusal, url};

struct Files(TempDir);

impl Files {
    fn write(&self, name: &str, pem: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    }
}

/// Whether the connection is encrypted.
async fn is_secured(url: &str) -> bool {
    let store = open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    let secured = "select ssl from pg_stat_ssl where pid = pg_backend_pid()";
    let secured = sqlx::query_scalar(secured).fetch_one(store.pool()).await.unwrap();
    store.pool().close().await;
    secured
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "it is a table")]
async fn every_mode_is_as_it_says() {
    let authority = Authority::new();
    let files = Files(tempfile::tempdir().unwrap());
    let ours = files.write("ca.pem", &authority.pem);
    let other = files.write("other.pem", &Authority::new().pem);
    let (ours, other) = (ours.display(), other.display());

    let mut cluster = Postgres::start(17, &[]).unwrap();
    own(&cluster);
    let port = cluster.port();
    let at = |parameters: String| url(port, &parameters);

    // Without TLS.
    for mode in ["disable", "allow", "prefer"] {
        assert!(!is_secured(&at(format!("sslmode={mode}"))).await, "{mode}");
    }
    for parameters in [
        "sslmode=require".to_owned(),
        format!("sslmode=verify-ca&sslrootcert={ours}"),
        format!("sslmode=verify-full&sslrootcert={ours}"),
    ] {
        let told = refusal(&at(parameters)).await;
        assert!(
            told.contains("offers no TLS") && told.contains("ssl = on"),
            "{told}"
        );
    }
    let socket = format!(
        "postgres://postgres@localhost:{port}/postgres?host={}",
        cluster.folder().display()
    );
    assert!(!is_secured(&socket).await);

    // A certificate for its name.
    let (certificate, key) = authority.sign("localhost", 2099);
    cluster.stop().unwrap();
    cluster.secure(&certificate, &key, None).unwrap();
    cluster.run().unwrap();
    assert!(!is_secured(&at("sslmode=disable".to_owned())).await);
    for parameters in [
        String::new(),
        "sslmode=allow".to_owned(),
        "sslmode=prefer".to_owned(),
        "sslmode=require".to_owned(),
        format!("sslmode=require&sslrootcert={ours}"),
        format!("sslmode=verify-ca&sslrootcert={ours}"),
        format!("sslmode=verify-full&sslrootcert={ours}"),
    ] {
        assert!(is_secured(&at(parameters.clone())).await, "{parameters}");
    }
    // Of an authority that nobody has told oCore of, or another one.
    for (parameters, what) in [
        ("sslmode=verify-full".to_owned(), "sslrootcert=/path/to/ca.pem"),
        (
            "sslmode=verify-full&sslrootcert=system".to_owned(),
            "sslrootcert=/path/to/ca.pem",
        ),
        (
            format!("sslmode=verify-ca&sslrootcert={other}"),
            "Check that the file",
        ),
        // As libpq has it: an authority that is named is asked.
        (
            format!("sslmode=require&sslrootcert={other}"),
            "Check that the file",
        ),
    ] {
        let told = refusal(&at(parameters)).await;
        assert!(
            told.contains("authority that is not trusted") && told.contains(what),
            "{told}"
        );
    }
    let by_address = at(format!("sslmode=verify-full&sslrootcert={ours}")).replace("localhost", "127.0.0.1");
    let told = refusal(&by_address).await;
    assert!(
        told.contains("not for the name `127.0.0.1`, but for: ") && told.contains("rather than an IP"),
        "{told}"
    );
    // The name is not asked for here.
    assert!(is_secured(&by_address.replace("verify-full", "verify-ca")).await);

    // Expired.
    let (certificate, key) = authority.sign("localhost", 2021);
    cluster.stop().unwrap();
    cluster.secure(&certificate, &key, None).unwrap();
    cluster.run().unwrap();
    assert!(is_secured(&at("sslmode=require".to_owned())).await);
    let told = refusal(&at(format!("sslmode=verify-full&sslrootcert={ours}"))).await;
    assert!(told.contains("has expired") && told.contains("Renew"), "{told}");

    // A managed service that lets nobody in without TLS, and one that asks who comes.
    let (certificate, key) = authority.sign("localhost", 2099);
    cluster.stop().unwrap();
    cluster.secure(&certificate, &key, Some(&authority.pem)).unwrap();
    cluster
        .admit("local all all trust\nhostssl ocore ocore all scram-sha-256 clientcert=verify-full\n")
        .unwrap();
    cluster.run().unwrap();
    let told = refusal(&at("sslmode=disable".to_owned())).await;
    assert!(
        told.contains("no encryption") && told.contains("sslmode=require"),
        "{told}"
    );
    let told = refusal(&at(format!("sslmode=verify-full&sslrootcert={ours}"))).await;
    assert!(told.contains("sslcert=/path/client.crt"), "{told}");
    let with = |name: &str, (certificate, key): (String, String)| {
        let (certificate, key) = (
            files.write(&format!("{name}.crt"), &certificate),
            files.write(&format!("{name}.key"), &key),
        );
        at(format!(
            "sslmode=verify-full&sslrootcert={ours}&sslcert={}&sslkey={}",
            certificate.display(),
            key.display()
        ))
    };
    assert!(is_secured(&with("ocore", authority.sign("ocore", 2099))).await);
    let told = refusal(&with("eve", authority.sign("eve", 2099))).await;
    assert!(
        told.contains("certificate") && told.contains("sslcert="),
        "{told}"
    );
    let told = refusal(&with("foreign", Authority::new().sign("ocore", 2099))).await;
    assert!(told.contains("does not take the client's certificate"), "{told}");
}

#[test]
fn an_ipv6_address_is_one() {
    let address = Address::read(&"postgres://u@[::1]:5433/d?sslmode=verify-full".into()).unwrap();
    assert_eq!((address.host(), address.port()), (Some("::1"), 5433));
    assert_eq!(address.security(), Security::VerifyFull);
}
