//! A PostgreSQL elsewhere: by TLS only, with a certificate of an authority of its own, and a role that is no superuser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

use crate::installation::docker;

const CONTAINER: &str = "ocore-testbed-compose-database";
/// Its name, which is the one in its certificate.
const HOST: &str = "database.ocore.test";
/// With what addresses write otherwise.
const PASSWORD: &str = "canary/7f3a@database";
const PASSWORD_IN_URL: &str = "canary%2F7f3a%40database";

/// Gone with its data when it is dropped.
pub(crate) struct Database {
    folder: TempDir,
    container: &'static str,
    host: &'static str,
}

impl Database {
    pub(crate) fn start() -> Self {
        let _ = Command::new("docker").args(["rm", "-fv", CONTAINER]).output();
        let database = Self {
            folder: tempfile::tempdir().unwrap(),
            container: CONTAINER,
            host: HOST,
        };
        database.certificates();
        let run = [
            "run",
            "-d",
            "--name",
            CONTAINER,
            "--network",
            "ocore-testbed",
            "--network-alias",
            HOST,
        ];
        let more = ["-e", "POSTGRES_PASSWORD=of-the-superuser", "postgres:17"];
        docker(&[&run[..], &more].concat());
        let began = Instant::now();
        while !is_ready() {
            assert!(
                began.elapsed() < Duration::from_secs(60),
                "PostgreSQL in a minute"
            );
            sleep(Duration::from_millis(200));
        }
        let folder = database.folder.path().join("tls");
        docker(&[
            "cp",
            &folder.to_string_lossy(),
            &format!("{CONTAINER}:/var/lib/postgresql/tls"),
        ]);
        let own = "chown -R postgres /var/lib/postgresql/tls && chmod 600 /var/lib/postgresql/tls/*
                   sed -i 's/^host all all all scram/hostssl all all all scram/' $PGDATA/pg_hba.conf";
        docker(&["exec", CONTAINER, "sh", "-c", own]);
        for statement in [
            "alter system set ssl_cert_file = '/var/lib/postgresql/tls/server.pem'",
            "alter system set ssl_key_file = '/var/lib/postgresql/tls/server.key'",
            "alter system set ssl = on",
            "select pg_reload_conf()",
            &format!("create role ocore login password '{PASSWORD}'"),
            "create role ocore_tenant nologin",
            "grant ocore_tenant to ocore",
            "create database ocore owner ocore",
        ] {
            database.sql("postgres", statement);
        }
        database
    }

    /// An authority, a server's certificate by it, and another authority that has nothing to do with it.
    fn certificates(&self) {
        let authority = authority("the database's authority");
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
        let server = params.signed_by(&key, &authority).unwrap();
        let tls = self.folder.path().join("tls");
        fs::create_dir(&tls).unwrap();
        fs::write(tls.join("server.pem"), server.pem()).unwrap();
        fs::write(tls.join("server.key"), key.serialize_pem()).unwrap();
        fs::write(self.authority(), authority.pem()).unwrap();
        fs::write(self.stranger(), self::authority("a stranger").pem()).unwrap();
    }

    /// The certificate of its authority.
    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// The certificate of another one.
    pub(crate) fn stranger(&self) -> PathBuf {
        self.folder.path().join("stranger.pem")
    }

    /// Its address, with the certificate that is to be trusted.
    pub(crate) fn url(&self, authority: &Path) -> String {
        format!(
            "postgres://ocore:{PASSWORD_IN_URL}@{}:5432/ocore?sslmode=verify-full&sslrootcert={}",
            self.host,
            authority.display()
        )
    }

    pub(crate) fn sql(&self, database: &str, statement: &str) -> String {
        let psql = [
            "exec",
            self.container,
            "psql",
            "-U",
            "postgres",
            "-XqAt",
            "-v",
            "ON_ERROR_STOP=1",
        ];
        docker(&[&psql[..], &["-d", database, "-c", statement]].concat())
    }

    /// Takes in a dump that a command writes.
    pub(crate) fn restore(&self, dump: &mut Command) {
        let mut dump = dump.stdout(Stdio::piped()).spawn().unwrap();
        // As oCore's own role, which is no superuser, and by TLS, as from anywhere else.
        let password = format!("PGPASSWORD={PASSWORD}");
        let exec = [
            "exec",
            "-i",
            "-e",
            &password,
            "-e",
            "PGSSLMODE=require",
            self.container,
        ];
        let restore = ["pg_restore", "--no-owner", "--exit-on-error", "-h", self.host];
        let restored = Command::new("docker")
            .args(exec)
            .args(restore)
            .args(["-U", "ocore", "-d", "ocore"])
            .stdin(dump.stdout.take().unwrap())
            .output()
            .unwrap();
        assert!(dump.wait().unwrap().success());
        assert!(
            restored.status.success(),
            "{}",
            String::from_utf8_lossy(&restored.stderr)
        );
    }

    /// How many connections of oCore's there are, and how many of them are not encrypted.
    pub(crate) fn connections(&self) -> (u32, u32) {
        let count = |more: &str| {
            let text = self.sql(
                "postgres",
                &format!(
                    "select count(*) from pg_stat_activity join pg_stat_ssl using (pid) where usename = 'ocore' {more}"
                ),
            );
            text.parse().unwrap()
        };
        (count(""), count("and not ssl"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-fv", CONTAINER]).output();
    }
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn is_ready() -> bool {
    // By TCP: while the image prepares its data, it answers on the socket only.
    let asked = Command::new("docker")
        .args([
            "exec",
            CONTAINER,
            "sh",
            "-c",
            "pg_isready -q -h \"$(hostname -i)\"",
        ])
        .output();
    asked.is_ok_and(|asked| asked.status.success())
}
