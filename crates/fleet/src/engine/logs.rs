//! A container's log, line by line.

use bollard::query_parameters::LogsOptions;
use bytes::BytesMut;
use futures::{
    StreamExt, TryStreamExt,
    stream::{self, BoxStream},
};
use ocore_domain::Problem;

use super::Engine;

/// A line that is longer is cut into pieces of this many bytes.
const LONGEST: usize = 64 * 1024;

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
        let (engine, what) = (self.clone(), name.to_owned());
        let chunks = self.docker.logs(name, Some(options));
        let chunks = chunks
            .map_err(move |error| engine.problem(error, &what))
            .map_ok(bollard::container::LogOutput::into_bytes);
        lines(chunks.boxed())
    }
}

/// Cuts chunks into lines, whatever their bounds.
fn lines(
    chunks: BoxStream<'static, Result<bytes::Bytes, Problem>>,
) -> BoxStream<'static, Result<String, Problem>> {
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
    async fn chunks_become_lines() {
        let chunks = ["a\nb", "c\r\n", "", "d"].map(|chunk| Ok(bytes::Bytes::from(chunk)));
        let lines: Vec<String> = lines(stream::iter(chunks).boxed()).try_collect().await.unwrap();
        assert_eq!(lines, ["a", "bc", "d"]);
    }
}
