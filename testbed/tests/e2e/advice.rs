//! A bottleneck of each kind, made on purpose on a real server with an agent, is named by `ocore advise`.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::Value;

use crate::{
    plane::Plane,
    world::{Server, add_server, small},
};

const ONE: Server = Server(1);
/// From the beginning of a bottleneck until it is named: a minute of averages, and the way of the samples.
const NAMED: Duration = Duration::from_secs(150);

#[test]
fn each_bottleneck_is_named() {
    ONE.clean();
    let plane = Plane::start_with_agents();
    add_server(&plane, ONE, "one");
    plane.ok(&small("acme"));
    // What was killed before the agent knew of a container is not in its figures.
    plane.await_that(NAMED, "the instance to be measured", || {
        (plane.sql("select count(*) > 1 from instance_samples") == "t").then_some(())
    });
    let advice = plane.ok(&["advise", "--minutes", "1"]);
    assert_eq!(advice["unmeasured"], Value::Array(Vec::new()), "{advice}");

    // All at once, since each is an average of a minute. None hides another: a kill is remembered, connections stay open,
    // and who waits for a disk waits whether or not the cores are busy.
    //
    // More memory than its limit allows.
    let greedy = "x = bytearray(16 << 30)\nfor i in range(0, len(x), 4096): x[i] = 1";
    ONE.sh(&format!(
        "docker exec ocore-acme python3 -c '{greedy}' 2>&1 || true"
    ));
    // Connections up to nine of ten that there may be. Only a superuser may have so many.
    let ask = |sql: &str| {
        ONE.sh(&format!(
            "docker exec ocore-postgres psql -U postgres -XqAt -c \"{sql}\""
        ))
    };
    let most: u32 = ask("show max_connections").parse().unwrap();
    ask("create role crowd superuser login password 'crowd'");
    let crowd = format!(
        "import psycopg2, time\nall = [psycopg2.connect(host=\"ocore-postgres\", user=\"crowd\", password=\"crowd\", \
         dbname=\"postgres\") for _ in range({})]\ntime.sleep(600)",
        most * 9 / 10
    );
    ONE.sh(&format!("docker exec -d ocore-acme python3 -c '{crowd}'"));
    plane.await_that(Duration::from_secs(30), "the crowd to be there", || {
        let there = ask("select count(*) from pg_stat_activity where usename = 'crowd'");
        (there.parse::<u32>().unwrap() == most * 9 / 10).then_some(())
    });
    let slow = SlowReader::start();
    // All cores, for as long as it takes at most.
    ONE.sh("for core in $(seq $(nproc)); do timeout 200 sh -c 'while :; do :; done' >/dev/null 2>&1 & done");

    let found = named(&plane, "slow_odoo", "cpu", "one");
    ONE.sh("pkill -x timeout || true");
    let figures = found["figures"].as_array().unwrap();
    assert!(
        figures
            .iter()
            .any(|figure| figure["name"] == "cpuUsagePercent" && figure["value"].as_f64() >= Some(85.0)),
        "{found}"
    );
    named(&plane, "slow_file_operations", "disk_io", "one");
    drop(slow);
    let found = named(&plane, "refused_connections", "connections", "one");
    assert!(
        found["action"].as_str().unwrap().contains("max_connections"),
        "{found}"
    );
    ask("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'crowd'");
    ask("drop role crowd");
    let found = named(&plane, "out_of_memory_errors", "memory", "acme");
    assert_eq!(found["severity"], "critical", "{found}");
    plane.ok(&["instance", "delete", "acme", "--confirm", "acme", "--no-dump"]);
    plane.ok(&["server", "remove", "one", "--confirm", "one"]);
}

/// Waits until it is named, and answers the finding.
fn named(plane: &Plane, symptom: &str, bottleneck: &str, of: &str) -> Value {
    plane.await_that(NAMED, &format!("{bottleneck} of {of} to be named"), || {
        let advice = plane.ok(&["advise", "--minutes", "1"]);
        let findings = advice["findings"].as_array().unwrap();
        let is_it = |finding: &&Value| {
            (
                &finding["symptom"],
                &finding["bottleneck"],
                &finding["subject"]["name"],
            ) == (&symptom.into(), &bottleneck.into(), &of.into())
        };
        findings.iter().find(is_it).cloned()
    })
}

/// A program that reads from a disk which its control group makes slow. The servers of the testbed share this machine's
/// kernel, so what waits here is seen there.
struct SlowReader {
    reader: std::process::Child,
    file: tempfile::NamedTempFile,
}

/// Bytes a second.
const SLOW: &str = "262144";

impl SlowReader {
    fn start() -> Self {
        let file = tempfile::Builder::new()
            .prefix("ocore-slow-")
            .tempfile_in("/var/tmp")
            .unwrap();
        fs::write(file.path(), vec![1; 128 << 20]).unwrap();
        file.as_file().sync_all().unwrap();
        let group = Self::group(file.path());
        let script = "echo $$ >\"$1/cgroup.procs\"; exec dd if=\"$2\" of=/dev/null bs=1M iflag=direct";
        let reader = Command::new("sh")
            .args(["-c", script, "sh"])
            .args([Path::new(&group), file.path()])
            .spawn()
            .unwrap();
        Self { reader, file }
    }

    /// A control group of either version with the limit on the disk of a file.
    fn group(file: &Path) -> String {
        let source = Command::new("findmnt")
            .args(["-no", "MAJ:MIN", "-T"])
            .arg(file)
            .output()
            .unwrap();
        let device = String::from_utf8(source.stdout).unwrap().trim().to_owned();
        let (group, limit, value) = if Path::new("/sys/fs/cgroup/blkio").exists() {
            let limit = "blkio.throttle.read_bps_device";
            (
                "/sys/fs/cgroup/blkio/ocore-slow",
                limit,
                format!("{device} {SLOW}"),
            )
        } else {
            (
                "/sys/fs/cgroup/ocore-slow",
                "io.max",
                format!("{device} rbps={SLOW}"),
            )
        };
        fs::create_dir_all(group).unwrap();
        fs::write(Path::new(group).join(limit), value).unwrap();
        group.to_owned()
    }
}

impl Drop for SlowReader {
    fn drop(&mut self) {
        let _ = self.reader.kill();
        let _ = self.reader.wait();
        for group in ["/sys/fs/cgroup/blkio/ocore-slow", "/sys/fs/cgroup/ocore-slow"] {
            let _ = fs::remove_dir(group);
        }
        let _ = self.file.path();
    }
}
