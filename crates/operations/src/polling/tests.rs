use std::{collections::HashMap, process::Command, time::Duration};

use ocore_domain::{OrganizationId, ServerId};
use ocore_store::{Sealer, Store, metrics, notifications::Notifications};
use sqlx::PgPool;
use tokio::time::sleep;

use super::{Look, counters::Counters, once, sample};
use crate::Hands;

fn printed(uptime: &str, user: u64, idle: u64, read: u64) -> String {
    format!(
        "@@/proc/sys/kernel/random/boot_id\nabc\n@@/proc/uptime\n{uptime} 99.0\n@@/proc/loadavg\n0.50 1.50 2.50 3/500 77\n\
         @@/proc/stat\ncpu  {user} 0 100 {idle} 50 0 0 0 0 0\ncpu0 {user} 0 100 {idle} 50 0 0 0 0 0\nintr 1 2\nprocs_blocked 3\n\
         @@/proc/meminfo\nMemTotal:    1000 kB\nMemAvailable: 400 kB\nCached: 20 kB\nSwapTotal: 50 kB\nSwapFree: 30 kB\n\
         @@/proc/pressure/cpu\nsome avg10=1.50 avg60=0.00 avg300=0.00 total=1\n\
         @@/proc/pressure/memory\nsome avg10=2.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00\n\
         @@/proc/pressure/io\nsome avg10=3.50 avg60=0.00 avg300=0.00 total=1\n\
         @@/proc/diskstats\n 254 0 vda 100 5 {read} 300 50 5 1000 200 0 400 500 0 0 0 0\n 254 1 vda1 1 1 1 1 1 1 1 1 1 1 1\n\
         7 0 loop0 1 1 1 1 1 1 1 1 1 1 1\n\
         @@/proc/net/dev\nInter-| Receive\n face |bytes\n    lo: 9 9 0 0 0 0 0 0 9 9 0 0 0 0 0 0\n\
          eth0: {read} 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n docker0: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n\
         @@/proc/vmstat\noom_kill 4\nother 1\n@@processes\n77\n@@blocks\nvda\nloop0\n\
         @@df\nFilesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda2 100 60 40 60% /var/lib/docker\n\
         Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/vda1 50 10 40 20% /\n\
         /dev/vda2 100 60 40 60% /var/lib/docker\ntmpfs 5 0 5 0% /run\n/dev/vdb 7 0 7 0% /mnt/with space\n\
         @@inodes\nFilesystem Inodes IUsed IFree IUse% Mounted on\n/dev/vda2 1000 250 750 25% /var/lib/docker\n"
    )
}

fn look(text: &str) -> Look {
    Look {
        taken: tokio::time::Instant::now(),
        at: chrono::Utc::now(),
        counters: Counters::read(text),
        containers: Vec::new(),
    }
}

#[test]
fn what_the_script_prints_is_read() {
    let counters = Counters::read(&printed("100.50", 1000, 5000, 2000));
    assert_eq!(counters.boot_id, "abc");
    assert_eq!(
        (counters.processes, counters.blocked, counters.oom_kills),
        (77, 3, 4)
    );
    assert_eq!(counters.cores.len(), 1);
    assert_eq!(counters.memory.available, 400 * 1024);
    assert_eq!(counters.memory.swap_used, 20 * 1024);
    let names = |of: &mut dyn Iterator<Item = &String>| of.cloned().collect::<Vec<_>>();
    assert_eq!(names(&mut counters.disks.keys()), ["vda"]);
    assert_eq!(names(&mut counters.networks.keys()), ["eth0"]);
    assert_eq!(counters.networks["eth0"].errors, 10);
    let mounts: Vec<&str> = counters.filesystems.iter().map(|f| f.mount.as_str()).collect();
    assert_eq!(mounts, ["/var/lib/docker", "/", "/mnt/with space"]);
    assert_eq!(counters.filesystems[0].inodes_free, 750);
    assert_eq!(Counters::read("nothing of ours"), Counters::default());
}

