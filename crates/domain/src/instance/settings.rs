//! What a person chooses for an instance.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Code, Problem, words::words};

const MIB: u64 = 1024 * 1024;

words! {
    /// Which Odoo.
    #[derive(Default)]
    pub enum Edition {
        /// The free one.
        #[default]
        Community = "community",
        /// The licensed one: its add-ons must be in the image.
        Enterprise = "enterprise",
    }
}

words! {
    /// What an instance is for.
    #[derive(Default)]
    pub enum EnvironmentType {
        /// Real work.
        Production = "production",
        /// A rehearsal of it.
        Staging = "staging",
        /// Building.
        #[default]
        Development = "development",
    }
}

/// What of an instance can be changed while it lives. Environment values are kept apart, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Settings {
    /// The image to run, for example `odoo:19`.
    pub image: String,
    /// HTTP workers; 0 is Odoo's threaded mode.
    pub workers: u32,
    /// Threads for scheduled actions.
    pub max_cron_threads: u32,
    /// The container's memory limit in bytes.
    pub memory_limit_bytes: u64,
    /// The container's CPU limit in thousandths of a core; none: what the workers need.
    pub cpu_limit_millis: Option<u32>,
    /// Bytes of virtual memory after which a worker is recycled once its request is done.
    pub limit_memory_soft: u64,
    /// Bytes of virtual memory after which a worker is ended at once.
    pub limit_memory_hard: u64,
    /// Seconds of CPU time a request may take.
    pub limit_time_cpu: u32,
    /// Seconds a request may take.
    pub limit_time_real: u32,
    /// One of Odoo's log levels.
    pub log_level: String,
}

impl Settings {
    /// Odoo's own defaults around the sizes given.
    pub fn new(image: String, workers: u32, memory_limit_bytes: u64) -> Self {
        Self {
            image,
            workers,
            max_cron_threads: 2,
            memory_limit_bytes,
            cpu_limit_millis: None,
            limit_memory_soft: 2048 * MIB,
            limit_memory_hard: 2560 * MIB,
            limit_time_cpu: 60,
            limit_time_real: 120,
            log_level: "info".to_owned(),
        }
    }

    /// Whether the values make sense together.
    pub fn validate(&self) -> Result<(), Problem> {
        const LEVELS: &[&str] = &[
            "critical",
            "error",
            "warn",
            "info",
            "debug",
            "debug_sql",
            "debug_rpc",
            "debug_rpc_answer",
        ];
        let fault = |detail: String, mend: &str| Err(Problem::new(Code::InvalidRequest, detail, mend));
        if self.workers > 256 {
            return fault(format!("workers is {}", self.workers), "Use at most 256 workers.");
        }
        if self.max_cron_threads > 64 {
            return fault(
                format!("maxCronThreads is {}", self.max_cron_threads),
                "Use at most 64 threads.",
            );
        }
        if self.memory_limit_bytes < 512 * MIB {
            return fault(
                format!("memoryLimitBytes is {}", self.memory_limit_bytes),
                "Give an Odoo container at least 512 MiB (536870912).",
            );
        }
        if self.limit_memory_soft > self.limit_memory_hard {
            return fault(
                format!(
                    "limitMemorySoft {} is above limitMemoryHard {}",
                    self.limit_memory_soft, self.limit_memory_hard
                ),
                "Set the soft limit at or below the hard one.",
            );
        }
        if self.limit_time_cpu == 0 || self.limit_time_real == 0 {
            return fault(
                "a time limit is 0".to_owned(),
                "Set limitTimeCpu and limitTimeReal to 1 second or more.",
            );
        }
        if self.cpu_limit_millis.is_some_and(|millis| millis < 100) {
            return fault(
                "cpuLimitMillis is below 100".to_owned(),
                "Give the container at least a tenth of a core (100).",
            );
        }
        if !LEVELS.contains(&self.log_level.as_str()) {
            return fault(
                format!("logLevel is `{}`", self.log_level),
                &format!("Use one of: {}.", LEVELS.join(", ")),
            );
        }
        let image_fits = !self.image.is_empty()
            && self.image.len() <= 255
            && self
                .image
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "._-/:@".contains(c))
            && self.image.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !image_fits {
            return fault(
                format!("`{}` is not the name of an image", self.image),
                "Use a reference such as `odoo:19`.",
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked() {
        let good = Settings::new("odoo:19".into(), 2, 3200 * MIB);
        good.validate().unwrap();
        let bad: [fn(&mut Settings); 8] = [
            |s| s.workers = 257,
            |s| s.memory_limit_bytes = MIB,
            |s| s.limit_memory_soft = s.limit_memory_hard + 1,
            |s| s.limit_time_real = 0,
            |s| s.cpu_limit_millis = Some(1),
            |s| s.log_level = "loud".into(),
            |s| s.image = "-v /:/host".into(),
            |s| s.max_cron_threads = 65,
        ];
        for spoil in bad {
            let mut settings = good.clone();
            spoil(&mut settings);
            assert_eq!(
                settings.validate().unwrap_err().code,
                Code::InvalidRequest,
                "{settings:?}"
            );
        }
    }
}
