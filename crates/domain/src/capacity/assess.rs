//! Whether a machine is as large as the guide asks.

use serde::Serialize;
use utoipa::ToSchema;

use super::{StorageKind, Tier, tier_for};
use crate::words::words;

const GB: u64 = 1_000_000_000;

/// What firmware and kernel keep of the memory that a machine is sold with, and file systems of a disk, in percent.
const KEPT: u64 = 7;

words! {
    /// What a machine can be short of.
    pub enum Need {
        /// Cores.
        Cpu = "cpu",
        /// Memory in bytes.
        Memory = "memory",
        /// Storage in bytes.
        Storage = "storage",
        /// Storage that is fast enough.
        StorageKind = "storage_kind",
    }
}

/// A machine, or the part of it that a container may use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    /// Cores.
    pub cpu_cores: u32,
    /// Memory in bytes.
    pub ram_total_bytes: u64,
    /// Bytes of the file system with the data, if known.
    pub storage_bytes: Option<u64>,
    /// What it lies on, if known.
    pub storage_kind: Option<StorageKind>,
}

/// Something that a machine has too little of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shortage {
    /// Of what.
    pub resource: Need,
    /// What it has, in words.
    pub has: String,
    /// What the guide asks, in words.
    pub needs: String,
}

/// A machine held against the guide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assessment {
    /// The instances it bears.
    pub instances: u32,
    /// The row they put it in, and so what it needs.
    #[schema(value_type = Tier)]
    pub tier: &'static Tier,
    /// The row that follows, and so what it will need.
    #[schema(value_type = Option<Tier>)]
    pub next_tier: Option<&'static Tier>,
    /// What it has.
    pub has: Machine,
    /// What it has too little of; empty: it is large enough.
    pub short_of: Vec<Shortage>,
}

/// Holds a machine that bears so many instances against the guide.
pub fn assess(instances: u32, has: Machine) -> Assessment {
    let tier = tier_for(instances);
    let short_of = shortages(tier, &has);
    Assessment {
        instances,
        tier,
        next_tier: tier.next(),
        has,
        short_of,
    }
}

fn shortages(tier: &Tier, has: &Machine) -> Vec<Shortage> {
    let mut short = Vec::new();
    let mut lacks = |resource, has: String, needs: String| {
        short.push(Shortage { resource, has, needs });
    };
    if has.cpu_cores < tier.vcpu {
        lacks(Need::Cpu, cores(has.cpu_cores), cores(tier.vcpu));
    }
    let suffices = |bytes: u64, gb: u32| bytes >= u64::from(gb) * GB * (100 - KEPT) / 100;
    if !suffices(has.ram_total_bytes, tier.ram_gb) {
        lacks(
            Need::Memory,
            gigabytes(has.ram_total_bytes),
            format!("{} GB", tier.ram_gb),
        );
    }
    if let Some(bytes) = has.storage_bytes
        && !suffices(bytes, tier.storage_gb)
    {
        lacks(Need::Storage, gigabytes(bytes), format!("{} GB", tier.storage_gb));
    }
    if (has.storage_kind, tier.storage_kind) == (Some(StorageKind::Ssd), StorageKind::Nvme) {
        lacks(
            Need::StorageKind,
            StorageKind::Ssd.to_string(),
            StorageKind::Nvme.to_string(),
        );
    }
    short
}

fn cores(count: u32) -> String {
    format!("{count} core{}", if count == 1 { "" } else { "s" })
}

/// Bytes in GB with one digit: `3.9 GB`.
fn gigabytes(bytes: u64) -> String {
    let tenths = bytes / (GB / 10);
    format!("{}.{} GB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(cpu_cores: u32, ram_gb: u64, storage_gb: u64) -> Machine {
        Machine {
            cpu_cores,
            ram_total_bytes: ram_gb * GB,
            storage_bytes: Some(storage_gb * GB),
            storage_kind: Some(StorageKind::Ssd),
        }
    }

    fn short_of(instances: u32, has: Machine) -> Vec<Need> {
        let assessment = assess(instances, has);
        assessment.short_of.iter().map(|short| short.resource).collect()
    }

    #[test]
    fn a_machine_as_sold_is_what_the_guide_means() {
        // 4 GB as Linux shows them, and a disk of 40 GB with a file system on it.
        let sold = Machine {
            ram_total_bytes: 3_840 * 1024 * 1024,
            storage_bytes: Some(38 * GB),
            ..machine(2, 4, 40)
        };
        assert_eq!(short_of(10, sold), []);
    }

    #[test]
    fn what_is_too_small_is_named() {
        assert_eq!(
            short_of(11, machine(2, 4, 40)),
            [Need::Cpu, Need::Memory, Need::Storage]
        );
        assert_eq!(short_of(30, machine(4, 16, 200)), []);
        assert_eq!(short_of(60, machine(8, 32, 500)), [Need::StorageKind]);
        let unknown = Machine {
            storage_bytes: None,
            storage_kind: None,
            ..machine(16, 64, 0)
        };
        assert_eq!(short_of(500, unknown), []);
    }

    #[test]
    fn words_tell_both_sides() {
        let assessment = assess(11, machine(1, 4, 100));
        assert_eq!(assessment.tier.name, "10-25");
        assert_eq!(assessment.next_tier.map(|tier| tier.name), Some("25-50"));
        assert_eq!(assessment.short_of[0].has, "1 core");
        assert_eq!(assessment.short_of[1].has, "4.0 GB");
        assert_eq!(assessment.short_of[1].needs, "8 GB");
    }
}
