//! The configuration of `ocore serve`: from environment variables only, and wholly checked before anything starts.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fmt, fs,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU32,
    ops::RangeInclusive,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use axum::http::Uri;
use chrono::TimeDelta;
use hkdf::Hkdf;
use ocore_api::{Proxies, Settings, Signup, limits::Quotas};
use ocore_mail::{LogLinks, Mailer, Smtp};
use ocore_operations::{AgentSource, Bounds, Roles};
use ocore_sso::{Login, Provider};
use ocore_store::{connect::Address, metrics::Retention};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use tracing_subscriber::EnvFilter;

use crate::backup::{Passphrase, Recipient};

/// The least length of a secret in characters.
const SECRET_MIN: usize = 32;
/// The file in the data directory with a key made by oCore itself, in development.
const KEY_FILE: &str = "encryption-key";
/// How many operations of a kind run at once where nobody said so. A move passes an instance's whole data through one of
/// oCore's processes, from one server's connection to the other's: more at once are not done sooner.
const KIND_BOUNDS: &[(&str, i64)] = &[("instance_move", 4)];
/// Variables that begin like ours and belong to the command line, or to `ocore frontend`.
const OTHERS: &[&str] = &[
    "OCORE_URL",
    "OCORE_TOKEN",
    "OCORE_PROFILE",
    "OCORE_ORG",
    "OCORE_API_URL",
];

/// Everything `ocore serve` can be told.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a variable of its own")]
pub(crate) struct Config {
    /// Where oCore keeps what is its own on this machine: the embedded PostgreSQL among it.
    pub(crate) data_dir: PathBuf,
    /// Where the API listens.
    pub(crate) listen: SocketAddr,
    /// Whether this is somebody's workbench rather than an installation.
    pub(crate) development: bool,
    /// The PostgreSQL to use; without one, `ocore serve` runs its own.
    pub(crate) database_url: Option<Address>,
    /// A way to it past any pooler, for `LISTEN`.
    pub(crate) database_direct_url: Option<Address>,
    /// The least and the greatest number of connections to it.
    pub(crate) database_connections: RangeInclusive<u32>,
    /// The folder with PostgreSQL's programs, for the embedded one.
    pub(crate) postgres_programs: Option<PathBuf>,
    /// What secrets at rest are sealed with; see [`Config::encryption_key`].
    key: Key,
    /// How many operations this process runs at once.
    pub(crate) workers: NonZeroU32,
    /// How many operations run at once on a server, of an organization and of a kind.
    pub(crate) bounds: Bounds,
    /// What this process does of all that there is to do.
    pub(crate) roles: Roles,
    /// What is logged.
    pub(crate) log: String,
    /// How it is written.
    pub(crate) log_format: LogFormat,
    /// How often every instance is looked at.
    pub(crate) health_interval: Duration,
    /// What opens `/metrics`, and nothing else.
    pub(crate) metrics_token: Option<SecretString>,
    /// How long an operation is kept after its end.
    pub(crate) operations_retention: TimeDelta,
    /// How long what was measured is kept.
    pub(crate) metrics_retention: Retention,
    /// For how long this process serves on after the signal to stop, saying that it is not ready any more.
    pub(crate) shutdown_delay: Duration,
    /// How long running steps may go on after the signal to stop.
    pub(crate) shutdown_grace: Duration,
    /// The address people enter in their browsers; see [`Config::app_url`].
    app_url: Option<String>,
    /// Whether the dashboard is served.
    pub(crate) dashboard: bool,
    /// Whether an administrator's key is made and printed at the very first start.
    pub(crate) first_key: bool,
    /// What access tokens are signed with; without it, what secrets are sealed with.
    jwt_secret: Option<SecretString>,
    /// How long an access token is good.
    access_expiry: TimeDelta,
    /// How long a session lasts without being used.
    refresh_expiry: TimeDelta,
    /// How much anybody may ask of the API.
    quotas: Quotas,
    /// Who may make an account.
    signup: Signup,
    /// How many proxies stand in front of the API.
    proxies: usize,
    /// Takes mails to people; without one, none can be sent.
    pub(crate) mailer: Mail,
    /// Whether webhooks may go to this machine and to private networks.
    webhook_allow_private: bool,
    /// Another address for Telegram's API.
    telegram_url: Option<String>,
    /// Other providers by which people sign in.
    pub(crate) logins: Vec<Arc<dyn Login>>,
    /// What agents are given.
    agents: AgentSource,
    /// Backups of oCore's own database.
    pub(crate) backup: Backup,
    /// Whether a backup is made before a newer version changes the schema.
    pub(crate) upgrade_backup: bool,
    /// Every variable that was read, for whoever has to start oCore elsewhere.
    pub(crate) variables: Variables,
    /// What is odd and no fault.
    pub(crate) warnings: Vec<String>,
}

/// Variables by name. All of them are taken for secrets.
pub(crate) type Variables = BTreeMap<String, SecretString>;

/// How backups of oCore's own database are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backup {
    /// Where they are kept.
    pub(crate) dir: Option<PathBuf>,
    /// The public keys of those who open them.
    pub(crate) recipients: Vec<Recipient>,
    /// What opens them, where there are no such keys.
    pub(crate) passphrase: Option<Passphrase>,
    /// How many are kept.
    pub(crate) keep: Option<u32>,
    /// Files that go with them.
    pub(crate) files: Vec<PathBuf>,
}

/// Somebody who takes mails to people, if there is one.
pub(crate) struct Mail(pub(crate) Option<Arc<dyn Mailer>>);

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({})", self.0.is_some())
    }
}

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// Lines for people.
    Text,
}

impl FromStr for LogFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(()),
        }
    }
}

#[derive(Debug)]
enum Key {
    /// Configured, or derived from what is.
    Known(SecretString),
    /// In a file of the data directory, made when it is not there. Development only.
    Kept,
}

