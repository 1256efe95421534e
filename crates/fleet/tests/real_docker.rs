//! The Docker Engine, against a real one: over its socket, and over a real sshd by each of the two ways.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    collections::BTreeMap,
    process::Command,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{SOCKET, Sshd, busybox, free_port, nap, runs, wait_until};
use futures::{StreamExt, TryStreamExt};
use ocore_domain::{
    Code,
    server::{DockerRoute, Privilege},
};
use ocore_fleet::{
    Access, ContainerSpec, ContainerState, Credential, Engine, Exec, ExpectedKey, Host, Labels, LineSink,
    PortBinding, UploadFile, connect, label,
};
use secrecy::SecretSlice;

const KILLED: Duration = Duration::from_secs(10);

/// What one test makes in the Engine; gone when the test is.
struct Place {
    name: String,
    labels: Labels,
}

impl Place {
    fn new(test: &str) -> Self {
        busybox();
        let name = format!("ocore-test-{}-{test}", std::process::id());
        Self {
            labels: BTreeMap::from([
                (label::MANAGED.to_owned(), "true".to_owned()),
                (label::INSTANCE.to_owned(), name.clone()),
            ]),
            name,
        }
    }

    fn foreign() -> Labels {
        BTreeMap::from([(label::INSTANCE.to_owned(), "another".to_owned())])
    }

    fn spec(&self, command: &[&str]) -> ContainerSpec {
        ContainerSpec {
            name: self.name.clone(),
            image: busybox().to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            labels: self.labels.clone(),
            init: true,
            ..ContainerSpec::default()
        }
    }

    async fn running(&self, engine: &Engine, script: &str) {
        engine
            .create_container(&self.spec(&["sh", "-c", script]))
            .await
            .unwrap();
        engine.start(&self.name).await.unwrap();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let filter = format!("label={}={}", label::INSTANCE, self.name);
        for (list, remove) in [
            (vec!["ps", "-aq"], vec!["rm", "-fv"]),
            (vec!["volume", "ls", "-q"], vec!["volume", "rm"]),
            (vec!["network", "ls", "-q"], vec!["network", "rm"]),
        ] {
            let found = Command::new("docker")
                .args(list)
                .args(["--filter", &filter])
                .output();
            let found = String::from_utf8_lossy(&found.unwrap().stdout).into_owned();
            for id in found.split_whitespace() {
                let _ = Command::new("docker").args(&remove).arg(id).output();
            }
        }
    }
}

async fn local() -> Arc<dyn Host> {
    let access = Access {
        host: String::new(),
        port: 0,
        user: String::new(),
        credential: Credential::Local,
        host_key: ExpectedKey::Any,
        privilege: Privilege::Root,
        docker_socket: SOCKET.to_owned(),
        max_sessions: 8,
    };
    connect(&access).await.unwrap().0
}

async fn engine() -> Engine {
    local().await.engine().await.unwrap()
}

fn exec(script: &str) -> Exec {
    Exec {
        argv: ["sh", "-c", script].map(str::to_owned).to_vec(),
        stdin: None,
        user: None,
        timeout: Duration::from_secs(20),
        lines: None,
    }
}

