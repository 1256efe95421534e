//! `GET /api/agent/stream`: the WebSocket over which an agent is asked for logs.

use std::{ops::ControlFlow, time::Duration};

use axum::{
    body::Bytes,
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use futures::{SinkExt, StreamExt, stream::SplitSink};
use ocore_domain::{Code, Problem};
use ocore_operations::AgentLink;
use ocore_telemetry::stream::{Ask, LONGEST_ASKED, LONGEST_TOLD, PING, PROTOCOL, SILENCE};
use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval_at, sleep, timeout},
};

use crate::{
    Api,
    access::{Agent, Allowed, Bearer, unauthenticated},
    problem::{Answer, Failure},
};

/// How long an agent may take to take a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long it may take to hear that it is over.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it is looked whether the token is still good; the real pause is between half of it and all.
const LOOK: Duration = Duration::from_secs(30);

/// Keep a stream open over which logs are asked for
///
/// A WebSocket, for agents only, by their token. Over it oCore asks for logs of instances of the agent's server, and the agent
/// brings them. It ends when the token is good no longer, when the same agent opens another one, and when oCore stops.
#[utoipa::path(
    get, path = "/api/agent/stream", operation_id = "keepStream", tag = "servers",
    responses((status = 101, description = "Switched to a WebSocket"), (status = 426))
)]
pub(super) async fn keep(
    allowed: Allowed<Agent>,
    State(api): State<Api>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Answer<Response> {
    let agent = allowed.agent()?;
    let upgrade = upgrade.map_err(|_| no_websocket())?.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        return Err(no_websocket());
    }
    if api.hands.is_leaving() {
        return Err(Problem::new(
            Code::StoreUnavailable,
            "This process is about to end",
            "Try again: another one answers, or this one when it is back.",
        )
        .into());
    }
    // It is believed for a while that a token is good; a stream would be open for longer.
    if !api.agents.is_good(&api.store, &agent).await? {
        return Err(unauthenticated("The agent's token is not valid any more"));
    }
    let upgraded = upgrade
        .read_buffer_size(LONGEST_ASKED)
        .write_buffer_size(0)
        .max_write_buffer_size(8 * LONGEST_ASKED)
        .max_message_size(LONGEST_TOLD)
        .max_frame_size(LONGEST_TOLD)
        .on_upgrade(move |socket| serve(api, agent, socket));
    Ok(upgraded)
}

fn no_websocket() -> Failure {
    let problem = Problem::new(
        Code::InvalidRequest,
        "The request does not ask for a WebSocket of agents",
        format!(
            "Ask with `Upgrade: websocket` and `Sec-WebSocket-Protocol: {PROTOCOL}`; a proxy in front of oCore must pass both on."
        ),
    );
    Failure::from(problem).with_status(StatusCode::UPGRADE_REQUIRED)
}

/// Passes on what is asked and answered until either side ends it.
async fn serve(api: Api, agent: Bearer, socket: WebSocket) {
    let (link, asks) = api.hands.agent_links().join(agent.server, agent.token);
    tracing::debug!(server = %agent.server, "an agent has connected");
    let (mut sink, mut messages) = socket.split();
    let hearing = async {
        while let Ok(Some(Ok(message))) = timeout(SILENCE, messages.next()).await {
            if hear(&link, message).is_break() {
                return;
            }
        }
    };
    // Each in a place of its own: one that cannot be told anything is still heard, and the other way round.
    let (code, reason) = tokio::select! {
        () = hearing => (close_code::POLICY, "not understood, or nothing was heard"),
        () = ask(&mut sink, asks) => (close_code::AWAY, "nothing was taken"),
        () = link.over() => (close_code::POLICY, "there is another connection, or there is to be none"),
        () = until_refused(&api, &agent) => (close_code::POLICY, "the token is not good any more"),
        () = api.hands.left() => (close_code::RESTART, "this process is about to end"),
        () = api.closing.cancelled() => (close_code::RESTART, "this process ends"),
    };
    // First, so that who reads a log goes on elsewhere.
    drop(link);
    tracing::debug!(server = %agent.server, reason, "an agent's connection is over");
    let farewell = Message::Close(Some(CloseFrame {
        code,
        reason: reason.into(),
    }));
    let _ = timeout(FAREWELL, sink.send(farewell)).await;
}

fn hear(link: &AgentLink, message: Message) -> ControlFlow<()> {
    let heard = match message {
        Message::Text(text) => link.told(&text),
        Message::Binary(output) => link.brought(output),
        Message::Ping(_) | Message::Pong(_) => Ok(()),
        Message::Close(_) => return ControlFlow::Break(()),
    };
    match heard {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Sends what is asked, and pings, until it is not taken.
async fn ask(sink: &mut SplitSink<WebSocket, Message>, mut asks: mpsc::Receiver<Ask>) {
    let mut ping = interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            asked = asks.recv() => match asked {
                Some(asked) => Message::text(asked.encode()),
                None => return,
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        if !matches!(timeout(PATIENCE, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Waits until the token is good no longer. A database that does not answer says nothing of it.
async fn until_refused(api: &Api, agent: &Bearer) {
    loop {
        sleep(LOOK.mul_f64(rand::random_range(0.5..1.0))).await;
        if matches!(api.agents.is_good(&api.store, agent).await, Ok(false)) {
            return;
        }
    }
}
