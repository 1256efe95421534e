//! A receiver of logs: Amazon's, as `moto` does it. It checks what it is sent as the real one does, and is read by Amazon's own
//! client.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::{
    command::{installed, output, read},
    packages::{Need, install},
    tools::{modules, source},
};

const TOOL: &str = "cloudwatch";

const PYTHON: [Need; 1] = [Need {
    what: "Python with virtual environments",
    package: "python3-venv",
    present: || {
        installed("python3")
            && output(Command::new("python3").args(["-c", "import ensurepip, venv"]))
                .is_ok_and(|answer| answer.success())
    },
}];

/// How long it may take to answer.
const START: Duration = Duration::from_secs(30);

/// An event as it arrived.
#[derive(Clone, Debug, Deserialize)]
pub struct LogEvent {
    /// The stream it is in.
    pub stream: String,
    /// When it happened, in milliseconds.
    pub timestamp: i64,
    /// What it says.
    pub message: String,
}

/// The receiver, for as long as it is not dropped. It speaks TLS only.
#[derive(Debug)]
pub struct CloudWatch {
    process: Child,
    address: SocketAddr,
    authority: PathBuf,
}

impl CloudWatch {
    /// Starts one on a free port, with a certificate and its key (PEM files) that this authority vouches for.
    pub fn start(certificate: &PathBuf, key: &PathBuf, authority: PathBuf) -> Result<Self> {
        let programs = python()?;
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let process = Command::new(programs.join("python"))
            .arg(source(TOOL).join("serve.py"))
            .arg(address.port().to_string())
            .arg(certificate)
            .arg(key)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("could not start moto")?;
        let mut receiver = Self {
            process,
            address,
            authority,
        };
        let end = Instant::now() + START;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = receiver.process.try_wait()? {
                bail!("moto ended: {status}");
            }
            if Instant::now() > end {
                bail!("moto does not answer on {address}");
            }
            sleep(Duration::from_millis(100));
        }
        Ok(receiver)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything in a log group, read by Amazon's client.
    pub fn events(&self, group: &str) -> Result<Vec<LogEvent>> {
        let lines = read(
            Command::new(python()?.join("python"))
                .arg(source(TOOL).join("read.py"))
                .arg(format!("https://{}", self.address))
                .arg(group)
                .env("AWS_CA_BUNDLE", &self.authority),
        )?;
        lines
            .lines()
            .map(|line| Ok(serde_json::from_str(line)?))
            .collect()
    }
}

impl Drop for CloudWatch {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The folder of the programs, which are installed if they are not there in the versions of `requirements.txt`.
fn python() -> Result<PathBuf> {
    let folder = modules(TOOL);
    let programs = folder.join("bin");
    let wanted = source(TOOL).join("requirements.txt");
    // Written last.
    let (there, versions) = (folder.join("installed.txt"), fs::read_to_string(&wanted)?);
    if fs::read_to_string(&there).is_ok_and(|there| there == versions) {
        return Ok(programs);
    }
    install(&PYTHON)?;
    eprintln!("installing moto into {}: pip install", folder.display());
    fs::create_dir_all(&folder)?;
    read(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&folder),
    )?;
    read(
        Command::new(programs.join("pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--requirement",
            ])
            .arg(&wanted),
    )?;
    fs::write(&there, versions)?;
    Ok(programs)
}
