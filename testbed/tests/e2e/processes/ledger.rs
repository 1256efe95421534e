//! Operations that leave a trace of each step (`ledger.rs` of `ocore-operations`), and what became of them.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command, time::Duration};

use crate::plane::Plane;

pub(super) struct Ledger {
    folder: PathBuf,
    /// The PostgreSQL that all processes share, whichever of them live.
    database: String,
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Count {
    pub(super) operations: u64,
    /// How many were taken up more than once.
    pub(super) taken_over: u64,
    /// How many were never done.
    pub(super) lost: u64,
    /// How many steps left no trace, though the operation is done.
    pub(super) missing: u64,
    /// How many steps left more than one.
    pub(super) doubled: u64,
}

impl Ledger {
    /// An empty one.
    pub(super) fn new(plane: &Plane) -> Self {
        let folder = plane.dir().join("ledger");
        fs::create_dir_all(&folder).unwrap();
        plane.sql("create table ledger (operation uuid not null)");
        let socket = plane.dir().join("postgres");
        Self {
            folder,
            database: format!("postgres://ocore@localhost/ocore?host={}", socket.display()),
        }
    }

    fn sql(&self, sql: &str) -> String {
        let output = Command::new("psql")
            .args(["-XqAt", "-d", &self.database, "-c", sql])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{sql}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Asks for so many operations at once, each with three steps that take about so long. Answers the last one's id.
    pub(super) fn ask(&self, count: u32, pause: Duration) -> String {
        let (folder, pause) = (self.folder.display(), pause.as_millis());
        self.sql(&format!(
            "with asked as (
                 insert into operations (id, organization_id, kind, params, serial_key)
                 select gen_random_uuid(), (select id from organizations order by created_at limit 1), 'ledger',
                     jsonb_build_object('folder', '{folder}', 'pause_ms', {pause}), 'ledger:' || gen_random_uuid()
                 from generate_series(1, {count}) returning id
             ), steps as (
                 insert into operation_steps (operation_id, position, name, title)
                 select id, position, name, name from asked,
                     (values (0, 'first'), (1, 'second'), (2, 'third')) as step (position, name)
             ), told as (select pg_notify('ocore_queue', ''))
             select id from asked, told limit 1"
        ))
    }

    /// Waits until none is open, and counts what they left.
    pub(super) fn settle(&self, plane: &Plane, limit: Duration) -> Count {
        plane.await_that(limit, "all operations to end", || {
            let open = "select count(*) from operations where kind = 'ledger' and finished_at is null";
            (self.sql(open) == "0").then_some(())
        });
        let number = |sql: &str| self.sql(sql).parse::<u64>().unwrap();
        let operations = number("select count(*) from operations where kind = 'ledger'");
        let rows = number("select count(*) from ledger");
        let operations_with_rows = number("select count(distinct operation) from ledger");
        let (mut in_files, mut doubled) = (0, rows - operations_with_rows);
        for file in fs::read_dir(&self.folder).unwrap() {
            let text = fs::read_to_string(file.unwrap().path()).unwrap();
            let mut entries: BTreeMap<&str, u64> = BTreeMap::new();
            for line in text.lines() {
                *entries.entry(line).or_default() += 1;
            }
            in_files += u64::try_from(entries.len()).unwrap();
            doubled += entries.values().map(|times| times - 1).sum::<u64>();
        }
        let done = number("select count(*) from operations where kind = 'ledger' and state = 'done'");
        Count {
            operations,
            taken_over: number("select count(*) from operations where kind = 'ledger' and attempt > 1"),
            lost: operations - done,
            missing: 3 * operations - operations_with_rows - in_files,
            doubled,
        }
    }
}
