//! What containers use.

use bollard::{
    models::{ContainerStatsResponse, ContainerSummary},
    query_parameters::{ListContainersOptions, StatsOptions},
};
use futures::{StreamExt, TryStreamExt, stream};
use ocore_domain::Problem;

use super::{Engine, errors::is_absent, label};

/// Containers asked at once.
const AT_ONCE: usize = 8;

/// What a running container has used since it was started, and what it uses now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Its name.
    pub name: String,
    /// The instance it says it belongs to.
    pub instance: Option<String>,
    /// CPU time in nanoseconds.
    pub cpu_nanos: u64,
    /// Scheduling periods of its CPU limit.
    pub periods: u64,
    /// Those in which it was held back.
    pub throttled_periods: u64,
    /// Bytes in use, without the cache of files that could be dropped.
    pub memory: u64,
    /// The most it may use, as the Engine tells: the machine's memory where there is no limit.
    pub memory_limit: u64,
    /// Bytes received by all its interfaces.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Bytes read from disks.
    pub read: u64,
    /// Bytes written to disks.
    pub written: u64,
    /// Processes and threads in it.
    pub processes: u64,
}

impl Engine {
    /// What every running container uses. One look each, which the Engine answers at once.
    pub async fn usage(&self) -> Result<Vec<Usage>, Problem> {
        let running = self.docker.list_containers(None::<ListContainersOptions>).await;
        let running = running.map_err(|error| self.problem(error, "the list of containers"))?;
        let looked: Vec<Option<Usage>> = stream::iter(running)
            .map(|container| self.usage_of(container))
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        Ok(looked.into_iter().flatten().collect())
    }

    /// None: it has ended meanwhile.
    async fn usage_of(&self, container: ContainerSummary) -> Result<Option<Usage>, Problem> {
        let Some(id) = container.id else { return Ok(None) };
        let options = StatsOptions {
            stream: false,
            one_shot: true,
        };
        let stats = self.docker.stats(&id, Some(options)).try_next().await;
        let stats = match stats {
            Ok(stats) => stats,
            Err(error) if is_absent(&error) => None,
            Err(error) => return Err(self.problem(error, &id)),
        };
        let name = container.names.unwrap_or_default().into_iter().next();
        let instance = container
            .labels
            .and_then(|mut labels| labels.remove(label::INSTANCE));
        Ok(stats.map(|stats| Usage {
            name: name.unwrap_or(id).trim_start_matches('/').to_owned(),
            instance,
            ..read(stats)
        }))
    }
}

fn read(stats: ContainerStatsResponse) -> Usage {
    let cpu = stats.cpu_stats.unwrap_or_default();
    let throttling = cpu.throttling_data.unwrap_or_default();
    let memory = stats.memory_stats.unwrap_or_default();
    // Control groups of version 2, else of version 1.
    let cache = memory.stats.as_ref().and_then(|stats| {
        let of = |name| stats.get(name).copied();
        of("total_inactive_file").or_else(|| of("inactive_file"))
    });
    let networks = stats.networks.unwrap_or_default();
    let disks = stats
        .blkio_stats
        .and_then(|stats| stats.io_service_bytes_recursive)
        .unwrap_or_default();
    let moved = |wanted: &str| {
        disks
            .iter()
            .filter(|entry| {
                entry
                    .op
                    .as_deref()
                    .is_some_and(|op| op.eq_ignore_ascii_case(wanted))
            })
            .filter_map(|entry| entry.value)
            .sum()
    };
    Usage {
        name: String::new(),
        instance: None,
        cpu_nanos: cpu.cpu_usage.and_then(|usage| usage.total_usage).unwrap_or(0),
        periods: throttling.periods.unwrap_or(0),
        throttled_periods: throttling.throttled_periods.unwrap_or(0),
        memory: memory.usage.unwrap_or(0).saturating_sub(cache.unwrap_or(0)),
        memory_limit: memory.limit.unwrap_or(0),
        received: networks.values().filter_map(|network| network.rx_bytes).sum(),
        sent: networks.values().filter_map(|network| network.tx_bytes).sum(),
        read: moved("read"),
        written: moved("write"),
        processes: stats.pids_stats.and_then(|pids| pids.current).unwrap_or(0),
    }
}
