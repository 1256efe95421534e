//! The settings by which PostgreSQL keeps what it was given, and keeps itself quick.

use super::{Setting, Verdict};

const MIB: u64 = 1024 * 1024;

/// How a PostgreSQL writes and tidies up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is one independent setting")]
#[expect(missing_docs, reason = "each field is the setting of the same name")]
pub struct Upkeep {
    /// In bytes.
    pub max_wal_size: u64,
    /// In seconds.
    pub checkpoint_timeout: u64,
    pub autovacuum: bool,
    pub fsync: bool,
    pub full_page_writes: bool,
    pub jit: bool,
    pub synchronous_commit: String,
}

/// Each of these settings with what it should be.
pub fn upkeep(seen: &Upkeep) -> Vec<Setting> {
    let on_off = |on: bool| if on { "on" } else { "off" };
    let must = |name, value: &str, is_good, advised: &str, reason| Setting {
        name,
        value: value.to_owned(),
        advised: advised.to_owned(),
        verdict: if is_good { Verdict::Good } else { Verdict::Low },
        reason,
    };
    vec![
        must(
            "fsync",
            on_off(seen.fsync),
            seen.fsync,
            "on",
            "Without it a loss of power can destroy the whole cluster.",
        ),
        must(
            "full_page_writes",
            on_off(seen.full_page_writes),
            seen.full_page_writes,
            "on",
            "Without it a page that was half written at a loss of power stays so.",
        ),
        must(
            "synchronous_commit",
            &seen.synchronous_commit,
            seen.synchronous_commit != "off",
            "on",
            "Without it what oCore was told to be kept can be gone after a crash; where oCore can bear that, it says so itself.",
        ),
        must(
            "autovacuum",
            on_off(seen.autovacuum),
            seen.autovacuum,
            "on",
            "The queue changes its rows all the time: nobody else clears up after it.",
        ),
        must(
            "max_wal_size",
            &format!("{}MB", seen.max_wal_size / MIB),
            seen.max_wal_size >= 1024 * MIB,
            "at least 1024MB",
            "A checkpoint is forced whenever so much was written, and slows down what is written meanwhile.",
        ),
        must(
            "checkpoint_timeout",
            &format!("{}s", seen.checkpoint_timeout),
            (300..=3600).contains(&seen.checkpoint_timeout),
            "300s to 3600s",
            "More often costs writes, more seldom makes recovery after a crash long.",
        ),
        must(
            "jit",
            on_off(seen.jit),
            !seen.jit,
            "off",
            "Compiling a statement about a whole fleet takes longer than the statement; through a pooler oCore cannot turn it off itself.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_risks_data_is_told() {
        let usual = Upkeep {
            max_wal_size: 1024 * MIB,
            checkpoint_timeout: 300,
            autovacuum: true,
            fsync: true,
            full_page_writes: true,
            jit: false,
            synchronous_commit: "on".to_owned(),
        };
        let faults = |seen: &Upkeep| -> Vec<&str> {
            let all = upkeep(seen).into_iter();
            all.filter(|setting| setting.verdict != Verdict::Good)
                .map(|setting| setting.name)
                .collect()
        };
        assert!(faults(&usual).is_empty());
        let careless = Upkeep {
            max_wal_size: 256 * MIB,
            checkpoint_timeout: 30,
            autovacuum: false,
            fsync: false,
            full_page_writes: false,
            jit: true,
            synchronous_commit: "off".to_owned(),
        };
        assert_eq!(faults(&careless).len(), 7);
        let remote = Upkeep {
            synchronous_commit: "remote_apply".to_owned(),
            ..usual
        };
        assert!(faults(&remote).is_empty());
    }
}
