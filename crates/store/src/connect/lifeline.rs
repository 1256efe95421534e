//! A cut that nobody tells of is noticed within seconds.
//!
//! Where a machine loses power, or a firewall forgets a connection, nothing arrives any more, not even an end. The kernel
//! then waits for a quarter of an hour, and a connection that only waits for an answer waits for ever. Two options of the
//! socket end that, as `keepalives` and `tcp_user_timeout` do in `libpq`; sqlx makes its sockets itself and gives no way to
//! them, so they are looked for among those of this process.

use std::{
    fs,
    io::{self, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    os::unix::net::UnixDatagram,
    time::Duration,
};

use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, getpeername, sendmsg};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg,
    sockopt::{
        set_socket_keepalive, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl, set_tcp_user_timeout,
        socket_keepalive,
    },
};

/// After how much silence the other end is asked whether it is there.
const IDLE: Duration = Duration::from_secs(5);
/// How long between two questions.
const BETWEEN: Duration = Duration::from_secs(3);
/// How many may stay without an answer.
const QUESTIONS: u32 = 3;
/// How long what was sent may stay unacknowledged.
pub(crate) const UNHEARD: Duration = Duration::from_secs(14);

/// Sees to all connections of this process to a port that are not seen to yet.
pub(super) fn tie(port: u16) {
    // Where it cannot be done, all works as before, but for cuts that nobody tells of.
    if let Err(error) = tie_all(port) {
        tracing::debug!(%error, "connections to the database keep the kernel's patience");
    }
}

fn tie_all(port: u16) -> io::Result<()> {
    for entry in fs::read_dir("/proc/self/fd")? {
        let Some(number) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if leads_to(number, port) {
            // One that was closed in the meantime needs nothing.
            let _ = again(number).and_then(|socket| see_to(&socket));
        }
    }
    Ok(())
}

fn leads_to(number: RawFd, port: u16) -> bool {
    let Ok(peer) = getpeername::<SockaddrStorage>(number) else {
        return false;
    };
    let v4 = peer.as_sockaddr_in().map(nix::sys::socket::SockaddrIn::port);
    let v6 = peer.as_sockaddr_in6().map(nix::sys::socket::SockaddrIn6::port);
    v4.or(v6) == Some(port)
}

/// The same socket under another number, which is ours to close. To send it to oneself is the way to that which needs no
/// trust in the number: the kernel hands over what is there, or refuses.
fn again(number: RawFd) -> io::Result<OwnedFd> {
    let (to, from) = UnixDatagram::pair()?;
    sendmsg::<()>(
        to.as_raw_fd(),
        &[io::IoSlice::new(b"x")],
        &[ControlMessage::ScmRights(&[number])],
        MsgFlags::empty(),
        None,
    )?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    recvmsg(
        &from,
        &mut [IoSliceMut::new(&mut byte)],
        &mut ancillary,
        RecvFlags::CMSG_CLOEXEC,
    )?;
    ancillary
        .drain()
        .find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut sockets) => sockets.next(),
            _ => None,
        })
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn see_to(socket: &OwnedFd) -> io::Result<()> {
    if socket_keepalive(socket)? {
        return Ok(());
    }
    set_tcp_keepidle(socket, IDLE)?;
    set_tcp_keepintvl(socket, BETWEEN)?;
    set_tcp_keepcnt(socket, QUESTIONS)?;
    set_tcp_user_timeout(socket, u32::try_from(UNHEARD.as_millis()).unwrap_or(u32::MAX))?;
    set_socket_keepalive(socket, true)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::net::sockopt::tcp_user_timeout;

    use super::*;

    #[test]
    fn only_those_to_the_port_are_seen_to() {
        let (ours, others) = (
            TcpListener::bind("127.0.0.1:0").unwrap(),
            TcpListener::bind("127.0.0.1:0").unwrap(),
        );
        let to = |listener: &TcpListener| TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (tied, loose) = (to(&ours), to(&others));
        tie(ours.local_addr().unwrap().port());
        assert!(socket_keepalive(&tied).unwrap());
        assert_eq!(tcp_user_timeout(&tied).unwrap(), 14_000);
        assert!(!socket_keepalive(&loose).unwrap());
    }
}
