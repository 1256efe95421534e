//! Whether a server can take an instance, told as a problem. The rules are those of `ocore_domain::placement`.

use ocore_domain::{
    Code, InstanceId, Problem,
    placement::{self, Choice, Need, Placed, Policy, Reason, ReasonCode, Verdict, Wish, judge},
    server::ServerStatus,
};
use ocore_store::{PgConnection, instances::Instance, placement as fleet, servers::Server};

/// A server with all that is promised on it.
pub async fn room(conn: &mut PgConnection, server: &Server) -> Result<placement::Server, Problem> {
    Ok(fleet::server(conn, server.clone()).await?)
}

/// The same without one instance.
async fn room_without(
    conn: &mut PgConnection,
    server: &Server,
    without: InstanceId,
) -> Result<placement::Server, Problem> {
    let mut room = room(conn, server).await?;
    room.residents.retain(|resident| resident.id != without);
    Ok(room)
}

/// Refuses an instance for which the server has no memory left to promise. Lock the server's row before.
pub(crate) async fn check_memory(
    conn: &mut PgConnection,
    server: &Server,
    instance: InstanceId,
    wanted: u64,
) -> Result<(), Problem> {
    let free = room_without(conn, server, instance).await?.free().memory_bytes;
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

/// What an instance that is there asks for, wherever it goes.
pub fn wish_of(instance: &Instance) -> Wish {
    Wish {
        group: instance.placement_group.clone(),
        anti_affinity: instance.anti_affinity,
        ..Wish::of(Need {
            environment: instance.environment_type,
            workers: Some(instance.settings.workers),
            memory_bytes: Some(instance.settings.memory_limit_bytes),
            cpu_limit_millis: instance.settings.cpu_limit_millis,
            disk_bytes: u64::try_from(instance.disk_bytes).unwrap_or(0),
        })
    }
}

/// Refuses a server that somebody named and that cannot, or may not, take an instance. Lock the server's row before.
pub(crate) async fn check(
    conn: &mut PgConnection,
    server: &Server,
    instance: &Instance,
) -> Result<(), Problem> {
    check_active(server)?;
    check_cpu(server, instance.settings.cpu_limit_millis)?;
    check_memory(conn, server, instance.id, instance.settings.memory_limit_bytes).await?;
    let room = room_without(conn, server, instance.id).await?;
    match judge(&wish_of(instance), Policy::Spread, Choice::Theirs, &room) {
        Verdict::Suits { .. } => Ok(()),
        Verdict::Refused { reasons } => Err(refused(&server.name, &reasons)),
    }
}

/// A server's refusal in words.
pub fn refused(server: &str, reasons: &[Reason]) -> Problem {
    let said: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
    let code = match reasons.first().map(|reason| reason.code) {
        Some(ReasonCode::NotActive) => Code::ServerNotActive,
        Some(ReasonCode::Memory) => Code::InsufficientMemory,
        Some(ReasonCode::Disk) => Code::InsufficientDisk,
        _ => Code::PlacementRefused,
    };
    Problem::new(
        code,
        format!(
            "The server {server} does not take the instance. {}",
            said.join(". ")
        ),
        "Choose another server, or none: then oCore proposes one. What servers say of themselves is changed by \
         `ocore server update`, `uncordon`.",
    )
}

/// That no server takes an instance, with why not.
pub fn nowhere(what: &str, placed: &[Placed]) -> Problem {
    let told: Vec<String> = placed
        .iter()
        .filter_map(|one| match &one.verdict {
            Verdict::Refused { reasons } => {
                let said: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
                Some(format!("{}: {}", one.name, said.join("; ")))
            }
            Verdict::Suits { .. } => None,
        })
        .take(5)
        .collect();
    let detail = if told.is_empty() {
        format!("No server can take {what}: there is no other")
    } else {
        format!("No server can take {what}. {}", told.join(". "))
    };
    Problem::new(
        Code::NoServerFits,
        detail,
        "Ask for less, make room, or add a server.",
    )
}
