//! The resource guide: how large a machine is to be for a number of managed instances.

use serde::Serialize;
use utoipa::ToSchema;

use crate::words::words;

words! {
    /// What the data lies on.
    pub enum StorageKind {
        /// Flash behind a disk's interface.
        Ssd = "ssd",
        /// Flash on the bus.
        Nvme = "nvme",
    }
}

/// One row of the guide. Its sizes are those that machines are sold by: a GB has 1,000,000,000 bytes.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tier {
    /// As it is called: `10-25`.
    pub name: &'static str,
    /// The fewest instances it is for.
    pub from_instances: u32,
    /// The most; none: no end.
    pub to_instances: Option<u32>,
    /// Cores; at least these in the last tier.
    pub vcpu: u32,
    /// Memory in GB.
    pub ram_gb: u32,
    /// Storage in GB.
    pub storage_gb: u32,
    /// On what.
    pub storage_kind: StorageKind,
}

const fn tier(
    name: &'static str,
    (from_instances, to_instances): (u32, Option<u32>),
    (vcpu, ram_gb): (u32, u32),
    (storage_gb, storage_kind): (u32, StorageKind),
) -> Tier {
    Tier {
        name,
        from_instances,
        to_instances,
        vcpu,
        ram_gb,
        storage_gb,
        storage_kind,
    }
}

/// The guide. Where two rows meet, the number belongs to the smaller one.
pub static GUIDE: [Tier; 5] = [
    tier("1-10", (1, Some(10)), (2, 4), (40, StorageKind::Ssd)),
    tier("10-25", (11, Some(25)), (4, 8), (100, StorageKind::Ssd)),
    tier("25-50", (26, Some(50)), (4, 16), (200, StorageKind::Ssd)),
    tier("50-100", (51, Some(100)), (8, 32), (500, StorageKind::Nvme)),
    tier("100+", (101, None), (16, 64), (1000, StorageKind::Nvme)),
];

/// The row for a number of instances.
pub fn tier_for(instances: u32) -> &'static Tier {
    let fits = |tier: &&Tier| tier.to_instances.is_none_or(|most| instances <= most);
    // The last row has no end, so that one always fits.
    GUIDE.iter().find(fits).unwrap_or(&GUIDE[GUIDE.len() - 1])
}

impl Tier {
    /// The next larger one.
    pub fn next(&self) -> Option<&'static Self> {
        GUIDE
            .iter()
            .find(|tier| tier.from_instances > self.from_instances)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_has_its_row() {
        for (instances, name) in [
            (0, "1-10"),
            (1, "1-10"),
            (10, "1-10"),
            (11, "10-25"),
            (25, "10-25"),
            (26, "25-50"),
            (50, "25-50"),
            (51, "50-100"),
            (100, "50-100"),
            (101, "100+"),
            (u32::MAX, "100+"),
        ] {
            assert_eq!(tier_for(instances).name, name, "{instances}");
        }
    }

    #[test]
    fn the_rows_leave_no_gap_and_never_shrink() {
        for pair in GUIDE.windows(2) {
            let [smaller, larger] = pair else { unreachable!() };
            assert_eq!(
                smaller.to_instances.map(|most| most + 1),
                Some(larger.from_instances)
            );
            assert_eq!(smaller.next(), Some(larger));
            assert!(smaller.vcpu <= larger.vcpu && smaller.ram_gb < larger.ram_gb);
            assert!(smaller.storage_gb < larger.storage_gb);
        }
    }
}
