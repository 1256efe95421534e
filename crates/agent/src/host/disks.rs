//! Disks: `/proc/diskstats`.

use std::{collections::HashMap, path::Path};

use ocore_telemetry::{
    Disk,
    proc::{DiskCounters, disk as counters, is_made_of_others},
};

use crate::files::{Files, risen};

/// Disks by name; none: not one to be told of.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    before: HashMap<String, Option<DiskCounters>>,
}

impl Disks {
    pub(super) fn sample(&mut self, files: &mut Files, seconds: f32) -> Vec<Disk> {
        let mut disks = Vec::new();
        let Some(text) = files.read("/proc/diskstats") else {
            return disks;
        };
        for line in text.lines() {
            let Some((name, now)) = counters(line) else {
                continue;
            };
            match self.before.get_mut(name) {
                None => {
                    let seen = is_whole(name).then_some(now);
                    self.before.insert(name.to_owned(), seen);
                }
                Some(None) => {}
                Some(Some(before)) => {
                    disks.push(since(name, *before, now, seconds));
                    *before = now;
                }
            }
        }
        disks
    }
}

/// Whether it is a disk of its own: no partition, and none that is made of others, which would count twice.
fn is_whole(name: &str) -> bool {
    !is_made_of_others(name) && Path::new("/sys/block").join(name.replace('/', "!")).exists()
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one interval")]
fn since(name: &str, before: DiskCounters, now: DiskCounters, seconds: f32) -> Disk {
    let requests = risen(before.requests, now.requests);
    let await_ms = if requests == 0 {
        0.0
    } else {
        risen(before.waited, now.waited) as f32 / requests as f32
    };
    let utilization = if seconds > 0.0 {
        (risen(before.busy, now.busy) as f32 / (seconds * 10.0)).min(100.0)
    } else {
        0.0
    };
    Disk {
        name: name.to_owned(),
        read: risen(before.read, now.read),
        written: risen(before.written, now.written),
        requests,
        await_ms,
        utilization,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_compared() {
        let before = " 254 0 vda 100 5 2000 300 50 5 1000 200 0 400 500 0 0 0 0 1 2";
        let now = " 254 0 vda 110 5 2100 350 60 5 1200 250 0 900 600 0 0 0 0 1 2";
        let ((name, before), (_, now)) = (counters(before).unwrap(), counters(now).unwrap());
        let disk = since(name, before, now, 2.0);
        assert_eq!(
            (disk.name.as_str(), disk.read, disk.written, disk.requests),
            ("vda", 51_200, 102_400, 20)
        );
        // 100 ms over 20 requests; busy for 500 of 2000 ms.
        assert!(
            (disk.await_ms - 5.0).abs() < 0.001 && (disk.utilization - 25.0).abs() < 0.001,
            "{disk:?}"
        );
        assert!(counters("254 0 vda 1 2").is_none());
    }
}
