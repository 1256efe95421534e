//! The record of who did what: whole under load, closed to requests, and telling when somebody changed it.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use ocore_domain::{OrganizationId, audit::Fault};
use ocore_store::{
    Sealer, Sorted, Store,
    audit::{self, Bounds, Entry, Filter, Place, Verification},
    tenancy::Tenant,
};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};
use uuid::Uuid;

const OURS: OrganizationId = OrganizationId::DEFAULT;
const ALL: Bounds = Bounds {
    entries: u64::MAX,
    time: Duration::from_secs(60),
};

fn store(pool: &PgPool) -> Store {
    Store::new(pool.clone(), Sealer::new(&"k".repeat(32).into(), &[]))
}

fn entry(number: usize, at: DateTime<Utc>) -> Entry {
    Entry {
        at_micros: at.timestamp_micros(),
        action: format!("test.{number}"),
        actor_type: "system".into(),
        user_name: "test".into(),
        ..Entry::default()
    }
}

async fn write(pool: &PgPool, organization: Option<OrganizationId>, entries: &[Entry]) {
    let mut tx = pool.begin().await.unwrap();
    for entry in entries {
        audit::append(&mut tx, organization, entry).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn write_some(pool: &PgPool, organization: Option<OrganizationId>, count: usize) {
    let entries: Vec<Entry> = (1..=count).map(|number| entry(number, Utc::now())).collect();
    write(pool, organization, &entries).await;
}

async fn verify(pool: &PgPool, organization: Option<OrganizationId>) -> Verification {
    let mut tx = pool.begin().await.unwrap();
    audit::verify(&mut tx, organization, None, ALL).await.unwrap()
}

async fn another(pool: &PgPool) -> OrganizationId {
    let id = OrganizationId::new();
    sqlx::query("insert into organizations (id, name, slug) values ($1, 'Other', 'other')")
        .bind(id.uuid())
        .execute(pool)
        .await
        .unwrap();
    id
}

#[sqlx::test]
async fn written_by_many_at_once_it_has_no_gap(pool: PgPool) {
    let other = another(&pool).await;
    let chains = [Some(OURS), Some(other), None];
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for number in 0..40 {
                    let mut tx = pool.begin().await.unwrap();
                    let entry = entry(number, Utc::now());
                    audit::append(&mut tx, chains[(writer + number) % 3], &entry)
                        .await
                        .unwrap();
                    // What does not happen leaves no gap.
                    if number % 5 == 0 {
                        tx.rollback().await.unwrap();
                    } else {
                        tx.commit().await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut all = 0;
    for chain in chains {
        let found = verify(&pool, chain).await;
        assert_eq!(found.broken, None);
        assert_eq!(found.chain.head.seq.unsigned_abs(), found.entries);
        assert!(found.entries > 0 && found.next.is_none());
        all += found.entries;
    }
    assert_eq!(all, 8 * 32);
}

#[sqlx::test]
async fn requests_can_add_to_their_own_chain_and_nothing_else(pool: PgPool) {
    let other = another(&pool).await;
    write_some(&pool, Some(OURS), 3).await;
    write_some(&pool, Some(other), 2).await;
    write_some(&pool, None, 1).await;
    let store = store(&pool);
    let ours = Tenant::whole(OURS);

    let mut tx = store.tenant(&ours).await.unwrap();
    audit::append(&mut tx, Some(OURS), &entry(4, Utc::now()))
        .await
        .unwrap();
    // The others' are not even seen.
    let count = |table: &str| AssertSqlSafe(format!("select count(*) from {table}"));
    let seen: (i64,) = sqlx::query_as(count("audit_log"))
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    let chains: (i64,) = sqlx::query_as(count("audit_chains"))
        .fetch_one(&mut *tx)
        .await
        .unwrap();
    assert_eq!((seen.0, chains.0), (4, 1));
    assert!(
        audit::links(&mut tx, Some(other), 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(audit::links(&mut tx, None, 0, 10).await.unwrap().is_empty());
    tx.commit().await.unwrap();

    for organization in [Some(other), None] {
        let mut tx = store.tenant(&ours).await.unwrap();
        let refused = audit::append(&mut tx, organization, &entry(1, Utc::now()))
            .await
            .unwrap_err();
        assert!(refused.is_walled_off(), "{refused}");
        // Not even after what leaves the walls for something else.
        let mut tx = store.tenant(&ours).await.unwrap();
        ocore_store::tenancy::leave_tenancy(&mut tx).await.unwrap();
        let refused = audit::append(&mut tx, organization, &entry(1, Utc::now()))
            .await
            .unwrap_err();
        assert!(refused.is_walled_off(), "{refused}");
    }
    for statement in [
        "insert into audit_log (organization_id, seq, previous, hash, entry) values (ocore_organization(), 9, '', '', '{\"atMicros\":0,\"action\":\"x\"}')",
        "update audit_log set hash = ''",
        "delete from audit_log",
        "truncate audit_log",
        "update audit_chains set seq = 0",
        "insert into audit_chains (organization_id, seq, hash) values (null, 1, '')",
        "delete from audit_chains",
        "select ocore_audit_prune(ocore_organization(), now() + interval '1 day', 10)",
        "alter table audit_log disable trigger all",
        // Who names no organization, or takes the mark of the pruning, gets no further.
        "set local ocore.organization = ''; select ocore_audit(null, '{\"atMicros\":0,\"action\":\"x\"}')",
        "set local ocore.audit_pruning = 'on'; delete from audit_log",
    ] {
        let mut tx = store.tenant(&ours).await.unwrap();
        let refused = sqlx::raw_sql(statement).execute(&mut *tx).await.unwrap_err();
        let code = refused
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        assert_eq!(code.as_deref(), Some("42501"), "{statement}: {refused}");
    }
    for (chain, entries) in [(Some(OURS), 4), (Some(other), 2), (None, 1)] {
        let found = verify(&pool, chain).await;
        assert_eq!((found.broken, found.entries), (None, entries));
    }
}

#[sqlx::test]
async fn even_the_owner_does_not_change_it_by_mistake(pool: PgPool) {
    write_some(&pool, Some(OURS), 3).await;
    for statement in [
        "update audit_log set entry = '{\"atMicros\":0,\"action\":\"x\"}' where seq = 2",
        "update audit_log set hash = hash",
        "delete from audit_log where seq = 3",
        "truncate audit_log",
    ] {
        let refused = sqlx::query(statement).execute(&pool).await.unwrap_err();
        assert!(
            refused.to_string().contains("is not changed"),
            "{statement}: {refused}"
        );
    }
    assert_eq!(verify(&pool, Some(OURS)).await.broken, None);
}

/// Changes the record as only somebody can who owns the database, and answers what is found.
async fn tampered(conn: &mut PgConnection, statement: &str) -> Option<(i64, Fault)> {
    use sqlx::Connection;
    let mut tx = conn.begin().await.unwrap();
    // Verifying wants the transaction to itself: here the isolation is set before anything else.
    sqlx::raw_sql(
        "set transaction isolation level repeatable read; alter table audit_log disable trigger user",
    )
    .execute(&mut *tx)
    .await
    .unwrap();
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .execute(&mut *tx)
        .await;
    assert!(done.unwrap().rows_affected() > 0, "{statement}");
    let found = audit::verify_within(&mut tx, Some(OURS), None, ALL)
        .await
        .unwrap();
    tx.rollback().await.unwrap();
    found.broken.map(|broken| (broken.seq, broken.fault))
}

#[sqlx::test]
async fn whatever_was_tampered_with_is_found_and_named(pool: PgPool) {
    write_some(&pool, Some(OURS), 6).await;
    let other = another(&pool).await;
    write_some(&pool, Some(other), 8).await;
    let mut conn = pool.acquire().await.unwrap();
    let ours = format!("organization_id = '{OURS}'");
    let rehash = "hash = sha256(previous || convert_to(seq::text || ':' || entry::text, 'UTF8'))";
    for (statement, found) in [
        // Each column.
        (format!("update audit_log set entry = '{{\"atMicros\":0,\"action\":\"test.3\"}}' where {ours} and seq = 3"), (3, Fault::Altered)),
        // Not even a space.
        (format!("update audit_log set entry = (entry::text || ' ')::json where {ours} and seq = 3"), (3, Fault::Altered)),
        (format!("update audit_log set hash = sha256('x') where {ours} and seq = 3"), (3, Fault::Altered)),
        (format!("update audit_log set previous = sha256('x') where {ours} and seq = 3"), (3, Fault::Detached)),
        (format!("update audit_log set previous = sha256('x') where {ours} and seq = 1"), (1, Fault::Detached)),
        (format!("update audit_log set seq = 9 where {ours} and seq = 3"), (3, Fault::Missing)),
        (format!("update audit_log set seq = 7 where {ours} and seq = 6"), (6, Fault::Missing)),
        (format!("update audit_log set seq = 0 where {ours} and seq = 1"), (1, Fault::Missing)),
        (format!("update audit_log set organization_id = '{other}', seq = 99 where {ours} and seq = 3"), (3, Fault::Missing)),
        // Taken away: first, middle, last, all.
        (format!("delete from audit_log where {ours} and seq = 1"), (1, Fault::Missing)),
        (format!("delete from audit_log where {ours} and seq = 3"), (3, Fault::Missing)),
        (format!("delete from audit_log where {ours} and seq = 6"), (6, Fault::CutOff)),
        (format!("delete from audit_log where {ours} and seq > 2"), (3, Fault::CutOff)),
        (format!("delete from audit_log where {ours}"), (1, Fault::CutOff)),
        // Swapped: two texts, and two whole rows.
        (
            format!(
                "update audit_log l set entry = o.entry from audit_log o where l.{ours} and o.{ours} and l.seq in (2, 3) and o.seq = 5 - l.seq"
            ),
            (2, Fault::Altered),
        ),
        (
            format!(
                "update audit_log set seq = 1002 where {ours} and seq = 2; update audit_log set seq = 2 where {ours} and seq = 3;
                 update audit_log set seq = 3 where {ours} and seq = 1002"
            ),
            (2, Fault::Detached),
        ),
        // Changed with a hash that fits: the next one tells; of the last one, the chain's end.
        (
            format!(
                "update audit_log set entry = '{{\"atMicros\":0,\"action\":\"x\"}}' where {ours} and seq = 3; update audit_log set {rehash} where {ours} and seq = 3"
            ),
            (4, Fault::Detached),
        ),
        (
            format!(
                "update audit_log set entry = '{{\"atMicros\":0,\"action\":\"x\"}}' where {ours} and seq = 6; update audit_log set {rehash} where {ours} and seq = 6"
            ),
            (6, Fault::OtherEnd),
        ),
        // Entries that were never written.
        (
            format!(
                "insert into audit_log (organization_id, seq, previous, hash, entry) select organization_id, 7, hash, sha256(hash || '7:{{\"atMicros\":0,\"action\":\"x\"}}'), '{{\"atMicros\":0,\"action\":\"x\"}}' from audit_log where {ours} and seq = 6"
            ),
            (7, Fault::BeyondEnd),
        ),
        // The ends of the chain.
        (format!("update audit_chains set hash = sha256('x') where {ours}"), (6, Fault::OtherEnd)),
        (format!("update audit_chains set seq = 5 where {ours}"), (6, Fault::BeyondEnd)),
        (format!("update audit_chains set seq = 8 where {ours}"), (7, Fault::CutOff)),
        (format!("update audit_chains set first_previous = sha256('x') where {ours}"), (1, Fault::Detached)),
        (format!("update audit_chains set first_seq = 0 where {ours}"), (0, Fault::Missing)),
        (format!("delete from audit_chains where {ours}"), (1, Fault::BeyondEnd)),
    ] {
        assert_eq!(tampered(&mut conn, &statement).await, Some(found), "{statement}");
    }
    assert_eq!(verify(&pool, Some(OURS)).await.broken, None);
    assert_eq!(verify(&pool, Some(other)).await.entries, 8);
}

#[sqlx::test]
async fn a_known_entry_tells_of_a_chain_that_was_written_anew(pool: PgPool) {
    write_some(&pool, Some(OURS), 4).await;
    let known = verify(&pool, Some(OURS)).await.chain.head;
    write_some(&pool, Some(OURS), 3).await;
    let after = async |place: Place| {
        let mut tx = pool.begin().await.unwrap();
        audit::verify(&mut tx, Some(OURS), Some(place), ALL)
            .await
            .unwrap()
    };
    let found = after(known.clone()).await;
    assert_eq!((found.broken, found.entries), (None, 3));
    // Everything is written anew, with hashes and an end that fit.
    sqlx::raw_sql(
        "alter table audit_log disable trigger user; delete from audit_log; delete from audit_chains;
         alter table audit_log enable trigger user",
    )
    .execute(&pool)
    .await
    .unwrap();
    write_some(&pool, Some(OURS), 7).await;
    assert_eq!(verify(&pool, Some(OURS)).await.broken, None);
    let broken = after(known.clone()).await.broken.unwrap();
    assert_eq!((broken.seq, broken.fault), (5, Fault::Detached));
    // Also where the end itself is known.
    let last = Place { seq: 7, ..known };
    assert_eq!(after(last).await.broken.unwrap().fault, Fault::OtherEnd);
}

#[sqlx::test]
async fn a_long_chain_is_checked_in_parts(pool: PgPool) {
    write_some(&pool, Some(OURS), 1300).await;
    let (mut place, mut entries, mut parts) = (None, 0, 0);
    loop {
        let bounds = Bounds { entries: 600, ..ALL };
        let mut tx = pool.begin().await.unwrap();
        let found = audit::verify(&mut tx, Some(OURS), place, bounds).await.unwrap();
        assert_eq!(found.broken, None);
        entries += found.entries;
        parts += 1;
        // What is written meanwhile is checked too.
        if parts == 1 {
            write_some(&pool, Some(OURS), 50).await;
        }
        match found.next {
            Some(next) => place = Some(next),
            None => break,
        }
    }
    assert_eq!((entries, parts), (1350, 3));
    // No time at all is time for one batch.
    let hurry = Bounds {
        time: Duration::ZERO,
        ..ALL
    };
    let mut tx = pool.begin().await.unwrap();
    let found = audit::verify(&mut tx, Some(OURS), None, hurry).await.unwrap();
    assert_eq!((found.entries, found.next.unwrap().seq), (500, 500));
}

#[sqlx::test]
async fn what_was_pruned_leaves_a_chain_that_holds(pool: PgPool) {
    let other = another(&pool).await;
    sqlx::query("update organizations set audit_retention_days = 30 where id = $1")
        .bind(OURS.uuid())
        .execute(&pool)
        .await
        .unwrap();
    let now = Utc::now();
    let old = |days| now - TimeDelta::days(days);
    // The fourth is old too, but stands behind a younger one.
    let ages = [400, 40, 32, 5, 50, 1];
    for chain in [Some(OURS), Some(other), None] {
        let entries: Vec<Entry> = (1..)
            .zip(ages)
            .map(|(number, days)| entry(number, old(days)))
            .collect();
        write(&pool, chain, &entries).await;
    }
    let mut conn = pool.acquire().await.unwrap();
    let before = audit::links(&mut conn, Some(OURS), 0, 10).await.unwrap();
    assert_eq!(audit::prune(&mut conn, now).await.unwrap(), 3 + 1 + 1);
    for (chain, first, entries) in [(Some(OURS), 4, 4), (Some(other), 2, 6), (None, 2, 6)] {
        let found = verify(&pool, chain).await;
        assert_eq!(
            (found.broken, found.chain.first_seq(), found.entries),
            (None, first, entries)
        );
        assert_eq!(found.chain.head.seq, 7);
    }
    // What is left is what it was, and what was taken away is told.
    let after = audit::links(&mut conn, Some(OURS), 0, 10).await.unwrap();
    assert_eq!(after[..3], before[3..]);
    let told = Entry::read(&after[3].entry);
    assert_eq!(
        (told.action.as_str(), told.actor_type.as_str()),
        ("audit_logs.pruned", "system")
    );
    let state = told.after_state.unwrap();
    assert_eq!((&state["entries"], &state["lastSeq"]), (&3.into(), &3.into()));
    assert_eq!(state["lastHash"], hex::encode(&before[2].hash));
    // Nothing more to do the same day, and the chain goes on.
    assert_eq!(audit::prune(&mut conn, now).await.unwrap(), 0);
    write_some(&pool, Some(OURS), 2).await;
    let found = verify(&pool, Some(OURS)).await;
    assert_eq!((found.broken, found.entries), (None, 6));
    // Everything but the record of it goes when its time is over.
    assert_eq!(
        audit::prune(&mut conn, now + TimeDelta::days(31)).await.unwrap(),
        6
    );
    let found = verify(&pool, Some(OURS)).await;
    assert_eq!(
        (found.broken, found.entries, found.chain.first_seq()),
        (None, 1, 10)
    );
}

#[sqlx::test]
async fn what_is_broken_is_not_pruned(pool: PgPool) {
    let old = Utc::now() - TimeDelta::days(500);
    let entries: Vec<Entry> = (1..=6).map(|number| entry(number, old)).collect();
    write(&pool, Some(OURS), &entries).await;
    let at = old.timestamp_micros();
    sqlx::raw_sql(AssertSqlSafe(format!(
        "alter table audit_log disable trigger user;
         update audit_log set entry = '{{\"atMicros\":{at},\"action\":\"x\"}}' where seq = 4; alter table audit_log enable trigger user",
    )))
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(audit::prune(&mut conn, Utc::now()).await.unwrap(), 3);
    let broken = verify(&pool, Some(OURS)).await.broken.unwrap();
    assert_eq!((broken.seq, broken.fault), (4, Fault::Altered));
}

#[sqlx::test]
async fn a_large_record_is_pruned_in_parts(pool: PgPool) {
    let old = Utc::now() - TimeDelta::days(500);
    sqlx::query(
        "select ocore_audit($1, json_build_object('atMicros', $2::bigint, 'action', 'test.' || n)) from generate_series(1, 5600) n",
    )
    .bind(OURS.uuid())
    .bind(old.timestamp_micros())
    .execute(&pool)
    .await
    .unwrap();
    let mut conn = pool.acquire().await.unwrap();
    assert_eq!(audit::prune(&mut conn, Utc::now()).await.unwrap(), 5600);
    let found = verify(&pool, Some(OURS)).await;
    // Two parts, each told.
    assert_eq!(
        (found.broken, found.entries, found.chain.first_seq()),
        (None, 2, 5601)
    );
}

#[sqlx::test]
async fn filters_find_what_they_say(pool: PgPool) {
    let user = Uuid::now_v7().to_string();
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let made = |action: &str, when: &str, name: Option<&str>| Entry {
        action: action.into(),
        user_id: (action != "auth.login_failed").then(|| user.clone()),
        user_name: "Zoë".into(),
        resource_type: name.map(|_| "server".into()),
        resource_id: name.map(|name| format!("id-{name}")),
        resource_name: name.map(Into::into),
        ..entry(0, at(when))
    };
    write(
        &pool,
        Some(OURS),
        &[
            made("server.created", "2026-11-01T00:00:00Z", Some("alpha")),
            made("server.updated", "2026-11-02T00:00:00Z", Some("alpha")),
            made("server.created", "2026-11-03T00:00:00Z", Some("100%_beta")),
            made("auth.login", "2026-11-04T00:00:00Z", None),
            made("auth.login_failed", "2026-11-05T00:00:00Z", None),
        ],
    )
    .await;
    write_some(&pool, None, 2).await;
    let mut conn = pool.acquire().await.unwrap();
    let all = Filter::default;
    let text = |text: &str| Some(text.to_owned());
    for (filter, found) in [
        (all(), vec![5, 4, 3, 2, 1]),
        (
            Filter {
                action: text("server.created"),
                ..all()
            },
            vec![3, 1],
        ),
        (
            Filter {
                action: text("server."),
                ..all()
            },
            vec![3, 2, 1],
        ),
        (
            Filter {
                action: text("auth.login"),
                ..all()
            },
            vec![4],
        ),
        (
            Filter {
                action: text("server"),
                ..all()
            },
            vec![],
        ),
        (
            Filter {
                resource_type: text("server"),
                ..all()
            },
            vec![3, 2, 1],
        ),
        (
            Filter {
                resource_id: text("id-alpha"),
                ..all()
            },
            vec![2, 1],
        ),
        (
            Filter {
                user_id: text(&user),
                ..all()
            },
            vec![4, 3, 2, 1],
        ),
        (
            Filter {
                start: Some(at("2026-11-03T00:00:00Z")),
                ..all()
            },
            vec![5, 4, 3],
        ),
        (
            Filter {
                end: Some(at("2026-11-03T00:00:00Z")),
                ..all()
            },
            vec![2, 1],
        ),
        (
            Filter {
                search: text("ALPHA"),
                ..all()
            },
            vec![2, 1],
        ),
        (
            Filter {
                search: text("%_"),
                ..all()
            },
            vec![3],
        ),
        (
            Filter {
                search: text("zoë"),
                ..all()
            },
            vec![5, 4, 3, 2, 1],
        ),
        (
            Filter {
                search: text("login"),
                ..all()
            },
            vec![5, 4],
        ),
        (
            Filter {
                action: text("server."),
                search: text("alpha"),
                end: Some(at("2026-11-02T00:00:00Z")),
                ..all()
            },
            vec![1],
        ),
    ] {
        let page = audit::list(&mut conn, Some(OURS), &filter, &Sorted::first(50))
            .await
            .unwrap();
        let seqs: Vec<i64> = page.data.iter().map(|link| link.seq).collect();
        assert_eq!(seqs, found, "{filter:?}");
    }
    let page = Sorted::first(2);
    let first = audit::list(&mut conn, Some(OURS), &all(), &page).await.unwrap();
    let cursor = first.next_cursor.unwrap();
    let page = Sorted {
        after: Some(Sorted::read_cursor(&cursor, page.sort).unwrap()),
        ..page
    };
    let second = audit::list(&mut conn, Some(OURS), &all(), &page).await.unwrap();
    assert_eq!(
        second.data.iter().map(|link| link.seq).collect::<Vec<_>>(),
        [3, 2]
    );
    assert!(second.has_more);
    let own = audit::list(&mut conn, None, &all(), &Sorted::first(50))
        .await
        .unwrap();
    assert_eq!(own.data.len(), 2);
}
