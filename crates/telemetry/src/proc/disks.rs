//! Disks: `/proc/diskstats`.

/// The size of a sector in that file, whatever the disk's own.
const SECTOR: u64 = 512;

/// What a disk has counted since it was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Requests done.
    pub requests: u64,
    /// Bytes read.
    pub read: u64,
    /// Bytes written.
    pub written: u64,
    /// Milliseconds that requests took, together.
    pub waited: u64,
    /// Milliseconds in which there was at least one.
    pub busy: u64,
}

/// Name and counters of a line.
pub fn disk(line: &str) -> Option<(&str, DiskCounters)> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let name = words.next()?;
    let mut next = || words.next()?.parse::<u64>().ok();
    let (reads, _, read, reading) = (next()?, next()?, next()?, next()?);
    let (writes, _, written, writing) = (next()?, next()?, next()?, next()?);
    let (_, busy) = (next()?, next()?);
    let counters = DiskCounters {
        requests: reads + writes,
        read: read * SECTOR,
        written: written * SECTOR,
        waited: reading + writing,
        busy,
    };
    Some((name, counters))
}

/// Whether it is made of other disks or of memory, by its name: it would count twice.
pub fn is_made_of_others(name: &str) -> bool {
    ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd"]
        .iter()
        .any(|begin| name.starts_with(begin))
}
