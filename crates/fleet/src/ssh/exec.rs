//! Commands over SSH. sshd does not end a command when its channel closes; we do.

use std::sync::Arc;

use ocore_domain::{Code, Problem, server::Privilege};
use russh::ChannelMsg;
use secrecy::ExposeSecret;
use tokio::time::{Duration, timeout};

use super::Link;
use crate::{
    BoxedStream, Finished, Script,
    host::{quote, too_long},
    lines::Collector,
    local::refused,
    stream::Placed,
};

/// Runs a script in a session of its own.
pub(super) async fn run(host: &Arc<Link>, script: Script) -> Result<Finished, Problem> {
    let limit = script.timeout;
    timeout(limit, run_to_its_end(host, script))
        .await
        .map_err(|_| too_long(limit))?
}

async fn run_to_its_end(host: &Arc<Link>, script: Script) -> Result<Finished, Problem> {
    let (mut channel, _place) = host.session().await?;
    let sudo = script.as_root && host.privilege == Privilege::Sudo;
    channel
        .exec(true, command(&script.text, sudo))
        .await
        .map_err(|error| host.broken(&error))?;
    if let Some(stdin) = &script.stdin {
        channel
            .data(stdin.expose_secret())
            .await
            .map_err(|error| host.broken(&error))?;
    }
    channel.eof().await.map_err(|error| host.broken(&error))?;
    let mut running = Running {
        host: host.clone(),
        group: None,
        sudo,
    };
    let (mut stdout, mut stderr) = (
        Collector::new(script.lines.clone()),
        Collector::new(script.lines.clone()),
    );
    let mut head = Vec::new();
    let mut status = None;
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } if running.group.is_none() => {
                head.extend_from_slice(&data);
                if let Some(end) = head.iter().position(|byte| *byte == b'\n') {
                    running.group = String::from_utf8_lossy(&head[..end]).trim().parse().ok();
                    stdout.push(&head[end + 1..]);
                    if running.group.is_none() {
                        return Err(Problem::internal(
                            "a command on the server did not say its number",
                        ));
                    }
                }
            }
            ChannelMsg::Data { data } => stdout.push(&data),
            ChannelMsg::ExtendedData { data, .. } => stderr.push(&data),
            ChannelMsg::ExitStatus { exit_status } => status = Some(i64::from(exit_status)),
            ChannelMsg::ExitSignal { .. } => status = Some(128),
            ChannelMsg::Failure => {
                running.group = None;
                return Err(Problem::new(
                    Code::CommandFailed,
                    format!("{} does not let the user run commands", host.name),
                    "Use a user with a shell, and no ForceCommand in sshd_config.",
                ));
            }
            _ => {}
        }
    }
    let Some(status) = status else {
        running.group = None;
        return Err(host.lost("it ended in the middle of a command"));
    };
    running.group = None;
    Ok(Finished {
        status,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    })
}

/// Says its number first (sshd makes each command the leader of a group of its own), then becomes the script.
fn command(script: &str, sudo: bool) -> String {
    let sudo = if sudo { "sudo -n " } else { "" };
    format!(
        "exec sh -c {} sh {}",
        quote(&format!("echo $$; exec {sudo}sh -c \"$1\"")),
        quote(script)
    )
}

/// A command that is ended when it is dropped before its time.
struct Running {
    host: Arc<Link>,
    group: Option<u32>,
    sudo: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(group) = self.group else { return };
        let (host, sudo) = (self.host.clone(), if self.sudo { "sudo -n " } else { "" });
        // Two sessions are always left for this: it does not wait for room.
        tokio::spawn(async move {
            let end = format!(
                "{sudo}kill -TERM -- -{group} 2>/dev/null; sleep 2; {sudo}kill -KILL -- -{group} 2>/dev/null"
            );
            let ended = async {
                let mut channel = host.open_session().await.ok()?;
                channel.exec(true, end).await.ok()?;
                while channel.wait().await.is_some() {}
                Some(())
            };
            if timeout(Duration::from_secs(10), ended).await.is_err() {
                tracing::warn!(server = %host.name, group, "a command may still run there");
            }
        });
    }
}

/// A command's standard input and output as a stream.
pub(super) async fn pipe(host: &Arc<Link>, command: &str) -> Result<BoxedStream, Problem> {
    let (channel, place) = host.session().await?;
    channel
        .exec(true, command)
        .await
        .map_err(|error| host.broken(&error))?;
    Ok(Box::new(Placed {
        stream: Box::new(channel.into_stream()),
        _place: Some(place),
    }))
}

/// A loopback port of a server whose sshd forbids forwarding.
pub(super) async fn connect(host: &Arc<Link>, port: u16) -> Result<BoxedStream, Problem> {
    let probe = Script::new("command -v bash >/dev/null && command -v cat >/dev/null");
    if run(host, probe).await?.status != 0 {
        return Err(refused(
            port,
            "sshd forbids forwarding (AllowTcpForwarding), and there is no bash to go round",
        ));
    }
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port} || exit 1; cat <&3 & cat >&3; wait");
    pipe(host, &format!("exec bash -c {}", quote(&script))).await
}
