//! Delivery over real TLS to a server that misbehaves.

use std::{net::SocketAddr, path::PathBuf};

use hyper::{Response, body::Incoming, server::conn::http1 as serving, service::service_fn};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio_rustls::{TlsAcceptor, rustls};
use url::Url;

use super::*;

/// What the server does with one batch.
#[derive(Clone, Copy)]
enum Does {
    Answer(u16),
    /// Takes it, and breaks the connection before it has said so.
    Break,
}

/// Samples that were lost, and the times of those that came.
type Arrived = (u64, Vec<i64>);

struct Receiver {
    address: SocketAddr,
    folder: TempDir,
    /// Every batch that arrived, in order: lost, and the times of its samples.
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Receiver {
    /// Does one after another of what is planned, then takes everything.
    async fn start(plan: &[Does]) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), made.cert.pem()).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::new(Mutex::new(Vec::new()));
        let plan = Arc::new(Mutex::new(plan.iter().rev().copied().collect::<Vec<_>>()));
        let kept = arrived.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, kept, plan) = (acceptor.clone(), kept.clone(), plan.clone());
                tokio::spawn(async move {
                    let answer = service_fn(|request: Request<Incoming>| {
                        let (kept, plan) = (kept.clone(), plan.clone());
                        async move {
                            assert_eq!(request.headers()["authorization"], "Bearer ocore_agent_t");
                            assert_eq!(request.headers()["content-type"], CONTENT_TYPE);
                            assert_eq!(request.uri().path(), "/api/agent/metrics");
                            let body = request.into_body().collect().await.unwrap().to_bytes();
                            let batch = Batch::decode(&body).unwrap();
                            let does = plan.lock().unwrap().pop().unwrap_or(Does::Answer(204));
                            let times = batch.samples.iter().map(|sample| sample.at).collect();
                            if matches!(does, Does::Break | Does::Answer(204)) {
                                kept.lock().unwrap().push((batch.lost, times));
                            }
                            match does {
                                Does::Break => Err("broken"),
                                Does::Answer(status) => {
                                    let mut answer = Response::new(Full::new(Bytes::new()));
                                    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                                    Ok(answer)
                                }
                            }
                        }
                    });
                    if let Ok(stream) = acceptor.accept(stream).await {
                        let _ = serving::Builder::new()
                            .serve_connection(TokioIo::new(stream), answer)
                            .await;
                    }
                });
            }
        });
        Self {
            address,
            folder,
            arrived,
        }
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    fn way(&self) -> Way {
        let url = Url::parse(&format!("https://{}", self.address)).unwrap();
        let ca = self.ca();
        let plane = Plane::new(&url, ca.to_str(), "ocore_agent_t".into()).unwrap();
        Way::new(plane, "boot".to_owned())
    }

    fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }
}

fn push(ring: &Mutex<Ring>, times: impl IntoIterator<Item = i64>) {
    for at in times {
        let sample = ocore_telemetry::Sample {
            at,
            ..ocore_telemetry::Sample::default()
        };
        ring.lock().unwrap().push(at, sample.encode().unwrap());
    }
}

#[tokio::test]
async fn everything_arrives_in_order_whatever_happens_on_the_way() {
    let plan = [
        Does::Answer(503),
        Does::Break,
        Does::Answer(401),
        Does::Answer(429),
        Does::Answer(204),
        Does::Break,
    ];
    let receiver = Receiver::start(&plan).await;
    let (ring, more) = (Arc::new(Mutex::new(Ring::new())), Arc::new(Notify::new()));
    push(&ring, 1..=70);
    let delivering = tokio::spawn(deliver_all(receiver.way(), ring.clone(), more.clone()));
    more.notify_one();
    for _ in 0..600 {
        if ring.lock().unwrap().len() == 0 {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    delivering.abort();
    let arrived: Vec<Vec<i64>> = receiver.arrived().into_iter().map(|(_, times)| times).collect();
    let range = |from, to| (from..=to).collect::<Vec<i64>>();
    // What arrived before the connection broke comes again, whole and first.
    assert_eq!(
        arrived,
        [
            range(1, 30),
            range(1, 30),
            range(31, 60),
            range(31, 60),
            range(61, 70)
        ]
    );
    assert_eq!(ring.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn what_is_refused_is_dropped_and_told_as_lost() {
    let receiver = Receiver::start(&[Does::Answer(413)]).await;
    let (mut way, ring) = (receiver.way(), Mutex::new(Ring::new()));
    push(&ring, 1..=40);
    assert!(matches!(
        deliver_next(&mut way, &ring).await,
        Some(Outcome::Refused(_))
    ));
    assert!(matches!(
        deliver_next(&mut way, &ring).await,
        Some(Outcome::Accepted)
    ));
    assert!(deliver_next(&mut way, &ring).await.is_none());
    assert_eq!(receiver.arrived(), [(30, (31..=40).collect())]);
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_no_failure() {
    let receiver = Receiver::start(&[Does::Answer(204), Does::Break]).await;
    let (mut way, ring) = (receiver.way(), Mutex::new(Ring::new()));
    push(&ring, [1]);
    assert!(matches!(
        deliver_next(&mut way, &ring).await,
        Some(Outcome::Accepted)
    ));
    push(&ring, [2]);
    assert!(matches!(
        deliver_next(&mut way, &ring).await,
        Some(Outcome::Accepted)
    ));
    assert_eq!(receiver.arrived(), [(0, vec![1]), (0, vec![2]), (0, vec![2])]);
}

#[tokio::test]
async fn nobody_else_is_believed() {
    let (receiver, other) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let url = Url::parse(&format!("https://{}", receiver.address)).unwrap();
    let ca = other.ca();
    let plane = Plane::new(&url, ca.to_str(), "ocore_agent_t".into()).unwrap();
    let mut way = Way::new(plane, "boot".to_owned());
    let Outcome::Later(fault) = way.deliver(0, &[]).await else {
        panic!("a certificate of somebody else was believed");
    };
    assert!(fault.0.contains("no TLS"), "{fault}");
    assert_eq!(receiver.arrived(), []);
}