/// What the defaults depend on beside the variables.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Whether this process is root.
    pub(crate) root: bool,
    /// The number of cores.
    pub(crate) cores: u32,
}

/// All that is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub(crate) struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the configuration has {} fault{}:",
            self.0.len(),
            if self.0.len() == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}

impl Config {
    /// The configuration in this process's environment.
    pub(crate) fn from_environment() -> Result<Self, Faults> {
        Self::from_variables(environment(), &Machine::here())
    }

    /// The same for what needs no secret of the installation: only where programs and files are.
    pub(crate) fn of_tools() -> Result<Self, Faults> {
        let mut variables = environment();
        variables.insert("ENVIRONMENT".to_owned(), "development".to_owned());
        Self::from_variables(variables, &Machine::here())
    }

    /// The configuration in a set of variables. An empty variable is one that is not set.
    pub(crate) fn from_variables(
        variables: BTreeMap<String, String>,
        machine: &Machine,
    ) -> Result<Self, Faults> {
        let mut read = Reader::new(variables);
        let development = read.text("ENVIRONMENT").is_some_and(|text| text == "development");
        let home = read.text("HOME").filter(|_| !machine.root);
        let data_dir = read.path("OCORE_DATA_DIR").unwrap_or_else(|| match home {
            Some(home) => Path::new(&home).join(".local/share/ocore"),
            None => "/var/lib/ocore".into(),
        });

        let database_url = read.postgres("DATABASE_URL");
        let database_direct_url = read.postgres("DATABASE_DIRECT_URL");
        if database_direct_url.is_some() && read.text("DATABASE_URL").is_none() {
            read.fault(
                "DATABASE_DIRECT_URL",
                "is set without DATABASE_URL",
                "Set DATABASE_URL too, or neither.",
            );
        }
        let jwt_secret = read.secret("JWT_SECRET", !development);
        let key = match (read.secret("SSH_ENCRYPTION_KEY", !development), &jwt_secret) {
            (Some(key), _) => Key::Known(key),
            (None, Some(secret)) => Key::Known(derive(secret)),
            (None, None) => Key::Kept,
        };

        let (log, log_format) = read.log(development);
        let config = Self {
            data_dir,
            listen: read.listen(8080),
            development,
            database_url,
            database_direct_url,
            database_connections: read.connections(),
            postgres_programs: read.path("PG_BIN"),
            key,
            workers: read.at_least_one("OCORE_WORKERS", 512, (4 * machine.cores).clamp(4, 64)),
            bounds: read.bounds(),
            roles: read
                .parsed(
                    "OCORE_ROLES",
                    "Use one or more of api, worker and leader, each once, with commas between them.",
                )
                .unwrap_or_default(),
            log,
            log_format,
            health_interval: read.seconds("OCORE_HEALTH_INTERVAL", 1..=3600, 15),
            metrics_token: read.secret("OCORE_METRICS_TOKEN", false),
            operations_retention: read.time("OCORE_OPERATIONS_RETENTION", TimeDelta::days(365)),
            metrics_retention: read.retention(),
            shutdown_delay: read.seconds("OCORE_SHUTDOWN_DELAY", 0..=300, if development { 0 } else { 5 }),
            shutdown_grace: read.seconds("OCORE_SHUTDOWN_GRACE", 0..=3600, 30),
            app_url: read.origin("APP_URL"),
            dashboard: read.on_or_off("OCORE_DASHBOARD"),
            first_key: read.on_or_off("OCORE_FIRST_KEY"),
            jwt_secret,
            access_expiry: read.time("JWT_ACCESS_EXPIRY", TimeDelta::hours(1)),
            refresh_expiry: read.time("JWT_REFRESH_EXPIRY", TimeDelta::days(30)),
            quotas: read.quotas(),
            signup: read.signup(),
            proxies: usize::try_from(read.number("OCORE_TRUSTED_PROXIES", 0..=8, 0)).unwrap_or(0),
            mailer: Mail(read.mailer(development)),
            webhook_allow_private: read.switch("OCORE_WEBHOOK_ALLOW_PRIVATE"),
            telegram_url: read.origin("OCORE_TELEGRAM_URL"),
            logins: read.logins(),
            agents: read.agents(),
            backup: read.backup(),
            upgrade_backup: read.on_or_off("OCORE_UPGRADE_BACKUP"),
            variables: read.taken(),
            warnings: read.unknown(),
        };
        read.end(config)
    }

    /// The address people enter in their browsers, without a slash at the end. Where nobody said so, it is this machine:
    /// the dashboard is served where the API is.
    pub(crate) fn app_url(&self) -> String {
        self.app_url
            .clone()
            .unwrap_or_else(|| format!("http://localhost:{}", self.listen.port()))
    }

    /// What those who tell people of alerts are told.
    pub(crate) fn notices(&self) -> ocore_notify::Settings {
        ocore_notify::Settings {
            app_url: self.app_url(),
            allow_private: self.webhook_allow_private,
            telegram_url: self.telegram_url.clone(),
        }
    }

    /// What the agents on servers are given; where nobody said where servers reach oCore, it is where people do, or where
    /// it listens, unless that is this machine only.
    pub(crate) fn agents(&self) -> AgentSource {
        let mut agents = self.agents.clone();
        let ip = self.listen.ip();
        let own = if ip.is_unspecified() {
            SocketAddr::new(Ipv4Addr::LOCALHOST.into(), self.listen.port())
        } else {
            self.listen
        };
        agents.local_url = agents.url.clone().or_else(|| Some(format!("http://{own}")));
        agents.url = agents.url.or_else(|| {
            let is_reached = |url: &String| !is_loopback(url);
            self.app_url.clone().filter(is_reached).or_else(|| {
                let is_own = !ip.is_unspecified() && !ip.is_loopback();
                is_own.then(|| format!("http://{}", self.listen))
            })
        });
        agents
    }

