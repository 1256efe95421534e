//! A private PostgreSQL in the data directory: what oCore runs on when it is given no `DATABASE_URL`.
//!
//! It listens on a unix socket only, inside a directory that nobody but its own user may enter, so it needs no
//! password. PostgreSQL refuses to run as root: there it runs as `postgres`, or as `ocore` where there is no such
//! user.
//!
//! PostgreSQL outlives an oCore that is killed, and the next one adopts it. Several processes may share it (a second
//! `ocore serve`, `ocore admin create`): each holds a shared lock, and only the last one to leave stops it.

use std::{
    ffi::OsStr,
    fmt::Write,
    fs::{self, DirBuilder, File, Permissions, TryLockError},
    io::ErrorKind,
    os::unix::{
        ffi::OsStrExt,
        fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::{Gid, Pid, Uid, User, geteuid},
};
use ocore_domain::{Code, Problem};
use secrecy::SecretString;
use sqlx::{
    Connection, PgConnection,
    postgres::{PgConnectOptions, PgSslMode},
};
use tokio::{
    process::Command,
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// The oldest PostgreSQL that oCore runs on.
const OLDEST: u32 = 15;
/// The superuser and the database.
const NAME: &str = "ocore";
/// Part of the socket's name only: nothing listens on TCP.
const PORT: u16 = 5432;
/// The longest directory whose socket still fits into the kernel's address (108 bytes).
const LONGEST_DIR: usize = 107 - "/.s.PGSQL.5432".len();
/// How long it may take to start: it may have to recover first.
const START: Duration = Duration::from_mins(3);
/// How long it may take to stop: it writes what is in memory first.
const STOP: Duration = Duration::from_mins(1);

/// Sized for a small machine on which Odoo is the one to need the memory. The log is kept for a week, one file per day.
const SETTINGS: &[&str] = &[
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "shared_buffers=48MB",
    "work_mem=4MB",
    "maintenance_work_mem=32MB",
    "wal_level=minimal",
    "max_wal_senders=0",
    "min_wal_size=32MB",
    "max_wal_size=256MB",
    "max_parallel_workers=2",
    "autovacuum_max_workers=2",
    "jit=off",
    "logging_collector=on",
    "log_directory=log",
    "log_filename=postgres-%a.log",
    "log_truncate_on_rotation=on",
    "log_rotation_age=1d",
    "log_rotation_size=0",
];

/// A private PostgreSQL that runs, and is started again should it end by itself. Dropped without `stop`, it runs on.
#[derive(Debug)]
pub struct Embedded {
    cluster: Cluster,
    in_use: File,
    keeper: JoinHandle<()>,
}

impl Embedded {
    /// Starts the PostgreSQL in `data_dir`, making it first when it is not there; adopts the one that runs already.
    ///
    /// `pg_bin` is the directory of the server programs, when they are not to be searched for.
    pub async fn start(data_dir: &Path, pg_bin: Option<&Path>) -> Result<Self, Problem> {
        let cluster = Cluster::find(data_dir, pg_bin).await?;
        let in_use = lock(data_dir.join("postgres.lock")).await?;
        cluster.remove_half_made()?;
        if !cluster.dir.join("PG_VERSION").exists() {
            cluster.make().await?;
        }
        cluster.run().await?;
        cluster.create_database().await?;
        // Others may use it from here on.
        in_use
            .lock_shared()
            .map_err(|error| io("lock", &cluster.dir, &error))?;
        let keeper = tokio::spawn(cluster.clone().keep());
        Ok(Self {
            cluster,
            in_use,
            keeper,
        })
    }

    /// Where oCore's database is.
    pub fn url(&self) -> SecretString {
        let mut dir = String::new();
        for byte in self.cluster.dir.as_os_str().as_bytes() {
            // A text takes every write.
            let _ = write!(dir, "%{byte:02X}");
        }
        format!("postgres://{NAME}@localhost:{PORT}/{NAME}?host={dir}&sslmode=disable").into()
    }

    /// The directory that holds it.
    pub fn directory(&self) -> &Path {
        &self.cluster.dir
    }

    /// Stops it, unless another process still uses it. Close every connection before.
    pub async fn stop(self) {
        self.keeper.abort();
        if let Err(TryLockError::WouldBlock) = self.in_use.try_lock() {
            tracing::info!("another process uses the embedded PostgreSQL; it runs on");
            return;
        }
        self.cluster.stop().await;
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Waits until nobody starts, stops or uses the database in this directory, or uses it alone.
async fn lock(path: PathBuf) -> Result<File, Problem> {
    let open = File::options().create(true).append(true).open(&path);
    let file = open.map_err(|error| io("open", &path, &error))?;
    // One that uses it holds a shared lock for as long as it lives: to join it, take a shared one too.
    let until = Instant::now() + START;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if file.try_lock_shared().is_ok() => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => {
                sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                return Err(Problem::new(
                    Code::Internal,
                    format!("{} cannot be locked: {error}", path.display()),
                    "Another oCore process is starting or stopping the embedded PostgreSQL; end it, then try again.",
                ));
            }
        }
    }
}

/// Who PostgreSQL runs as.
#[derive(Clone, Debug)]
struct Account {
    name: String,
    uid: Uid,
    gid: Gid,
}

impl Account {
    /// The owner of a cluster that is there already; else an unprivileged user when this process is root's.
    fn choose(cluster: &Path) -> Result<Self, Problem> {
        let owner = fs::metadata(cluster)
            .ok()
            .map(|m| Uid::from_raw(m.uid()))
            .filter(|uid| !uid.is_root());
        let known = |user: Option<User>| {
            user.map(|user| Self {
                name: user.name,
                uid: user.uid,
                gid: user.gid,
            })
        };
        let found = match owner {
            Some(uid) => known(User::from_uid(uid).ok().flatten()),
            None if geteuid().is_root() => ["postgres", "ocore"]
                .into_iter()
                .find_map(|name| known(User::from_name(name).ok().flatten())),
            None => known(User::from_uid(geteuid()).ok().flatten()),
        };
        let account = found.ok_or_else(|| {
            Problem::new(
                Code::Internal,
                "PostgreSQL does not run as root, and there is no user for it",
                "Run: useradd --system --no-create-home --shell /usr/sbin/nologin ocore — or set DATABASE_URL to a \
                 PostgreSQL of your own.",
            )
        })?;
        if geteuid().is_root() || account.uid == geteuid() {
            return Ok(account);
        }
        Err(Problem::new(
            Code::Internal,
            format!("{} belongs to {}", cluster.display(), account.name),
            format!(
                "Start oCore as root or as {}, or choose another OCORE_DATA_DIR.",
                account.name
            ),
        ))
    }

    /// A program that runs as this user, knows nothing of oCore's environment (it holds secrets), and gets none of
    /// the signals that a terminal sends to oCore: PostgreSQL is to end after oCore.
    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::null());
        if geteuid().is_root() {
            // With a user set, root's other groups are given up as well.
            command.uid(self.uid.as_raw()).gid(self.gid.as_raw());
        }
        command
    }

    fn may_traverse(&self, dir: &Path) -> Result<bool, Problem> {
        let meta = fs::metadata(dir).map_err(|error| io("look at", dir, &error))?;
        let bit = if meta.uid() == self.uid.as_raw() {
            0o100
        } else if meta.gid() == self.gid.as_raw() {
            0o010
        } else {
            0o001
        };
        Ok(meta.mode() & bit != 0)
    }
}

