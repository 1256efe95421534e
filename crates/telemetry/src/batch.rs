//! A batch of samples and its bytes.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Container, Host, Odoo, Postgres};

/// The media type of a batch.
pub const CONTENT_TYPE: &str = "application/vnd.ocore.telemetry+msgpack";

/// The most bytes one batch may have.
pub const MAX_BYTES: usize = 1024 * 1024;

/// The most samples one batch may have: five minutes of them, after a cut more batches follow.
pub const MAX_SAMPLES: usize = 30;

/// What one push brings: samples in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The agent's version.
    #[serde(rename = "v")]
    pub version: String,
    /// Names one boot of the machine.
    #[serde(rename = "b")]
    pub boot_id: String,
    /// Samples that were lost since the last push because the ring was full.
    #[serde(rename = "l", default)]
    pub lost: u64,
    /// The samples, oldest first.
    #[serde(rename = "s")]
    pub samples: Vec<Sample>,
}

/// What was seen at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Milliseconds since 1970, by the server's clock. A server's samples are told apart by it.
    #[serde(rename = "t")]
    pub at: i64,
    /// The machine.
    #[serde(rename = "h")]
    pub host: Host,
    /// Its containers, those that run.
    #[serde(rename = "c", default)]
    pub containers: Vec<Container>,
    /// The PostgreSQL that oCore runs there, when it could be asked. Not in every sample: it is asked once a push.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<Postgres>,
    /// The instances, once a push.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub odoo: Vec<Odoo>,
}

/// Why bytes are no batch.
#[derive(Debug)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl Sample {
    /// The bytes of the sample, for [`Batch::assemble`].
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        rmp_serde::to_vec_named(self).map_err(|error| Malformed(error.to_string()))
    }
}

impl Batch {
    /// The bytes of a batch of samples that are encoded already: whoever keeps them encoded need not keep them otherwise.
    pub fn assemble(
        version: &str,
        boot_id: &str,
        lost: u64,
        samples: &[&[u8]],
    ) -> Result<Vec<u8>, Malformed> {
        let empty = Self {
            version: version.to_owned(),
            boot_id: boot_id.to_owned(),
            lost,
            samples: Vec::new(),
        };
        let mut bytes = empty.encode()?;
        // The samples come last: of an empty list its length, zero, is the last byte.
        bytes.pop();
        let length = u32::try_from(samples.len()).map_err(|error| Malformed(error.to_string()))?;
        rmp::encode::write_array_len(&mut bytes, length).map_err(|error| Malformed(error.to_string()))?;
        for sample in samples {
            bytes.extend_from_slice(sample);
        }
        Ok(bytes)
    }

    /// The bytes of the batch.
    pub fn encode(&self) -> Result<Vec<u8>, Malformed> {
        rmp_serde::to_vec_named(self).map_err(|error| Malformed(error.to_string()))
    }

    /// The batch of these bytes, if it keeps within the limits and its times rise.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.len() > MAX_BYTES {
            return Err(Malformed(format!("a batch has at most {MAX_BYTES} bytes")));
        }
        let batch: Self = rmp_serde::from_slice(bytes).map_err(|error| Malformed(error.to_string()))?;
        if batch.samples.len() > MAX_SAMPLES {
            return Err(Malformed(format!("a batch has at most {MAX_SAMPLES} samples")));
        }
        if !batch.samples.is_sorted_by(|before, after| before.at < after.at) {
            return Err(Malformed("the times of a batch's samples rise".to_owned()));
        }
        Ok(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64) -> Sample {
        Sample {
            at,
            containers: vec![Container {
                name: "ocore-acme".to_owned(),
                ..Container::default()
            }],
            ..Sample::default()
        }
    }

    #[test]
    fn what_is_encoded_is_what_is_decoded() {
        let batch = Batch {
            version: "1".to_owned(),
            boot_id: "b".to_owned(),
            lost: 3,
            samples: vec![sample(1), sample(2)],
        };
        assert_eq!(Batch::decode(&batch.encode().unwrap()).unwrap(), batch);
    }

    #[test]
    fn encoded_samples_make_the_same_bytes() {
        for count in [0, 1, 2, 20] {
            let batch = Batch {
                version: "1".to_owned(),
                boot_id: "b".to_owned(),
                lost: 300,
                samples: (0..count).map(sample).collect(),
            };
            let encoded: Vec<Vec<u8>> = batch.samples.iter().map(|one| one.encode().unwrap()).collect();
            let encoded: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
            let assembled = Batch::assemble("1", "b", 300, &encoded).unwrap();
            assert_eq!(assembled, batch.encode().unwrap());
        }
    }

    #[test]
    fn what_breaks_the_rules_is_refused() {
        let refused = |samples: Vec<Sample>| {
            let batch = Batch {
                samples,
                ..Batch::default()
            };
            Batch::decode(&batch.encode().unwrap()).unwrap_err().to_string()
        };
        assert!(refused(vec![sample(2), sample(1)]).contains("rise"));
        assert!(refused(vec![sample(1), sample(1)]).contains("rise"));
        assert!(refused((0..31).map(sample).collect()).contains("30 samples"));
        assert!(Batch::decode(&vec![0; MAX_BYTES + 1]).is_err());
        assert!(Batch::decode(b"{}").is_err());
    }

    #[test]
    fn a_newer_agent_may_tell_more() {
        #[derive(Serialize)]
        struct Newer {
            v: &'static str,
            b: &'static str,
            s: Vec<u8>,
            zz: &'static str,
        }
        let newer = Newer {
            v: "9",
            b: "b",
            s: vec![],
            zz: "not known yet",
        };
        let bytes = rmp_serde::to_vec_named(&newer).unwrap();
        assert_eq!(Batch::decode(&bytes).unwrap().version, "9");
    }
}
