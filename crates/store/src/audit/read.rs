//! The record as it is read: lists for people, links in order for whoever checks them.

use chrono::{DateTime, Utc};
use ocore_domain::{OrganizationId, audit::Place, sort::AuditLogSort};
use sqlx::PgConnection;

use super::Link;
use crate::{After, Page, Result, Sorted};

// `organization_id` is compared so that an index serves the installation's own chain, whose organization is null, too.
// For the same reason an order by `seq` names the organization first.

/// Which entries are wanted.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// To this kind of thing.
    pub resource_type: Option<String>,
    /// To this very thing.
    pub resource_id: Option<String>,
    /// This action; with a dot at its end, every action that begins so.
    pub action: Option<String>,
    /// By this person.
    pub user_id: Option<String>,
    /// Not before.
    pub start: Option<DateTime<Utc>>,
    /// Before.
    pub end: Option<DateTime<Utc>>,
    /// A part of the thing's name, of the actor's name or of the action.
    pub search: Option<String>,
}

/// The links of a chain that a filter lets through: parameters 1 to 11.
macro_rules! filtered {
    ($tail:literal $(, $argument:expr)* $(,)?) => {
        sqlx::query_as!(
            Link,
            r#"select seq, previous, hash, entry::text as "entry!" from audit_log
               where (organization_id = $1 or ($1::uuid is null and organization_id is null))
                   and ($3::text is null or resource_type = $3)
                   and ($4::text is null or resource_id = $4)
                   and ($5::text is null or action = $5)
                   and ($6::text is null or starts_with(action, $6))
                   and ($7::text is null or user_id = $7)
                   and ($8::timestamptz is null or at >= $8)
                   and ($9::timestamptz is null or at < $9)
                   and ($10::text is null
                        or strpos(lower(concat_ws(' ', entry ->> 'resourceName', entry ->> 'userName', action)),
                               lower($10)) > 0)
                   and "# + $tail
            $(, $argument)*
        )
    };
}

/// Entries of a chain, in its order or from its end: they are numbered as they were written.
pub async fn list(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    filter: &Filter,
    page: &Sorted<AuditLogSort, i64>,
) -> Result<Page<Link>> {
    let prefix = filter.action.as_deref().filter(|action| action.ends_with('.'));
    let exact = filter.action.as_deref().filter(|_| prefix.is_none());
    macro_rules! asked {
        ($tail:literal) => {
            filtered!(
                $tail,
                organization as Option<OrganizationId>,
                page.id(),
                filter.resource_type.as_deref(),
                filter.resource_id.as_deref(),
                exact,
                prefix,
                filter.user_id.as_deref(),
                filter.start,
                filter.end,
                filter.search.as_deref(),
                page.limit + 1,
            )
            .fetch_all(conn)
            .await?
        };
    }
    let rows = match page.sort {
        AuditLogSort::CreatedAt => {
            asked!("($2::bigint is null or seq > $2) order by organization_id, seq limit $11")
        }
        AuditLogSort::CreatedAtBack => {
            asked!("($2::bigint is null or seq < $2) order by organization_id desc, seq desc limit $11")
        }
    };
    Ok(page.page(rows, |link| After {
        key: None,
        id: link.seq,
    }))
}

/// Links in the order of the chain: those after a number, at most so many.
pub async fn links(
    conn: &mut PgConnection,
    organization: Option<OrganizationId>,
    after: i64,
    limit: i64,
) -> Result<Vec<Link>> {
    let rows = sqlx::query_as!(
        Link,
        r#"select seq, previous, hash, entry::text as "entry!" from audit_log
         where (organization_id = $1 or ($1::uuid is null and organization_id is null)) and seq > $2
         order by organization_id, seq limit $3"#,
        organization as Option<OrganizationId>,
        after,
        limit,
    );
    Ok(rows.fetch_all(conn).await?)
}

/// Where a chain begins and ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// The last of the entries that were taken away when their time was over; before the first, if none was.
    pub begin: Place,
    /// The last entry.
    pub head: Place,
}

impl Chain {
    /// The number of the first entry that is kept.
    pub const fn first_seq(&self) -> i64 {
        self.begin.seq + 1
    }
}

/// Where a chain begins and ends. One of which nothing is known is empty.
pub async fn chain(conn: &mut PgConnection, organization: Option<OrganizationId>) -> Result<Chain> {
    let row = sqlx::query!(
        "select seq, hash, first_seq, first_previous from audit_chains
         where organization_id = $1 or ($1::uuid is null and organization_id is null)",
        organization as Option<OrganizationId>,
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map_or_else(Chain::default, |row| Chain {
        begin: Place {
            seq: row.first_seq.saturating_sub(1),
            hash: row.first_previous,
        },
        head: Place {
            seq: row.seq,
            hash: row.hash,
        },
    }))
}
