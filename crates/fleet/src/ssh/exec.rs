//! Commands over SSH. sshd does not end a command when its channel closes; the script it runs under does.

use std::{pin::pin, sync::Arc};

use ocore_domain::{Code, Problem, server::Privilege};
use russh::{ChannelMsg, ChannelReadHalf};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};

use super::{
    Link, OPEN,
    channel::{ChannelStream, Closing},
};
use crate::{
    BoxedStream, Finished, Script,
    host::{AFTERGLOW, quote, sudo_required, too_long},
    lines::Collector,
    local::refused,
    supervise::supervised,
};

/// Runs a script in a session of its own.
pub(super) async fn run(link: &Arc<Link>, script: Script) -> Result<Finished, Problem> {
    let sudo = script.as_root && link.privilege == Privilege::Sudo;
    if script.as_root && link.privilege == Privilege::DockerOnly {
        return Err(sudo_required("the server was added without"));
    }
    let limit = script.timeout;
    let finished = timeout(limit, run_to_its_end(link, script, sudo)).await;
    let finished = finished.map_err(|_| too_long(limit))??;
    if sudo {
        finished.unless_sudo_refused()
    } else {
        Ok(finished)
    }
}

/// When this is dropped the channel closes, and with that ends all the script started.
async fn run_to_its_end(link: &Arc<Link>, script: Script, sudo: bool) -> Result<Finished, Problem> {
    let (channel, place) = link.session().await?;
    let (mut read, write) = channel.split();
    let closing = Closing {
        half: Some(write),
        place: Some(place),
    };
    let Some(write) = &closing.half else {
        return Err(Problem::internal("a channel has no writing side"));
    };
    let input = script
        .stdin
        .as_ref()
        .map_or(0, |bytes| bytes.expose_secret().len());
    write
        .exec(true, command(&script.text, input, sudo))
        .await
        .map_err(|error| link.broken(&error))?;
    let mut writer = Box::pin(write.make_writer());
    let feed = async {
        if let Some(bytes) = script.stdin.as_ref().filter(|_| input > 0) {
            // A command that does not read to the end is its own affair.
            let _ = writer.write_all(bytes.expose_secret()).await;
        }
    };
    let (mut stdout, mut stderr) = (Collector::new(script.lines.clone()), Collector::new(script.lines));
    let status = {
        let mut listen = pin!(listen(link, &mut read, &mut stdout, &mut stderr));
        tokio::select! {
            status = &mut listen => status?,
            () = feed => listen.await?,
        }
    };
    // What it left in the background may hold its output open for ever.
    let _ = timeout(AFTERGLOW, listen(link, &mut read, &mut stdout, &mut stderr)).await;
    Ok(Finished {
        status,
        stdout: stdout.finish(),
        stderr: stderr.finish(),
    })
}

/// Takes what comes until the status, or, after that, until the end.
async fn listen(
    link: &Link,
    channel: &mut ChannelReadHalf,
    stdout: &mut Collector,
    stderr: &mut Collector,
) -> Result<i64, Problem> {
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::Data { data } => stdout.push(&data),
            ChannelMsg::ExtendedData { data, .. } => stderr.push(&data),
            ChannelMsg::ExitStatus { exit_status } => return Ok(i64::from(exit_status)),
            // Nothing that oCore runs ends so but by somebody's kill.
            ChannelMsg::ExitSignal { .. } => return Ok(137),
            ChannelMsg::Failure => {
                return Err(Problem::new(
                    Code::CommandFailed,
                    format!("{} does not let the user run commands", link.name),
                    "Use a user with a shell, and no ForceCommand in sshd_config.",
                ));
            }
            _ => {}
        }
    }
    Err(link.lost("it ended in the middle of a command"))
}

/// The line for the user's shell, whichever it is.
fn command(script: &str, input: usize, sudo: bool) -> String {
    let words = supervised(input, ["sh", "-c", script]);
    let words: Vec<String> = words.iter().map(|word| quote(word)).collect();
    format!("exec {}{}", if sudo { "sudo -n " } else { "" }, words.join(" "))
}

/// A command's standard input and output as a stream.
pub(super) async fn pipe(link: &Arc<Link>, command: &str) -> Result<BoxedStream, Problem> {
    let (channel, place) = link.session().await?;
    channel
        .exec(true, command)
        .await
        .map_err(|error| link.broken(&error))?;
    Ok(Box::new(ChannelStream::command(link, channel, place)))
}

/// Says a dot once it stands; ends when the port's side does, and half a minute after ours at the latest.
const TUNNEL: &str = r#"exec 4<&0; exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1; printf .
cat <&3 3<&- 4<&- & r=$!
{ cat <&4 >&3; exec 3<&- >/dev/null 2>&1; sleep 30; kill $r; } & w=$!
exec 3<&- 4<&-; wait $r; kill $w; exit 0"#;

/// A loopback port of a server whose sshd forbids forwarding.
pub(super) async fn connect(link: &Arc<Link>, port: u16) -> Result<BoxedStream, Problem> {
    let command = format!("exec bash -c {} bash {port}", quote(TUNNEL));
    let mut stream = pipe(link, &command).await?;
    match timeout(OPEN, stream.read_u8()).await {
        Ok(Ok(b'.')) => Ok(stream),
        Ok(Ok(_)) => Err(Problem::internal("the tunnel to a port said something unknown")),
        Ok(Err(error)) => Err(refused(
            port,
            &format!("{error} (by way of bash, since sshd forbids forwarding)"),
        )),
        Err(_) => Err(refused(port, "no answer")),
    }
}