fn quiet() -> LineSink {
    Arc::new(|_| {})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_is_made_once_and_again_when_it_is_asked_for_otherwise() {
    let (place, engine) = (Place::new("create"), engine().await);
    let id = async || engine.container(&place.name).await.unwrap().unwrap().id;
    let mut spec = place.spec(&["sleep", "1000"]);
    spec.env = vec![("SECRET".to_owned(), "first".into())];
    engine.create_container(&spec).await.unwrap();
    let first = id().await;
    engine.create_container(&spec).await.unwrap();
    assert_eq!(id().await, first);
    spec.env = vec![("SECRET".to_owned(), "second".into())];
    engine.create_container(&spec).await.unwrap();
    let second = id().await;
    assert_ne!(second, first);
    let foreign = ContainerSpec {
        labels: Place::foreign(),
        ..spec.clone()
    };
    let refused = engine.create_container(&foreign).await;
    assert_eq!(refused.unwrap_err().code, Code::ForeignResource);
    for nobodys in [Place::foreign(), Labels::new()] {
        engine.remove_container(&place.name, &nobodys).await.unwrap();
    }
    assert_eq!(id().await, second);
    engine.start(&place.name).await.unwrap();
    engine.start(&place.name).await.unwrap();
    let seen = engine.container(&place.name).await.unwrap().unwrap();
    assert_eq!(
        (seen.state, seen.is_running(), seen.restart_count),
        (ContainerState::Running, true, 0)
    );
    assert_eq!(seen.image, busybox());
    assert!(seen.started_at.is_some());
    assert!(!format!("{spec:?}").contains("second"));
    let all = engine.containers(&place.labels).await.unwrap();
    assert_eq!(all.len(), 1);
    engine.stop(&place.name, Duration::from_secs(1)).await.unwrap();
    engine.stop(&place.name, Duration::from_secs(1)).await.unwrap();
    let other = format!("{}-other", place.name);
    engine.rename(&place.name, &other).await.unwrap();
    assert!(engine.container(&place.name).await.unwrap().is_none());
    engine.remove_container(&other, &place.labels).await.unwrap();
    engine.remove_container(&other, &place.labels).await.unwrap();
    engine.stop(&other, Duration::from_secs(1)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn volumes_and_networks_of_others_are_left_alone() {
    let (place, engine) = (Place::new("volume"), engine().await);
    for _ in 0..2 {
        engine.ensure_volume(&place.name, &place.labels).await.unwrap();
        engine.ensure_network(&place.name, &place.labels).await.unwrap();
    }
    assert_eq!(
        engine.volumes(&place.labels).await.unwrap(),
        std::slice::from_ref(&place.name)
    );
    let foreign = Place::foreign();
    for refused in [
        engine.ensure_volume(&place.name, &foreign).await,
        engine.ensure_network(&place.name, &foreign).await,
    ] {
        assert_eq!(refused.unwrap_err().code, Code::ForeignResource);
    }
    for nobodys in [&foreign, &Labels::new()] {
        engine.remove_volume(&place.name, nobodys).await.unwrap();
        engine.remove_network(&place.name, nobodys).await.unwrap();
    }
    assert_eq!(engine.volumes(&place.labels).await.unwrap().len(), 1);
    // Still there: of another owner, it could not be made.
    assert!(engine.ensure_network(&place.name, &foreign).await.is_err());
    for _ in 0..2 {
        engine.remove_volume(&place.name, &place.labels).await.unwrap();
        engine.remove_network(&place.name, &place.labels).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_is_named() {
    let (place, engine) = (Place::new("port"), engine().await);
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let spec = ContainerSpec {
        ports: vec![PortBinding {
            host_ip: "127.0.0.1".to_owned(),
            host_port: port,
            container_port: 80,
        }],
        ..place.spec(&["sleep", "1000"])
    };
    engine.create_container(&spec).await.unwrap();
    let problem = engine.start(&place.name).await.unwrap_err();
    assert_eq!(problem.code, Code::PortTaken, "{problem}");
    assert!(problem.detail.contains(&port.to_string()), "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn files_go_in_and_come_out() {
    let (place, engine) = (Place::new("files"), engine().await);
    let file = |path: &str, text: &str, mode| UploadFile {
        path: path.to_owned(),
        content: SecretSlice::from(text.as_bytes().to_vec()),
        mode,
    };
    let spec = ContainerSpec {
        files: vec![file("/etc/new/conf", "a secret", 0o440)],
        ..place.spec(&["sleep", "1000"])
    };
    assert!(!format!("{spec:?}").contains("a secret"));
    engine.create_container(&spec).await.unwrap();
    engine.start(&place.name).await.unwrap();
    engine
        .upload(&place.name, &[file("/tmp/late", "later", 0o600)])
        .await
        .unwrap();
    assert_eq!(
        engine.read_file(&place.name, "/etc/new/conf").await.unwrap(),
        b"a secret"
    );
    let looked = exec("cat /tmp/late; stat -c ' %a %u' /tmp/late /etc/new/conf");
    let looked = engine.exec(&place.name, looked).await.unwrap();
    assert_eq!(looked.stdout, "later 600 0\n 440 0\n", "{looked:?}");
    let missing = engine.read_file(&place.name, "/not/there").await.unwrap_err();
    assert_eq!(missing.code, Code::DockerFailed, "{missing}");
}

async fn exec_works(engine: &Engine, place: &Place) {
    place.running(engine, "sleep 1000").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink = told.clone();
    let full = Exec {
        stdin: Some(SecretSlice::from(b"from afar\n".to_vec())),
        lines: Some(Arc::new(move |line: &str| {
            sink.lock().unwrap().push(line.to_owned());
        })),
        ..exec("cat; echo wrong >&2; exit 9")
    };
    let finished = engine.exec(&place.name, full).await.unwrap();
    assert_eq!(
        (finished.status, &*finished.stdout, &*finished.stderr),
        (9, "from afar\n", "wrong\n")
    );
    told.lock().unwrap().sort();
    assert_eq!(*told.lock().unwrap(), ["from afar", "wrong"]);
    let big = Exec {
        stdin: Some(SecretSlice::from(vec![b'x'; 3 << 20])),
        ..exec("wc -c")
    };
    let counted = engine.exec(&place.name, big).await.unwrap();
    assert_eq!(counted.stdout.trim(), (3 << 20).to_string());
    let unread = Exec {
        stdin: Some(SecretSlice::from(vec![b'x'; 3 << 20])),
        ..exec("exit 4")
    };
    assert_eq!(engine.exec(&place.name, unread).await.unwrap().status, 4);
    // Cancelled, and over time.
    let nap = format!("sleep {}", nap(7));
    let script = format!("trap '' TERM; {nap} & wait; {nap}");
    let running = {
        let (engine, name, script) = (engine.clone(), place.name.clone(), exec(&script));
        tokio::spawn(async move { engine.exec(&name, script).await })
    };
    wait_until("it runs", KILLED, || runs(&nap));
    running.abort();
    wait_until("it is ended", KILLED, || !runs(&nap));
    let late = Exec {
        timeout: Duration::from_secs(1),
        ..exec(&script)
    };
    assert_eq!(
        engine.exec(&place.name, late).await.unwrap_err().code,
        Code::StepTimeout
    );
    wait_until("it is ended", KILLED, || !runs(&nap));
    let absent = engine.exec("ocore-test-no-such", exec("true")).await.unwrap_err();
    assert_eq!(absent.code, Code::DockerFailed, "{absent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_containers_end_with_their_caller() {
    exec_works(&engine().await, &Place::new("exec")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_in_containers_over_a_forwarded_socket() {
    let sshd = Sshd::start("");
    let (host, _) = connect(&sshd.access()).await.unwrap();
    let engine = host.engine().await.unwrap();
    assert_eq!(host.docker_route(), Some(DockerRoute::Streamlocal));
    exec_works(&engine, &Place::new("exec-ssh")).await;
    assert_eq!(sshd.connections().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_forwarding_is_forbidden_the_docker_command_carries_the_bytes() {
    let sshd = Sshd::start("AllowTcpForwarding no\nAllowStreamLocalForwarding no");
    let (host, _) = connect(&sshd.access()).await.unwrap();
    let engine = host.engine().await.unwrap();
    assert_eq!(host.docker_route(), Some(DockerRoute::DialStdio));
    let place = Place::new("exec-stdio");
    exec_works(&engine, &place).await;
    // More at once than there are sessions, each with an answer that lasts and others that do not.
    let calls = (0..16).map(|number| {
        let (engine, name) = (engine.clone(), place.name.clone());
        tokio::spawn(async move { engine.exec(&name, exec(&format!("echo {number}"))).await })
    });
    for (number, call) in calls.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(call.await.unwrap().unwrap().stdout.trim(), number.to_string());
    }
    assert_eq!(sshd.connections().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_connection_is_told_from_a_broken_engine() {
    let sshd = Sshd::start("");
    let (host, _) = connect(&sshd.access()).await.unwrap();
    let engine = host.engine().await.unwrap();
    let place = Place::new("broken");
    place.running(&engine, "sleep 1000").await;
    let nap = format!("sleep {}", nap(3));
    let running = {
        let (engine, name, script) = (engine.clone(), place.name.clone(), exec(&nap));
        tokio::spawn(async move { engine.exec(&name, script).await })
    };
    wait_until("it runs", KILLED, || runs(&nap));
    sshd.break_connections();
    let problem = running.await.unwrap().unwrap_err();
    assert_eq!(problem.code, Code::SshConnectionLost, "{problem}");
    wait_until("it is ended", KILLED, || !runs(&nap));
    let problem = engine.version().await.unwrap_err();
    assert_eq!(problem.code, Code::SshConnectionLost, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_engine_is_told_from_one_that_does_not_answer() {
    let sshd = Sshd::start("");
    let dead = sshd.directory.path().join("dead.sock");
    drop(std::os::unix::net::UnixListener::bind(&dead).unwrap());
    for credential in [Credential::Local, sshd.access().credential] {
        let with = |socket: &str| Access {
            credential: credential.clone(),
            docker_socket: socket.to_owned(),
            ..sshd.access()
        };
        let asked = connect(&with(dead.to_str().unwrap()))
            .await
            .unwrap()
            .0
            .engine()
            .await;
        let problem = asked.err().unwrap();
        assert_eq!(problem.code, Code::DockerUnavailable, "{credential:?}: {problem}");
        let host = connect(&with("/nowhere/docker.sock")).await.unwrap().0;
        let problem = host.engine().await.err().unwrap();
        // This machine has dockerd: over SSH that is seen.
        assert!(
            matches!(problem.code, Code::DockerMissing | Code::DockerUnavailable),
            "{credential:?}: {problem}"
        );
        assert_eq!(host.docker_route(), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_for_one_thing_goes_when_it_has_done_it() {
    let (place, engine) = (Place::new("once"), engine().await);
    let spec = place.spec(&["sh", "-c", "echo out; echo wrong >&2; exit 5"]);
    for _ in 0..2 {
        let told = Arc::new(Mutex::new(0));
        let sink = told.clone();
        let lines: LineSink = Arc::new(move |_| *sink.lock().unwrap() += 1);
        let finished = engine
            .run_to_end(&spec, Duration::from_secs(20), Some(lines))
            .await
            .unwrap();
        assert_eq!(
            (finished.status, &*finished.stdout, &*finished.stderr),
            (5, "out\n", "wrong\n")
        );
        assert_eq!(*told.lock().unwrap(), 2);
        assert!(engine.container(&place.name).await.unwrap().is_none());
    }
    // One that a killed run left is in nobody's way.
    place.running(&engine, "sleep 1000").await;
    let finished = engine
        .run_to_end(&spec, Duration::from_secs(20), None)
        .await
        .unwrap();
    assert_eq!(finished.status, 5);
    let unknown = ContainerSpec {
        image: "ocore-test-no-such-image".to_owned(),
        ..spec
    };
    let problem = engine
        .run_to_end(&unknown, Duration::from_secs(20), None)
        .await
        .unwrap_err();
    assert_eq!(problem.code, Code::ImageNotFound, "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_container_for_one_thing_goes_with_its_caller() {
    let (place, engine) = (Place::new("dropped"), engine().await);
    let spec = place.spec(&["sleep", "1000"]);
    let running = {
        let (engine, spec) = (engine.clone(), spec.clone());
        tokio::spawn(async move { engine.run_to_end(&spec, Duration::from_secs(60), None).await })
    };
    let state = async || engine.container(&place.name).await.unwrap();
    let began = Instant::now();
    while !state().await.is_some_and(|container| container.is_running()) {
        assert!(began.elapsed() < KILLED);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    running.abort();
    let began = Instant::now();
    while state().await.is_some() {
        assert!(began.elapsed() < KILLED);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let late = engine.run_to_end(&spec, Duration::from_secs(2), None).await;
    assert_eq!(late.unwrap_err().code, Code::StepTimeout);
    let began = Instant::now();
    while state().await.is_some() {
        assert!(began.elapsed() < KILLED);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_come_as_lines_and_are_followed() {
    let (place, engine) = (Place::new("logs"), engine().await);
    place
        .running(
            &engine,
            "for i in 1 2 3; do echo line $i; done; sleep 2; echo last",
        )
        .await;
    let followed = engine.logs(&place.name, true, None);
    let first: Vec<String> = engine
        .logs(&place.name, true, None)
        .take(3)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(first, ["line 1", "line 2", "line 3"]);
    let all: Vec<String> = tokio::time::timeout(Duration::from_secs(15), followed.try_collect())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(all, ["line 1", "line 2", "line 3", "last"]);
    let tail: Vec<String> = engine
        .logs(&place.name, false, Some(2))
        .try_collect()
        .await
        .unwrap();
    assert_eq!(tail, ["line 3", "last"]);
    let absent = engine.logs("ocore-test-no-such", false, None);
    assert!(absent.try_collect::<Vec<String>>().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_there_or_not() {
    let engine = engine().await;
    assert!(engine.image_present(busybox()).await.unwrap());
    assert!(engine.image_id(busybox()).await.unwrap().starts_with("sha256:"));
    engine.ensure_image(busybox(), &quiet()).await.unwrap();
    // Nobody listens there, so the registry cannot be reached either.
    let unknown = format!("127.0.0.1:{}/ocore-test/no-such:1", free_port());
    assert!(!engine.image_present(&unknown).await.unwrap());
    let problem = engine.ensure_image(&unknown, &quiet()).await.unwrap_err();
    assert_eq!(problem.code, Code::ImageNotFound, "{problem}");
    assert!(!engine.version().await.unwrap().is_empty());
    assert!(engine.info().await.unwrap().root_dir.starts_with('/'));
}

/// From one Engine, reached over SSH, into another: owners, modes and contents as they were, and a fault of either end told.
#[tokio::test(flavor = "multi_thread")]
async fn an_archive_flows_from_one_engine_into_another() {
    let sshd = Sshd::start("");
    let (host, _) = connect(&sshd.access()).await.unwrap();
    let (from, to) = (host.engine().await.unwrap(), engine().await);
    let (source, target) = (Place::new("flow-from"), Place::new("flow-to"));
    let make = "mkdir -p /data/deep && head -c 40000000 /dev/urandom >/data/large && echo x >'/data/deep/a  name' && \
                chown 1234:77 /data/large && chmod 640 /data/large && touch /ready; sleep 1000";
    source.running(&from, make).await;
    target.running(&to, "mkdir /there; sleep 1000").await;
    let ready = exec("until [ -e /ready ]; do sleep 0.1; done");
    from.exec(&source.name, ready).await.unwrap();
    let look = |of: &str| {
        exec(&format!(
            "cd {of} && sha256sum large && stat -c '%u %g %a' large && cat deep/*"
        ))
    };
    let before = from.exec(&source.name, look("/data")).await.unwrap().stdout;

    let pack = ["sh", "-c", "cd /data && tar -cf - ."];
    let limit = Duration::from_secs(60);
    let archive = from.archive_by(&source.name, &pack).await.unwrap();
    let length = to.unpack(&target.name, "/there", archive, limit).await.unwrap();
    assert!(length > 40_000_000, "{length}");
    assert_eq!(
        to.exec(&target.name, look("/there")).await.unwrap().stdout,
        before
    );
    assert!(before.contains("1234 77 640"), "{before}");

    // A single file by the Engine itself.
    let archive = from.archive_of(&source.name, "/data/large").await.unwrap();
    to.unpack(&target.name, "/tmp", archive, limit).await.unwrap();
    let same = exec("cmp /tmp/large /there/large");
    assert_eq!(to.exec(&target.name, same).await.unwrap().status, 0);

    let broken = [
        "sh",
        "-c",
        "cd /data && head -c 100000 large; echo no more >&2; exit 3",
    ];
    let archive = from.archive_by(&source.name, &broken).await.unwrap();
    let told = to
        .unpack(&target.name, "/there", archive, limit)
        .await
        .unwrap_err();
    assert!(
        told.code == Code::CommandFailed && told.detail.contains("no more"),
        "{told}"
    );
    let archive = from.archive_by(&source.name, &pack).await.unwrap();
    let told = to
        .unpack(&target.name, "/no/such", archive, limit)
        .await
        .unwrap_err();
    assert_eq!(told.code, Code::DockerFailed, "{told}");

    // Nobody takes it: the command ends.
    let nap = nap(7);
    let archive = from.archive_by(&source.name, &["sleep", &nap]).await.unwrap();
    let words = format!("sleep {nap}");
    wait_until("it runs", KILLED, || runs(&words));
    drop(archive);
    wait_until("it is ended", KILLED, || !runs(&words));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_container_uses_is_what_it_does_also_over_ssh() {
    let sshd = Sshd::start("");
    let over_ssh = connect(&sshd.access()).await.unwrap().0;
    let (place, local) = (Place::new("usage"), engine().await);
    let spec = ContainerSpec {
        memory_bytes: Some(64 << 20),
        ..place.spec(&["sh", "-c", "while :; do :; done"])
    };
    local.create_container(&spec).await.unwrap();
    local.start(&place.name).await.unwrap();
    for engine in [local, over_ssh.engine().await.unwrap()] {
        let used = async || {
            let all = engine.usage().await.unwrap();
            all.into_iter().find(|usage| usage.name == place.name).unwrap()
        };
        // The clock starts first: what was burnt while asking is in the time too.
        let (begun, before) = (Instant::now(), used().await);
        tokio::time::sleep(Duration::from_secs(2)).await;
        let (after, seconds) = (used().await, begun.elapsed().as_secs_f64());
        #[expect(clippy::cast_precision_loss, reason = "seconds")]
        let burnt = (after.cpu_nanos - before.cpu_nanos) as f64 / 1e9;
        // Others use the machine too, but a whole core for itself it cannot exceed.
        assert!(
            burnt > 0.2 * seconds && burnt < 1.1 * seconds,
            "{burnt} of {seconds}"
        );
        assert_eq!(after.instance.as_deref(), Some(place.name.as_str()));
        assert_eq!(after.memory_limit, 64 << 20);
        assert!(
            after.memory > 0 && after.memory < 64 << 20 && after.processes >= 1,
            "{after:?}"
        );
    }
}
