//! What is to be said of a database, from what it tells of itself. Pure, but for the date.

use std::time::Duration;

use chrono::{NaiveDate, TimeDelta, Utc};
use ocore_domain::advice::{self, Setting, Upkeep, Verdict, review, upkeep};
use ocore_store::{
    advice::Settings,
    connect::{Address, Security, Way},
    facts::Facts,
};

use super::finding::{Finding, Severity};

/// What was seen.
pub(super) struct Seen<'a> {
    pub(super) address: &'a Address,
    pub(super) way: Way,
    /// Whether changes are heard of.
    pub(super) hears: bool,
    pub(super) facts: &'a Facts,
    /// Shortest first.
    pub(super) pings: &'a [Duration],
    pub(super) settings: &'a Settings,
    /// Of the database's machine, in bytes, if that is known.
    pub(super) memory: Option<u64>,
    pub(super) pending: &'a [String],
    /// The pools of all processes.
    pub(super) pools: Vec<u64>,
}

/// The versions that oCore is tested on, and when the last release of each is.
const VERSIONS: [(i32, (i32, u32, u32)); 4] = [
    (15, (2027, 11, 11)),
    (16, (2028, 11, 9)),
    (17, (2029, 11, 8)),
    (18, (2030, 11, 14)),
];
/// How long before that one is told.
const AHEAD: TimeDelta = TimeDelta::days(180);
/// Milliseconds within which half of the answers should be there, and 99 of 100.
const LATENCY: [f64; 2] = [5.0, 50.0];

/// Every point, in the order in which they are best read.
pub(super) fn all(seen: &Seen<'_>) -> Vec<Finding> {
    let mut findings = vec![
        version(seen.facts.version_number, Utc::now().date_naive()),
        tls(seen),
        pooler(seen),
    ];
    findings.extend(rights(seen.facts));
    findings.extend([
        extension(seen.facts),
        latency(seen.pings),
        migrations(seen.pending),
        replication(seen.facts),
    ]);
    findings.extend(connections(seen));
    findings.extend(settings(seen));
    findings.push(size(seen.facts));
    findings
}

fn version(number: i32, today: NaiveDate) -> Finding {
    const NAME: &str = "version";
    let (major, minor) = (number / 10_000, number % 10_000);
    let said = format!("PostgreSQL {major}.{minor}");
    let Some((_, (year, month, day))) = VERSIONS.iter().find(|(version, _)| *version == major) else {
        return if major < VERSIONS[0].0 {
            Finding::new(NAME, Severity::Critical, format!("{said}; oCore needs 15 or newer"))
                .action("Upgrade it with pg_upgrade, or move the database to a newer server with pg_dump and pg_restore.")
        } else {
            Finding::new(
                NAME,
                Severity::Info,
                format!("{said}; oCore is tested on 15 to 18"),
            )
        };
    };
    let until = NaiveDate::from_ymd_opt(*year, *month, *day).unwrap_or(NaiveDate::MAX);
    let said = format!("{said}, maintained until {until}");
    if today > until {
        Finding::new(
            NAME,
            Severity::Warning,
            format!("{said}: nobody mends it any more"),
        )
        .action("Upgrade to the newest version that oCore is tested on, 18.")
    } else if today + AHEAD > until {
        Finding::new(NAME, Severity::Info, said).action("Plan the upgrade to version 18.")
    } else {
        Finding::good(NAME, said)
    }
}

fn tls(seen: &Seen<'_>) -> Finding {
    const NAME: &str = "tls";
    let security = seen.address.security();
    let Some(host) = seen.address.host() else {
        return Finding::good(NAME, "a socket: nothing leaves the machine");
    };
    let is_here = host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    let is_encrypted = security.demands_tls() || (seen.way == Way::Direct && seen.facts.is_encrypted);
    let how = seen
        .facts
        .tls_version
        .as_deref()
        .filter(|_| seen.way == Way::Direct);
    let how = how.unwrap_or("TLS");
    let better =
        "Use sslmode=verify-full in DATABASE_URL, with the authority's certificate from the provider.";
    let example = format!(
        "DATABASE_URL='postgres://{}:PASSWORD@{}?sslmode=verify-full&sslrootcert=/etc/ocore/ca.pem'",
        seen.address.user(),
        seen.address.shown()
    );
    match (security, is_encrypted) {
        (Security::VerifyFull, _) => Finding::good(
            NAME,
            format!("{how}, and the certificate is of a trusted authority and for `{host}`"),
        ),
        (_, false) if is_here => Finding::good(NAME, "no TLS, and nothing leaves the machine"),
        (_, false) => Finding::new(
            NAME,
            Severity::Warning,
            format!("no TLS (sslmode={security}): who is on the network reads everything, secrets are sealed but rows are not"),
        )
        .action(better)
        .command(example),
        (Security::VerifyCa, true) => Finding::new(
            NAME,
            Severity::Warning,
            format!("{how}; a certificate for any name is taken, also one of a public authority"),
        )
        .action(better)
        .command(example),
        (_, true) => Finding::new(
            NAME,
            if is_here { Severity::Info } else { Severity::Warning },
            format!("{how}, and the certificate is not looked at (sslmode={security}): who stands in between can pose as the database"),
        )
        .action(better)
        .command(example),
    }
}

