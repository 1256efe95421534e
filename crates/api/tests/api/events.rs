//! What an operation says, as a stream: whole, in order, resumed without loss or doubling.

use std::time::Duration;

use axum::body::Body;
use chrono::Utc;
use futures::StreamExt;
use ocore_domain::{
    OperationId,
    operation::{Event, Level, OperationState},
};
use ocore_store::operations::{self as rows, Claimed, Finish};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::timeout;

use crate::support::{Client, claimed};

async fn say(client: &Client, claim: &Claimed, seqs: std::ops::RangeInclusive<i64>) {
    let line = |seq| Event {
        seq,
        at: Utc::now(),
        level: Level::Info,
        step: None,
        line: format!("line {seq}\nand more"),
    };
    let events: Vec<Event> = seqs.map(line).collect();
    let mut conn = client.store.connection().await.unwrap();
    assert!(rows::append_events(&mut conn, claim, &events).await.unwrap());
}

async fn end(client: &Client, claim: &Claimed) {
    let end = Finish::of(claim, OperationState::Done);
    let mut conn = client.store.connection().await.unwrap();
    assert!(rows::finish(&mut conn, &end, None).await.unwrap());
}

/// One event of a stream.
struct Heard {
    kind: String,
    id: Option<i64>,
    data: Value,
}

fn path(id: OperationId) -> String {
    format!("/api/operations/{id}/logs")
}

/// Reads events until the stream ends or `enough` says so.
async fn read(body: Body, mut enough: impl FnMut(&Heard) -> bool) -> Vec<Heard> {
    let mut stream = body.into_data_stream();
    let (mut text, mut heard) = (String::new(), Vec::new());
    loop {
        let Some(chunk) = timeout(Duration::from_secs(20), stream.next()).await.unwrap() else {
            return heard;
        };
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
        while let Some((block, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                block
                    .lines()
                    .find_map(|line| line.strip_prefix(name))
                    .map(str::to_owned)
            };
            if let Some(kind) = field("event: ") {
                let event = Heard {
                    kind,
                    id: field("id: ").map(|id| id.parse().unwrap()),
                    data: serde_json::from_str(&field("data: ").unwrap()).unwrap(),
                };
                let done = enough(&event);
                heard.push(event);
                if done {
                    return heard;
                }
            }
            text = rest.to_owned();
        }
    }
}

fn numbers(heard: &[Heard]) -> Vec<i64> {
    heard
        .iter()
        .filter(|event| event.kind == "line")
        .map(|event| {
            assert_eq!(event.data["seq"], event.id.unwrap());
            event.id.unwrap()
        })
        .collect()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_stream_tells_everything_and_ends(pool: PgPool) {
    let client = Client::new(pool).await;
    let claim = claimed(&client).await;
    say(&client, &claim, 1..=1200).await;
    let reading = client.stream(&path(claim.id), None).await;
    let working = async {
        say(&client, &claim, 1201..=1201).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        say(&client, &claim, 1202..=1203).await;
        end(&client, &claim).await;
    };
    let (heard, ()) = tokio::join!(read(reading, |_| false), working);
    assert_eq!(numbers(&heard), (1..=1203).collect::<Vec<_>>());
    let (first, last) = (&heard[0], &heard[heard.len() - 1]);
    assert_eq!(
        (first.kind.as_str(), &first.data["state"]),
        ("operation", &json!("running"))
    );
    assert_eq!((last.kind.as_str(), &last.data["state"]), ("end", &json!("done")));
    assert!(first.id.is_none() && last.id.is_none());
    assert_eq!(heard[1].data["line"], "line 1\nand more");
    // Once it has ended, the stream is the same, at once.
    let heard = read(client.stream(&path(claim.id), None).await, |_| false).await;
    assert_eq!(numbers(&heard).len(), 1203);
    assert_eq!(heard.iter().filter(|event| event.kind == "end").count(), 1);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_reader_that_comes_and_goes_misses_nothing(pool: PgPool) {
    const LINES: i64 = 2000;
    let client = Client::new(pool).await;
    let claim = claimed(&client).await;
    let writing = async {
        let mut seq = 1;
        while seq <= LINES {
            let until = (seq + seq % 37).min(LINES);
            say(&client, &claim, seq..=until).await;
            seq = until + 1;
        }
        end(&client, &claim).await;
    };
    let reading = async {
        let (mut seen, mut over, mut visits) = (Vec::<i64>::new(), false, 0);
        while !over {
            let last = seen.last().copied().unwrap_or(0).to_string();
            let body = client
                .stream(&path(claim.id), Some(("Last-Event-ID", &last)))
                .await;
            // Leave in the middle, each time after another number of lines.
            let mut left = 50 + 31 * visits;
            let heard = read(body, |event| {
                left -= i64::from(event.kind == "line");
                left == 0
            });
            let heard = heard.await;
            over = heard.last().is_some_and(|event| event.kind == "end");
            seen.extend(numbers(&heard));
            visits += 1;
        }
        (seen, visits)
    };
    let ((), (seen, visits)) = tokio::join!(writing, reading);
    assert_eq!(seen, (1..=LINES).collect::<Vec<_>>());
    assert!(visits > 5, "{visits}");
}

#[sqlx::test(migrations = "../store/migrations")]
async fn where_to_go_on_can_be_said_in_two_ways(pool: PgPool) {
    let client = Client::new(pool).await;
    let claim = claimed(&client).await;
    say(&client, &claim, 1..=5).await;
    end(&client, &claim).await;
    let by_query = format!("{}?after=3", path(claim.id));
    assert_eq!(
        numbers(&read(client.stream(&by_query, None).await, |_| false).await),
        [4, 5]
    );
    let both = client.stream(&by_query, Some(("last-event-id", "4"))).await;
    assert_eq!(numbers(&read(both, |_| false).await), [5], "the header is newer");
    let by_kind = format!("/api/operations/server_validate/{}/logs?after=4", claim.id);
    assert_eq!(
        numbers(&read(client.stream(&by_kind, None).await, |_| false).await),
        [5]
    );
    let reply = client.get(&format!("{}?after=x", path(claim.id))).await;
    assert_eq!(reply.fields(), ["after"]);
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_stream_ends_when_the_process_is_to_end(pool: PgPool) {
    let client = Client::new(pool).await;
    let claim = claimed(&client).await;
    let body = client.stream(&path(claim.id), None).await;
    client.closing.cancel();
    let heard = timeout(Duration::from_secs(5), read(body, |_| false))
        .await
        .unwrap();
    assert!(
        heard.iter().all(|event| event.kind != "end"),
        "so that the reader comes back"
    );
}
