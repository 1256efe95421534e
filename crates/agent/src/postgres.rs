//! The server's PostgreSQL, asked as a role that may read statistics and how late scheduled actions are.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use ocore_telemetry::{Database, PUSH_SECONDS, Postgres, proc::percent};
use secrecy::{ExposeSecret, SecretString};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};
use tokio_postgres::{Client, NoTls};

use crate::{
    fault::{Fault, Once},
    sampler::Shared,
};

/// As whom.
const ROLE: &str = "ocore_agent";
const PORT: u16 = 5432;
/// How long it is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// Sizes of databases are found out at each tenth time, and when there is a new one: each takes PostgreSQL a look at some hundred files.
const SIZES_EVERY: u32 = 10;
/// What the comment on an instance's database begins with; its identifier follows.
const MARK: &str = "sh.ocore.instance=";

const STATE: &str = "
    select count(*) filter (where backend_type = 'client backend'),
           current_setting('max_connections')::bigint,
           coalesce(extract(epoch from max(now() - query_start) filter (
               where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid())), 0)::float8,
           coalesce(extract(epoch from max(now() - xact_start) filter (
               where backend_type = 'client backend' and pid <> pg_backend_pid())), 0)::float8,
           (select count(*) from pg_locks where not granted),
           (select coalesce(sum(blks_hit), 0)::bigint from pg_stat_database),
           (select coalesce(sum(blks_read), 0)::bigint from pg_stat_database)
    from pg_stat_activity";

const DATABASES: &str = "
    select d.datname::text, coalesce(s.numbackends, 0)::bigint, shobj_description(d.oid, 'pg_database')
    from pg_database d left join pg_stat_database s on s.datid = d.oid
    where shobj_description(d.oid, 'pg_database') like 'sh.ocore.instance=%' order by d.datname limit 500";

const SIZES: &str = "
    select datname::text, pg_database_size(oid) from pg_database
    where shobj_description(oid, 'pg_database') like 'sh.ocore.instance=%' order by datname limit 500";

const CRON_LAG: &str = "
    select coalesce(extract(epoch from (now() at time zone 'UTC') - min(nextcall)), 0)::float8
    from ir_cron where active and nextcall < now() at time zone 'UTC'";

/// Asks again and again.
pub(crate) struct Asker {
    shared: Shared,
    container: String,
    password: SecretString,
    client: Option<Client>,
    round: u32,
    sizes: HashMap<String, u64>,
    /// Whether there is a database whose size was not found out yet.
    is_new: bool,
    /// Blocks found in the cache and read, when it was asked last.
    blocks: Option<(i64, i64)>,
}

impl Asker {
    pub(crate) fn new(shared: Shared, container: String, password: SecretString) -> Self {
        Self {
            shared,
            container,
            password,
            client: None,
            round: 0,
            sizes: HashMap::new(),
            is_new: false,
            blocks: None,
        }
    }

    pub(crate) async fn keep_asking(mut self) {
        let mut said = Once::default();
        loop {
            let asked = match timeout(PATIENCE, self.ask()).await {
                Ok(asked) => asked,
                Err(_) => Err(Fault("it did not answer in time".to_owned())),
            };
            match asked {
                Ok(()) => {
                    said.clear();
                }
                Err(fault) => {
                    self.client = None;
                    self.blocks = None;
                    said.warn(&format!("PostgreSQL is not seen: {fault}"));
                }
            }
            sleep(Duration::from_secs(PUSH_SECONDS)).await;
        }
    }