fn pooler(seen: &Seen<'_>) -> Finding {
    const NAME: &str = "pooler";
    match (seen.way, seen.hears) {
        (Way::Direct, _) => Finding::good(NAME, "none in between"),
        (Way::Pooled, true) => Finding::good(
            NAME,
            "one in between, which keeps track of prepared statements; changes are heard past it",
        ),
        (Way::Pooled, false) => Finding::new(
            NAME,
            Severity::Warning,
            "one in between, and no way past it: changes are looked for about once a second instead of heard of",
        )
        .action("Name the server itself in DATABASE_DIRECT_URL; each process takes at most two connections there."),
    }
}

fn rights(facts: &Facts) -> Vec<Finding> {
    let Facts { role, database, .. } = facts;
    let mut findings = Vec::new();
    if facts.is_superuser {
        findings.push(
            Finding::new(
                "role",
                Severity::Info,
                format!("`{role}` is a superuser, which oCore does not need"),
            )
            .action("Give the database to a role that may do less."),
        );
    } else {
        findings.push(Finding::good("role", format!("`{role}` is no superuser")));
    }
    if !facts.may_create {
        findings.push(
            Finding::new(
                "schema",
                Severity::Critical,
                format!("`{role}` may make no tables in the schema public of `{database}`"),
            )
            .action("As a superuser or the database's owner run:")
            .command(format!(
                "psql -d {database} -c 'GRANT CREATE, USAGE ON SCHEMA public TO \"{role}\"'"
            )),
        );
    }
    findings.push(if facts.may_be_tenant {
        Finding::good(
            "tenant_role",
            format!("`{role}` may take the role that requests run as"),
        )
    } else {
        Finding::new(
            "tenant_role",
            Severity::Warning,
            format!(
                "`{role}` may not take the role `ocore_tenant`, which requests run as, or it is not there"
            ),
        )
        .action("The first start makes it where the role may create roles. Else run as a superuser:")
        .command(format!(
            "psql -c 'CREATE ROLE ocore_tenant NOLOGIN'; psql -c 'GRANT ocore_tenant TO \"{role}\"'"
        ))
    });
    findings
}

fn extension(facts: &Facts) -> Finding {
    const NAME: &str = "extension";
    let Facts { database, role, .. } = facts;
    if facts.has_uuid_ossp {
        return Finding::good(NAME, "uuid-ossp is there");
    }
    let missing = |what: &str| {
        Finding::new(
            NAME,
            Severity::Info,
            format!("uuid-ossp is not there ({what}); oCore does without it"),
        )
    };
    let make = format!("psql -d {database} -c 'CREATE EXTENSION \"uuid-ossp\"'");
    if !facts.knows_uuid_ossp {
        missing("the server does not have it")
            .action(
                "Should something else want it: Debian has it in postgresql-contrib. Then, as a superuser:",
            )
            .command(make)
    } else if facts.may_make_extensions {
        missing("the next start makes it")
            .action("Or by hand:")
            .command(make)
    } else {
        missing(&format!("`{role}` may not make it"))
            .action("Should something else want it, run as a superuser or the database's owner:")
            .command(make)
    }
}

fn latency(pings: &[Duration]) -> Finding {
    let at = |share: usize| {
        let place = (pings.len() * share / 100).min(pings.len().saturating_sub(1));
        pings.get(place).map_or(0.0, |took| took.as_secs_f64() * 1000.0)
    };
    let (half, most) = (at(50), at(99));
    let said = format!(
        "{half:.1} ms for half of {} answers, {most:.1} ms for 99 of 100",
        pings.len()
    );
    if half > LATENCY[0] || most > LATENCY[1] {
        Finding::new("latency", Severity::Warning, said).action(
            "A request asks the database several times, one after another: bring it nearer, into the same zone and network.",
        )
    } else {
        Finding::good("latency", said)
    }
}

