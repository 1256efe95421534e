//! The stream that an agent keeps open: who may, and how logs of instances come by it when SSH does not bring them.

use std::{net::SocketAddr, time::Duration};

use axum::body::Body;
use futures::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use ocore_domain::{OrganizationId, ServerId};
use ocore_store::{agents, servers};
use ocore_telemetry::stream::{Ask, CHUNK, Follow, PATH, PROTOCOL, Reason, Tell, WINDOW, cost, output};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderValue, Response},
    },
};

use crate::support::Client;

const PATIENCE: Duration = Duration::from_secs(10);

/// oCore on a port, a server that nobody reaches by SSH, and an instance on it.
struct World {
    client: Client,
    address: SocketAddr,
    server: ServerId,
    instance: String,
    token: SecretString,
}

/// An agent, as far as its stream goes.
struct Agent(WebSocketStream<TcpStream>);

impl World {
    async fn new(pool: PgPool) -> Self {
        let client = Client::new(pool).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = client
            .router()
            .into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, service).await });
        let (server, token) = far_server(&client, "far").await;
        let instance = instance_on(&client, server, "acme").await;
        Self {
            client,
            address,
            server,
            instance,
            token,
        }
    }

    async fn open(
        &self,
        token: &str,
        protocol: Option<&'static str>,
    ) -> Result<Agent, Response<Option<Vec<u8>>>> {
        let mut request = format!("ws://{}{PATH}", self.address)
            .into_client_request()
            .unwrap();
        let headers = request.headers_mut();
        let bearer = format!("Bearer {token}");
        headers.insert("authorization", bearer.parse().unwrap());
        if let Some(protocol) = protocol {
            headers.insert("sec-websocket-protocol", HeaderValue::from_static(protocol));
        }
        let stream = TcpStream::connect(self.address).await.unwrap();
        match client_async(request, stream).await {
            Ok((socket, _)) => Ok(Agent(socket)),
            Err(Error::Http(answer)) => Err(*answer),
            Err(error) => panic!("{error}"),
        }
    }

    async fn connected(&self) -> Agent {
        let agent = self
            .open(self.token.expose_secret(), Some(PROTOCOL))
            .await
            .unwrap();
        self.await_connected(1).await;
        agent
    }

    /// Waits until so many agents are connected.
    async fn await_connected(&self, count: usize) {
        let wanted = || self.client.hands.agent_links().count() == count;
        for _ in 0..200 {
            if wanted() {
                return;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("there are not {count}");
    }

    fn logs(&self, query: &str) -> String {
        format!("/api/instances/{}/logs?{query}", self.instance)
    }
}

async fn far_server(client: &Client, name: &str) -> (ServerId, SecretString) {
    // Nobody listens on port 1.
    let far =
        json!({"name": name, "authMethod": "password", "host": "127.0.0.1", "port": 1, "sshPassword": "x"});
    let server = client.active(far).await;
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let mut conn = client.store.connection().await.unwrap();
    servers::pin_host_key(&mut conn, server, Some(key)).await.unwrap();
    let token = agents::enroll(&mut conn, OrganizationId::DEFAULT, server).await;
    (server, token.unwrap())
}

async fn instance_on(client: &Client, server: ServerId, name: &str) -> String {
    let created = client
        .post("/api/instances", json!({"name": name, "serverId": server}))
        .await
        .ok(202);
    created["instance"]["id"].as_str().unwrap().to_owned()
}

impl Agent {
    async fn asked(&mut self) -> Ask {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap() {
                Message::Text(text) => return Ask::decode(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn followed(&mut self) -> Follow {
        loop {
            match self.asked().await {
                Ask::Follow(follow) => return follow,
                // Of a log that has ended meanwhile.
                Ask::Credit { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn tell(&mut self, tell: Tell) {
        self.0.send(Message::text(tell.encode())).await.unwrap();
    }

    async fn bring(&mut self, stream: u32, lines: &str) {
        let message = Message::binary(output(stream, lines.as_bytes()));
        self.0.send(message).await.unwrap();
    }

    /// Waits until the other side ends it.
    async fn ended(mut self) {
        while let Some(Ok(_)) = timeout(PATIENCE, self.0.next()).await.unwrap() {}
    }
}

/// The next text of a body, as far as that came at once.
async fn text(body: &mut Body) -> String {
    let frame = timeout(PATIENCE, body.frame()).await.unwrap().unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[sqlx::test(migrations = "../store/migrations")]
async fn a_log_comes_by_the_agent_where_ssh_does_not_bring_it(pool: PgPool) {
    let world = World::new(pool).await;
    // Without an agent it is as it was.
    let path = world.logs("tail=7");
    world.client.get(&path).await.problem(502, "ssh.unreachable");

    let mut agent = world.connected().await;
    let answering = async {
        let asked = agent.followed().await;
        assert_eq!(
            (
                asked.container.as_str(),
                asked.instance.as_str(),
                asked.tail,
                asked.follow
            ),
            ("ocore-acme", world.instance.as_str(), 7, false)
        );
        let stream = asked.stream;
        agent.tell(Tell::Opened { stream }).await;
        agent.bring(stream, "one\ntwo\r\n").await;
        agent.bring(stream, "three\n").await;
        agent.tell(Tell::End { stream }).await;
    };
    let (reply, ()) = tokio::join!(world.client.get(&path), answering);
    assert_eq!(
        (reply.status.as_u16(), reply.text.as_str()),
        (200, "one\ntwo\nthree\n")
    );

    // Followed, line by line, until the reader goes: then the agent is told to stop.
    let path = world.logs("follow=true");
    let answering = async {
        let stream = agent.followed().await.stream;
        agent.tell(Tell::Opened { stream }).await;
        agent.bring(stream, "first\n").await;
        stream
    };
    let (mut body, stream) = tokio::join!(world.client.stream(&path, None), answering);
    assert_eq!(text(&mut body).await, "first\n");
    assert_eq!(world.client.hands.agent_links().logs(), 1);
    agent.bring(stream, "second\n").await;
    assert_eq!(text(&mut body).await, "second\n");
    drop(body);
    assert_eq!(agent.asked().await, Ask::Stop { stream });

    // An agent that does not bring it either: what SSH said, and what the agent says.
    let answering = async {
        let stream = agent.followed().await.stream;
        agent
            .tell(Tell::failed(stream, Reason::Docker, "Docker is dead\n\u{1b}[31m"))
            .await;
    };
    let path = world.logs("");
    let (reply, ()) = tokio::join!(world.client.get(&path), answering);
    let problem = reply.problem(502, "ssh.unreachable");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.ends_with("says: Docker is dead[31m"), "{detail}");

    // One that begins, and fails before there is a line: the same.
    let answering = async {
        let stream = agent.followed().await.stream;
        agent.tell(Tell::Opened { stream }).await;
        agent
            .tell(Tell::failed(stream, Reason::Docker, "it broke off"))
            .await;
    };
    let (reply, ()) = tokio::join!(world.client.get(&path), answering);
    let problem = reply.problem(502, "ssh.unreachable");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .ends_with("says: it broke off"),
        "{problem}"
    );

    // One that breaks off in the middle, while SSH is broken too.
    let path = world.logs("follow=true");
    let answering = async {
        let stream = agent.followed().await.stream;
        agent.tell(Tell::Opened { stream }).await;
        agent.bring(stream, "last\n").await;
        drop(agent);
    };
    let (mut body, ()) = tokio::join!(world.client.stream(&path, None), answering);
    let mut said = text(&mut body).await;
    while let Some(frame) = timeout(PATIENCE, body.frame()).await.unwrap() {
        said.push_str(std::str::from_utf8(&frame.unwrap().into_data().unwrap()).unwrap());
    }
    let lines: Vec<&str> = said.lines().collect();
    assert!(
        lines.len() == 3
            && lines[0] == "last"
            && lines[1].starts_with("ocore: the connection to the agent broke off"),
        "{said}"
    );
    assert!(
        lines[2].starts_with("ocore:") && lines[2].contains("cannot be reached"),
        "{said}"
    );
    world.await_connected(0).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn who_reads_slowly_gets_it_all_and_an_agent_that_sends_too_much_is_cut_off(pool: PgPool) {
    let world = World::new(pool).await;
    let mut agent = world.connected().await;
    let path = world.logs("follow=true");
    let chunk = format!("{}\n", "x".repeat(CHUNK - 1));
    let answering = async {
        let asked = agent.followed().await;
        agent.tell(Tell::Opened { stream: asked.stream }).await;
        agent.bring(asked.stream, &chunk).await;
        asked
    };
    let (mut body, asked) = tokio::join!(world.client.stream(&path, None), answering);
    // Ten windows, as credit comes.
    let sending = async {
        let mut credit = asked.credit - cost(CHUNK);
        for _ in 0..(10 * WINDOW / cost(CHUNK)) {
            while credit < cost(CHUNK) {
                match agent.asked().await {
                    Ask::Credit { credit: more, .. } => credit += more,
                    other => panic!("{other:?}"),
                }
            }
            credit -= cost(CHUNK);
            agent.bring(asked.stream, &chunk).await;
        }
        agent.tell(Tell::End { stream: asked.stream }).await;
    };
    let reading = async {
        let mut read = 0;
        while let Some(frame) = timeout(PATIENCE, body.frame()).await.unwrap() {
            read += frame.unwrap().into_data().unwrap().len();
            sleep(Duration::from_millis(2)).await;
        }
        read
    };
    let ((), read) = tokio::join!(sending, reading);
    assert_eq!(read, CHUNK * (1 + 10 * WINDOW / cost(CHUNK)) as usize);

    let answering = async {
        let stream = agent.followed().await.stream;
        agent.tell(Tell::Opened { stream }).await;
        agent.bring(stream, &chunk).await;
        stream
    };
    let (body, stream) = tokio::join!(world.client.stream(&path, None), answering);
    for _ in 0..=WINDOW / cost(CHUNK) {
        let message = Message::binary(output(stream, chunk.as_bytes()));
        let _ = agent.0.send(message).await;
    }
    agent.ended().await;
    world.await_connected(0).await;
    drop(body);
    // So is one whose message is longer than any.
    let mut agent = world.connected().await;
    let _ = agent.0.send(Message::binary(vec![0; 2 * CHUNK])).await;
    agent.ended().await;
    world.await_connected(0).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn one_agent_is_not_asked_for_another_servers_and_cannot_answer_for_it(pool: PgPool) {
    let world = World::new(pool).await;
    let (other, token) = far_server(&world.client, "other").await;
    instance_on(&world.client, other, "beside").await;
    let mut right = world.connected().await;
    let mut wrong = world.open(token.expose_secret(), Some(PROTOCOL)).await.unwrap();
    world.await_connected(2).await;
    let path = world.logs("");
    let answering = async {
        let stream = right.followed().await.stream;
        // The other one guesses the number.
        wrong.tell(Tell::Opened { stream }).await;
        wrong.bring(stream, "forged\n").await;
        wrong.tell(Tell::End { stream }).await;
        sleep(Duration::from_millis(200)).await;
        right.tell(Tell::Opened { stream }).await;
        right.bring(stream, "true\n").await;
        right.tell(Tell::End { stream }).await;
    };
    let (reply, ()) = tokio::join!(world.client.get(&path), answering);
    assert_eq!(reply.text, "true\n");
    assert!(timeout(Duration::from_millis(100), wrong.0.next()).await.is_err());
}

#[sqlx::test(migrations = "../store/migrations")]
async fn only_agents_open_it_and_only_as_long_as_their_token_is_good(pool: PgPool) {
    let world = World::new(pool).await;
    let problem = |answer: &Response<Option<Vec<u8>>>| -> (u16, Value) {
        let body = answer.body().as_deref().unwrap_or_default();
        (
            answer.status().as_u16(),
            serde_json::from_slice(body).unwrap_or_default(),
        )
    };
    let good = world.token.expose_secret().to_owned();
    let administrator = world.client.token().trim_start_matches("Bearer ").to_owned();
    let made_up = format!("{}{}", agents::TOKEN, "0".repeat(64));
    for (token, protocol, status) in [
        (&made_up, Some(PROTOCOL), 401),
        (&administrator, Some(PROTOCOL), 403),
        (&good, None, 426),
        (&good, Some("ocore.agent.v0"), 426),
    ] {
        let Err(answer) = world.open(token, protocol).await else {
            panic!("{status}")
        };
        assert_eq!(problem(&answer).0, status);
    }
    let plain = world.client.with_token(&good).get(PATH).await;
    plain.problem(426, "request.invalid");

    // The same agent again: the connection before is over.
    let first = world.connected().await;
    let mut second = world.open(&good, Some(PROTOCOL)).await.unwrap();
    first.ended().await;
    world.await_connected(1).await;
    let path = world.logs("");
    let answering = async {
        let stream = second.followed().await.stream;
        agents_end(&mut second, stream).await;
    };
    let (reply, ()) = tokio::join!(world.client.get(&path), answering);
    assert_eq!(reply.status, 200);
    let figures = world.client.get("/metrics").await.text;
    assert!(figures.contains("\nocore_agents_connected 1.0"), "{figures}");

    // A token that is good no longer: nothing is asked over its connection any more, and it ends.
    agents::forget(&mut world.client.store.connection().await.unwrap(), world.server)
        .await
        .unwrap();
    world.client.get(&path).await.problem(502, "ssh.unreachable");
    second.ended().await;
    world.await_connected(0).await;
    // Though it was believed a moment ago.
    let Err(answer) = world.open(&good, Some(PROTOCOL)).await else {
        panic!()
    };
    assert_eq!(problem(&answer).0, 401);
    assert_eq!(problem(&answer).1["code"], "auth.unauthenticated");
}

async fn agents_end(agent: &mut Agent, stream: u32) {
    agent.tell(Tell::Opened { stream }).await;
    agent.tell(Tell::End { stream }).await;
}

#[sqlx::test(migrations = "../store/migrations")]
async fn agents_are_sent_elsewhere_when_the_process_is_about_to_end(pool: PgPool) {
    let world = World::new(pool).await;
    let agent = world.connected().await;
    world.client.hands.leave();
    agent.ended().await;
    world.await_connected(0).await;
    let Err(answer) = world.open(world.token.expose_secret(), Some(PROTOCOL)).await else {
        panic!()
    };
    assert_eq!(answer.status(), 503);
}
