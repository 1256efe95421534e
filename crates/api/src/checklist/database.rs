//! The point about databases: oCore's own by its settings, those of servers by their connections.

use ocore_domain::advice::{Database, Server, Setting, Verdict, review};
use ocore_store::advice::{Process, Settings};

use super::{DATABASE, Item, State};

/// The PostgreSQL of servers: oCore sets it by the memory there is, so what is left to look at is whether it suffices.
pub(super) fn of_servers(servers: &[Server]) -> Item {
    let asked: Vec<&Server> = servers
        .iter()
        .filter(|server| server.max_connections.is_some())
        .collect();
    if asked.is_empty() {
        return Item::new(DATABASE, State::Unknown, "No server's PostgreSQL was asked yet")
            .action("Install the agent: `ocore server agent install`.");
    }
    let is_full = |server: &&&Server| {
        server.connections.unwrap_or(0).saturating_mul(100)
            >= server.max_connections.unwrap_or(0).saturating_mul(80)
    };
    let full: Vec<&str> = asked
        .iter()
        .filter(is_full)
        .map(|server| server.name.as_str())
        .collect();
    if full.is_empty() {
        Item::new(
            DATABASE,
            State::Done,
            format!(
                "oCore sets PostgreSQL by each server's memory; on all {} connections are left",
                asked.len()
            ),
        )
    } else {
        Item::new(
            DATABASE,
            State::Attention,
            format!("PostgreSQL has few connections left on {}", full.join(", ")),
        )
        .action("Move instances, lower their workers, or use connection pooling.")
    }
}

/// oCore's own PostgreSQL.
pub(super) fn of_control_plane(seen: &Settings, processes: &[Process]) -> Item {
    let unsigned = |bytes: i64| u64::try_from(bytes).unwrap_or(0);
    // Where oCore sees the disk of the database, it sees its memory too.
    let memory = processes.iter().map(|process| unsigned(process.ram_total)).max();
    let settings = review(&Database {
        shared_buffers: unsigned(seen.shared_buffers),
        effective_cache_size: unsigned(seen.effective_cache_size),
        work_mem: unsigned(seen.work_mem),
        maintenance_work_mem: unsigned(seen.maintenance_work_mem),
        max_connections: unsigned(seen.max_connections),
        superuser_reserved_connections: unsigned(seen.superuser_reserved_connections),
        random_page_cost: seen.random_page_cost,
        memory: memory.filter(|_| seen.is_local),
        pools: processes
            .iter()
            .map(|process| u64::try_from(process.pool_max).unwrap_or(0))
            .sum(),
    });
    let bad: Vec<String> = settings
        .iter()
        .filter(|setting| setting.verdict != Verdict::Good)
        .map(|setting: &Setting| {
            format!(
                "{} is {}, advised is {}",
                setting.name, setting.value, setting.advised
            )
        })
        .collect();
    let item = if bad.is_empty() {
        let where_from = if seen.is_local {
            ""
        } else {
            " that can be told from here"
        };
        Item::new(
            DATABASE,
            State::Done,
            format!(
                "PostgreSQL {}: all settings{where_from} are as advised",
                seen.server_version
            ),
        )
    } else {
        Item::new(DATABASE, State::Attention, bad.join("; "))
            .action("Set them in postgresql.conf or with `alter system set`, and restart PostgreSQL where it takes that.")
    };
    Item { settings, ..item }
}