fn migrations(pending: &[String]) -> Finding {
    match pending {
        [] => Finding::good("migrations", "all have run"),
        [first, ..] => Finding::new(
            "migrations",
            Severity::Info,
            format!("{} have not run, beginning with {first}", pending.len()),
        )
        .action("The next start of `ocore serve` runs them."),
    }
}

fn replication(facts: &Facts) -> Finding {
    const NAME: &str = "replication";
    if facts.is_standby || facts.is_read_only {
        return Finding::new(
            NAME,
            Severity::Critical,
            "this server only reads: it is a standby, or its transactions are read-only by default",
        )
        .action("Name the primary, or an address that always leads to it, in DATABASE_URL.")
        .command("psql -c 'select pg_is_in_recovery()' -c 'show default_transaction_read_only'");
    }
    match (facts.standbys, facts.synchronous_standby_names.as_str()) {
        (0, "") => Finding::new(NAME, Severity::Info, "no standby: a server that is lost is brought back from a backup"),
        (0, names) => Finding::new(
            NAME,
            Severity::Critical,
            format!("commits wait for the standby `{names}`, and none follows"),
        )
        .action("Start the standby, or let commits wait no longer:")
        .command("psql -c \"ALTER SYSTEM SET synchronous_standby_names = ''\" -c 'select pg_reload_conf()'"),
        (count, "") => Finding::new(
            NAME,
            Severity::Info,
            format!("{count} follow, and no commit waits for them: what was told last can be lost with the primary"),
        )
        .action("A synchronous standby loses nothing: synchronous_standby_names = 'ANY 1 (*)'."),
        (count, names) => Finding::good(NAME, format!("{count} follow, and commits wait for `{names}`")),
    }
}

fn connections(seen: &Seen<'_>) -> Vec<Finding> {
    let facts = seen.facts;
    let sum: u64 = seen.pools.iter().sum();
    let most = i64::try_from(sum).unwrap_or(i64::MAX);
    let pools = format!(
        "{} of oCore's processes may hold {sum} connections",
        seen.pools.len()
    );
    if seen.way == Way::Pooled {
        let said = format!("{pools} to the pooler; the server has {} open", facts.connections);
        return vec![
            Finding::good("pools", said)
                .action("max_client_conn of the pooler must be larger than that, default_pool_size much smaller than max_connections."),
        ];
    }
    let mut findings = Vec::new();
    for (name, limit, raise) in [
        (
            "role_limit",
            facts.role_limit,
            format!(
                "psql -c 'ALTER ROLE \"{}\" CONNECTION LIMIT {}'",
                facts.role,
                sum + 10
            ),
        ),
        (
            "database_limit",
            facts.database_limit,
            format!(
                "psql -c 'ALTER DATABASE \"{}\" CONNECTION LIMIT {}'",
                facts.database,
                sum + 10
            ),
        ),
    ] {
        if limit >= 0 && i64::from(limit) < most {
            findings.push(
                Finding::new(
                    name,
                    Severity::Warning,
                    format!("{pools}, and {limit} are allowed"),
                )
                .action("Lower DB_POOL_MAX_CONNS, put a pooler in between, or raise the limit:")
                .command(raise),
            );
        }
    }
    let free = seen.settings.max_connections - facts.reserved - facts.connections;
    let said = format!(
        "{pools}; of max_connections = {} there are {} in use and {} kept for others",
        seen.settings.max_connections, facts.connections, facts.reserved
    );
    findings.push(if free < 5 {
        Finding::new("pools", Severity::Critical, said)
            .action("It is full: end what nobody needs, lower DB_POOL_MAX_CONNS, or raise max_connections.")
            .command("psql -c \"select usename, application_name, state, count(*) from pg_stat_activity group by 1, 2, 3 order by 4 desc\"")
    } else {
        Finding::good("pools", said)
    });
    findings
}

