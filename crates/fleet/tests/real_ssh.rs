//! Connecting and running commands, against a real sshd.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod common;

use std::{
    fs,
    io::{Read as _, Write as _},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use common::{Sshd, free_port, keygen, nap, runs, wait_until};
use ocore_domain::{Code, Problem, ServerId, server::Privilege};
use ocore_fleet::{Access, Credential, ExpectedKey, Host, Hosts, LineSink, Script, connect};
use secrecy::{SecretSlice, SecretString};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const KILLED: Duration = Duration::from_secs(10);

async fn refusal(access: &Access) -> Problem {
    match connect(access).await {
        Ok(_) => panic!("it connected"),
        Err(problem) => problem,
    }
}

async fn host(sshd: &Sshd) -> Arc<dyn Host> {
    connect(&sshd.access()).await.unwrap().0
}

async fn say(host: &Arc<dyn Host>, script: &str) -> String {
    let finished = host.run(Script::new(script)).await.unwrap();
    finished.success("A test's command").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_reached_is_told_apart() {
    let sshd = Sshd::start("");
    let unknown = Access {
        host: "no-such-host.invalid".to_owned(),
        ..sshd.access()
    };
    assert_eq!(refusal(&unknown).await.code, Code::SshHostUnknown);
    let closed = Access {
        port: free_port(),
        ..sshd.access()
    };
    let problem = refusal(&closed).await;
    assert_eq!(problem.code, Code::SshUnreachable);
    assert!(problem.detail.contains("refused"), "{problem}");
    let web = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = web.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in web.incoming().take(2) {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 100]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let web = Access {
        port,
        ..sshd.access()
    };
    assert_eq!(refusal(&web).await.code, Code::SshProtocol);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_and_a_password_that_do_not_fit_are_refused() {
    let sshd = Sshd::start("PasswordAuthentication yes");
    let other = sshd.directory.path().join("other");
    keygen(&other, &["-t", "ed25519", "-N", ""]);
    let secret = fs::read_to_string(&other).unwrap();
    let with = |credential| Access {
        credential,
        ..sshd.access()
    };
    let key = with(Credential::Key {
        private_key: secret.into(),
        passphrase: None,
    });
    let problem = refusal(&key).await;
    assert_eq!(problem.code, Code::SshAuthFailed);
    assert!(problem.detail.contains("accepts: "), "{problem}");
    let password = with(Credential::Password("a-wrong-password".into()));
    let problem = refusal(&password).await;
    assert_eq!(problem.code, Code::SshAuthFailed);
    for text in [
        format!("{password:?}"),
        format!("{problem:?}"),
        problem.to_string(),
    ] {
        assert!(!text.contains("a-wrong-password"), "{text}");
    }
    assert!(!format!("{key:?}").contains("PRIVATE KEY"));
    let public = with(Credential::Key {
        private_key: fs::read_to_string(other.with_extension("pub")).unwrap().into(),
        passphrase: None,
    });
    assert_eq!(refusal(&public).await.code, Code::SshKeyInvalid);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_format_open_with_their_passphrase_only() {
    let sshd = Sshd::start("");
    let place = sshd.directory.path();
    let formats: [(&str, &[&str]); 5] = [
        ("ed25519", &["-t", "ed25519"]),
        ("rsa", &["-t", "rsa", "-b", "2048"]),
        ("rsa-pem", &["-t", "rsa", "-b", "2048", "-m", "PEM"]),
        ("rsa-pkcs8", &["-t", "rsa", "-b", "2048", "-m", "PKCS8"]),
        ("ecdsa", &["-t", "ecdsa", "-b", "256"]),
    ];
    for (name, arguments) in formats {
        for passphrase in ["", "open sesame"] {
            let path = place.join(format!("{name}-{}", passphrase.len()));
            keygen(&path, &[arguments, &["-N", passphrase]].concat());
            let mut allowed = fs::OpenOptions::new()
                .append(true)
                .open(place.join("user.pub"))
                .unwrap();
            allowed
                .write_all(&fs::read(path.with_extension("pub")).unwrap())
                .unwrap();
            let secret = fs::read_to_string(&path).unwrap();
            let with = |given: Option<&str>| Access {
                credential: Credential::Key {
                    private_key: secret.replace('\n', " \r\n").into(),
                    passphrase: given.map(SecretString::from),
                },
                ..sshd.access()
            };
            let fits = with(Some(passphrase).filter(|text| !text.is_empty()));
            connect(&fits)
                .await
                .unwrap_or_else(|problem| panic!("{name} {passphrase:?}: {problem}"));
            if !passphrase.is_empty() {
                for given in [None, Some("wrong")] {
                    let problem = refusal(&with(given)).await;
                    assert_eq!(
                        problem.code,
                        Code::SshKeyPassphrase,
                        "{name} {given:?}: {problem}"
                    );
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_key_is_refused_with_both_fingerprints() {
    let mut sshd = Sshd::start("");
    let (_, first) = connect(&sshd.access()).await.unwrap();
    let first = first.unwrap();
    assert_eq!(first, sshd.host_key());
    let pinned = Access {
        host_key: ExpectedKey::Pinned(first.clone()),
        ..sshd.access()
    };
    connect(&pinned).await.unwrap();
    sshd.stop();
    for name in ["host", "host.pub"] {
        fs::remove_file(sshd.directory.path().join(name)).unwrap();
    }
    keygen(
        &sshd.directory.path().join("host"),
        &["-t", "ecdsa", "-b", "256", "-N", ""],
    );
    sshd.run();
    // By the key itself, or by its fingerprint alone: refused before a password or a signature goes out.
    let named = Access {
        host_key: ExpectedKey::Fingerprint(first.fingerprint()),
        credential: Credential::Password("never-sent".into()),
        ..sshd.access()
    };
    for access in [pinned, named] {
        let problem = refusal(&access).await;
        assert_eq!(problem.code, Code::SshHostKeyChanged);
        for key in [&first, &sshd.host_key()] {
            assert!(problem.detail.contains(&key.fingerprint()), "{problem}");
        }
    }
    let named = Access {
        host_key: ExpectedKey::Fingerprint(sshd.host_key().fingerprint()),
        ..sshd.access()
    };
    connect(&named).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn output_input_and_status_come_back() {
    let sshd = Sshd::start("");
    let host = host(&sshd).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let sink: LineSink = {
        let told = told.clone();
        Arc::new(move |line: &str| told.lock().unwrap().push(line.to_owned()))
    };
    let script = Script::new("echo \"it's here\"; cat; echo wrong >&2; exit 7")
        .stdin(SecretSlice::from(b"a\\b\n".to_vec()))
        .lines(sink);
    let finished = host.run(script).await.unwrap();
    assert_eq!(
        (finished.status, &*finished.stdout, &*finished.stderr),
        (7, "it's here\na\\b\n", "wrong\n")
    );
    told.lock().unwrap().sort();
    assert_eq!(*told.lock().unwrap(), ["a\\b", "it's here", "wrong"]);
    let problem = finished.success("Looking").unwrap_err();
    assert_eq!(problem.code, Code::CommandFailed);
    assert!(problem.detail.contains("wrong"));
    let big = Script::new("wc -c").stdin(SecretSlice::from(vec![b'x'; 5 << 20]));
    assert_eq!(host.run(big).await.unwrap().stdout.trim(), (5 << 20).to_string());
    let unread = Script::new("exit 3").stdin(SecretSlice::from(vec![b'x'; 5 << 20]));
    assert_eq!(host.run(unread).await.unwrap().status, 3);
    let began = Instant::now();
    for _ in 0..10 {
        say(&host, "true").await;
    }
    // A shell's own beginning may be slow; waiting for the end of the output in vain would be slower.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    // One that leaves something behind does not hold its caller up; what it left goes on.
    let began = Instant::now();
    let left = say(&host, &format!("sleep {} & echo $!", nap(1))).await;
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(runs(&format!("sleep {}", nap(1))));
    say(&host, &format!("kill {left}")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_calls_at_once_are_one_connection() {
    let sshd = Sshd::start("");
    let (hosts, server) = (Arc::new(Hosts::new()), ServerId::new());
    let calls = (0..50).map(|number| {
        let (hosts, access) = (hosts.clone(), sshd.access());
        tokio::spawn(async move {
            let host = hosts.get(server, async { Ok(access) }).await.unwrap();
            let finished = host.run(Script::new(format!("echo {number}"))).await.unwrap();
            assert_eq!(finished.stdout.trim(), number.to_string());
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.unwrap();
    }
    assert_eq!((hosts.connections(), sshd.connections().len()), (1, 1));
    hosts.forget(server).await;
    assert_eq!(hosts.connections(), 0);
    wait_until("the connection is closed", KILLED, || {
        sshd.connections().is_empty()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_sessions_than_we_think_only_take_longer() {
    let sshd = Sshd::start("MaxSessions 2");
    let host = host(&sshd).await;
    let calls = (0..8).map(|_| {
        let host = host.clone();
        tokio::spawn(async move { say(&host, "sleep 0.2; echo done").await })
    });
    for call in calls.collect::<Vec<_>>() {
        assert_eq!(call.await.unwrap(), "done\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_script_ends_with_all_it_started() {
    let sshd = Sshd::start("");
    let host = host(&sshd).await;
    let (first, second) = (format!("sleep {}", nap(1)), format!("sleep {}", nap(2)));
    let script = format!("trap '' TERM; {first} & setsid {second}; wait");
    let running = {
        let (host, script) = (host.clone(), script.clone());
        tokio::spawn(async move { host.run(Script::new(script)).await })
    };
    wait_until("it runs", KILLED, || runs(&first) && runs(&second));
    running.abort();
    wait_until("it is ended", KILLED, || !runs(&first) && !runs(&second));
    // The same when its time is over.
    let late = host
        .run(Script::new(script).timeout(Duration::from_millis(700)))
        .await;
    assert_eq!(late.unwrap_err().code, Code::StepTimeout);
    wait_until("it is ended", KILLED, || !runs(&first) && !runs(&second));
    assert_eq!(say(&host, "echo well").await, "well\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_ends_the_command_and_is_made_again() {
    let sshd = Sshd::start("");
    let (hosts, server) = (Hosts::new(), ServerId::new());
    let host = hosts.get(server, async { Ok(sshd.access()) }).await.unwrap();
    let sleep = format!("sleep {}", nap(1));
    let running = {
        let (host, sleep) = (host.clone(), sleep.clone());
        tokio::spawn(async move { host.run(Script::new(sleep)).await })
    };
    wait_until("it runs", KILLED, || runs(&sleep));
    sshd.break_connections();
    let problem = running.await.unwrap().unwrap_err();
    assert_eq!(problem.code, Code::SshConnectionLost, "{problem}");
    wait_until("it is ended", KILLED, || !runs(&sleep));
    assert!(!host.is_alive());
    let again = hosts.get(server, async { Ok(sshd.access()) }).await.unwrap();
    assert_eq!(say(&again, "echo well").await, "well\n");
    assert_eq!(hosts.connections(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn letting_a_connection_go_does_not_end_work_in_flight() {
    let sshd = Sshd::start("");
    let (hosts, server) = (Hosts::new(), ServerId::new());
    let (host, _) = connect(&sshd.access()).await.unwrap();
    hosts.adopt(server, host).await;
    let host = hosts
        .get(server, async { panic!("an adopted connection was not used") })
        .await
        .unwrap();
    assert_eq!(sshd.connections().len(), 1);
    let running = tokio::spawn(async move { say(&host, "sleep 1; echo done").await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    hosts.forget(server).await;
    assert_eq!(running.await.unwrap(), "done\n");
    wait_until("the connection is closed", KILLED, || {
        sshd.connections().is_empty()
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_does_not_answer_is_not_called_each_time() {
    let mut sshd = Sshd::start("");
    sshd.stop();
    let (hosts, server) = (Hosts::new(), ServerId::new());
    let mut called = 0;
    for _ in 0..20 {
        let access = sshd.access();
        let called = &mut called;
        let answer = hosts
            .get(server, async move {
                *called += 1;
                Ok(access)
            })
            .await;
        assert_eq!(answer.err().unwrap().code, Code::SshUnreachable);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(called < 6, "{called}");
    // New credentials are tried at once.
    sshd.run();
    hosts.forget(server).await;
    hosts.get(server, async { Ok(sshd.access()) }).await.unwrap();
}

/// A listener that answers each connection with what it says.
async fn echo() -> u16 {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_reached_with_and_without_forwarding() {
    let port = echo().await;
    for lines in ["", "AllowTcpForwarding no"] {
        let sshd = Sshd::start(lines);
        let host = host(&sshd).await;
        for _ in 0..3 {
            let mut stream = host.connect(port).await.unwrap();
            let sent: Vec<u8> = (0..3_000_000_u32).map(|number| (number % 251) as u8).collect();
            let (mut read, mut write) = tokio::io::split(&mut stream);
            let mut came = vec![0; sent.len()];
            let both = futures::future::join(read.read_exact(&mut came), write.write_all(&sent));
            let (read, written) = tokio::time::timeout(Duration::from_secs(20), both).await.unwrap();
            read.unwrap();
            written.unwrap();
            assert!(came == sent);
        }
        let problem = host.connect(free_port()).await.err().unwrap();
        assert_eq!(problem.code, Code::CommandFailed, "{problem}");
        assert!(problem.detail.contains("nothing answers"), "{problem}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stands_still_does_not_hold_up_the_others() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // In small pieces, of which the fewest fit.
        while stream.write_all(&[b'x'; 1000]).await.is_ok() {}
    });
    let sshd = Sshd::start("");
    let host = host(&sshd).await;
    let _unread = host.connect(port).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let answer = tokio::time::timeout(Duration::from_secs(8), say(&host, "echo well")).await;
    assert_eq!(answer.unwrap(), "well\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn root_is_not_asked_for_where_it_cannot_be_had() {
    let sshd = Sshd::start("");
    let access = Access {
        privilege: Privilege::DockerOnly,
        ..sshd.access()
    };
    let (host, _) = connect(&access).await.unwrap();
    let problem = host.run(Script::new("id").as_root()).await.unwrap_err();
    assert_eq!(problem.code, Code::SudoRequired);
}
