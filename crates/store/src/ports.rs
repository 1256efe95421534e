//! Ports on servers: reserved as rows before anything is created.

use ocore_domain::{InstanceId, ServerId};
use sqlx::PgConnection;

use crate::Result;

/// The ports reserved on a server.
pub async fn on_server(conn: &mut PgConnection, server: ServerId) -> Result<Vec<u16>> {
    let ports = sqlx::query_scalar!(
        "select port from port_reservations where server_id = $1",
        server as ServerId
    )
    .fetch_all(conn)
    .await?;
    Ok(ports
        .into_iter()
        .filter_map(|port| u16::try_from(port).ok())
        .collect())
}

/// Reserves a port; false when it is reserved for another instance.
pub async fn reserve(
    conn: &mut PgConnection,
    server: ServerId,
    instance: InstanceId,
    purpose: &str,
    port: u16,
) -> Result<bool> {
    let done = sqlx::query!(
        "insert into port_reservations (server_id, port, instance_id, purpose) values ($1, $2, $3, $4)
         on conflict (server_id, port) do update set purpose = excluded.purpose
         where port_reservations.instance_id = excluded.instance_id",
        server as ServerId,
        i32::from(port),
        instance as InstanceId,
        purpose,
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Gives an instance's ports back.
pub async fn release(conn: &mut PgConnection, instance: InstanceId) -> Result<()> {
    sqlx::query!(
        "delete from port_reservations where instance_id = $1",
        instance as InstanceId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Gives an instance's ports on one server back.
pub async fn release_on(conn: &mut PgConnection, instance: InstanceId, server: ServerId) -> Result<()> {
    sqlx::query!(
        "delete from port_reservations where instance_id = $1 and server_id = $2",
        instance as InstanceId,
        server as ServerId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The HTTP and the websocket port that an instance has reserved on a server.
pub async fn of_instance(
    conn: &mut PgConnection,
    instance: InstanceId,
    server: ServerId,
) -> Result<Option<(u16, u16)>> {
    let rows = sqlx::query!(
        "select purpose, port from port_reservations where instance_id = $1 and server_id = $2",
        instance as InstanceId,
        server as ServerId
    )
    .fetch_all(conn)
    .await?;
    let port = |purpose: &str| {
        let row = rows.iter().find(|row| row.purpose == purpose)?;
        u16::try_from(row.port).ok()
    };
    Ok(port("http").zip(port("longpolling")))
}