fn settings(seen: &Seen<'_>) -> Vec<Finding> {
    let unsigned = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    let (held, facts) = (seen.settings, seen.facts);
    let reviewed = review(&advice::Database {
        shared_buffers: unsigned(held.shared_buffers),
        effective_cache_size: unsigned(held.effective_cache_size),
        work_mem: unsigned(held.work_mem),
        maintenance_work_mem: unsigned(held.maintenance_work_mem),
        max_connections: unsigned(held.max_connections),
        superuser_reserved_connections: unsigned(facts.reserved),
        random_page_cost: held.random_page_cost,
        memory: seen.memory,
        // A pooler's own connections are what counts there, and it does not tell how many.
        pools: if seen.way == Way::Pooled {
            0
        } else {
            seen.pools.iter().sum()
        },
    });
    let kept = upkeep(&Upkeep {
        max_wal_size: unsigned(facts.max_wal_size),
        checkpoint_timeout: unsigned(facts.checkpoint_timeout),
        autovacuum: facts.autovacuum,
        fsync: facts.fsync,
        full_page_writes: facts.full_page_writes,
        jit: facts.jit,
        synchronous_commit: facts.synchronous_commit.clone(),
    });
    let mut findings: Vec<Finding> = reviewed.iter().chain(&kept).map(setting).collect();
    if seen.memory.is_none() {
        findings.push(
            Finding::new(
                "memory",
                Severity::Info,
                "the memory of the database's machine is not known, so settings of memory were not judged",
            )
            .action("Say how much there is: ocore database check --memory 8G"),
        );
    }
    if !facts.pending_restart.is_empty() {
        findings.push(
            Finding::new(
                "pending_restart",
                Severity::Info,
                format!(
                    "in force after a restart only: {}",
                    facts.pending_restart.join(", ")
                ),
            )
            .action("Restart PostgreSQL when it suits; oCore waits for it."),
        );
    }
    findings
}

fn setting(setting: &Setting) -> Finding {
    let said = format!("{} (advised: {})", setting.value, setting.advised);
    if setting.verdict == Verdict::Good {
        return Finding::good(setting.name, said);
    }
    // Without these two, what PostgreSQL was given is not safe with it.
    let severity = if ["fsync", "full_page_writes"].contains(&setting.name) {
        Severity::Critical
    } else {
        Severity::Warning
    };
    let restart = if ["shared_buffers", "max_connections"].contains(&setting.name) {
        " Then restart PostgreSQL."
    } else {
        ""
    };
    Finding::new(setting.name, severity, said)
        .action(format!(
            "{} On a managed service set it in its console; else as a superuser:{restart}",
            setting.reason
        ))
        .command(format!(
            "psql -c \"ALTER SYSTEM SET {} = '{}'\" -c 'select pg_reload_conf()'",
            setting.name,
            wanted(setting)
        ))
}

/// A value within what is advised: for what is too small the middle of it, for what is too large its end.
fn wanted(setting: &Setting) -> String {
    if setting.name == "random_page_cost" {
        return "1.1".to_owned();
    }
    let advised = setting.advised.trim_start_matches("at least ");
    let Some((least, most)) = advised.split_once(" to ") else {
        return advised.to_owned();
    };
    let split = |text: &str| {
        let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        (text[..end].parse::<u64>().unwrap_or(0), text[end..].to_owned())
    };
    let ((least, unit), (most, _)) = (split(least), split(most));
    let value = if setting.verdict == Verdict::Low {
        least.midpoint(most)
    } else {
        most
    };
    format!("{value}{unit}")
}

