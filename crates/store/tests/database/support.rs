//! Certificates, and a cluster with a role that owns a database and may do nothing else.

use ocore_domain::{OrganizationId, WorkerId};
use ocore_store::{
    Result, Sealer, Store,
    connect::{Address, failure},
    operations::{self, Finish, NewOperation, Terms},
};
use ocore_testbed::postgres::Postgres;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use serde_json::json;

pub(crate) const ROLE: &str = "ocore";
pub(crate) const PASSWORD: &str = "canary-p@ss/word?#";
pub(crate) const ENCODED: &str = "canary-p%40ss%2Fword%3F%23";

pub(crate) fn sealer() -> Sealer {
    Sealer::new(&"k".repeat(32).into(), &[])
}

/// Makes the role and the database.
pub(crate) fn own(cluster: &Postgres) {
    for sql in [
        &format!("create role {ROLE} login password '{PASSWORD}'"),
        "create role ocore_tenant nologin",
        &format!("grant ocore_tenant to {ROLE}"),
        &format!("create database {ROLE} owner {ROLE}"),
    ] {
        cluster.sql("postgres", sql).unwrap();
    }
}

/// The address of that database by a port.
pub(crate) fn url(port: u16, parameters: &str) -> String {
    format!("postgres://{ROLE}:{ENCODED}@localhost:{port}/{ROLE}?{parameters}")
}

pub(crate) async fn open(url: &str) -> Result<Store> {
    Store::connect(&url.into(), 0..=5, sealer()).await
}

/// Why a connection cannot be made, in the words of the log. It repeats no password, in whatever form.
pub(crate) async fn refusal(url: &str) -> String {
    let address = Address::read(&url.into()).unwrap();
    let error = open(url)
        .await
        .err()
        .unwrap_or_else(|| panic!("{url} was opened"));
    assert!(
        !error.is_unavailable() || format!("{error}").contains("58"),
        "waiting would not help: {error}"
    );
    let told = match &error {
        ocore_store::Error::Database(error) => {
            let failure = failure(error, &address).unwrap_or_else(|| panic!("{url}: {error}"));
            format!("{}. {}", failure.what, failure.mend)
        }
        ocore_store::Error::Problem(problem) => format!("{}. {}", problem.detail, problem.mend),
        other => panic!("{url}: {other}"),
    };
    assert!(
        !told.contains("canary") && !format!("{error:?}").contains("canary"),
        "{told}"
    );
    told
}

/// An operation from its row to its end, as a worker of that name would do it.
pub(crate) async fn works(store: &Store) {
    let mut conn = store.connection().await.unwrap();
    let worker = WorkerId::new();
    operations::register_worker(&mut conn, worker, "here", 1)
        .await
        .unwrap();
    let new = NewOperation {
        organization_id: OrganizationId::DEFAULT,
        kind: "test",
        subject: None,
        server_id: None,
        params: json!({}),
        serial_key: Some("a".to_owned()),
        group_key: None,
        priority: 0,
        steps: vec![("one", "One")],
        retry_of: None,
    };
    operations::enqueue_many(&mut conn, &[new]).await.unwrap();
    let claims = operations::claim(
        store.begin().await.unwrap(),
        worker,
        &Terms::of(vec!["test".to_owned()], 4),
        10,
    )
    .await
    .unwrap();
    assert_eq!(claims.len(), 1);
    let end = Finish::of(&claims[0], ocore_domain::operation::OperationState::Done);
    assert!(operations::finish(&mut conn, &end, None).await.unwrap());
}

/// An authority that signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "Test authority");
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// A certificate and its key, for a name; good until a year.
    pub(crate) fn sign(&self, name: &str, until: i32) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(until, 1, 1);
        (
            params.signed_by(&key, &self.issuer).unwrap().pem(),
            key.serialize_pem(),
        )
    }
}
