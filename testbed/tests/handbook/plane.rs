//! A real `ocore serve` with a real server, and a shell beside it.

use std::{
    fs::{self, File},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// The server that blocks may use, in the testbed and by name.
const SERVER: (u8, &str) = (4, "web1");

/// The `ocore` to run.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("OCORE_BIN")
        .unwrap_or_else(|| panic!("OCORE_BIN names the ocore to run"))
        .into()
}

pub(crate) struct Plane {
    folder: TempDir,
    serve: Child,
    address: String,
    token: String,
}

/// What a block did.
pub(crate) struct Said {
    /// Its commands that failed, with their exit codes.
    pub(crate) failed: Vec<(i32, String)>,
    pub(crate) text: String,
}

impl Plane {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("bin")).unwrap();
        std::os::unix::fs::symlink(binary(), at("bin/ocore")).unwrap();
        fs::create_dir(at("work")).unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let address = format!("127.0.0.1:{port}");
        let serve = Command::new(binary())
            .arg("serve")
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("ENVIRONMENT", "development")
            .env("OCORE_DATA_DIR", at("data"))
            .env("OCORE_LISTEN", &address)
            .env("OCORE_AGENT_AUTO", "false")
            .stdin(Stdio::null())
            .stdout(File::create(at("said")).unwrap())
            .stderr(File::create(at("log")).unwrap())
            .spawn()
            .unwrap();
        let mut plane = Self {
            folder,
            serve,
            address,
            token: String::new(),
        };
        let end = Instant::now() + Duration::from_secs(60);
        while !plane.read("said").contains("listens on") {
            assert!(
                Instant::now() < end,
                "oCore does not begin: {}",
                plane.read("log")
            );
            sleep(Duration::from_millis(100));
        }
        let said = plane.read("said");
        let (_, token) = said.split_once("OCORE_TOKEN=").unwrap();
        token
            .split_whitespace()
            .next()
            .unwrap()
            .clone_into(&mut plane.token);
        clean();
        let server = ocore_testbed::server(SERVER.0);
        let add = format!(
            "ocore server add {} --host {} --user root --key-file {}",
            SERVER.1,
            server.address,
            server.key_path.display()
        );
        let said = plane.run(&add);
        assert!(said.failed.is_empty(), "{add}: {}", said.text);
        plane
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.folder.path().join(name)).unwrap()
    }

    /// Runs lines of shell, to their end whatever fails.
    pub(crate) fn run(&self, block: &str) -> Said {
        let failed = self.folder.path().join("failed");
        let script = format!(
            "set -uo pipefail\ntrap 'echo \"$? $BASH_COMMAND\" >>{}' ERR\n{block}",
            failed.display()
        );
        let path = format!(
            "{}:{}",
            self.folder.path().join("bin").display(),
            std::env::var("PATH").unwrap()
        );
        let output = Command::new("timeout")
            .args(["60", "bash", "-c", &script])
            .current_dir(self.folder.path().join("work"))
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.folder.path())
            .env("OCORE_URL", format!("http://{}", self.address))
            .env("OCORE_TOKEN", &self.token)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let lines = fs::read_to_string(&failed).unwrap_or_default();
        let _ = fs::remove_file(&failed);
        let mut failed: Vec<(i32, String)> = lines
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(code, command)| (code.parse().unwrap_or(-1), command.to_owned()))
            .collect();
        if failed.is_empty() && !output.status.success() {
            failed.push((output.status.code().unwrap_or(-1), "the shell".to_owned()));
        }
        let text = [output.stdout, output.stderr].concat();
        Said {
            failed,
            text: String::from_utf8_lossy(&text).replace(&self.token, "(the token)"),
        }
    }
}

/// Takes away what another oCore left on the server: it would not be touched.
fn clean() {
    let script = "docker ps -aq | xargs -r docker rm -fv; docker volume ls -q | xargs -r docker volume rm
        docker network ls -q --filter name=ocore | xargs -r docker network rm";
    ocore_testbed::start(SERVER.0).unwrap();
    ocore_testbed::wait_ready(SERVER.0).unwrap();
    let answer = ocore_testbed::exec(SERVER.0, script).unwrap();
    assert!(answer.success(), "{}", answer.stderr);
}

impl Drop for Plane {
    /// In order: it has a PostgreSQL of its own to stop. The server stays as it is: each test that uses one cleans it first.
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.serve.id().to_string()).status();
        let _ = self.serve.wait();
    }
}