fn size(facts: &Facts) -> Finding {
    let megabytes = facts.bytes / (1 << 20);
    Finding::good("size", format!("`{}` takes {megabytes} MB", facts.database))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            version_number: 170_010,
            database: "ocore".to_owned(),
            role: "ocore".to_owned(),
            is_encrypted: true,
            tls_version: Some("TLSv1.3".to_owned()),
            is_superuser: false,
            role_limit: -1,
            database_limit: -1,
            may_be_tenant: true,
            may_create: true,
            has_uuid_ossp: true,
            knows_uuid_ossp: true,
            may_make_extensions: true,
            is_read_only: false,
            is_standby: false,
            standbys: 1,
            synchronous_standby_names: "second".to_owned(),
            connections: 20,
            reserved: 3,
            bytes: 1 << 30,
            max_wal_size: 4 << 30,
            checkpoint_timeout: 900,
            autovacuum: true,
            fsync: true,
            full_page_writes: true,
            jit: false,
            synchronous_commit: "on".to_owned(),
            pending_restart: Vec::new(),
        }
    }

    fn settings() -> Settings {
        Settings {
            server_version: "17.10".to_owned(),
            shared_buffers: 2 << 30,
            effective_cache_size: 6 << 30,
            work_mem: 8 << 20,
            maintenance_work_mem: 512 << 20,
            max_connections: 200,
            superuser_reserved_connections: 3,
            random_page_cost: 1.1,
            is_local: false,
        }
    }

    fn found(url: &str, facts: &Facts, way: Way, pools: &[u64]) -> Vec<(String, Severity)> {
        let address = Address::read(&url.into()).unwrap();
        let pings = [Duration::from_micros(400); 50];
        let seen = Seen {
            address: &address,
            way,
            hears: way == Way::Direct,
            facts,
            pings: &pings,
            settings: &settings(),
            memory: Some(8 << 30),
            pending: &[],
            pools: pools.to_vec(),
        };
        all(&seen)
            .into_iter()
            .filter(|found| found.severity > Severity::Good)
            .map(|found| (found.name, found.severity))
            .collect()
    }

    const GOOD: &str = "postgres://ocore@db.example.com/ocore?sslmode=verify-full";

    #[test]
    fn a_good_one_has_no_finding_and_each_fault_has_its_own() {
        assert_eq!(found(GOOD, &facts(), Way::Direct, &[25, 25]), []);
        let one = |facts: Facts| found(GOOD, &facts, Way::Direct, &[25, 25]);
        let expected = |name: &str, severity| vec![(name.to_owned(), severity)];
        assert_eq!(
            one(Facts {
                version_number: 140_020,
                ..facts()
            }),
            expected("version", Severity::Critical)
        );
        assert_eq!(
            one(Facts {
                version_number: 190_000,
                ..facts()
            }),
            expected("version", Severity::Info)
        );
        assert_eq!(
            one(Facts {
                role_limit: 40,
                ..facts()
            }),
            expected("role_limit", Severity::Warning)
        );
        assert_eq!(
            one(Facts {
                connections: 195,
                ..facts()
            }),
            expected("pools", Severity::Critical)
        );
        assert_eq!(
            one(Facts {
                is_read_only: true,
                ..facts()
            }),
            expected("replication", Severity::Critical)
        );
        assert_eq!(
            one(Facts {
                standbys: 0,
                ..facts()
            }),
            expected("replication", Severity::Critical)
        );
        assert_eq!(
            one(Facts {
                fsync: false,
                ..facts()
            }),
            expected("fsync", Severity::Critical)
        );
        assert_eq!(
            one(Facts {
                has_uuid_ossp: false,
                ..facts()
            }),
            expected("extension", Severity::Info)
        );
        assert_eq!(
            one(Facts {
                may_be_tenant: false,
                ..facts()
            }),
            expected("tenant_role", Severity::Warning)
        );
        assert_eq!(
            one(Facts {
                may_create: false,
                ..facts()
            }),
            expected("schema", Severity::Critical)
        );
        assert_eq!(
            found(GOOD, &facts(), Way::Direct, &[100, 100]),
            expected("max_connections", Severity::Warning)
        );
        assert_eq!(
            found(GOOD, &facts(), Way::Pooled, &[100, 100]),
            expected("pooler", Severity::Warning)
        );
    }

    #[test]
    fn how_well_tls_protects_is_told_apart() {
        let tls = |parameters: &str, is_encrypted| {
            let url = format!("postgres://ocore@db.example.com/ocore?{parameters}");
            let facts = Facts {
                is_encrypted,
                ..facts()
            };
            found(&url, &facts, Way::Direct, &[25])
        };
        let warning = vec![("tls".to_owned(), Severity::Warning)];
        assert_eq!(tls("sslmode=disable", false), warning);
        assert_eq!(tls("", true), warning);
        assert_eq!(tls("sslmode=require", true), warning);
        let here = found(
            "postgres://ocore@127.0.0.1/ocore",
            &Facts {
                is_encrypted: false,
                ..facts()
            },
            Way::Direct,
            &[25],
        );
        assert_eq!(here, []);
    }

    #[test]
    fn versions_have_an_end() {
        let on = |text: &str| version(150_018, text.parse().unwrap()).severity;
        assert_eq!(on("2026-11-29"), Severity::Good);
        assert_eq!(on("2027-07-01"), Severity::Info);
        assert_eq!(on("2027-12-01"), Severity::Warning);
    }

    #[test]
    fn a_command_holds_a_value_that_is_advised() {
        let low = Setting {
            name: "shared_buffers",
            value: "128MB".to_owned(),
            advised: "1024MB to 3276MB".to_owned(),
            verdict: Verdict::Low,
            reason: "Because.",
        };
        assert_eq!(wanted(&low), "2150MB");
        let many = Setting {
            name: "max_connections",
            advised: "at least 213".to_owned(),
            ..low
        };
        assert_eq!(wanted(&many), "213");
    }
}
