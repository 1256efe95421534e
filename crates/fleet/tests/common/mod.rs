//! A real sshd of a test's own, and what is looked up in the real machine.
#![expect(dead_code, reason = "each test program uses its part")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use ocore_domain::server::Privilege;
use ocore_fleet::{Access, Credential, ExpectedKey, HostKey};
use tempfile::TempDir;

const SSHD: &str = "/usr/sbin/sshd";

/// The Docker Engine's socket of this machine.
pub(crate) const SOCKET: &str = "/var/run/docker.sock";

/// An sshd of a test's own, with a host key and a user's key of its own. It ends with the test.
pub(crate) struct Sshd {
    pub(crate) directory: TempDir,
    pub(crate) port: u16,
    process: Option<Child>,
}

impl Sshd {
    /// With these lines beside the necessary ones in its configuration.
    pub(crate) fn start(lines: &str) -> Self {
        assert!(
            Path::new(SSHD).exists(),
            "this test needs a real sshd: apt-get install openssh-server"
        );
        let directory = tempfile::tempdir().unwrap();
        for name in ["host", "user"] {
            keygen(&directory.path().join(name), &["-t", "ed25519", "-N", ""]);
        }
        let place = directory.path().display();
        let port = free_port();
        let config = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {place}/host\nAuthorizedKeysFile {place}/user.pub\n\
             StrictModes no\nUsePAM no\nPidFile none\nPermitRootLogin yes\nMaxStartups 100\n{lines}\n"
        );
        fs::write(directory.path().join("config"), config).unwrap();
        let mut sshd = Self {
            directory,
            port,
            process: None,
        };
        sshd.run();
        sshd
    }

    /// Starts it, also again.
    pub(crate) fn run(&mut self) {
        fs::create_dir_all("/run/sshd").unwrap();
        let log = fs::File::create(self.directory.path().join("log")).unwrap();
        let process = Command::new(SSHD)
            .args(["-D", "-e", "-f"])
            .arg(self.directory.path().join("config"))
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let listens = || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok();
        wait_until("sshd listens", Duration::from_secs(10), listens);
    }

    /// Ends it; the connections it has made go on.
    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Access with the user's key.
    pub(crate) fn access(&self) -> Access {
        Access {
            host: "127.0.0.1".to_owned(),
            port: self.port,
            user: whoami(),
            credential: Credential::Key {
                private_key: fs::read_to_string(self.directory.path().join("user"))
                    .unwrap()
                    .into(),
                passphrase: None,
            },
            host_key: ExpectedKey::Any,
            privilege: Privilege::Root,
            docker_socket: SOCKET.to_owned(),
            max_sessions: 8,
        }
    }

    /// Its host key.
    pub(crate) fn host_key(&self) -> HostKey {
        fs::read_to_string(self.directory.path().join("host.pub"))
            .unwrap()
            .parse()
            .unwrap()
    }

    /// The processes it has made for connections.
    pub(crate) fn connections(&self) -> Vec<u32> {
        let parent = self.process.as_ref().map_or(0, Child::id);
        let ours = |(_, above, words): &(u32, u32, String)| *above == parent && !words.contains("[net]");
        processes()
            .into_iter()
            .filter(ours)
            .map(|(pid, ..)| pid)
            .collect()
    }

    /// Breaks every connection it has.
    pub(crate) fn break_connections(&self) {
        for pid in self.connections() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.break_connections();
        self.stop();
    }
}

pub(crate) fn keygen(path: &PathBuf, arguments: &[&str]) {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-C", "", "-f"])
        .arg(path)
        .args(arguments)
        .status();
    assert!(made.unwrap().success());
}

pub(crate) fn whoami() -> String {
    let said = Command::new("id").arg("-un").output().unwrap().stdout;
    String::from_utf8(said).unwrap().trim().to_owned()
}

/// Number, parent and words of every process.
pub(crate) fn processes() -> Vec<(u32, u32, String)> {
    let listed = Command::new("ps")
        .args(["-e", "-o", "pid=,ppid=,args="])
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let read = |line: &str| {
        let mut words = line.split_whitespace();
        let (pid, above) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some((pid, above, words.collect::<Vec<_>>().join(" ")))
    };
    listed.lines().filter_map(read).collect()
}

/// Whether a process of exactly these words runs.
pub(crate) fn runs(words: &str) -> bool {
    processes().iter().any(|(_, _, found)| found == words)
}

/// A number of seconds that no other process sleeps.
pub(crate) fn nap(which: u16) -> String {
    format!("{}.{which}", 100_000 + std::process::id())
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

pub(crate) fn wait_until(what: &str, limit: Duration, mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < limit, "waited for {limit:?} until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// An image with busybox and nothing else, made without any registry.
pub(crate) fn busybox() -> &'static str {
    const IMAGE: &str = "ocore-test-busybox:latest";
    let there = Command::new("docker")
        .args(["image", "inspect", IMAGE])
        .output()
        .unwrap();
    if !there.status.success() {
        let tree = tempfile::tempdir().unwrap();
        let bin = tree.path().join("bin");
        fs::create_dir_all(&bin).unwrap();
        fs::create_dir_all(tree.path().join("tmp")).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox"))
            .expect("this test needs: apt-get install busybox-static");
        let applets = Command::new("/bin/busybox").arg("--list").output().unwrap();
        for applet in String::from_utf8(applets.stdout).unwrap().lines() {
            let _ = std::os::unix::fs::symlink("busybox", bin.join(applet));
        }
        let archive = tree.path().join("../").canonicalize().unwrap();
        let archive = archive.join(format!("ocore-test-busybox-{}.tar", std::process::id()));
        let packed = Command::new("tar")
            .arg("-cf")
            .arg(&archive)
            .arg("-C")
            .arg(tree.path())
            .args(["bin", "tmp"])
            .status();
        assert!(packed.unwrap().success());
        let imported = Command::new("docker")
            .args(["import", "-c", "ENV PATH=/bin"])
            .arg(&archive)
            .arg(IMAGE)
            .output();
        let _ = fs::remove_file(&archive);
        assert!(imported.unwrap().status.success());
    }
    IMAGE
}
