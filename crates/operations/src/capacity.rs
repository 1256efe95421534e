//! What a server has left to give.

use ocore_domain::{Code, InstanceId, Problem, server::ServerStatus};
use ocore_store::{PgConnection, instances, servers::Server};

const GIB: u64 = 1 << 30;

/// What a server keeps for itself and its PostgreSQL, in bytes: 1 GiB and an eighth of its memory.
const fn reserved(total: u64) -> u64 {
    let share = total / 8;
    // A small machine is not to be refused every instance for the reserve's sake.
    if share + GIB > total / 2 {
        total / 2
    } else {
        share + GIB
    }
}

/// The memory in bytes that a server of so much can promise to instances.
pub const fn promisable_memory(total: u64) -> u64 {
    total.saturating_sub(reserved(total))
}

/// The memory in bytes that is neither reserved nor promised to an instance.
pub async fn free_memory(conn: &mut PgConnection, server: &Server) -> Result<u64, Problem> {
    free_memory_without(conn, server, None).await
}

async fn free_memory_without(
    conn: &mut PgConnection,
    server: &Server,
    without: Option<InstanceId>,
) -> Result<u64, Problem> {
    let total = server.facts.as_ref().map_or(0, |facts| facts.ram_total_bytes);
    let promised = instances::promised_memory(conn, server.id, without).await?;
    Ok(promisable_memory(total).saturating_sub(promised))
}

/// Refuses an instance for which the server has no memory left to promise. Lock the server's row before.
pub(crate) async fn check_memory(
    conn: &mut PgConnection,
    server: &Server,
    instance: InstanceId,
    wanted: u64,
) -> Result<(), Problem> {
    let free = free_memory_without(conn, server, Some(instance)).await?;
    if wanted <= free {
        return Ok(());
    }
    Err(Problem::new(
        Code::InsufficientMemory,
        format!(
            "The instance asks for {} MiB, and {} has {} MiB that are not promised or reserved",
            wanted >> 20,
            server.name,
            free >> 20
        ),
        "Choose a smaller memory limit or fewer workers, another server, or remove an instance there.",
    ))
}

/// Refuses a CPU limit above what the server has, which its Docker would refuse later.
pub(crate) fn check_cpu(server: &Server, wanted_millis: Option<u32>) -> Result<(), Problem> {
    let cores = server.facts.as_ref().map_or(1, |facts| facts.cpu_cores);
    match wanted_millis {
        Some(millis) if millis > cores * 1000 => Err(Problem::new(
            Code::InvalidRequest,
            format!(
                "cpuLimitMillis is {millis}, and {} has {cores} cores",
                server.name
            ),
            format!(
                "Use at most {}, or leave it out: then it follows the workers.",
                cores * 1000
            ),
        )),
        _ => Ok(()),
    }
}

/// Refuses a server that does not take instances now.
pub(crate) fn check_active(server: &Server) -> Result<(), Problem> {
    if server.status == ServerStatus::Active {
        return Ok(());
    }
    let why = server
        .status_message
        .as_deref()
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    Err(Problem::new(
        Code::ServerNotActive,
        format!("The server {} is {}{why}", server.name, server.status),
        "Wait until it is active, or validate it again and mend what is found.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_leaves_small_machines_usable() {
        assert_eq!(reserved(64 * GIB), 9 * GIB);
        assert_eq!(reserved(8 * GIB), 2 * GIB);
        assert_eq!(reserved(GIB), GIB / 2);
    }
}