    /// What the API is told of this installation.
    pub(crate) fn installation(&self) -> io::Result<Settings> {
        Ok(Settings {
            app_url: self.app_url(),
            jwt_secret: self.token_secret()?,
            access_expiry: self.access_expiry,
            refresh_expiry: self.refresh_expiry,
            proxies: Proxies(self.proxies),
            quotas: self.quotas,
            signup: self.signup,
            development: self.development,
        })
    }

    /// What access tokens are signed with.
    pub(crate) fn token_secret(&self) -> io::Result<SecretString> {
        match &self.jwt_secret {
            Some(secret) => Ok(secret.clone()),
            None => self.encryption_key(),
        }
    }

    /// The key that secrets at rest are sealed with. In development, where none is configured, one is made and kept in
    /// the data directory, readable by its owner only.
    pub(crate) fn encryption_key(&self) -> io::Result<SecretString> {
        match &self.key {
            Key::Known(key) => Ok(key.clone()),
            Key::Kept => kept_key(&self.data_dir).map_err(|error| {
                let text = format!(
                    "oCore cannot keep its key in {}: {error}. Check that OCORE_DATA_DIR may be written by the user \
                     that oCore runs as, or set SSH_ENCRYPTION_KEY.",
                    self.data_dir.display()
                );
                io::Error::new(error.kind(), text)
            }),
        }
    }
}

impl Machine {
    /// This one.
    pub(crate) fn here() -> Self {
        Self {
            root: nix::unistd::geteuid().is_root(),
            cores: std::thread::available_parallelism()
                .map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        }
    }
}

/// What a secret is told apart by. It is told of nothing else, so that a short one cannot be tried out by it.
pub(crate) fn token_fingerprint(secret: &SecretString) -> String {
    let mut told = [0; 32];
    let expanded = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes())
        .expand(b"ocore jwt secret fingerprint", &mut told);
    debug_assert!(expanded.is_ok());
    hex::encode(&Sha256::digest(told)[..4])
}

/// Whether a site's address means the very machine that asks for it.
fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// A key of its own purpose from the other secret.
fn derive(secret: &SecretString) -> SecretString {
    let mut key = [0; 32];
    // Fails only for more than 8160 bytes of key.
    let expanded = Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes())
        .expand(b"ocore ssh encryption key", &mut key);
    debug_assert!(expanded.is_ok());
    hex::encode(key).into()
}

fn kept_key(data_dir: &Path) -> io::Result<SecretString> {
    fs::create_dir_all(data_dir)?;
    let path = data_dir.join(KEY_FILE);
    match fs::read_to_string(&path) {
        Ok(key) if key.trim().len() >= SECRET_MIN => return Ok(key.trim().into()),
        Ok(_) => {
            let text = format!(
                "{} holds no key; restore it, or remove it if no secret was sealed yet",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        Err(error) => return Err(error),
    }
    // Written beside and linked: whoever reads sees a whole key, and of two that write at once one is kept.
    let beside = data_dir.join(format!("{KEY_FILE}.{}", std::process::id()));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)?;
    file.write_all(hex::encode(rand::random::<[u8; 32]>()).as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&beside, &path);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(fs::read_to_string(&path)?.trim().into()),
    }
}

/// The variables of this process.
///
/// A value that is not UTF-8 is only a fault in a variable that is read: what stands in for the bytes that are none fails
/// the checks there.
pub(crate) fn environment() -> BTreeMap<String, String> {
    let text = |text: OsString| text.to_string_lossy().into_owned();
    std::env::vars_os()
        .map(|(name, value)| (text(name), text(value)))
        .collect()
}

/// Takes variables one by one, and keeps what was wrong with them.
pub(crate) struct Reader {
    variables: BTreeMap<String, String>,
    known: Vec<&'static str>,
    faults: Vec<String>,
}

impl Reader {
    pub(crate) const fn new(variables: BTreeMap<String, String>) -> Self {
        Self {
            variables,
            known: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// What was read, unless something was wrong.
    pub(crate) fn end<T>(self, read: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(read)
        } else {
            Err(Faults(self.faults))
        }
    }

    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.known.push(name);
        self.variables.get(name).filter(|text| !text.is_empty()).cloned()
    }

    pub(crate) fn fault(&mut self, name: &str, what: &str, mend: &str) {
        self.faults.push(format!("{name} {what}. {mend}"));
    }

