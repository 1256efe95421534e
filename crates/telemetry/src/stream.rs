//! The stream: what oCore asks of an agent over the WebSocket that the agent keeps open, and what it answers.
//!
//! Words are JSON in text messages; output of containers is in binary ones, after the number of its stream. Either side
//! skips what it does not know, so that words may be added; what changes their meaning changes [`PROTOCOL`].

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Where agents open it.
pub const PATH: &str = "/api/agent/stream";
/// The subprotocol that both sides name.
pub const PROTOCOL: &str = "ocore.agent.v1";
/// Logs followed at once over one connection.
pub const STREAMS: usize = 32;
/// Bytes of output in one message, at most. No line is longer: of a longer one its pieces are lines.
pub const CHUNK: usize = 16 << 10;
/// The longest message of an agent.
pub const LONGEST_TOLD: usize = CHUNK + 256;
/// The longest message of oCore.
pub const LONGEST_ASKED: usize = 4 << 10;
/// What may be on its way in one stream, by [`cost`].
pub const WINDOW: u32 = 128 << 10;
/// How often oCore pings.
pub const PING: Duration = Duration::from_secs(20);
/// How long either side may hear nothing before it takes the connection for broken: two pings, and what they may take.
pub const SILENCE: Duration = Duration::from_secs(50);
/// The longest text that goes with a fault, in characters.
const LONGEST_TEXT: usize = 300;

/// What oCore asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// The last lines of a container's log, and those to come.
    Follow(Follow),
    /// The stream may bring so much more.
    Credit {
        /// Its number.
        stream: u32,
        /// By [`cost`].
        credit: u32,
    },
    /// Nobody reads this stream any more.
    Stop {
        /// Its number.
        stream: u32,
    },
    /// What a newer oCore asks.
    #[serde(other)]
    Unknown,
}

/// A log that is wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Follow {
    /// The number under which it is answered; of no other stream that is open.
    pub stream: u32,
    /// The container's name.
    pub container: String,
    /// The instance that it must be of.
    pub instance: String,
    /// How many of the last lines.
    pub tail: u64,
    /// Whether lines to come are wanted too.
    pub follow: bool,
    /// How much may come before more credit does, by [`cost`].
    pub credit: u32,
}

/// What an agent answers beside output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "snake_case")]
pub enum Tell {
    /// The log is read: what comes now is its output, however long it takes.
    Opened {
        /// The stream's number.
        stream: u32,
    },
    /// That was all.
    End {
        /// The stream's number.
        stream: u32,
    },
    /// It cannot be read, or not any more.
    Failed {
        /// The stream's number.
        stream: u32,
        /// Why.
        reason: Reason,
        /// In words.
        text: String,
    },
    /// What a newer agent tells.
    #[serde(other)]
    Unknown,
}

/// Why a log cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// There is no such container.
    Absent,
    /// It is not of this instance.
    Foreign,
    /// So many logs are followed that there is no room for one more.
    Full,
    /// The Docker Engine does not answer, or refuses.
    Docker,
    /// Something else.
    #[serde(other)]
    Other,
}

/// A message that is none of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message of the stream is not understood")
    }
}

impl std::error::Error for Malformed {}

impl Ask {
    /// As text.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// From text.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        serde_json::from_str(text).map_err(|_| Malformed)
    }
}

impl Tell {
    /// A fault, with words that fit into a message.
    pub fn failed(stream: u32, reason: Reason, text: &str) -> Self {
        let text = text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT);
        Self::Failed {
            stream,
            reason,
            text: text.collect(),
        }
    }

    /// As text.
    pub fn encode(&self) -> String {
        encode(self)
    }

    /// From text.
    pub fn decode(text: &str) -> Result<Self, Malformed> {
        let told = serde_json::from_str(text).map_err(|_| Malformed)?;
        Ok(match told {
            // The other side need not keep to it.
            Self::Failed { stream, reason, text } => Self::failed(stream, reason, &text),
            told => told,
        })
    }
}

