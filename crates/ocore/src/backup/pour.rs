//! Pours a dump into a database, in one transaction: it is there whole, or not at all.
//!
//! `pg_restore` makes SQL of the dump, and `psql` runs it. The `commit` is this program's to give, when the whole backup has
//! been read and was found to be what was written.

use std::{
    io::{self, BufRead, BufReader, BufWriter, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    thread::JoinHandle,
};

use anyhow::{Context, bail};

use super::{
    connection::Connection,
    create::{last_lines, listen},
    programs::Programs,
};

/// Lines that servers before a version refuse, or that make what every database has. They come before any data.
const REFUSED: &[(&str, u32)] = &[
    ("SET transaction_timeout = 0;", 17),
    ("CREATE SCHEMA public;", u32::MAX),
];
/// How many lines come before any data, at most.
const HEAD: usize = 100;

/// A dump on its way. Dropped without a commit, it changes nothing.
pub(crate) struct Pour {
    restore: Child,
    dump: Option<BufWriter<ChildStdin>>,
    psql: Child,
    pump: Option<JoinHandle<io::Result<BufWriter<ChildStdin>>>>,
    said: Vec<JoinHandle<String>>,
}

impl Pour {
    /// Begins. `first` is SQL that is run before, in the same transaction; `major` is the server's version.
    pub(crate) fn begin(
        programs: &Programs,
        to: &Connection,
        first: &str,
        major: u32,
    ) -> anyhow::Result<Self> {
        let mut restore = to
            .command(&programs.path("pg_restore"))
            .args([
                "--no-owner",
                "--no-comments",
                "--no-publications",
                "--no-subscriptions",
                "--no-tablespaces",
                "--file=-",
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("pg_restore cannot be run")?;
        let psql = to
            .command(&programs.path("psql"))
            .args(["-XqAt", "--no-password", "--set=ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut psql = match psql {
            Ok(psql) => psql,
            Err(error) => {
                let _ = restore.kill();
                let _ = restore.wait();
                return Err(error).context("psql cannot be run");
            }
        };
        let said = [restore.stderr.take().map(listen), psql.stderr.take().map(listen)];
        let (dump, sql, into) = (restore.stdin.take(), restore.stdout.take(), psql.stdin.take());
        let first = format!("begin;\nset local client_min_messages = warning;\n{first}");
        let pump = sql
            .zip(into)
            .map(|(sql, into)| std::thread::spawn(move || pump(sql, into, &first, major)));
        Ok(Self {
            restore,
            dump: dump.map(BufWriter::new),
            psql,
            pump,
            said: said.into_iter().flatten().collect(),
        })
    }

    /// Some of the dump.
    pub(crate) fn write(&mut self, data: &[u8]) -> anyhow::Result<()> {
        let Some(dump) = &mut self.dump else {
            bail!("the dump has ended")
        };
        match dump.write_all(data) {
            Ok(()) => Ok(()),
            // One of the two has ended, and said why.
            Err(error) => Err(self.why(&error)),
        }
    }

    /// The dump is whole and is what it should be: makes it what the database holds.
    pub(crate) fn commit(mut self) -> anyhow::Result<()> {
        let flushed = self.dump.take().map_or(Ok(()), |mut dump| dump.flush());
        if let Err(error) = flushed {
            return Err(self.why(&error));
        }
        let Some(pumped) = self.pump.take().and_then(|pump| pump.join().ok()) else {
            bail!("psql was not reached")
        };
        let mut psql = match pumped {
            Ok(psql) => psql,
            Err(error) => return Err(self.why(&error)),
        };
        let status = self.restore.wait()?;
        if !status.success() {
            drop(psql);
            return Err(self.why(&io::Error::other(format!("pg_restore ended with {status}"))));
        }
        let committed = psql.write_all(b"\ncommit;\n").and_then(|()| psql.flush());
        drop(psql);
        let status = self.psql.wait()?;
        match committed {
            Ok(()) if status.success() => Ok(()),
            Ok(()) => Err(self.why(&io::Error::other(format!("psql ended with {status}")))),
            Err(error) => Err(self.why(&error)),
        }
    }

    /// What the programs said, when they did not do as they were told.
    fn why(&mut self, error: &io::Error) -> anyhow::Error {
        self.stop();
        let said: Vec<String> = self
            .said
            .drain(..)
            .filter_map(|said| said.join().ok())
            .map(|said| last_lines(&said))
            .collect();
        let said = said
            .into_iter()
            .filter(|said| !said.is_empty())
            .collect::<Vec<_>>()
            .join("; ");
        if said.is_empty() {
            return anyhow::anyhow!("the dump could not be restored: {error}");
        }
        anyhow::anyhow!("the dump could not be restored: {said}")
    }

    fn stop(&mut self) {
        // `psql` first: without its end of input it has no commit to make.
        for child in [&mut self.psql, &mut self.restore] {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Pour {
    fn drop(&mut self) {
        self.stop();
    }
}

/// From one program to the other, but what the server would refuse.
fn pump(from: ChildStdout, into: ChildStdin, first: &str, major: u32) -> io::Result<BufWriter<ChildStdin>> {
    let (mut from, mut into) = (
        BufReader::with_capacity(1 << 18, from),
        BufWriter::with_capacity(1 << 18, into),
    );
    into.write_all(first.as_bytes())?;
    let mut line = Vec::new();
    for _ in 0..HEAD {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_refused = REFUSED
            .iter()
            .any(|(text, since)| major < *since && line.trim_ascii_end() == text.as_bytes());
        if !is_refused {
            into.write_all(&line)?;
        }
    }
    io::copy(&mut from, &mut into)?;
    into.flush()?;
    Ok(into)
}