    /// Off unless it says `true`.
    fn switch(&mut self, name: &'static str) -> bool {
        match self.text(name).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(other) => {
                let what = format!("is `{other}`");
                self.fault(name, &what, "Use `true` or `false`.");
                false
            }
        }
    }

    /// The least and the greatest number of connections to the database.
    fn connections(&mut self) -> RangeInclusive<u32> {
        let (least, most) = (
            self.number("DB_POOL_MIN_CONNS", 0..=1000, 2),
            // Claims keep one of them and the listener another.
            self.number("DB_POOL_MAX_CONNS", 5..=1000, 25),
        );
        if least > most {
            self.fault(
                "DB_POOL_MIN_CONNS",
                &format!("is {least}, more than DB_POOL_MAX_CONNS, {most}"),
                "Set it to that or less.",
            );
        }
        least..=most
    }

    /// How much may be at work at once, by all processes together.
    fn bounds(&mut self) -> Bounds {
        const OF_ORGANIZATION: &str = "OCORE_ORGANIZATION_OPERATIONS";
        let per_server = self.at_least_one("OCORE_SERVER_OPERATIONS", 64, 4);
        // 0 stands for what cannot be said: no bound.
        let per_organization = match self.number(OF_ORGANIZATION, 1..=512, 0) {
            0 => None,
            most => Some(most.into()),
        };
        Bounds {
            per_server: per_server.get().into(),
            per_organization,
            per_kind: self.kind_bounds(),
        }
    }

    fn kind_bounds(&mut self) -> Vec<(String, i64)> {
        const NAME: &str = "OCORE_KIND_OPERATIONS";
        let mut bounds: BTreeMap<String, i64> = KIND_BOUNDS
            .iter()
            .map(|(kind, most)| ((*kind).to_owned(), *most))
            .collect();
        let Some(text) = self.text(NAME) else {
            return bounds.into_iter().collect();
        };
        for part in text.split(',') {
            let bound = part.trim().split_once('=').and_then(|(kind, most)| {
                let known = ocore_operations::kinds().any(|known| known == kind);
                let most = most.parse::<i64>().ok().filter(|most| (1..=512).contains(most));
                most.filter(|_| known).map(|most| (kind.to_owned(), most))
            });
            if let Some((kind, most)) = bound {
                bounds.insert(kind, most);
            } else {
                let mend = format!(
                    "Use kinds of operations and numbers from 1 to 512, such as instance_create=8,instance_move=2. The kinds \
                     are {}.",
                    ocore_operations::kinds().collect::<Vec<_>>().join(", ")
                );
                self.fault(NAME, &format!("has `{}`", part.trim()), &mend);
            }
        }
        bounds.into_iter().collect()
    }

    fn signup(&mut self) -> Signup {
        match self.text("OCORE_SIGNUP").as_deref() {
            None | Some("invited") => Signup::Invited,
            Some("open") => Signup::Open,
            Some(other) => {
                self.fault(
                    "OCORE_SIGNUP",
                    &format!("is `{other}`"),
                    "Use `invited` or `open`.",
                );
                Signup::Invited
            }
        }
    }

    /// On unless it says `off`.
    fn on_or_off(&mut self, name: &'static str) -> bool {
        match self.text(name).as_deref() {
            None | Some("on") => true,
            Some("off") => false,
            Some(other) => {
                self.fault(name, &format!("is `{other}`"), "Use `on` or `off`.");
                true
            }
        }
    }

    fn backup(&mut self) -> Backup {
        const RECIPIENTS: &str = "OCORE_BACKUP_RECIPIENTS";
        const PASSPHRASE: &str = "OCORE_BACKUP_PASSPHRASE";
        const FILES: &str = "OCORE_BACKUP_FILES";
        let mut recipients = Vec::new();
        for text in self.list(RECIPIENTS) {
            match text.parse::<Recipient>() {
                Ok(recipient) => recipients.push(recipient),
                Err(why) => {
                    let what = format!("has a key that cannot be used: {why}");
                    self.fault(
                        RECIPIENTS,
                        &what,
                        "Use public keys, with commas between them: `ocore backup key` makes a pair.",
                    );
                }
            }
        }
        let passphrase = self.text(PASSPHRASE).and_then(|text| {
            text.parse::<Passphrase>()
                .map_err(|why| self.fault(PASSPHRASE, &format!("cannot be used: {why}"), "Use a longer one."))
                .ok()
        });
        if passphrase.is_some() && !recipients.is_empty() {
            let mend = "Set one of them: a backup is opened by keys or by a passphrase.";
            self.fault(PASSPHRASE, "is set beside OCORE_BACKUP_RECIPIENTS", mend);
        }
        let files: Vec<PathBuf> = self.list(FILES).into_iter().map(PathBuf::from).collect();
        for path in files.iter().filter(|path| !path.is_absolute()) {
            self.fault(
                FILES,
                &format!("names `{}`", path.display()),
                "Use absolute paths, with commas between them.",
            );
        }
        Backup {
            dir: self.path("OCORE_BACKUP_DIR"),
            recipients,
            passphrase,
            keep: self.keep(),
            files,
        }
    }

    fn keep(&mut self) -> Option<u32> {
        match self.number("OCORE_BACKUP_KEEP", 0..=10_000, 0) {
            0 => None,
            number => Some(number),
        }
    }

    /// What stands between commas.
    fn list(&mut self, name: &'static str) -> Vec<String> {
        let text = self.text(name).unwrap_or_default();
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    }

    /// Every variable that was asked for and is set. Where people live is the machine's.
    fn taken(&self) -> Variables {
        self.known
            .iter()
            .filter(|name| **name != "HOME")
            .filter_map(|name| self.variables.get_key_value(*name))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect()
    }

    fn quotas(&mut self) -> Quotas {
        let mend = "Use a number of requests and of seconds: `600/60`.";
        let usual = Quotas::default();
        Quotas {
            read: self.parsed("OCORE_LIMIT_READ", mend).unwrap_or(usual.read),
            change: self.parsed("OCORE_LIMIT_CHANGE", mend).unwrap_or(usual.change),
            login: self.parsed("OCORE_LIMIT_LOGIN", mend).unwrap_or(usual.login),
        }
    }

    /// Four times, for raw samples and rollups of 60, 600 and 7200 seconds.
    fn retention(&mut self) -> Retention {
        const NAME: &str = "OCORE_METRICS_RETENTION";
        let Some(text) = self.text(NAME) else {
            return Retention::default();
        };
        let times: Option<Vec<TimeDelta>> = text.split(',').map(|time| time_of(time.trim())).collect();
        let retention = match times.as_deref() {
            Some(&[raw, minute, ten_minutes, two_hours]) => Some(Retention {
                raw,
                rollups: [minute, ten_minutes, two_hours],
            }),
            _ => None,
        };
        retention.filter(Retention::holds).unwrap_or_else(|| {
            let mend = "Use four times, none shorter than the one before: raw samples (30m or more), then averages over \
                        1 minute (2h or more), 10 minutes (12h or more) and 2 hours (2d or more), as in `1h,24h,7d,30d`.";
            self.fault(NAME, &format!("is `{text}`"), mend);
            Retention::default()
        })
    }

    /// A time with its unit: `90s`, `15m`, `1h`, `30d`.
    fn time(&mut self, name: &'static str, default: TimeDelta) -> TimeDelta {
        let Some(text) = self.text(name) else {
            return default;
        };
        if let Some(time) = time_of(&text) {
            return time;
        }
        self.fault(
            name,
            &format!("is `{text}`"),
            "Use a time from a minute to a year, such as 15m, 1h or 30d.",
        );
        default
    }

    /// By SMTP; in development without a mail server, into the log.
    fn mailer(&mut self, development: bool) -> Option<Arc<dyn Mailer>> {
        let values = ocore_mail::Values {
            host: self.text("SMTP_HOST"),
            port: self.text("SMTP_PORT"),
            from: self.text("SMTP_FROM"),
            user: self.text("SMTP_USER"),
            password: self.text("SMTP_PASSWORD").map(Into::into),
            security: self.text("SMTP_SECURITY"),
            ca_file: self.path("SMTP_CA_FILE"),
        };
        if values.host.is_none() {
            return development.then(|| Arc::new(LogLinks) as Arc<dyn Mailer>);
        }
        let made =
            ocore_mail::Config::new(values).and_then(|config| Smtp::new(config).map_err(|fault| vec![fault]));
        made.map_err(|faults| {
            for fault in faults {
                self.fault(fault.variable, &fault.detail, fault.mend);
            }
        })
        .ok()
        .map(|smtp| Arc::new(smtp) as Arc<dyn Mailer>)
    }

    /// What agents are given.
    fn agents(&mut self) -> AgentSource {
        let binary = self.path("OCORE_AGENT_BINARY").or_else(|| {
            let beside = std::env::current_exe().ok()?.with_file_name("ocore-agent");
            beside.is_file().then_some(beside)
        });
        let ca = self.path("OCORE_AGENT_CA").and_then(|path| {
            let read = fs::read_to_string(&path);
            read.map_err(|error| {
                self.fault(
                    "OCORE_AGENT_CA",
                    &format!("names {}, which cannot be read: {error}", path.display()),
                    "Name a file with certificates in PEM.",
                );
            })
            .ok()
        });
        let auto = match self.text("OCORE_AGENT_AUTO").as_deref() {
            None | Some("true") => true,
            Some("false") => false,
            Some(other) => {
                let what = format!("is `{other}`");
                self.fault("OCORE_AGENT_AUTO", &what, "Use `true` or `false`.");
                false
            }
        };
        AgentSource {
            binary,
            url: self.origin("OCORE_AGENT_URL"),
            local_url: None,
            ca: ca.map(Into::into),
            auto,
        }
    }

    /// Those that are configured.
    fn logins(&mut self) -> Vec<Arc<dyn Login>> {
        let issuer = self.text("OCORE_OIDC_ISSUER");
        let client = self.client("OCORE_OIDC_CLIENT_ID", "OCORE_OIDC_CLIENT_SECRET");
        let name = self.text("OCORE_OIDC_NAME");
        let mut providers = Vec::new();
        match (issuer, client) {
            (Some(issuer), Some((client_id, client_secret))) => {
                // Not made from the name: it stands in the address that logins come back to.
                if let Ok(id) = "oidc".parse() {
                    let name = name.unwrap_or_else(|| "Single sign-on".to_owned());
                    let provider = Provider::Oidc {
                        id,
                        name,
                        issuer,
                        client_id,
                        client_secret,
                    };
                    providers.push(("OCORE_OIDC_ISSUER", provider));
                }
            }
            (None, None) => (),
            (Some(_), None) => self.fault(
                "OCORE_OIDC_ISSUER",
                "is set without OCORE_OIDC_CLIENT_ID",
                "Set both, or neither.",
            ),
            (None, Some(_)) => self.fault(
                "OCORE_OIDC_CLIENT_ID",
                "is set without OCORE_OIDC_ISSUER",
                "Set both, or neither.",
            ),
        }
        if let Some((client_id, client_secret)) = self.client("GITHUB_CLIENT_ID", "GITHUB_CLIENT_SECRET") {
            let provider = Provider::GitHub {
                client_id,
                client_secret,
                base_url: Provider::GITHUB_URL.to_owned(),
                api_url: Provider::GITHUB_API_URL.to_owned(),
            };
            providers.push(("GITHUB_CLIENT_ID", provider));
        }
        let mut logins = Vec::new();
        for (variable, provider) in providers {
            match provider.login() {
                Ok(login) => logins.push(login),
                Err(problem) => {
                    let what = format!("cannot be used ({})", problem.detail);
                    self.fault(variable, &what, &problem.mend);
                }
            }
        }
        logins
    }

    /// An id and a secret, which go together.
    fn client(&mut self, id: &'static str, secret: &'static str) -> Option<(String, SecretString)> {
        match (self.text(id), self.text(secret)) {
            (Some(id), Some(secret)) => Some((id, secret.into())),
            (None, None) => None,
            (Some(_), None) => {
                self.fault(id, &format!("is set without {secret}"), "Set both, or neither.");
                None
            }
            (None, Some(_)) => {
                self.fault(secret, &format!("is set without {id}"), "Set both, or neither.");
                None
            }
        }
    }

    /// What is logged, and how it is written.
    pub(crate) fn log(&mut self, development: bool) -> (String, LogFormat) {
        let log = self.text("OCORE_LOG").unwrap_or_else(|| "info".to_owned());
        if let Err(error) = EnvFilter::try_new(&log) {
            self.fault(
                "OCORE_LOG",
                &format!("is not a filter: {error}"),
                "Use for example `info,ocore_fleet=debug`.",
            );
        }
        let usual = if development {
            LogFormat::Text
        } else {
            LogFormat::Json
        };
        let format = self.parsed("OCORE_LOG_FORMAT", "Use `json` or `text`.");
        (log, format.unwrap_or(usual))
    }

    /// Where to listen; without a word about it, on this machine only.
    pub(crate) fn listen(&mut self, port: u16) -> SocketAddr {
        self.parsed(
            "OCORE_LISTEN",
            "Use an address and a port, for example 127.0.0.1:8080 or [::]:8080.",
        )
        .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn parsed<T: FromStr>(&mut self, name: &'static str, mend: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, &format!("is `{text}`"), mend);
        }
        value
    }

    fn number(&mut self, name: &'static str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let mend = format!("Use a number from {} to {}.", range.start(), range.end());
        match self.parsed(name, &mend) {
            Some(number) if range.contains(&number) => number,
            Some(number) => {
                self.fault(name, &format!("is {number}"), &mend);
                default
            }
            None => default,
        }
    }

    fn at_least_one(&mut self, name: &'static str, most: u32, default: u32) -> NonZeroU32 {
        NonZeroU32::new(self.number(name, 1..=most, default)).unwrap_or(NonZeroU32::MIN)
    }

    fn seconds(&mut self, name: &'static str, range: RangeInclusive<u32>, default: u32) -> Duration {
        Duration::from_secs(self.number(name, range, default).into())
    }

    fn path(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.text(name)?);
        if !path.is_absolute() {
            self.fault(name, &format!("is `{}`", path.display()), "Use an absolute path.");
        }
        Some(path)
    }

    /// An address without anything after the host and port, not even a slash.
    pub(crate) fn origin(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        let origin = text.strip_suffix('/').unwrap_or(&text);
        let fits = origin.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.authority().is_some_and(|at| {
                    // What is written back is what was given: no path, no query, no password.
                    !at.host().is_empty() && !at.as_str().contains('@') && origin.ends_with(at.as_str())
                })
        });
        if !fits {
            self.fault(
                name,
                "is not the address of a site",
                "Use for example https://ocore.example.com, without a path.",
            );
        }
        Some(origin.to_owned())
    }

    /// The value is never repeated in a fault.
    fn secret(&mut self, name: &'static str, required: bool) -> Option<SecretString> {
        let mend = "Set it to a random text of 32 characters or more, for example from `openssl rand -hex 32`, and keep it safe.";
        match self.text(name) {
            Some(text) if text.chars().count() < SECRET_MIN => {
                self.fault(name, &format!("has {} characters", text.chars().count()), mend);
                None
            }
            Some(text) => Some(text.into()),
            None => {
                if required {
                    let mend = format!("{mend} Only ENVIRONMENT=development does without.");
                    self.fault(name, "is not set", &mend);
                }
                None
            }
        }
    }

    /// The value holds a password, so it is never repeated in a fault either.
    fn postgres(&mut self, name: &'static str) -> Option<Address> {
        match Address::read(&self.text(name)?.into()) {
            Ok(address) => Some(address),
            Err(fault) => {
                self.fault(name, &fault.what, &fault.mend);
                None
            }
        }
    }

    fn unknown(&self) -> Vec<String> {
        self.variables
            .keys()
            .filter(|name| name.starts_with("OCORE_"))
            .filter(|name| !self.known.contains(&name.as_str()) && !OTHERS.contains(&name.as_str()))
            .map(|name| format!("{name} is set, and oCore knows no such variable; see docs/configuration.md"))
            .collect()
    }
}

