//! The way to the Docker Engine of a server: a forwarded socket, or `docker system dial-stdio` where sshd forbids
//! forwarding or the socket needs sudo.

use std::{io, sync::Arc};

use ocore_domain::{
    Code, Problem,
    server::{DockerRoute, Privilege},
};
use russh::ChannelOpenFailure;

use super::{Link, channel::ChannelStream, exec};
use crate::{
    BoxedStream, Engine, Script,
    engine::{self, Bounds, Dial},
    host::quote,
    stream::Placed,
};

pub(super) async fn engine(link: &Arc<Link>) -> Result<(Engine, DockerRoute), Problem> {
    let route = find_route(link).await?;
    let dial: Dial = {
        let link = link.clone();
        Arc::new(move || {
            let link = link.clone();
            Box::pin(async move { dial(&link, route).await.map_err(io::Error::other) })
        })
    };
    let alive = {
        let link = link.clone();
        Arc::new(move || link.is_alive())
    };
    let bounds = match route {
        DockerRoute::DialStdio => Bounds::narrow(link.pipes.available_permits()),
        _ => Bounds::wide(),
    };
    Ok((Engine::negotiate(dial, alive, bounds).await?, route))
}

/// A forwarded socket if there is one to be had, else what a look at the server tells.
async fn find_route(link: &Arc<Link>) -> Result<DockerRoute, Problem> {
    match streamlocal(link).await? {
        Ok(_) => return Ok(DockerRoute::Streamlocal),
        Err(reason) => tracing::debug!(server = %link.name, ?reason, "no forwarded socket"),
    }
    let socket = quote(&link.docker_socket);
    let script = format!(
        "if [ -S {socket} ]; then if [ -w {socket} ]; then echo open; else echo closed; fi; \
         elif command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || [ -x /usr/bin/dockerd ]; then echo stopped; \
         else echo missing; fi; if command -v docker >/dev/null; then echo client; fi"
    );
    let answer = exec::run(link, Script::new(script))
        .await?
        .success("Looking for Docker")?;
    let (client, sudo) = (answer.contains("client"), link.privilege == Privilege::Sudo);
    match answer.lines().next().unwrap_or("") {
        "open" if client => Ok(DockerRoute::DialStdio),
        "open" => Err(Problem::new(
            Code::DockerUnavailable,
            "Docker's socket is there, but sshd does not forward to it (or nobody answers), and the docker command \
             is not there to go round",
            "Set AllowTcpForwarding and AllowStreamLocalForwarding to yes in sshd_config, or install the docker command.",
        )),
        "closed" if sudo && client => Ok(DockerRoute::DialStdio),
        "closed" => Err(engine::permission_denied(&link.docker_socket)),
        "stopped" => Err(engine::unavailable("Docker is installed and does not run")),
        _ => Err(engine::missing(&link.docker_socket)),
    }
}

async fn streamlocal(link: &Arc<Link>) -> Result<Result<BoxedStream, ChannelOpenFailure>, Problem> {
    let place = link
        .forwards
        .clone()
        .acquire_owned()
        .await
        .map_err(Problem::internal)?;
    let opening = link
        .connection
        .channel_open_direct_streamlocal(link.docker_socket.as_str());
    let opened = link.opened(opening).await?;
    Ok(opened.map(|channel| Box::new(ChannelStream::socket(link, channel, place)) as BoxedStream))
}

async fn dial(link: &Arc<Link>, route: DockerRoute) -> Result<BoxedStream, Problem> {
    if route == DockerRoute::Streamlocal {
        return streamlocal(link)
            .await?
            .map_err(|_| engine::unavailable(&format!("nobody answers at {}", link.docker_socket)));
    }
    let place = link
        .pipes
        .clone()
        .acquire_owned()
        .await
        .map_err(Problem::internal)?;
    let sudo = if link.privilege == Privilege::Sudo {
        "sudo -n "
    } else {
        ""
    };
    let address = quote(&format!("unix://{}", link.docker_socket));
    let stream = exec::pipe(link, &format!("exec {sudo}docker -H {address} system dial-stdio")).await?;
    Ok(Box::new(Placed {
        stream,
        _place: Some(place),
    }))
}
