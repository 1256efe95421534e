//! How many operations of three recorded steps end in a second, by processes and by the cores that they and PostgreSQL have.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use ocore_operations::{Hands, noop_in_steps};
use ocore_store::{Sealer, Store, embedded::Embedded, migrate, notifications::Notifications, operations};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    process::{Child, Command},
    time::Instant,
};

use crate::{
    ocore::resident,
    queue::{CONNECTIONS, drained, empty, settle, start},
    report::{Figures, Target, median},
};

/// How many may be under way at once: what one process may be told at most.
const PLACES: usize = 512;
const PLACES_NAME: &str = "OCORE_BENCH_PLACES";
/// How many operations; each has three steps, and each of these is begun and ended.
const OPERATIONS: usize = 10_000;
const ROUNDS: usize = 3;
const KEY: &str = "a key for a benchmark of 32 chars";

pub async fn run() -> Result<Figures> {
    let folder = tempfile::tempdir()?;
    let postgres = Embedded::start(folder.path(), None)
        .await
        .map_err(|problem| anyhow::anyhow!("{problem}"))?;
    let measured = measure(&postgres, &folder.path().join("postgres")).await;
    postgres.stop().await;
    measured
}

async fn measure(postgres: &Embedded, data: &Path) -> Result<Figures> {
    let store = connect(&postgres.url()).await?;
    migrate(store.pool()).await?;
    let mut figures = Figures::default();
    let all = std::thread::available_parallelism()?.get();
    let least = Some(Target::AtLeast(5_000.0));
    let cases = [
        ("operations of three steps: 1 process, 1 core", 1, PLACES, 1, None),
        (
            "operations of three steps: 1 process, all cores",
            1,
            PLACES,
            all,
            least,
        ),
        (
            "the same: 2 processes that share the places",
            2,
            PLACES / 2,
            all,
            None,
        ),
        (
            "the same: 4 processes that share the places",
            4,
            PLACES / 4,
            all,
            None,
        ),
        ("the same: 4 processes with all places each", 4, PLACES, all, None),
    ];
    for (name, processes, places, cores, target) in cases {
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            rates.push(drain(&store, &postgres.url(), data, processes, places, cores).await?);
        }
        figures.add(name, median(&rates), "/s", target);
    }
    Ok(figures)
}

async fn connect(url: &SecretString) -> Result<Store> {
    let sealer = Sealer::new(&KEY.to_owned().into(), &[]);
    Ok(Store::connect(url, 2..=CONNECTIONS, sealer).await?)
}

#[expect(clippy::cast_precision_loss, reason = "counts of some thousands")]
async fn drain(
    store: &Store,
    url: &SecretString,
    data: &Path,
    processes: usize,
    places: usize,
    cores: usize,
) -> Result<f64> {
    empty(store.pool()).await?;
    let new: Vec<_> = (0..OPERATIONS).map(|_| noop_in_steps(None)).collect();
    let mut tx = store.begin().await?;
    for part in new.chunks(2000) {
        operations::enqueue_many(&mut tx, part).await?;
    }
    tx.commit().await?;
    for table in ["operations", "operation_steps"] {
        settle(store.pool(), table).await?;
    }

    let cores = format!("0-{}", cores - 1);
    keep_to(&cores, data).await?;
    let mut workers = Vec::new();
    for _ in 0..processes {
        workers.push(Worker::start(url, places, &cores).await?);
    }
    let began = Instant::now();
    for worker in &mut workers {
        worker.go().await?;
    }
    let time = drained(store.pool(), began).await?;
    for worker in workers {
        worker.end().await?;
    }
    let (done, steps): (i64, i64) = sqlx::query_as(
        "select (select count(*) from operations where state = 'done' and attempt = 1),
             (select count(*) from operation_steps where state = 'done' and started_at <= finished_at)",
    )
    .fetch_one(store.pool())
    .await?;
    ensure!(
        usize::try_from(done)? == OPERATIONS && usize::try_from(steps)? == 3 * OPERATIONS,
        "{done} operations and {steps} steps are done"
    );
    Ok(OPERATIONS as f64 / time.as_secs_f64())
}

/// Keeps PostgreSQL to some cores: what it starts from now on, too.
async fn keep_to(cores: &str, data: &Path) -> Result<()> {
    let postmaster = std::fs::read_to_string(data.join("postmaster.pid"))?;
    let postmaster = postmaster.lines().next().context("no postmaster")?;
    let mut all = vec![postmaster.to_owned()];
    let children = std::fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children"))?;
    all.extend(children.split_whitespace().map(str::to_owned));
    for process in all {
        let set = Command::new("taskset")
            .args(["-pc", cores, &process])
            .output()
            .await?;
        // One that has ended meanwhile needs no cores.
        ensure!(
            set.status.success() || !Path::new("/proc").join(&process).exists(),
            "{}",
            String::from_utf8_lossy(&set.stderr)
        );
    }
    Ok(())
}

/// A process of its own that runs operations, and waits to be told to begin.
struct Worker(Child);

impl Worker {
    async fn start(url: &SecretString, places: usize, cores: &str) -> Result<Self> {
        let mut child = Command::new("taskset")
            .args(["-c", cores])
            .arg(std::env::current_exe()?)
            .arg("worker")
            .env("DATABASE_URL", url.expose_secret())
            .env(PLACES_NAME, places.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("could not start a worker")?;
        let output = child.stdout.as_mut().context("no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await?;
        ensure!(line.trim() == "ready", "a worker said {line:?}");
        Ok(Self(child))
    }

    async fn go(&mut self) -> Result<()> {
        let input = self.0.stdin.as_mut().context("no input")?;
        Ok(input.write_all(b"go\n").await?)
    }

    /// Closes its input, by which it ends.
    async fn end(mut self) -> Result<()> {
        if let Some(pid) = self.0.id() {
            println!("  a worker: {:.1} MB resident", resident(pid)?);
        }
        drop(self.0.stdin.take());
        ensure!(self.0.wait().await?.success(), "a worker failed");
        Ok(())
    }
}

/// What such a process does.
pub async fn work() -> Result<()> {
    let url: SecretString = std::env::var("DATABASE_URL")?.into();
    let places = std::env::var(PLACES_NAME)?.parse()?;
    let store = connect(&url).await?;
    let hands = Hands::new(store.clone(), Notifications::listen(store.pool().clone()));
    println!("ready");
    let mut input = BufReader::new(tokio::io::stdin());
    input.read_line(&mut String::new()).await?;
    let runtime = start(hands, places).await?;
    input.read_to_end(&mut Vec::new()).await?;
    runtime.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