/// A time from a minute to a year, with its unit; seconds without one.
fn time_of(text: &str) -> Option<TimeDelta> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let seconds = match unit {
        "s" | "" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let seconds = i64::from(number.parse::<u32>().ok()?) * seconds;
    (60..=366 * 86_400)
        .contains(&seconds)
        .then(|| TimeDelta::seconds(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn agents_are_told_an_address_that_servers_reach() {
        let secrets = [("JWT_SECRET", SECRET), ("SSH_ENCRYPTION_KEY", SECRET)];
        let told = |more: &[(&str, &str)]| {
            let agents = config(&[&secrets[..], more].concat()).unwrap().agents();
            (agents.url, agents.local_url)
        };
        let url = |text: &str| Some(text.to_owned());
        // Nothing but this machine: only it is reached.
        assert_eq!(told(&[]), (None, url("http://127.0.0.1:8080")));
        assert_eq!(
            told(&[("OCORE_LISTEN", "0.0.0.0:90")]),
            (None, url("http://127.0.0.1:90"))
        );
        let own = url("http://10.0.0.5:90");
        assert_eq!(told(&[("OCORE_LISTEN", "10.0.0.5:90")]), (own.clone(), own));
        let app = ("APP_URL", "https://ocore.example.com");
        assert_eq!(
            told(&[app]),
            (url("https://ocore.example.com"), url("http://127.0.0.1:8080"))
        );
        let agents = url("https://in.example.com");
        assert_eq!(
            told(&[app, ("OCORE_AGENT_URL", "https://in.example.com/")]),
            (agents.clone(), agents)
        );
        let faults = config(&[&secrets[..], &[("OCORE_AGENT_AUTO", "perhaps")]].concat()).unwrap_err();
        assert!(faults.to_string().contains("OCORE_AGENT_AUTO"));
    }

    fn config(variables: &[(&str, &str)]) -> Result<Config, Faults> {
        let variables = variables
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Config::from_variables(variables, &Machine { root: true, cores: 2 })
    }

    #[test]
    fn development_needs_nothing() {
        let config = config(&[("ENVIRONMENT", "development"), ("OCORE_WORKERS", "")]).unwrap();
        assert_eq!(config.data_dir, Path::new("/var/lib/ocore"));
        assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
        assert_eq!(config.database_connections, 2..=25);
        assert_eq!((config.workers.get(), config.bounds.per_server), (8, 4));
        assert_eq!(
            (config.roles, config.shutdown_delay),
            (Roles::default(), Duration::ZERO)
        );
        assert_eq!(
            (config.health_interval.as_secs(), config.shutdown_grace.as_secs()),
            (15, 30)
        );
        assert_eq!(
            (config.log.as_str(), config.log_format),
            ("info", LogFormat::Text)
        );
        assert!(config.database_url.is_none() && config.warnings.is_empty());
    }

    #[test]
    fn people_come_where_it_listens_unless_told_otherwise() {
        let of = |more: &[(&str, &str)]| {
            let config = config(&[&[("ENVIRONMENT", "development")], more].concat()).unwrap();
            (config.app_url(), config.dashboard)
        };
        assert_eq!(of(&[]), ("http://localhost:8080".to_owned(), true));
        let listens = ("OCORE_LISTEN", "[::]:90");
        assert_eq!(of(&[listens]).0, "http://localhost:90");
        let app = ("APP_URL", "https://ocore.example.com/");
        assert_eq!(
            of(&[listens, app, ("OCORE_DASHBOARD", "off")]),
            ("https://ocore.example.com".to_owned(), false)
        );
    }

    #[test]
    fn another_user_keeps_data_at_home() {
        let variables = [("ENVIRONMENT", "development"), ("HOME", "/home/a")];
        let variables = variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        let config = Config::from_variables(
            variables,
            &Machine {
                root: false,
                cores: 1,
            },
        )
        .unwrap();
        assert_eq!(config.data_dir, Path::new("/home/a/.local/share/ocore"));
    }

    #[test]
    fn outside_development_both_secrets_are_required() {
        let faults = config(&[]).unwrap_err().to_string();
        assert!(faults.contains("2 faults"), "{faults}");
        assert!(faults.contains("JWT_SECRET is not set") && faults.contains("SSH_ENCRYPTION_KEY is not set"));
        let config = config(&[("JWT_SECRET", SECRET), ("SSH_ENCRYPTION_KEY", SECRET)]).unwrap();
        assert_eq!(config.log_format, LogFormat::Json);
        assert_eq!(config.shutdown_delay.as_secs(), 5, "a proxy has to hear of it");
        assert_eq!(config.encryption_key().unwrap().expose_secret(), SECRET);
    }

    #[test]
    fn every_fault_is_told_at_once_and_no_secret_with_it() {
        let wrong = [
            ("JWT_SECRET", "short-canary"),
            ("SSH_ENCRYPTION_KEY", "tiny-canary"),
            ("DATABASE_URL", "mysql://root:canary@db"),
            ("DATABASE_DIRECT_URL", "canary"),
            ("DB_POOL_MIN_CONNS", "30"),
            ("DB_POOL_MAX_CONNS", "10"),
            ("OCORE_LISTEN", "8080"),
            ("OCORE_DATA_DIR", "data"),
            ("OCORE_WORKERS", "0"),
            ("OCORE_SERVER_OPERATIONS", "many"),
            ("OCORE_ORGANIZATION_OPERATIONS", "0"),
            ("OCORE_KIND_OPERATIONS", "noop=0"),
            ("OCORE_ROLES", "api,web"),
            ("OCORE_SHUTDOWN_DELAY", "301"),
            ("OCORE_LOG", "info,=="),
            ("OCORE_LOG_FORMAT", "xml"),
            ("OCORE_HEALTH_INTERVAL", "0"),
            ("OCORE_OPERATIONS_RETENTION", "1y"),
            ("OCORE_METRICS_RETENTION", "1h,24h,7d"),
            ("OCORE_SHUTDOWN_GRACE", "-1"),
            ("OCORE_WEBHOOK_ALLOW_PRIVATE", "maybe"),
            ("OCORE_DASHBOARD", "maybe"),
            ("OCORE_BACKUP_DIR", "backups"),
            ("OCORE_BACKUP_RECIPIENTS", "AGE-SECRET-KEY-canary"),
            ("OCORE_BACKUP_PASSPHRASE", "canary"),
            ("OCORE_BACKUP_KEEP", "-1"),
            ("OCORE_BACKUP_FILES", "etc/ocore"),
            ("OCORE_UPGRADE_BACKUP", "maybe"),
            ("OCORE_TELEGRAM_URL", "canary"),
            ("PG_BIN", "bin"),
        ];
        let faults = config(&wrong).unwrap_err().to_string();
        for (name, _) in wrong.iter().filter(|(name, _)| *name != "DB_POOL_MAX_CONNS") {
            assert_eq!(
                faults.matches(&format!("\n  {name} ")).count(),
                1,
                "{name} in {faults}"
            );
        }
        assert!(!faults.contains("canary"), "{faults}");
    }

    #[test]
    fn what_is_at_work_at_once_has_bounds() {
        let bounds = |more: &[(&str, &str)]| {
            let config = config(&[&[("ENVIRONMENT", "development")], more].concat());
            config.map(|config| config.bounds)
        };
        let usual = bounds(&[]).unwrap();
        assert_eq!(usual.per_kind, [("instance_move".to_owned(), 4)]);
        assert_eq!(usual.per_organization, None);
        let told = bounds(&[
            ("OCORE_KIND_OPERATIONS", "instance_create=8, instance_move=2"),
            ("OCORE_ORGANIZATION_OPERATIONS", "6"),
        ])
        .unwrap();
        assert_eq!(told.per_organization, Some(6));
        assert_eq!(
            told.per_kind,
            [("instance_create".to_owned(), 8), ("instance_move".to_owned(), 2)]
        );
        for wrong in [
            "instance.create=4",
            "instance_create",
            "instance_create=x",
            "a=1,",
        ] {
            let fault = bounds(&[("OCORE_KIND_OPERATIONS", wrong)])
                .unwrap_err()
                .to_string();
            assert!(fault.contains("The kinds are agent_install, "), "{fault}");
        }
    }

    #[test]
    fn too_few_connections_to_work_with_are_refused() {
        let with = |most| config(&[("ENVIRONMENT", "development"), ("DB_POOL_MAX_CONNS", most)]);
        assert_eq!(with("5").unwrap().database_connections, 2..=5);
        let fault = with("4").unwrap_err().to_string();
        assert!(
            fault.contains("DB_POOL_MAX_CONNS is 4. Use a number from 5 to 1000."),
            "{fault}"
        );
    }

    #[test]
    fn what_is_coarser_is_kept_longer() {
        let with = |kept| config(&[("ENVIRONMENT", "development"), ("OCORE_METRICS_RETENTION", kept)]);
        let kept = with("2h, 2d,14d,365d").unwrap().metrics_retention;
        assert_eq!(
            (kept.raw, kept.rollups[2]),
            (TimeDelta::hours(2), TimeDelta::days(365))
        );
        for wrong in [
            "1h",
            "1h,24h,7d,30d,1d",
            "1m,24h,7d,30d",
            "1h,24h,30d,7d",
            "1h,24h,7d,30\u{fc}",
        ] {
            let fault = with(wrong).unwrap_err().to_string();
            assert!(fault.contains("OCORE_METRICS_RETENTION is"), "{fault}");
        }
    }

    #[test]
    fn debugging_shows_no_secret() {
        let url = format!("postgres://u:{SECRET}@h/d");
        let config = config(&[
            ("JWT_SECRET", SECRET),
            ("SSH_ENCRYPTION_KEY", SECRET),
            ("DATABASE_URL", &url),
        ])
        .unwrap();
        assert!(!format!("{config:?}").contains(SECRET));
    }

    #[test]
    fn mail_and_other_logins_are_checked_and_their_secrets_not_told() {
        let good = [
            ("ENVIRONMENT", "development"),
            ("SMTP_HOST", "smtp.example.com"),
            ("SMTP_FROM", "oCore <ocore@example.com>"),
            ("SMTP_USER", "ocore"),
            ("SMTP_PASSWORD", "canary"),
            ("OCORE_OIDC_ISSUER", "https://id.example.com"),
            ("OCORE_OIDC_CLIENT_ID", "ocore"),
            ("OCORE_OIDC_CLIENT_SECRET", "canary"),
            ("GITHUB_CLIENT_ID", "ocore"),
            ("GITHUB_CLIENT_SECRET", "canary"),
        ];
        let made = config(&good).unwrap();
        assert!(made.mailer.0.is_some() && made.warnings.is_empty());
        let ids: Vec<&str> = made.logins.iter().map(|login| login.id()).collect();
        assert_eq!(ids, ["oidc", "github"]);
        assert!(!format!("{made:?}").contains("canary"));

        for (wrong, name) in [
            (("SMTP_FROM", "nobody"), "SMTP_FROM"),
            (("SMTP_PASSWORD", ""), "SMTP_USER"),
            (("SMTP_SECURITY", "off"), "SMTP_SECURITY"),
            (
                ("OCORE_OIDC_ISSUER", "http://id.example.com"),
                "OCORE_OIDC_ISSUER",
            ),
            (("OCORE_OIDC_CLIENT_SECRET", ""), "OCORE_OIDC_CLIENT_ID"),
            (("GITHUB_CLIENT_ID", ""), "GITHUB_CLIENT_SECRET"),
        ] {
            let variables = [good.as_slice(), &[wrong]].concat();
            let faults = config(&variables).unwrap_err().to_string();
            assert!(faults.contains(&format!("\n  {name} ")), "{name} in {faults}");
            assert!(!faults.contains("canary"), "{faults}");
        }
        // An installation without a mail server sends nothing; a workbench writes links into its log.
        let secrets = [("JWT_SECRET", SECRET), ("SSH_ENCRYPTION_KEY", SECRET)];
        assert!(config(&secrets).unwrap().mailer.0.is_none());
        let development = [("ENVIRONMENT", "development")];
        assert!(config(&development).unwrap().mailer.0.is_some());
    }

    #[test]
    fn unknown_variables_are_told() {
        let config = config(&[
            ("ENVIRONMENT", "development"),
            ("OCORE_WORKER", "1"),
            ("OCORE_TOKEN", "x"),
        ])
        .unwrap();
        assert_eq!(config.warnings.len(), 1);
        assert!(config.warnings[0].starts_with("OCORE_WORKER is set"));
    }

    #[test]
    fn development_derives_or_keeps_its_key() {
        let derived = || {
            config(&[("ENVIRONMENT", "development"), ("JWT_SECRET", SECRET)])
                .unwrap()
                .encryption_key()
                .unwrap()
        };
        assert_eq!(derived().expose_secret(), derived().expose_secret());
        assert!(derived().expose_secret() != SECRET && derived().expose_secret().len() == 64);

        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let kept = || {
            let text = data.to_string_lossy();
            config(&[("ENVIRONMENT", "development"), ("OCORE_DATA_DIR", &text)])
                .unwrap()
                .encryption_key()
        };
        let key = kept().unwrap();
        assert_eq!(kept().unwrap().expose_secret(), key.expose_secret());
        let file = data.join(KEY_FILE);
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
        fs::write(&file, "cut").unwrap();
        assert!(kept().unwrap_err().to_string().contains("holds no key"));

        // A file where the directory should be: also root cannot write there.
        let blocked = dir.path().join("file");
        fs::write(&blocked, "").unwrap();
        let fault = config(&[
            ("ENVIRONMENT", "development"),
            ("OCORE_DATA_DIR", &blocked.to_string_lossy()),
        ])
        .unwrap()
        .encryption_key()
        .unwrap_err()
        .to_string();
        assert!(
            fault.contains("OCORE_DATA_DIR") && fault.contains(&*blocked.to_string_lossy()),
            "{fault}"
        );
    }
}
