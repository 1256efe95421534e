//! An SSH channel as a stream of bytes that cannot hold up the connection.
//!
//! russh hands a channel's data over one message at a time and reads nothing else from the connection until the
//! channel has room: one reader that stops reading would stop everybody. So each channel is emptied by a task of its
//! own, and a reader that takes nothing for [`STALL`] loses its stream.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client::Msg};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    runtime,
    sync::{OwnedSemaphorePermit, mpsc},
};

use super::Link;

/// Messages that wait for the reader.
const WAITING: usize = 128;
/// How long a reader may take nothing while something waits.
const STALL: Duration = Duration::from_secs(5);
/// Bytes kept of what a command complains of.
const COMPLAINT: usize = 2048;

/// A channel's writing side, with its place among a bounded number. The channel closes when this is dropped; russh
/// would leave it open.
pub(super) struct Closing {
    pub(super) half: Option<ChannelWriteHalf<Msg>>,
    pub(super) place: Option<OwnedSemaphorePermit>,
}

impl Drop for Closing {
    fn drop(&mut self) {
        let (Some(half), place) = (self.half.take(), self.place.take()) else {
            return;
        };
        if let Ok(runtime) = runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = half.close().await;
                drop(place);
            });
        }
    }
}

/// A channel as a stream of bytes.
pub(super) struct ChannelStream {
    incoming: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    writer: Pin<Box<dyn AsyncWrite + Send>>,
    _closing: Closing,
}

impl ChannelStream {
    /// What goes to and comes from a socket.
    pub(super) fn socket(link: &Arc<Link>, channel: Channel<Msg>, place: OwnedSemaphorePermit) -> Self {
        Self::new(link, channel, place, false)
    }

    /// What a command reads and writes; if it writes nothing, what it complains of is the fault.
    pub(super) fn command(link: &Arc<Link>, channel: Channel<Msg>, place: OwnedSemaphorePermit) -> Self {
        Self::new(link, channel, place, true)
    }

    fn new(link: &Arc<Link>, channel: Channel<Msg>, place: OwnedSemaphorePermit, command: bool) -> Self {
        let (read, write) = channel.split();
        let (sender, incoming) = mpsc::channel(WAITING);
        tokio::spawn(empty(link.clone(), read, sender, command));
        Self {
            incoming,
            current: Bytes::new(),
            writer: Box::pin(write.make_writer()),
            _closing: Closing {
                half: Some(write),
                place: Some(place),
            },
        }
    }
}

/// Passes on what comes, until the end, the reader's going, or its standing still.
async fn empty(
    link: Arc<Link>,
    mut channel: ChannelReadHalf,
    reader: mpsc::Sender<io::Result<Bytes>>,
    command: bool,
) {
    let (mut any, mut complaint) = (false, Vec::new());
    let fault = loop {
        let message = tokio::select! {
            message = channel.wait() => message,
            () = reader.closed() => return,
        };
        match message {
            Some(ChannelMsg::Data { data }) => {
                any = true;
                match reader.send_timeout(Ok(data), STALL).await {
                    Ok(()) => {}
                    Err(mpsc::error::SendTimeoutError::Closed(_)) => return,
                    Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                        tracing::warn!(server = %link.name, "a stream was given up: its reader stood still");
                        return;
                    }
                }
            }
            Some(ChannelMsg::ExtendedData { data, .. }) => {
                let room = COMPLAINT.saturating_sub(complaint.len());
                complaint.extend_from_slice(&data[..data.len().min(room)]);
            }
            // What a command complained of may come after its end of data, and its status does.
            Some(ChannelMsg::Eof) if any || !command => return,
            Some(ChannelMsg::Close | ChannelMsg::Failure) if any || complaint.is_empty() => return,
            Some(ChannelMsg::Close | ChannelMsg::Failure) => {
                break io::Error::other(String::from_utf8_lossy(&complaint).trim().to_owned());
            }
            Some(_) => {}
            None => break io::Error::other(link.lost("it ended in the middle of a stream")),
        }
    };
    let _ = reader.send_timeout(Err(fault), STALL).await;
}

impl AsyncRead for ChannelStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.current.is_empty() {
            match ready!(self.incoming.poll_recv(cx)) {
                Some(Ok(bytes)) => self.current = bytes,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let length = self.current.len().min(buffer.remaining());
        buffer.put_slice(&self.current[..length]);
        self.current.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ChannelStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        // russh takes an empty write for a fault.
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.writer.as_mut().poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.as_mut().poll_shutdown(cx)
    }
}
