//! Agents: which server has one, what its token is known by, and when it was heard last.

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, ServerId, alerts::AGENT_SILENCE};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::Result;

/// How the token of an agent begins.
pub const TOKEN: &str = "ocore_agent_";

/// What is kept of a token.
pub type TokenHash = [u8; 32];

/// A server's agent.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each field is the column of the same name")]
pub struct Agent {
    pub server_id: ServerId,
    pub version: Option<String>,
    pub boot_id: Option<String>,
    pub installed_at: DateTime<Utc>,
    pub token_rotated_at: DateTime<Utc>,
    pub last_seen_at: Option<DateTime<Utc>>,
    pub last_sample_at: Option<DateTime<Utc>>,
    pub lost_samples: i64,
}

impl Agent {
    /// Whether it was heard lately.
    pub fn is_alive(&self, now: DateTime<Utc>) -> bool {
        self.last_seen_at.is_some_and(|seen| now - seen < AGENT_SILENCE)
    }
}

/// Of which server an agent is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// The server.
    pub server: ServerId,
    /// Whose it is.
    pub organization: OrganizationId,
}

/// What an agent says of itself with each batch.
#[derive(Clone, Debug)]
pub struct Told<'a> {
    /// Its version.
    pub version: &'a str,
    /// Names one boot of the machine.
    pub boot_id: &'a str,
    /// When its newest sample was taken, by the server's clock.
    pub last_sample_at: Option<DateTime<Utc>>,
    /// Samples it lost since it told that last.
    pub lost: i64,
}

/// What is kept of a token.
pub fn hash(token: &SecretString) -> TokenHash {
    Sha256::digest(token.expose_secret()).into()
}

/// The agent of a server, if it has one.
pub async fn get(conn: &mut PgConnection, server: ServerId) -> Result<Option<Agent>> {
    let agent = sqlx::query_as!(
        Agent,
        r#"select server_id as "server_id: _", version, boot_id, installed_at, token_rotated_at, last_seen_at,
               last_sample_at, lost_samples
           from agents where server_id = $1"#,
        server as ServerId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(agent)
}

/// Gives a server's agent a new token and answers it, which nobody can read again. The one it has stays good until it
/// uses the new one.
pub async fn enroll(
    conn: &mut PgConnection,
    organization: OrganizationId,
    server: ServerId,
) -> Result<SecretString> {
    // 256 random bits: hard to guess, so a plain hash is enough to keep it.
    let token = SecretString::from(format!("{TOKEN}{}", hex::encode(rand::random::<[u8; 32]>())));
    // Where there is one before, the agent has not used the present one, which some attempt left: it is that one's turn.
    sqlx::query!(
        "insert into agents (server_id, organization_id, token_hash) values ($1, $2, $3)
         on conflict (server_id) do update set
             previous_token_hash = coalesce(agents.previous_token_hash, agents.token_hash),
             token_hash = excluded.token_hash, token_rotated_at = now()",
        server as ServerId,
        organization as OrganizationId,
        &hash(&token)[..],
    )
    .execute(conn)
    .await?;
    Ok(token)
}

/// Takes back what [`enroll`] did, unless the agent has used its new token: the one before counts again, and an agent
/// that was never heard is none.
pub async fn unenroll(conn: &mut PgConnection, server: ServerId) -> Result<()> {
    sqlx::query!(
        "update agents set token_hash = previous_token_hash, previous_token_hash = null
         where server_id = $1 and previous_token_hash is not null",
        server as ServerId,
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "delete from agents where server_id = $1 and last_seen_at is null",
        server as ServerId
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Of which server the bearer of a token is.
pub async fn open(conn: &mut PgConnection, token: &TokenHash) -> Result<Option<Opened>> {
    let opened = sqlx::query_as!(
        Opened,
        r#"select server_id as "server: _", organization_id as "organization: _"
           from agents where token_hash = $1 or previous_token_hash = $1"#,
        &token[..],
    )
    .fetch_optional(conn)
    .await?;
    Ok(opened)
}

/// Whether the token of a server's agent is good yet: what lasts longer than a request asks again.
pub async fn opens(conn: &mut PgConnection, server: ServerId, token: &TokenHash) -> Result<bool> {
    Ok(open(conn, token)
        .await?
        .is_some_and(|opened| opened.server == server))
}

/// Notes that an agent was heard, by its token: with the new one, the one before is good no more. Answers false when the
/// token is good no more itself.
pub async fn heard(
    conn: &mut PgConnection,
    server: ServerId,
    token: &TokenHash,
    told: &Told<'_>,
) -> Result<bool> {
    let noted = sqlx::query!(
        "update agents set last_seen_at = now(), version = $3, boot_id = $4,
             last_sample_at = greatest(last_sample_at, $5), lost_samples = lost_samples + $6,
             previous_token_hash = case when token_hash = $2 then null else previous_token_hash end
         where server_id = $1 and (token_hash = $2 or previous_token_hash = $2)",
        server as ServerId,
        &token[..],
        told.version,
        told.boot_id,
        told.last_sample_at,
        told.lost,
    )
    .execute(conn)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Whether the agent has used its newest token.
pub async fn has_used_token(conn: &mut PgConnection, server: ServerId) -> Result<bool> {
    let has = sqlx::query_scalar!(
        r#"select last_seen_at >= token_rotated_at and previous_token_hash is null as "has" from agents
           where server_id = $1"#,
        server as ServerId,
    )
    .fetch_optional(conn)
    .await?;
    Ok(has.flatten().unwrap_or(false))
}

/// A server has no agent any more: its token opens nothing from now on.
pub async fn forget(conn: &mut PgConnection, server: ServerId) -> Result<()> {
    sqlx::query!("delete from agents where server_id = $1", server as ServerId)
        .execute(conn)
        .await?;
    Ok(())
}
