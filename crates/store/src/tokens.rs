//! Bearer tokens: shown once, kept as a hash.

use ocore_domain::{OrganizationId, TokenId};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::Result;

/// Who bears a token.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The token.
    pub token: TokenId,
    /// Its tenant.
    pub organization: OrganizationId,
    /// What it was named when it was made.
    pub name: String,
}

fn hash(token: &SecretString) -> Vec<u8> {
    Sha256::digest(token.expose_secret()).to_vec()
}

/// Makes a token and answers its text, which nobody can read again.
pub async fn create(
    conn: &mut PgConnection,
    organization: OrganizationId,
    name: &str,
) -> Result<SecretString> {
    // 256 random bits: hard to guess, so a plain hash is enough to keep it.
    let secret: [u8; 32] = rand::random();
    let token = SecretString::from(format!(
        "ocore_{}",
        secret.iter().map(|b| format!("{b:02x}")).collect::<String>()
    ));
    sqlx::query!(
        "insert into api_tokens (id, organization_id, name, hash) values ($1, $2, $3, $4)",
        TokenId::new() as TokenId,
        organization as OrganizationId,
        name,
        hash(&token),
    )
    .execute(conn)
    .await?;
    Ok(token)
}

/// Makes the very first token; none when there is one already. Of processes that start together one makes it: call it
/// in a transaction.
pub async fn create_first(
    tx: &mut PgConnection,
    organization: OrganizationId,
    name: &str,
) -> Result<Option<SecretString>> {
    sqlx::query!("lock table api_tokens in share row exclusive mode")
        .execute(&mut *tx)
        .await?;
    let exist = sqlx::query_scalar!(r#"select exists (select 1 from api_tokens) as "exists!""#)
        .fetch_one(&mut *tx)
        .await?;
    if exist {
        return Ok(None);
    }
    create(tx, organization, name).await.map(Some)
}

/// Who bears this token, if anybody; notes its use, at most once a minute.
pub async fn find(conn: &mut PgConnection, token: &SecretString) -> Result<Option<Bearer>> {
    let hash = hash(token);
    let bearer = sqlx::query_as!(
        Bearer,
        r#"select id as "token: TokenId", organization_id as "organization: OrganizationId", name
           from api_tokens where hash = $1"#,
        hash,
    )
    .fetch_optional(&mut *conn)
    .await?;
    if bearer.is_some() {
        sqlx::query!(
            "update api_tokens set last_used_at = now()
             where hash = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
            hash,
        )
        .execute(conn)
        .await?;
    }
    Ok(bearer)
}