/// A database cluster in a directory, and what it takes to run it.
#[derive(Clone, Debug)]
struct Cluster {
    /// The cluster's directory, which holds its socket too.
    dir: PathBuf,
    programs: PathBuf,
    account: Account,
}

impl Cluster {
    async fn find(data_dir: &Path, pg_bin: Option<&Path>) -> Result<Self, Problem> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(data_dir)
            .map_err(|error| io("create", data_dir, &error))?;
        let data_dir = data_dir
            .canonicalize()
            .map_err(|error| io("open", data_dir, &error))?;
        let dir = data_dir.join("postgres");
        if dir.as_os_str().len() > LONGEST_DIR {
            return Err(Problem::new(
                Code::Internal,
                format!("{} is too long a path for a unix socket", dir.display()),
                format!("Choose an OCORE_DATA_DIR of at most {} bytes.", LONGEST_DIR - 9),
            ));
        }
        let account = Account::choose(&dir)?;
        open_way(&data_dir, &account)?;
        let made_by = fs::read_to_string(dir.join("PG_VERSION"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        let programs = programs(pg_bin, made_by).await?;
        Ok(Self {
            dir,
            programs,
            account,
        })
    }

    fn half_made(&self) -> PathBuf {
        self.dir.with_extension("new")
    }

    /// Removes what an `initdb` that was killed left behind.
    fn remove_half_made(&self) -> Result<(), Problem> {
        let half = self.half_made();
        match fs::remove_dir_all(&half) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &half, &error)),
            _ => Ok(()),
        }
    }

    /// Makes the cluster beside its place and moves it there when it is whole.
    async fn make(&self) -> Result<(), Problem> {
        tracing::info!(directory = %self.dir.display(), user = self.account.name, "making the embedded PostgreSQL");
        let half = self.half_made();
        DirBuilder::new()
            .mode(0o700)
            .create(&half)
            .and_then(|()| {
                chown(
                    &half,
                    Some(self.account.uid.as_raw()),
                    Some(self.account.gid.as_raw()),
                )
            })
            .map_err(|error| io("create", &half, &error))?;
        let made = self
            .account
            .command(&self.programs.join("initdb"))
            .args([
                "--username",
                NAME,
                "--auth-local=trust",
                "--auth-host=reject",
                "--encoding=UTF8",
            ])
            .arg("--pgdata")
            .arg(&half)
            .output()
            .await
            .map_err(|error| io("run initdb in", &self.programs, &error))?;
        if !made.status.success() {
            return Err(Problem::new(
                Code::Internal,
                format!("initdb failed: {}", tail(&made.stderr)),
                "Mend what it says, or set DATABASE_URL to a PostgreSQL of your own.",
            ));
        }
        // An empty directory may be there already, of a volume for example.
        fs::rename(&half, &self.dir).map_err(|error| io("move the new cluster to", &self.dir, &error))
    }

    /// Starts PostgreSQL unless it runs, and waits until it answers.
    async fn run(&self) -> Result<(), Problem> {
        let until = Instant::now() + START;
        let mut process = None;
        loop {
            if self.answers().await {
                return Ok(());
            }
            match (&mut process, self.postmaster()) {
                // One that an earlier oCore left behind starts, recovers or stops: it answers, or it goes.
                (None, Some(_)) => {}
                (None, None) => process = Some(self.spawn()?),
                (Some(child), _) => {
                    if let Ok(Some(status)) = child.try_wait() {
                        return Err(self.did_not_start(&format!("ended with {}", describe(status))));
                    }
                }
            }
            if Instant::now() > until {
                return Err(self.did_not_start("does not answer"));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn spawn(&self) -> Result<tokio::process::Child, Problem> {
        self.disown_stale_lock();
        // What it says before its own log is open. Never a pipe to oCore: it outlives oCore.
        let path = self.dir.join("startup.log");
        let log = File::create(&path).map_err(|error| io("write", &path, &error))?;
        let output = || log.try_clone().map_err(|error| io("write", &path, &error));
        self.account
            .command(&self.programs.join("postgres"))
            .arg("-D")
            .arg(&self.dir)
            .args(["-k".as_ref(), self.dir.as_os_str()])
            .arg(format!("-p{PORT}"))
            .args(SETTINGS.iter().flat_map(|setting| ["-c", setting]))
            .stdout(output()?)
            .stderr(output()?)
            .spawn()
            .map_err(|error| io("run postgres in", &self.programs, &error))
    }

    /// The process that runs this cluster, if one does. The number in `postmaster.pid` alone proves nothing: after a
    /// crash it may have been given to another program. PostgreSQL works in its cluster's directory.
    fn postmaster(&self) -> Option<Pid> {
        let pid: i32 = self.noted_pid()?;
        let works_in = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
        (works_in == self.dir).then(|| Pid::from_raw(pid))
    }

    fn noted_pid(&self) -> Option<i32> {
        fs::read_to_string(self.dir.join("postmaster.pid"))
            .ok()?
            .lines()
            .next()?
            .trim()
            .parse()
            .ok()
    }

    /// Lets PostgreSQL start although the number in its stale `postmaster.pid` now belongs to another program of the
    /// same user: the number of the process that starts it does not count for it. The rest of the file stays, since
    /// with it PostgreSQL finds out whether a part of the old one still works on the cluster.
    fn disown_stale_lock(&self) {
        let path = self.dir.join("postmaster.pid");
        let belongs_to_another = self
            .noted_pid()
            .is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists());
        if belongs_to_another
            && let Ok(text) = fs::read_to_string(&path)
            && let Some((_, rest)) = text.split_once('\n')
        {
            let _ = fs::write(&path, format!("{}\n{rest}", std::process::id()));
        }
    }

    fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.dir)
            .port(PORT)
            .username(NAME)
            .database("postgres")
            .ssl_mode(PgSslMode::Disable)
    }

    async fn connect(&self) -> Result<PgConnection, sqlx::Error> {
        let options = self.options();
        timeout(Duration::from_secs(5), PgConnection::connect_with(&options))
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    async fn answers(&self) -> bool {
        match self.connect().await {
            Ok(connection) => connection.close().await.is_ok(),
            Err(_) => false,
        }
    }

    async fn create_database(&self) -> Result<(), Problem> {
        let created = async {
            let mut conn = self.connect().await?;
            let there: bool =
                sqlx::query_scalar("select exists (select 1 from pg_database where datname = $1)")
                    .bind(NAME)
                    .fetch_one(&mut conn)
                    .await?;
            if !there {
                sqlx::query("create database ocore").execute(&mut conn).await?;
            }
            conn.close().await
        };
        created
            .await
            .map_err(|error| self.did_not_start(&format!("refused: {error}")))
    }

    /// Starts it again whenever it has ended without oCore's asking.
    async fn keep(self) {
        loop {
            sleep(Duration::from_secs(1)).await;
            if self.postmaster().is_none() {
                tracing::error!("the embedded PostgreSQL ended; starting it again");
                if let Err(problem) = self.run().await {
                    tracing::error!(%problem, "the embedded PostgreSQL did not start again");
                }
            }
        }
    }

    /// Ends every session, writes everything down, and stops.
    async fn stop(&self) {
        let Some(pid) = self.postmaster() else { return };
        let until = Instant::now() + STOP;
        if let Err(error) = kill(pid, Signal::SIGINT) {
            tracing::warn!(%error, "the embedded PostgreSQL could not be stopped");
        }
        while self.postmaster().is_some() {
            if Instant::now() > until {
                tracing::warn!(%pid, "the embedded PostgreSQL takes long to stop; it is left to itself");
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        tracing::info!("the embedded PostgreSQL has stopped");
    }

    fn did_not_start(&self, what: &str) -> Problem {
        let said = fs::read(self.dir.join("startup.log")).unwrap_or_default();
        let log = self.dir.join("log");
        Problem::new(
            Code::Internal,
            format!("The embedded PostgreSQL {what}: {}", tail(&said)),
            format!(
                "Look into {}, or set DATABASE_URL to a PostgreSQL of your own.",
                log.display()
            ),
        )
    }
}

/// Makes sure that the user can get into the data directory, and says where the way is closed.
fn open_way(data_dir: &Path, account: &Account) -> Result<(), Problem> {
    for dir in data_dir.ancestors() {
        if account.may_traverse(dir)? {
            continue;
        }
        if dir == data_dir {
            // Passing through is all it needs: the directory cannot be listed, and what lies in it has its own mode.
            let mode = fs::metadata(dir)
                .map_err(|error| io("look at", dir, &error))?
                .mode();
            fs::set_permissions(dir, Permissions::from_mode(mode | 0o011))
                .map_err(|error| io("open the way through", dir, &error))?;
            continue;
        }
        return Err(Problem::new(
            Code::Internal,
            format!(
                "PostgreSQL runs as {}, who may not enter {}",
                account.name,
                dir.display()
            ),
            "Set OCORE_DATA_DIR to a directory outside it, for example /var/lib/ocore.",
        ));
    }
    Ok(())
}

/// The directory of the server programs: the one given, the distribution's newest, or the one in the PATH; for a
/// cluster that exists, of the version that made it.
async fn programs(given: Option<&Path>, made_by: Option<u32>) -> Result<PathBuf, Problem> {
    let mut candidates: Vec<PathBuf> = given.map(Path::to_owned).into_iter().collect();
    if given.is_none() {
        candidates.extend(packaged());
        let on_path = std::env::var_os("PATH").and_then(|path| {
            std::env::split_paths(&path)
                .map(|dir| dir.join("postgres"))
                .find(|p| p.exists())
        });
        // The programs belong together: follow a link to where they all are.
        let real = on_path.and_then(|program| program.canonicalize().ok());
        candidates.extend(real.as_deref().and_then(Path::parent).map(Path::to_owned));
    }
    let mut seen = Vec::new();
    for dir in candidates {
        let Some(version) = version(&dir).await else {
            continue;
        };
        if made_by.map_or(version >= OLDEST, |made_by| made_by == version) {
            return Ok(dir);
        }
        seen.push(format!("{version} in {}", dir.display()));
    }
    let wanted = made_by.map_or_else(|| format!("{OLDEST} or newer"), |v| v.to_string());
    let found = if seen.is_empty() {
        "none".to_owned()
    } else {
        seen.join(", ")
    };
    let package = made_by.map_or_else(|| "postgresql".to_owned(), |v| format!("postgresql-{v}"));
    Err(Problem::new(
        Code::Internal,
        format!("The server programs of PostgreSQL {wanted} are needed, and found: {found}"),
        format!(
            "Install them (Debian and Ubuntu: apt-get install {package}), set PG_BIN to their directory, or set \
             DATABASE_URL to a PostgreSQL of your own."
        ),
    ))
}

/// The directories in which Debian and Ubuntu keep the server programs, newest first.
fn packaged() -> Vec<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            Some((
                entry.file_name().to_str()?.parse().ok()?,
                entry.path().join("bin"),
            ))
        })
        .collect();
    found.sort_unstable_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// The major version of the programs in a directory, if `initdb` and `postgres` are there and run.
async fn version(dir: &Path) -> Option<u32> {
    if !dir.join("initdb").exists() {
        return None;
    }
    let output = Command::new(dir.join("postgres"))
        .arg("--version")
        .env_clear()
        .output()
        .await
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    // For example: postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)
    let number = text.split_whitespace().nth(2)?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}

/// The last lines of an output.
fn tail(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.trim().lines().collect();
    let last = lines[lines.len().saturating_sub(5)..].join("; ");
    if last.is_empty() {
        "it said nothing".to_owned()
    } else {
        last
    }
}

fn io(verb: &str, path: impl AsRef<OsStr>, error: &std::io::Error) -> Problem {
    let path = Path::new(path.as_ref()).display();
    Problem::new(
        Code::Internal,
        format!("oCore cannot {verb} {path}: {error}"),
        "Check that the directory may be written by the user that oCore runs as, or choose another OCORE_DATA_DIR.",
    )
}