    async fn ask(&mut self) -> Result<(), Fault> {
        let Some(address) = self.address() else {
            // Its container is not there, or not yet known.
            self.client = None;
            return Ok(());
        };
        let client = match self.client.take() {
            Some(client) if !client.is_closed() => client,
            _ => self.connect(address, "postgres").await?,
        };
        if self.round.is_multiple_of(SIZES_EVERY) || self.is_new {
            let rows = client.query(SIZES, &[]).await?;
            self.sizes = rows
                .iter()
                .map(|row| (row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap_or(0)))
                .collect();
        }
        let (seen, instances) = self.look(&client).await?;
        self.is_new = instances
            .iter()
            .any(|(_, database)| !self.sizes.contains_key(database));
        self.client = Some(client);
        {
            let mut state = self.shared.lock();
            state.postgres = Some(seen);
            for (instance, database) in &instances {
                let kept = state.odoo.kept.entry(instance.clone()).or_default();
                kept.database = self.sizes.get(database).copied();
            }
        }
        // Each minute every database, half of them at a time.
        let turn = usize::from(self.round % 2 == 1);
        self.round = self.round.wrapping_add(1);
        for (instance, database) in instances.iter().skip(turn).step_by(2) {
            let lag = self.cron_lag(address, database).await.ok();
            let mut state = self.shared.lock();
            state.odoo.kept.entry(instance.clone()).or_default().cron_lag = lag;
        }
        Ok(())
    }

    /// What PostgreSQL tells, and which database is which instance's.
    async fn look(&mut self, client: &Client) -> Result<(Postgres, Vec<(String, String)>), Fault> {
        let row = client.query_one(STATE, &[]).await?;
        let count = |at: usize| u32::try_from(row.get::<_, i64>(at)).unwrap_or(0);
        let (hits, reads): (i64, i64) = (row.get(5), row.get(6));
        let cache_hits = self
            .blocks
            .replace((hits, reads))
            .and_then(|(hits_before, reads_before)| {
                let since = |now: i64, before: i64| u64::try_from(now - before).unwrap_or(0);
                let (hits, reads) = (since(hits, hits_before), since(reads, reads_before));
                (hits + reads > 0).then(|| percent(hits, hits + reads))
            });
        let (mut databases, mut instances) = (Vec::new(), Vec::new());
        for row in client.query(DATABASES, &[]).await? {
            let (name, connections, comment): (String, i64, String) = (row.get(0), row.get(1), row.get(2));
            databases.push(Database {
                size: self.sizes.get(&name).copied().unwrap_or(0),
                connections: u32::try_from(connections).unwrap_or(0),
                name: name.clone(),
            });
            if let Some(instance) = comment.strip_prefix(MARK) {
                instances.push((instance.to_owned(), name));
            }
        }
        let seen = Postgres {
            connections: count(0),
            max_connections: count(1),
            longest_query: seconds(row.get(2)),
            longest_transaction: seconds(row.get(3)),
            waiting_locks: count(4),
            cache_hits,
            databases,
        };
        Ok((seen, instances))
    }

    /// Seconds by which the scheduled action that waits longest is late. A connection for itself, which is closed again: one
    /// kept for each database would cost PostgreSQL more than all of this.
    async fn cron_lag(&self, address: IpAddr, database: &str) -> Result<f32, Fault> {
        let client = self.connect(address, database).await?;
        Ok(seconds(client.query_one(CRON_LAG, &[]).await?.get(0)))
    }

    /// The address of its container, by which only this machine reaches it.
    fn address(&self) -> Option<IpAddr> {
        let state = self.shared.lock();
        let known = state
            .containers
            .iter()
            .find(|known| known.listed.name() == self.container)?;
        known.listed.address()?.parse().ok()
    }

    async fn connect(&self, address: IpAddr, database: &str) -> Result<Client, Fault> {
        let stream = TcpStream::connect((address, PORT))
            .await
            .map_err(|error| Fault(error.to_string()))?;
        let mut config = tokio_postgres::Config::new();
        config
            .user(ROLE)
            .password(self.password.expose_secret())
            .dbname(database)
            .application_name("ocore-agent")
            .options("-c statement_timeout=5000");
        let (client, connection) = config.connect_raw(stream, NoTls).await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        let said = error.as_db_error().map(|error| error.message().to_owned());
        Self(said.unwrap_or_else(|| error.to_string()))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "seconds are told with seven digits"
)]
fn seconds(seconds: f64) -> f32 {
    seconds.max(0.0) as f32
}
