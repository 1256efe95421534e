//! The settings in a request, laid over those there are.

use ocore_domain::{
    Code, Problem,
    instance::{Settings, memory_limit_bytes},
};

use crate::problem::{Answer, Failure};

/// What a request sets.
#[derive(Default)]
#[expect(clippy::option_option, reason = "not given, null, or a value: three cases")]
pub(super) struct Changes {
    pub(super) image: Option<String>,
    pub(super) workers: Option<u32>,
    pub(super) max_cron_threads: Option<u32>,
    pub(super) memory_limit_bytes: Option<u64>,
    /// `Some(None)` lets it follow the workers again.
    pub(super) cpu_limit_millis: Option<Option<u32>>,
    pub(super) limit_memory_soft: Option<u64>,
    pub(super) limit_memory_hard: Option<u64>,
    pub(super) limit_time_cpu: Option<u32>,
    pub(super) limit_time_real: Option<u32>,
    pub(super) log_level: Option<String>,
}

/// Takes the fields of [`Changes`] out of a request's body, which names them itself: so serde can say which is wrong.
macro_rules! changes {
    ($body:expr) => {
        $crate::instances::settings::Changes {
            image: $body.image.take(),
            workers: $body.workers,
            max_cron_threads: $body.max_cron_threads,
            memory_limit_bytes: $body.memory_limit_bytes,
            cpu_limit_millis: $body.cpu_limit_millis.into(),
            limit_memory_soft: $body.limit_memory_soft,
            limit_memory_hard: $body.limit_memory_hard,
            limit_time_cpu: $body.limit_time_cpu,
            limit_time_real: $body.limit_time_real,
            log_level: $body.log_level.take(),
        }
    };
}
pub(super) use changes;

impl Changes {
    /// These settings with the changes. A memory limit that follows from the workers goes on to do so.
    pub(super) fn over(self, before: &Settings) -> Answer<Settings> {
        let workers = self.workers.unwrap_or(before.workers);
        if workers > 256 {
            return Err(Failure::field("workers", "must be at most 256"));
        }
        let follows = before.memory_limit_bytes == memory_limit_bytes(before.workers);
        let memory = if follows {
            memory_limit_bytes(workers)
        } else {
            before.memory_limit_bytes
        };
        let settings = Settings {
            image: self.image.unwrap_or_else(|| before.image.clone()),
            workers,
            max_cron_threads: self.max_cron_threads.unwrap_or(before.max_cron_threads),
            memory_limit_bytes: self.memory_limit_bytes.unwrap_or(memory),
            cpu_limit_millis: self.cpu_limit_millis.unwrap_or(before.cpu_limit_millis),
            limit_memory_soft: self.limit_memory_soft.unwrap_or(before.limit_memory_soft),
            limit_memory_hard: self.limit_memory_hard.unwrap_or(before.limit_memory_hard),
            limit_time_cpu: self.limit_time_cpu.unwrap_or(before.limit_time_cpu),
            limit_time_real: self.limit_time_real.unwrap_or(before.limit_time_real),
            log_level: self.log_level.unwrap_or_else(|| before.log_level.clone()),
        };
        fits_the_database(&settings)?;
        settings.validate()?;
        Ok(settings)
    }
}

/// The sum of all memory limits of a server must not overflow the database's 64 bits.
fn fits_the_database(settings: &Settings) -> Result<(), Problem> {
    const PIB: u64 = 1 << 50;
    if [
        settings.memory_limit_bytes,
        settings.limit_memory_soft,
        settings.limit_memory_hard,
    ]
    .iter()
    .all(|&b| b <= PIB)
    {
        return Ok(());
    }
    Err(Problem::new(
        Code::InvalidRequest,
        "A memory limit is above a pebibyte",
        "Give limits in bytes.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_follows_the_workers_unless_it_was_chosen() {
        let before = Settings::new("odoo:19".into(), 2, memory_limit_bytes(2));
        let more = || Changes {
            workers: Some(4),
            ..Changes::default()
        };
        assert_eq!(
            more().over(&before).unwrap().memory_limit_bytes,
            memory_limit_bytes(4)
        );
        let chosen = Settings {
            memory_limit_bytes: 5 << 30,
            ..before.clone()
        };
        assert_eq!(more().over(&chosen).unwrap().memory_limit_bytes, 5 << 30);
        let both = Changes {
            workers: Some(4),
            memory_limit_bytes: Some(6 << 30),
            ..Changes::default()
        };
        assert_eq!(both.over(&before).unwrap().memory_limit_bytes, 6 << 30);
        assert_eq!(Changes::default().over(&before).unwrap(), before);
    }

    #[test]
    fn nonsense_is_refused() {
        let before = Settings::new("odoo:19".into(), 2, memory_limit_bytes(2));
        for changes in [
            Changes {
                workers: Some(u32::MAX),
                ..Changes::default()
            },
            Changes {
                memory_limit_bytes: Some(u64::MAX),
                ..Changes::default()
            },
            Changes {
                memory_limit_bytes: Some(1),
                ..Changes::default()
            },
            Changes {
                image: Some("a b".into()),
                ..Changes::default()
            },
        ] {
            assert_eq!(changes.over(&before).unwrap_err().code(), Code::InvalidRequest);
        }
    }
}
