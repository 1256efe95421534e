//! Fluent Bit with the configuration of `deploy/logs`.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use ocore_testbed::command;
use tempfile::TempDir;

pub(crate) struct Shipper {
    folder: TempDir,
    settings: BTreeMap<&'static str, String>,
    process: Option<Child>,
}

impl Shipper {
    /// To a receiver; with the containers of this machine, and the journal of a server.
    pub(crate) fn new(receiver: &str, server: u8) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/logs");
        for file in ["fluent-bit.conf", "parsers.conf", "ocore.lua"] {
            fs::copy(from.join(file), folder.path().join(file)).unwrap();
        }
        fs::copy(
            from.join(format!("output-{receiver}.conf")),
            folder.path().join("output.conf"),
        )
        .unwrap();
        let name = ocore_testbed::server(server).name;
        let inspect = |of: &str, what: &str| {
            let mut docker = Command::new("docker");
            command::read(
                docker
                    .args([of, "--format", what])
                    .args((of == "inspect").then_some(&name)),
            )
            .unwrap()
        };
        // A server is a container here, and its files are to be seen from outside.
        let journal = format!(
            "/proc/{}/root/var/log/journal",
            inspect("inspect", "{{.State.Pid}}")
        );
        let containers = format!("{}/containers", inspect("info", "{{.DockerRootDir}}"));
        let buffer = folder.path().join("buffer");
        fs::create_dir(&buffer).unwrap();
        Self {
            settings: BTreeMap::from([
                ("OCORE_LOGS_BUFFER", buffer.to_str().unwrap().to_owned()),
                ("OCORE_LOGS_CONTAINERS", containers),
                ("OCORE_LOGS_JOURNAL", journal),
                ("OCORE_LOGS_PROJECT", crate::containers::PROJECT.to_owned()),
                ("OCORE_LOGS_CA", "/etc/ssl/certs/ca-certificates.crt".to_owned()),
            ]),
            folder,
            process: None,
        }
    }

    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.settings.insert(name, value.to_owned());
        self
    }

    fn command(&self) -> Command {
        let mut command = Command::new(ocore_testbed::fluent_bit().unwrap());
        command
            .args(["-c", "fluent-bit.conf"])
            .current_dir(self.folder.path())
            .env_clear()
            .envs(&self.settings)
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn start(&mut self) {
        let log = File::options()
            .append(true)
            .create(true)
            .open(self.log())
            .unwrap();
        let process = self.command().stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.process = Some(process);
    }

    /// As systemd and Docker stop it.
    pub(crate) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        command::read(Command::new("kill").arg(process.id().to_string())).unwrap();
        let end = Instant::now() + Duration::from_secs(20);
        while process.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "Fluent Bit does not end");
            sleep(Duration::from_millis(50));
        }
    }

    /// What it says to its configuration, without running it.
    pub(crate) fn dry_run(&self) -> String {
        let output = command::output(self.command().arg("--dry-run")).unwrap();
        format!("{}{}", output.stdout, output.stderr)
    }

    fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if std::thread::panicking() {
            eprintln!(
                "Fluent Bit said:\n{}",
                fs::read_to_string(self.log()).unwrap_or_default()
            );
        }
    }
}
