//! `ocore server agent`: what tells of a server from the server itself.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{
    Session, Wait,
    changed::changed,
    failure::Failure,
    output::{ago, fields, text},
    resolve::{find, value},
};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Put the agent on a server, or a newer one in its place.
    #[command(alias = "upgrade")]
    Install {
        /// Name or id.
        server: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Show a server's agent.
    Status {
        /// Name or id.
        server: String,
    },
    /// Give a server's agent a new token.
    Rotate {
        /// Name or id.
        server: String,
        #[command(flatten)]
        wait: Wait,
    },
    /// Take the agent off a server.
    #[command(alias = "delete")]
    Remove {
        /// Name or id.
        server: String,
        /// Forget it even though the server cannot be reached; what is there stays there, and its token opens nothing.
        #[arg(long)]
        force: bool,
        #[command(flatten)]
        wait: Wait,
    },
}

pub(crate) async fn run(session: &Session, command: Command) -> Result<(), Failure> {
    let client = &session.client;
    let (Command::Install { server, .. }
    | Command::Status { server }
    | Command::Rotate { server, .. }
    | Command::Remove { server, .. }) = &command;
    let server = find(session, "servers", server).await?;
    let (id, name) = (value(&server, "id")?, text(&server, "name"));
    match command {
        Command::Install { wait, .. } => {
            let answer = client.post(&["servers", id, "agent"], &json!({})).await?;
            changed(session, answer, &wait, |_| {
                format!("The agent of `{name}` is heard.\n")
            })
            .await
        }
        Command::Status { .. } => {
            let agent = client.get(&["servers", id, "agent"], &[]).await?;
            session.output.result(&agent, || show(&agent))
        }
        Command::Rotate { wait, .. } => {
            let answer = client
                .post(&["servers", id, "agent", "rotate"], &json!({}))
                .await?;
            changed(session, answer, &wait, |_| {
                format!("The agent of `{name}` uses its new token.\n")
            })
            .await
        }
        Command::Remove { force, wait, .. } => {
            let query = [("force", force.to_string())];
            let answer = client.delete(&["servers", id, "agent"], &query).await?;
            changed(session, answer, &wait, |_| {
                format!("The agent of `{name}` is removed.\n")
            })
            .await
        }
    }
}

fn show(agent: &Value) -> String {
    if agent["installed"] != true {
        return "There is no agent; the server is looked at over SSH.\n".to_owned();
    }
    let value = |key| text(agent, key);
    fields(&[
        ("Alive", value("alive")),
        ("Version", value("version")),
        ("Available", value("availableVersion")),
        ("Installed", value("installedAt")),
        ("Token of", value("tokenRotatedAt")),
        ("Seen", ago(agent, "lastSeenAt")),
        ("Sampled", ago(agent, "lastSampleAt")),
        ("Samples lost", value("lostSamples")),
    ])
}
