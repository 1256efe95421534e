//! The way to the Docker Engine of a server: a forwarded socket, or `docker system dial-stdio` where sshd forbids
//! forwarding or the socket needs sudo.

use std::{io, sync::Arc};

use ocore_domain::{
    Code, Problem,
    server::{DockerRoute, Privilege},
};
use tokio::time::timeout;

use super::{Link, OPEN, exec};
use crate::{
    BoxedStream, Engine, Script,
    engine::{self, Dial},
    host::quote,
    stream::Placed,
};

pub(super) async fn engine(host: &Arc<Link>) -> Result<(Engine, DockerRoute), Problem> {
    let route = find_route(host).await?;
    let dial: Dial = {
        let host = host.clone();
        Arc::new(move || {
            let host = host.clone();
            Box::pin(async move {
                dial(&host, route)
                    .await
                    .map_err(|problem| io::Error::other(problem.detail))
            })
        })
    };
    let alive = {
        let host = host.clone();
        Arc::new(move || host.is_alive())
    };
    Ok((Engine::negotiate(dial, alive).await?, route))
}

/// What one look at the socket tells.
async fn find_route(host: &Arc<Link>) -> Result<DockerRoute, Problem> {
    let socket = quote(&host.docker_socket);
    let script = format!(
        "if [ -S {socket} ]; then if [ -w {socket} ]; then echo open; else echo closed; fi; \
         elif command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || [ -x /usr/bin/dockerd ]; then echo stopped; \
         else echo missing; fi; command -v docker >/dev/null && echo client"
    );
    let answer = exec::run(host, Script::new(script)).await?.stdout;
    let client = answer.contains("client");
    match answer.lines().next().unwrap_or("") {
        "open" => {}
        "closed" if host.privilege == Privilege::Sudo && client => return Ok(DockerRoute::DialStdio),
        "closed" => return Err(engine::permission_denied(&host.docker_socket)),
        "stopped" => return Err(engine::unavailable("Docker is installed and does not run")),
        _ => return Err(engine::missing(&host.docker_socket)),
    }
    match timeout(OPEN, streamlocal(host)).await {
        Ok(Ok(_)) => Ok(DockerRoute::Streamlocal),
        Ok(Err(russh::Error::ChannelOpenFailure(_))) if client => Ok(DockerRoute::DialStdio),
        Ok(Err(russh::Error::ChannelOpenFailure(_))) => Err(Problem::new(
            Code::DockerUnavailable,
            "sshd forbids forwarding to Docker's socket, and the docker command is not there to go round",
            "Set AllowTcpForwarding and AllowStreamLocalForwarding to yes in sshd_config, or install the docker command.",
        )),
        Ok(Err(error)) => Err(host.broken(&error)),
        Err(_) => Err(host.lost("no channel could be opened")),
    }
}

async fn streamlocal(host: &Arc<Link>) -> Result<BoxedStream, russh::Error> {
    let place = host
        .forwards
        .clone()
        .acquire_owned()
        .await
        .map_err(|_| russh::Error::Disconnect)?;
    let channel = host
        .connection
        .channel_open_direct_streamlocal(host.docker_socket.as_str())
        .await?;
    Ok(Box::new(Placed {
        stream: Box::new(channel.into_stream()),
        _place: Some(place),
    }))
}

async fn dial(host: &Arc<Link>, route: DockerRoute) -> Result<BoxedStream, Problem> {
    if route == DockerRoute::Streamlocal {
        let opened = timeout(OPEN, streamlocal(host)).await;
        return opened
            .map_err(|_| host.lost("no channel could be opened"))?
            .map_err(|error| host.broken(&error));
    }
    let sudo = if host.privilege == Privilege::Sudo {
        "sudo -n "
    } else {
        ""
    };
    let address = quote(&format!("unix://{}", host.docker_socket));
    exec::pipe(host, &format!("exec {sudo}docker -H {address} system dial-stdio")).await
}
