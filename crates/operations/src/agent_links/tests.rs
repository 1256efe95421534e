//! What an agent may send, to whom it comes, and what becomes of it when either side is gone.

use futures::StreamExt;
use ocore_telemetry::stream::{CHUNK, output};

use super::*;

const TOKEN: TokenHash = [7; 32];

fn wanted() -> Wanted {
    Wanted {
        container: "ocore-acme".to_owned(),
        instance: "i".to_owned(),
        tail: 10,
        follow: true,
    }
}

fn asked(asks: &mut mpsc::Receiver<Ask>) -> Follow {
    match asks.try_recv() {
        Ok(Ask::Follow(follow)) => follow,
        other => panic!("{other:?}"),
    }
}

fn brings(link: &AgentLink, stream: u32, text: &str) -> Result<(), Malformed> {
    link.brought(output(stream, text.as_bytes()).into())
}

async fn lines(log: AgentLog) -> Vec<Result<String, Refusal>> {
    log.lines().collect().await
}

#[tokio::test]
async fn what_is_brought_comes_to_who_asked_and_to_nobody_else() {
    let (links, server, other) = (AgentLinks::default(), ServerId::new(), ServerId::new());
    let (link, mut asks) = links.join(server, TOKEN);
    let (other_link, mut other_asks) = links.join(other, [8; 32]);
    assert_eq!((links.count(), links.token(server)), (2, Some(TOKEN)));

    let mut one = links.ask(server, &TOKEN, wanted()).unwrap();
    let mut two = links.ask(server, &TOKEN, wanted()).unwrap();
    let of_other = links.ask(other, &[8; 32], wanted()).unwrap();
    assert_eq!(links.logs(), 3);
    let (first, second) = (asked(&mut asks), asked(&mut asks));
    assert_eq!((first.container.as_str(), first.credit), ("ocore-acme", WINDOW));
    assert_ne!(first.stream, second.stream);
    let third = asked(&mut other_asks).stream;
    for (link, stream) in [
        (&link, first.stream),
        (&link, second.stream),
        (&other_link, third),
    ] {
        link.told(&Tell::Opened { stream }.encode()).unwrap();
    }
    brings(&link, first.stream, "a\nb\r\n").unwrap();
    brings(&link, second.stream, "c\n").unwrap();
    brings(&other_link, third, "d\n\u{e9}\n").unwrap();
    // Numbers that nobody asked under, and words that are not known.
    brings(&link, 4711, "x\n").unwrap();
    link.told(r#"{"tell":"song"}"#).unwrap();
    for (link, stream) in [
        (&link, first.stream),
        (&link, second.stream),
        (&other_link, third),
    ] {
        link.told(&Tell::End { stream }.encode()).unwrap();
    }
    one.opened().await.unwrap();
    two.opened().await.unwrap();
    let said = |words: &[&str]| {
        words
            .iter()
            .map(|word| Ok((*word).to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(one).await, said(&["a", "b"]));
    assert_eq!(lines(two).await, said(&["c"]));
    assert_eq!(lines(of_other).await, said(&["d", "\u{e9}"]));
    assert_eq!(links.logs(), 0);
    // What has ended is not told to stop.
    assert!(asks.try_recv().is_err());
}

#[tokio::test]
async fn more_than_the_credit_is_refused_and_what_is_read_gives_credit_again() {
    let (links, server) = (AgentLinks::default(), ServerId::new());
    let (link, mut asks) = links.join(server, TOKEN);
    let log = links.ask(server, &TOKEN, wanted()).unwrap();
    let stream = asked(&mut asks).stream;
    let chunk = format!("{}\n", "x".repeat(CHUNK - 1));
    let fits = WINDOW / cost(CHUNK);
    for _ in 0..fits {
        brings(&link, stream, &chunk).unwrap();
    }
    assert_eq!(brings(&link, stream, &chunk), Err(Malformed));

    let mut read = log.lines();
    for _ in 0..fits {
        assert_eq!(read.next().await.unwrap().unwrap().len(), CHUNK - 1);
    }
    // Half a window is worth a message; the rest comes with the next.
    let Ok(Ask::Credit { stream: of, credit }) = asks.try_recv() else {
        panic!()
    };
    assert_eq!(of, stream);
    assert!((WINDOW / 2..WINDOW).contains(&credit), "{credit}");
    brings(&link, stream, &chunk).unwrap();

    // Messages that hold nothing are no way around it.
    let mut count = 0;
    while brings(&link, stream, "").is_ok() {
        count += 1;
        assert!(count <= WINDOW / 64);
    }
    assert_eq!(link.brought(Bytes::from_static(b"abc")), Err(Malformed));
    assert_eq!(link.told("rubbish"), Err(Malformed));
}

#[tokio::test]
async fn whoever_goes_is_told_of_to_the_other_side() {
    let (links, server) = (AgentLinks::default(), ServerId::new());
    let (link, mut asks) = links.join(server, TOKEN);
    let given_up = links.ask(server, &TOKEN, wanted()).unwrap();
    let stream = asked(&mut asks).stream;
    drop(given_up);
    assert_eq!(asks.try_recv(), Ok(Ask::Stop { stream }));
    // It is on its way yet: nobody minds.
    brings(&link, stream, &"x".repeat(CHUNK)).unwrap();

    let mut refused = links.ask(server, &TOKEN, wanted()).unwrap();
    let stream = asked(&mut asks).stream;
    link.told(&Tell::failed(stream, Reason::Absent, "no such container").encode())
        .unwrap();
    let why = refused.opened().await.unwrap_err();
    assert_eq!(why, Refusal::Told(Reason::Absent, "no such container".to_owned()));
    assert_eq!(why.said(), Some("no such container"));
    drop(refused);

    let log = links.ask(server, &TOKEN, wanted()).unwrap();
    let stream = asked(&mut asks).stream;
    brings(&link, stream, "last words\n").unwrap();
    drop(link);
    assert_eq!(
        lines(log).await,
        [Ok("last words".to_owned()), Err(Refusal::Lost)]
    );
    assert_eq!((links.count(), links.logs()), (0, 0));
    assert_eq!(links.ask(server, &TOKEN, wanted()).unwrap_err(), Refusal::Lost);
}

#[tokio::test]
async fn a_server_has_one_connection_and_only_by_its_token() {
    let (links, server) = (AgentLinks::default(), ServerId::new());
    let (before, mut asks) = links.join(server, TOKEN);
    let log = links.ask(server, &TOKEN, wanted()).unwrap();
    asked(&mut asks);
    let (after, _asks) = links.join(server, [8; 32]);
    before.over().await;
    assert_eq!(lines(log).await, [Err(Refusal::Lost)]);
    // It goes, and the other one stays.
    drop(before);
    assert_eq!(links.token(server), Some([8; 32]));
    assert_eq!(links.ask(server, &TOKEN, wanted()).unwrap_err(), Refusal::Lost);
    links.part(server);
    after.over().await;
    assert_eq!(links.count(), 0);
}

#[tokio::test]
async fn there_are_no_more_logs_than_may_be_and_no_more_waits_to_be_asked() {
    let (links, server) = (AgentLinks::default(), ServerId::new());
    let (link, mut asks) = links.join(server, TOKEN);
    let mut logs: Vec<_> = (0..STREAMS)
        .map(|_| links.ask(server, &TOKEN, wanted()).unwrap())
        .collect();
    assert_eq!(links.ask(server, &TOKEN, wanted()).unwrap_err(), Refusal::Full);
    logs.pop();
    assert!(links.ask(server, &TOKEN, wanted()).is_ok());
    while asks.try_recv().is_ok() {}
    // An agent that takes nothing: each log that comes and goes is two messages.
    for _ in 0..=WAITING / 2 {
        let _ = links.ask(server, &TOKEN, wanted());
    }
    link.over().await;
    assert_eq!(lines(logs.remove(0)).await, [Err(Refusal::Lost)]);
}
