//! A container's log, line by line.

use bollard::query_parameters::LogsOptions;
use bytes::{Bytes, BytesMut};
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use ocore_domain::Problem;
use tokio::sync::mpsc;

use super::Engine;

/// A line that is longer is cut into pieces of this many bytes.
const LONGEST: usize = 64 * 1024;
/// Chunks that wait for who follows a log.
const WAITING: usize = 1024;

impl Engine {
    /// The last lines of a container's log (all, where no number is given), and those to come when it is followed.
    pub fn logs(
        &self,
        name: &str,
        follow: bool,
        tail: Option<u64>,
    ) -> BoxStream<'static, Result<String, Problem>> {
        let options = LogsOptions {
            follow,
            stdout: true,
            stderr: true,
            tail: tail.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..LogsOptions::default()
        };
        let (engine, name) = (self.clone(), name.to_owned());
        let opened = async move {
            let place = engine.long().await?;
            let chunks = engine.docker.logs(&name, Some(options));
            let chunks = chunks
                .map_err(move |error| engine.problem(error, &name))
                .map_ok(bollard::container::LogOutput::into_bytes);
            // The place goes with the stream.
            let chunks = chunks.inspect_ok(move |_| _ = &place).boxed();
            Ok::<_, Problem>(if follow { unhurried(chunks) } else { chunks })
        };
        lines(stream::once(opened).try_flatten().boxed())
    }
}

/// A log that is followed never waits for its reader, who may be a browser far away: it would hold up the server's
/// connection. What a reader misses is told in its place.
fn unhurried(
    mut chunks: BoxStream<'static, Result<Bytes, Problem>>,
) -> BoxStream<'static, Result<Bytes, Problem>> {
    let (sender, receiver) = mpsc::channel(WAITING);
    tokio::spawn(async move {
        let mut missed = 0_usize;
        loop {
            let chunk = tokio::select! {
                chunk = chunks.next() => chunk,
                () = sender.closed() => return,
            };
            match chunk {
                Some(Ok(chunk)) => {
                    if missed > 0 {
                        let told = format!("\n[… {missed} bytes were missed: the reader is too slow …]\n");
                        if sender.try_send(Ok(told.into())).is_err() {
                            missed += chunk.len();
                            continue;
                        }
                        missed = 0;
                    }
                    if let Err(mpsc::error::TrySendError::Full(Ok(chunk))) = sender.try_send(Ok(chunk)) {
                        missed += chunk.len();
                    }
                }
                Some(Err(problem)) => {
                    let _ = sender.send(Err(problem)).await;
                    return;
                }
                None => return,
            }
        }
    });
    stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    })
    .boxed()
}

/// Cuts chunks into lines, whatever their bounds.
fn lines(chunks: BoxStream<'static, Result<Bytes, Problem>>) -> BoxStream<'static, Result<String, Problem>> {
    let text = |line: &[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
    stream::try_unfold(
        (chunks, BytesMut::new(), false),
        move |(mut chunks, mut begun, mut ended)| async move {
            loop {
                if let Some(end) = begun.iter().position(|byte| *byte == b'\n') {
                    let line = begun.split_to(end + 1);
                    return Ok(Some((text(&line), (chunks, begun, ended))));
                }
                if begun.len() > LONGEST || (ended && !begun.is_empty()) {
                    let piece = begun.split();
                    return Ok(Some((text(&piece), (chunks, begun, ended))));
                }
                if ended {
                    return Ok(None);
                }
                match chunks.try_next().await? {
                    Some(chunk) => begun.extend_from_slice(&chunk),
                    None => ended = true,
                }
            }
        },
    )
    .boxed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_reads_slowly_misses_some_and_is_told() {
        let flood = (0..3000).map(|number| Ok(Bytes::from(format!("{number}\n"))));
        let mut log = unhurried(stream::iter(flood).chain(stream::pending()).boxed());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let first: Vec<_> = (&mut log).take(WAITING).try_collect().await.unwrap();
        assert_eq!(first.last().unwrap(), "1023\n");
    }

    #[tokio::test]
    async fn chunks_become_lines() {
        let chunks = ["a\nb", "c\r\n", "", "d"].map(|chunk| Ok(Bytes::from(chunk)));
        let lines: Vec<String> = lines(stream::iter(chunks).boxed()).try_collect().await.unwrap();
        assert_eq!(lines, ["a", "bc", "d"]);
    }
}