#[test]
fn a_sample_is_what_happened_between_two_looks() {
    let before = look(&printed("100.50", 1000, 5000, 2000));
    let now = look(&printed("160.50", 1600, 5400, 4000));
    let batch = sample::between(&before, &now).unwrap();
    let host = &batch.samples[0].host;
    assert!(
        (host.interval - 60.0).abs() < 0.01 && (host.cpu.usage - 60.0).abs() < 0.01,
        "{host:?}"
    );
    assert_eq!(
        (host.disks[0].read, host.networks[0].received),
        (2000 * 512, 2000)
    );
    assert_eq!(host.oom_kills, 0);
    // After a reboot counters begin anew.
    let text = printed("20.0", 10, 10, 10);
    assert!(sample::between(&now, &look(&text)).is_none());
    let rebooted = printed("200.0", 2000, 5000, 5000).replace("abc", "def");
    assert!(sample::between(&now, &look(&rebooted)).is_none());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_server_without_agent_is_asked_and_its_figures_are_those_of_proc(pool: PgPool) {
    let server = ServerId::new();
    sqlx::query(
        "insert into servers (id, organization_id, name, host, port, ssh_user, auth_method, postgres_password_sealed,
             max_ssh_sessions, status) values ($1, $2, 'here', 'localhost', 22, 'root', 'local', '', 8, 'active')",
    )
    .bind(server.uuid())
    .bind(OrganizationId::DEFAULT.uuid())
    .execute(&pool)
    .await
    .unwrap();
    let sealer = Sealer::new(&"k".repeat(32).into(), &[]);
    let password: Vec<u8> = {
        let place = ocore_store::Place {
            organization: OrganizationId::DEFAULT,
            table: "servers",
            row: server.uuid(),
            column: "postgres_password",
        };
        sealer.seal_text(place, &"p".to_owned().into()).unwrap()
    };
    sqlx::query("update servers set postgres_password_sealed = $2 where id = $1")
        .bind(server.uuid())
        .bind(password)
        .execute(&pool)
        .await
        .unwrap();
    let hands = Hands::new(
        Store::new(pool.clone(), sealer),
        Notifications::listen(pool.clone()),
    );

    let mut before = HashMap::new();
    // From before the first look, which takes its time where there are containers, until the second.
    let mut busy = Command::new("sh")
        .args(["-c", "while :; do :; done"])
        .spawn()
        .unwrap();
    once(&hands, &mut before).await.unwrap();
    assert!(before.contains_key(&server), "it was looked at");
    sleep(Duration::from_secs(4)).await;
    once(&hands, &mut before).await.unwrap();
    busy.kill().unwrap();
    busy.wait().unwrap();
    let row: (String, f32, f32, i64, i64) = sqlx::query_as(
        "select source, interval_seconds, cpu_usage, ram_total, disk_total from server_samples where server_id = $1",
    )
    .bind(server.uuid())
    .fetch_one(&pool)
    .await
    .unwrap();
    let (source, interval, cpu, memory, disk) = row;
    assert_eq!(source, "ssh");
    assert!((3.5..20.0).contains(&interval), "{interval}");
    // One of the cores was busy all the time.
    let cores = f32::from(u16::try_from(std::thread::available_parallelism().unwrap().get()).unwrap());
    assert!((90.0 / cores..=100.0).contains(&cpu), "{cpu} % of {cores} cores");
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap();
    let total: i64 = meminfo.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    assert_eq!(memory, total * 1024);
    assert!(disk > 0);

    // An agent that lives makes it needless.
    sqlx::query(
        "insert into agents (server_id, organization_id, token_hash, last_seen_at) values ($1, $2, '', now())",
    )
    .bind(server.uuid())
    .bind(OrganizationId::DEFAULT.uuid())
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert!(metrics::without_agent(&mut conn).await.unwrap().is_empty());
    sqlx::query("update agents set last_seen_at = now() - interval '81 seconds'")
        .execute(&mut *conn)
        .await
        .unwrap();
    assert_eq!(metrics::without_agent(&mut conn).await.unwrap().len(), 1);
}