/// Maps with names, numbers and text always become JSON.
fn encode(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

/// What output of so many bytes takes of a stream's credit: what is kept of it while it waits is more than its bytes.
pub fn cost(bytes: usize) -> u32 {
    u32::try_from(bytes).map_or(u32::MAX, |bytes| bytes.saturating_add(64))
}

/// Output as a message.
pub fn output(stream: u32, bytes: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(4 + bytes.len());
    message.extend_from_slice(&stream.to_be_bytes());
    message.extend_from_slice(bytes);
    message
}

/// Of which stream a message with output is; that is in what comes after the first four bytes.
pub fn stream_of(message: &[u8]) -> Result<u32, Malformed> {
    let (number, _) = message.split_first_chunk().ok_or(Malformed)?;
    Ok(u32::from_be_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn follow() -> Follow {
        Follow {
            stream: 7,
            container: "ocore-acme".to_owned(),
            instance: "i".to_owned(),
            tail: 200,
            follow: true,
            credit: WINDOW,
        }
    }

    #[test]
    fn words_come_as_they_went() {
        let asked = [
            Ask::Follow(follow()),
            Ask::Credit { stream: 7, credit: 1 },
            Ask::Stop { stream: 7 },
        ];
        for ask in asked {
            assert_eq!(Ask::decode(&ask.encode()), Ok(ask));
        }
        let told = [
            Tell::Opened { stream: 7 },
            Tell::End { stream: 7 },
            Tell::failed(7, Reason::Absent, "gone"),
        ];
        for tell in told {
            assert_eq!(Tell::decode(&tell.encode()), Ok(tell));
        }
        let text = Ask::Follow(follow()).encode();
        assert_eq!(
            text,
            r#"{"ask":"follow","stream":7,"container":"ocore-acme","instance":"i","tail":200,"follow":true,"credit":131072}"#
        );
    }

    #[test]
    fn what_a_newer_side_says_is_skipped_and_rubbish_is_told_from_it() {
        assert_eq!(Ask::decode(r#"{"ask":"dance","how":["x"]}"#), Ok(Ask::Unknown));
        assert_eq!(Tell::decode(r#"{"tell":"song","stream":1}"#), Ok(Tell::Unknown));
        let told = Tell::decode(r#"{"tell":"opened","stream":1,"since":"noon"}"#);
        assert_eq!(told, Ok(Tell::Opened { stream: 1 }));
        let told = Tell::decode(r#"{"tell":"failed","stream":1,"reason":"tired","text":"x"}"#);
        assert_eq!(told, Ok(Tell::failed(1, Reason::Other, "x")));
        for rubbish in [
            "",
            "7",
            "{}",
            r#"{"ask":"stop"}"#,
            r#"{"ask":"stop","stream":-1}"#,
        ] {
            assert_eq!(Ask::decode(rubbish), Err(Malformed), "{rubbish}");
            assert_eq!(Tell::decode(rubbish), Err(Malformed), "{rubbish}");
        }
    }

    #[test]
    fn words_fit_into_a_message_whatever_is_in_them() {
        let long = Ask::Follow(Follow {
            container: "c".repeat(128),
            instance: "i".repeat(64),
            ..follow()
        });
        assert!(long.encode().len() < LONGEST_ASKED);
        let told = Tell::failed(u32::MAX, Reason::Docker, &"\u{1F600}\n\"".repeat(1000));
        assert!(told.encode().len() < LONGEST_TOLD);
        // Whatever the other side did.
        let text = format!(
            r#"{{"tell":"failed","stream":1,"reason":"docker","text":"{}\n\u001b[2J"}}"#,
            "é".repeat(900)
        );
        let Ok(Tell::Failed { text, .. }) = Tell::decode(&text) else {
            panic!()
        };
        assert_eq!(text, "é".repeat(300));
    }

    #[test]
    fn output_bears_its_streams_number() {
        let message = output(0x0102_0304, b"a\nb\n");
        assert_eq!(
            (stream_of(&message), &message[4..]),
            (Ok(0x0102_0304), &b"a\nb\n"[..])
        );
        assert_eq!(stream_of(&[1, 2, 3]), Err(Malformed));
        assert!(output(1, &[0; CHUNK]).len() <= LONGEST_TOLD);
        // Whoever has a whole window can always send a whole message.
        assert!(cost(CHUNK) < WINDOW / 2);
        assert_eq!((cost(0), cost(usize::MAX)), (64, u32::MAX));
    }
}
