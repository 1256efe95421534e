//! What a rule can be about.

use crate::words::words;

words! {
    /// What is alerted of.
    pub enum SubjectKind {
        /// A server.
        Server = "server",
        /// An instance.
        Instance = "instance",
    }
}

words! {
    /// What a rule watches. Percent, seconds, milliseconds or a number, as told; a state is 1 when it holds and 0 when not.
    pub enum Metric {
        /// Percent of all cores of the server.
        CpuUsagePercent = "cpuUsagePercent",
        /// Percent of the server's time that its hypervisor gave to others.
        CpuStealPercent = "cpuStealPercent",
        /// Percent of the time in which cores waited for disks.
        CpuIowaitPercent = "cpuIowaitPercent",
        /// The server's load over 1 minute.
        CpuLoad1m = "cpuLoad1m",
        /// The server's load over 5 minutes.
        CpuLoad5m = "cpuLoad5m",
        /// The server's load over 15 minutes.
        CpuLoad15m = "cpuLoad15m",
        /// Percent of the server's memory that is not available.
        RamUsagePercent = "ramUsagePercent",
        /// Percent of the server's swap in use.
        SwapUsagePercent = "swapUsagePercent",
        /// Percent of the file system that holds Docker's data.
        DiskUsagePercent = "diskUsagePercent",
        /// Percent of its inodes.
        InodesUsedPercent = "inodesUsedPercent",
        /// Milliseconds that the slowest disk took for an access.
        DiskAwaitMs = "diskAwaitMs",
        /// Percent of the time in which some task waited for a core.
        PressureCpuPercent = "pressureCpuPercent",
        /// The same for memory.
        PressureMemoryPercent = "pressureMemoryPercent",
        /// The same for disks.
        PressureIoPercent = "pressureIoPercent",
        /// Percent of `max_connections` of the server's PostgreSQL.
        PgConnectionsPercent = "pgConnectionsPercent",
        /// Seconds that the longest query of the server's PostgreSQL has run.
        PgLongestQuerySeconds = "pgLongestQuerySeconds",
        /// Locks that sessions of the server's PostgreSQL wait for.
        PgWaitingLocks = "pgWaitingLocks",
        /// Processes of the server killed for want of memory, all in the time.
        ServerOomKills = "serverOomKills",
        /// Neither SSH nor the agent of the server answers.
        ServerUnreachable = "serverUnreachable",
        /// SSH does not answer, and the agent of the server does.
        SshUnreachable = "sshUnreachable",
        /// The Docker Engine of the server does not answer.
        DockerUnavailable = "dockerUnavailable",
        /// The agent of the server is silent, and SSH answers.
        AgentSilent = "agentSilent",
        /// Percent of one core that the instance uses.
        InstanceCpuPercent = "instanceCpuPercent",
        /// Percent of its memory limit that the instance uses.
        InstanceMemoryPercent = "instanceMemoryPercent",
        /// Percent of its scheduling periods in which the CPU limit held the instance back.
        InstanceThrottledPercent = "instanceThrottledPercent",
        /// Seconds by which the instance's scheduled actions are late.
        CronLagSeconds = "cronLagSeconds",
        /// Milliseconds of the instance's longest request.
        LongestRequestMs = "longestRequestMs",
        /// Processes of the instance killed for want of memory, all in the time.
        InstanceOomKills = "instanceOomKills",
        /// The container of the instance does not run though it is meant to.
        InstanceDown = "instanceDown",
        /// The instance's page or its database does not answer.
        InstanceUnhealthy = "instanceUnhealthy",
    }
}

/// What becomes of the samples in a rule's minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aggregate {
    /// Their average.
    Average,
    /// Their sum.
    Sum,
    /// It is no sample: a state that must have held for the minutes.
    State,
}

impl Metric {
    /// What it is measured of.
    pub const fn subject(self) -> SubjectKind {
        match self {
            Self::InstanceCpuPercent
            | Self::InstanceMemoryPercent
            | Self::InstanceThrottledPercent
            | Self::CronLagSeconds
            | Self::LongestRequestMs
            | Self::InstanceOomKills
            | Self::InstanceDown
            | Self::InstanceUnhealthy => SubjectKind::Instance,
            _ => SubjectKind::Server,
        }
    }

    /// What becomes of its samples.
    pub const fn aggregate(self) -> Aggregate {
        match self {
            Self::ServerOomKills | Self::InstanceOomKills => Aggregate::Sum,
            Self::ServerUnreachable
            | Self::SshUnreachable
            | Self::DockerUnavailable
            | Self::AgentSilent
            | Self::InstanceDown
            | Self::InstanceUnhealthy => Aggregate::State,
            _ => Aggregate::Average,
        }
    }

    /// What stands behind a value.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::DiskAwaitMs | Self::LongestRequestMs => " ms",
            Self::PgLongestQuerySeconds | Self::CronLagSeconds => " s",
            Self::CpuLoad1m
            | Self::CpuLoad5m
            | Self::CpuLoad15m
            | Self::PgWaitingLocks
            | Self::ServerOomKills
            | Self::InstanceOomKills => "",
            _ => " %",
        }
    }

    /// In words, after the subject's name: `one: CPU in use is 97 %`. A state is a whole sentence's end.
    pub const fn title(self) -> &'static str {
        match self {
            Self::CpuUsagePercent => "CPU in use",
            Self::CpuStealPercent => "CPU taken by the hypervisor",
            Self::CpuIowaitPercent => "CPU waiting for disks",
            Self::CpuLoad1m => "load over 1 minute",
            Self::CpuLoad5m => "load over 5 minutes",
            Self::CpuLoad15m => "load over 15 minutes",
            Self::RamUsagePercent => "memory in use",
            Self::SwapUsagePercent => "swap in use",
            Self::DiskUsagePercent => "disk in use",
            Self::InodesUsedPercent => "inodes in use",
            Self::DiskAwaitMs => "disk wait",
            Self::PressureCpuPercent => "pressure on CPU",
            Self::PressureMemoryPercent => "pressure on memory",
            Self::PressureIoPercent => "pressure on disks",
            Self::PgConnectionsPercent => "PostgreSQL connections in use",
            Self::PgLongestQuerySeconds => "longest query of PostgreSQL",
            Self::PgWaitingLocks => "locks waited for in PostgreSQL",
            Self::ServerOomKills | Self::InstanceOomKills => "processes killed for want of memory",
            Self::ServerUnreachable => "cannot be reached: neither SSH nor an agent answers",
            Self::SshUnreachable => "does not answer by SSH; its agent still reports",
            Self::DockerUnavailable => "has no Docker that answers",
            Self::AgentSilent => "has an agent that is silent; SSH answers",
            Self::InstanceCpuPercent => "CPU in use, in percent of one core",
            Self::InstanceMemoryPercent => "memory in use, in percent of its limit",
            Self::InstanceThrottledPercent => "time held back by the CPU limit",
            Self::CronLagSeconds => "delay of scheduled actions",
            Self::LongestRequestMs => "longest request",
            Self::InstanceDown => "does not run",
            Self::InstanceUnhealthy => "does not serve",
        }
    }
}
