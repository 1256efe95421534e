//! An instance's two ports on its server's loopback.

use std::collections::HashSet;

use ocore_domain::{Code, InstanceId, Problem, ServerId};
use ocore_fleet::{Host, Script};
use ocore_store::{
    PgConnection,
    instances::{self, Instance},
    ports, servers,
};

use crate::engine::Ctx;

/// Where ports are looked for when none is asked for.
const RANGE: std::ops::Range<u16> = 20_000..30_000;

/// Reserves the ports asked for, or the lowest two that are free, and notes them.
pub(crate) async fn reserve(ctx: &Ctx, wanted: (Option<u16>, Option<u16>)) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    if let (Some(http), Some(longpolling)) = (instance.http(), instance.longpolling()) {
        ctx.info(format!("Ports {http} and {longpolling} are reserved already"));
        return Ok(());
    }
    let host = ctx.host().await?;
    let listening = listening(&*host).await?;
    let mut tx = ctx.store().begin().await?;
    let (http, longpolling) = pick(&mut tx, instance.server_id, instance.id, &listening, wanted).await?;
    instances::set_ports(&mut tx, instance.id, Some((http, longpolling))).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    ctx.info(format!(
        "Reserved the ports {http} (HTTP) and {longpolling} (websocket) on 127.0.0.1"
    ));
    Ok(())
}

/// Reserves ports on the server that an instance moves to: the same as it has, where they are free there.
pub(crate) async fn reserve_on(
    ctx: &Ctx,
    host: &dyn Host,
    instance: &Instance,
    server: ServerId,
) -> Result<(), Problem> {
    let mut tx = ctx.store().begin().await?;
    if ports::of_instance(&mut tx, instance.id, server).await?.is_some() {
        return Ok(());
    }
    let listening = listening(host).await?;
    servers::lock(&mut tx, server).await?;
    let reserved = ports::on_server(&mut tx, server).await?;
    let keep = |port: Option<u16>| port.filter(|port| !reserved.contains(port) && !listening.contains(port));
    let wanted = (keep(instance.http()), keep(instance.longpolling()));
    let (http, longpolling) = pick(&mut tx, server, instance.id, &listening, wanted).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    ctx.info(format!(
        "Reserved the ports {http} (HTTP) and {longpolling} (websocket) on 127.0.0.1 there"
    ));
    Ok(())
}

/// Reserves the ports asked for, or the lowest that are free.
async fn pick(
    tx: &mut PgConnection,
    server: ServerId,
    instance: InstanceId,
    listening: &HashSet<u16>,
    wanted: (Option<u16>, Option<u16>),
) -> Result<(u16, u16), Problem> {
    servers::lock(tx, server).await?;
    let reserved: HashSet<u16> = ports::on_server(tx, server).await?.into_iter().collect();
    let mut free = RANGE.filter(|&port| {
        let asked_for = [wanted.0, wanted.1].contains(&Some(port));
        !asked_for && !reserved.contains(&port) && !listening.contains(&port)
    });
    let mut pick = |wanted: Option<u16>| match wanted {
        Some(port) if reserved.contains(&port) => Err(taken(port, "another instance")),
        Some(port) if listening.contains(&port) => Err(taken(port, "something else on the server")),
        Some(port) => Ok(port),
        None => free.next().ok_or_else(|| {
            Problem::new(
                Code::PortsExhausted,
                format!(
                    "No port between {} and {} is free on the server",
                    RANGE.start,
                    RANGE.end - 1
                ),
                "Remove instances there, or choose another server.",
            )
        }),
    };
    let (http, longpolling) = (pick(wanted.0)?, pick(wanted.1)?);
    for (purpose, port) in [("http", http), ("longpolling", longpolling)] {
        if !ports::reserve(tx, server, instance, purpose, port).await? {
            return Err(taken(port, "another instance"));
        }
    }
    Ok((http, longpolling))
}

/// Gives the ports back.
pub(crate) async fn release(ctx: &Ctx) -> Result<(), Problem> {
    let instance = ctx.instance().await?;
    let mut tx = ctx.store().begin().await?;
    ports::release(&mut tx, instance.id).await?;
    instances::set_ports(&mut tx, instance.id, None).await?;
    tx.commit().await.map_err(ocore_store::Error::from)?;
    Ok(())
}

fn taken(port: u16, by: &str) -> Problem {
    Problem::new(
        Code::PortTaken,
        format!("Port {port} is used by {by}"),
        "Choose another port, or none: oCore finds a free one.",
    )
}

/// The TCP ports on which anything listens, from the kernel's own table.
async fn listening(host: &dyn Host) -> Result<HashSet<u16>, Problem> {
    let script = Script::new("cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true");
    Ok(parse_listening(
        &host.run(script).await?.success("Reading the ports in use")?,
    ))
}

/// Lines of `/proc/net/tcp`: `sl local_address rem_address st …`, the port in hexadecimal, state 0A for listening.
fn parse_listening(table: &str) -> HashSet<u16> {
    let port = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = fields.nth(1)?;
        let port = local.rsplit_once(':')?.1;
        (state == "0A").then(|| u16::from_str_radix(port, 16).ok())?
    };
    table.lines().filter_map(port).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0
   2: 00000000000000000000000000000000:0016 00000000000000000000000000000000:0000 0A 00000000:00000000 00:0 0 0 0 1";
        assert_eq!(parse_listening(table), HashSet::from([8080, 22]));
    }
}
