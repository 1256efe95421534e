//! Creating an instance, beside the same docker and psql commands by hand, on the same server and PostgreSQL.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use ocore_domain::instance::Settings;
use ocore_odoo::{
    Version,
    conf::{self, Conf},
};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    ocore::{Ocore, check_docker},
    report::{Figures, Target, median},
};

/// Each round begins with a server without a template; who goes first changes.
const ROUNDS: usize = 3;
const IMAGE: &str = "odoo:19";
const MEMORY: u64 = 1 << 30;
const NAME: &str = "ocore-bench-by-hand";
const PORT: u16 = 31_069;

pub fn run(binary: &Path, ssh: Option<(&str, &Path)>) -> Result<Figures> {
    check_docker()?;
    let mut figures = Figures::default();
    {
        let ocore = Ocore::start(binary, "info")?;
        let (mut hand, mut first, mut second) = (vec![], vec![], vec![]);
        for round in 0..ROUNDS {
            let measured = round_of(&ocore, round % 2 == 0);
            // Whatever happened, nothing of it stays.
            let tidied = tidy(&ocore);
            let [by_hand, ours, again] = measured?;
            tidied?;
            println!("  round: by hand {by_hand:.1} s, first {ours:.1} s, second {again:.1} s");
            hand.push(by_hand);
            first.push(ours);
            second.push(again);
        }
        figures.add("an instance by hand", median(&hand), "s", None);
        figures.add("the first instance by oCore", median(&first), "s", None);
        figures.add("the second instance by oCore", median(&second), "s", None);
        let ratio = median(&first) / median(&hand);
        figures.add("first instance / by hand", ratio, "×", Some(Target::AtMost(1.15)));
        let ratio = median(&second) / median(&first);
        figures.add("second instance / first", ratio, "×", Some(Target::AtMost(0.35)));
    }
    if let Some((server, key)) = ssh {
        over_ssh(binary, server, key, &mut figures)?;
    }
    Ok(figures)
}

fn round_of(ocore: &Ocore, hand_first: bool) -> Result<[f64; 3]> {
    ocore.run(&["server", "add", "this", "--local"])?;
    let mut by_hand = 0.0;
    if hand_first {
        by_hand = by_hand_up(ocore)?;
    }
    let first = create(ocore, "Bench one")?;
    let second = create(ocore, "Bench two")?;
    if !hand_first {
        // As many others run as did for oCore's first: none.
        delete(ocore, "Bench one")?;
        delete(ocore, "Bench two")?;
        by_hand = by_hand_up(ocore)?;
    }
    Ok([by_hand, first, second])
}

/// Times the script, and ends what it made.
fn by_hand_up(ocore: &Ocore) -> Result<f64> {
    let began = Instant::now();
    let made = by_hand(ocore, "up");
    let took = began.elapsed();
    let gone = by_hand(ocore, "down");
    made?;
    gone?;
    Ok(took.as_secs_f64())
}

fn by_hand(ocore: &Ocore, action: &str) -> Result<()> {
    let script = ocore.folder().join("by-hand.sh");
    fs::write(&script, include_str!("by-hand.sh"))?;
    let conf = ocore.folder().join("odoo.conf");
    fs::write(&conf, configuration().expose_secret())?;
    fs::set_permissions(&conf, fs::Permissions::from_mode(0o444))?;
    let output = Command::new("bash")
        .arg(&script)
        .args([action, NAME, &PORT.to_string()])
        .arg(&conf)
        .arg(IMAGE)
        .output()?;
    ensure!(
        output.status.success(),
        "by hand, {action}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// The very file that oCore would write.
fn configuration() -> SecretString {
    conf::render(&Conf {
        database: NAME,
        database_host: "ocore-postgres",
        database_port: 5432,
        database_user: NAME,
        database_password: &"by-hand-password".into(),
        master_password: &"by-hand-master-password".into(),
        settings: &Settings::new(IMAGE.to_owned(), 0, MEMORY),
        version: Version::V19,
        proxy_mode: false,
        addons_path: &[],
    })
}

/// From the command to its end, the client's own time included.
fn create(ocore: &Ocore, name: &str) -> Result<f64> {
    let memory = MEMORY.to_string();
    let took = ocore.run(&[
        "instance",
        "create",
        name,
        "--workers",
        "0",
        "--memory",
        &memory,
        "--image",
        IMAGE,
    ])?;
    Ok(took.as_secs_f64())
}

fn delete(ocore: &Ocore, name: &str) -> Result<Duration> {
    ocore.run(&["instance", "delete", name, "--yes", name, "--no-dump"])
}

fn tidy(ocore: &Ocore) -> Result<()> {
    for name in ["Bench one", "Bench two"] {
        // It may never have come to be.
        let _ = delete(ocore, name);
    }
    ocore
        .run(&["server", "remove", "this", "--yes", "this"])
        .map(drop)
}

/// How many connections to a server there are at once, through the life of instances on it.
#[expect(clippy::cast_precision_loss, reason = "small counts")]
fn over_ssh(binary: &Path, server: &str, key: &Path, figures: &mut Figures) -> Result<()> {
    let (user, host) = server.split_once('@').context("--ssh is user@address")?;
    let key = key.to_str().context("the key's path is not text")?;
    let ocore = Ocore::start(binary, "info")?;
    let connections = Connections::watch(ocore.pid());
    let lived = (|| -> Result<()> {
        let add = ["server", "add", "bench-ssh", "--host", host, "--user", user];
        ocore.run(&[&add[..], &["--key-file", key]].concat())?;
        for name in ["Bench one", "Bench two"] {
            ocore.run(&["instance", "create", name, "--workers", "0", "--memory", "1G"])?;
        }
        ocore.run(&["instance", "stop", "Bench two"])?;
        ocore.run(&["instance", "start", "Bench two"])?;
        delete(&ocore, "Bench two").map(drop)
    })();
    for name in ["Bench one", "Bench two"] {
        let _ = delete(&ocore, name);
    }
    let removed = ocore.run(&["server", "remove", "bench-ssh", "--yes", "bench-ssh"]);
    let most = connections.most();
    lived?;
    removed?;
    ensure!(most > 0, "no connection was seen");
    let name = "SSH connections to one server, at most";
    figures.add(name, most as f64, "", Some(Target::AtMost(1.0)));
    Ok(())
}

/// How many connections to port 22 a process has at once.
struct Connections {
    stop: Arc<AtomicBool>,
    most: Arc<AtomicUsize>,
}

impl Connections {
    fn watch(pid: u32) -> Self {
        let (stop, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let seen = Self {
            stop: stop.clone(),
            most: most.clone(),
        };
        thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                most.fetch_max(connections(pid), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        });
        seen
    }

    fn most(&self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.most.load(Ordering::Relaxed)
    }
}

/// Established connections to port 22, from the kernel's table and the sockets of the process.
fn connections(pid: u32) -> usize {
    let sockets: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|fd| {
            let to = fs::read_link(fd.path()).ok()?;
            Some(
                to.to_str()?
                    .strip_prefix("socket:[")?
                    .strip_suffix(']')?
                    .to_owned(),
            )
        })
        .collect();
    let table = fs::read_to_string(format!("/proc/{pid}/net/tcp")).unwrap_or_default();
    table
        .lines()
        .filter(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            fields.len() > 9
                && fields[2].ends_with(":0016")
                && fields[3] == "01"
                && sockets.contains(fields[9])
        })
        .count()
}
