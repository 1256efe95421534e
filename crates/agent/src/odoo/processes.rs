//! Odoo's processes: one that serves by threads, or one that looks after workers.

use crate::{files::Files, host::Stat};

/// More processes of one container are not looked at.
const MOST: usize = 512;

/// An instance's workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Workers {
    /// How many there are; none where one process does everything by threads.
    pub(super) count: u32,
    /// Bytes of the largest one's address space.
    pub(super) largest: u64,
    /// Bytes that they hold in memory, together.
    pub(super) resident: u64,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    pid: u32,
    parent: u32,
    virtual_bytes: u64,
    resident: u64,
    /// Whether it serves what waits, which is no worker.
    is_gevent: bool,
}

/// Looks at the processes whose numbers are in a file.
pub(super) fn look(list: &str, files: &mut Files) -> Option<Workers> {
    let pids: Vec<u32> = files
        .read(list)?
        .lines()
        .filter_map(|line| line.parse().ok())
        .take(MOST)
        .collect();
    let page = rustix::param::page_size() as u64;
    let mut seen = Vec::with_capacity(pids.len());
    for pid in pids {
        let Some(stat) = files.read(&format!("/proc/{pid}/stat")).and_then(Stat::read) else {
            continue;
        };
        if !(stat.name.starts_with("odoo") || stat.name.starts_with("python")) {
            continue;
        }
        let mut one = Seen {
            pid,
            parent: stat.parent,
            virtual_bytes: stat.virtual_bytes,
            resident: stat.pages * page,
            is_gevent: false,
        };
        one.is_gevent = files
            .read(&format!("/proc/{pid}/cmdline"))
            .is_some_and(|line| line.split('\0').any(|word| word == "gevent"));
        seen.push(one);
    }
    workers(&seen)
}

fn workers(seen: &[Seen]) -> Option<Workers> {
    let is_odoo = |pid| seen.iter().any(|one| one.pid == pid);
    let first = seen.iter().find(|one| !is_odoo(one.parent))?;
    let children = || {
        seen.iter()
            .filter(|one| one.parent == first.pid && !one.is_gevent)
    };
    let of = |seen: &mut dyn Iterator<Item = &Seen>| {
        seen.fold(Workers::default(), |so_far, one| Workers {
            count: so_far.count + 1,
            largest: so_far.largest.max(one.virtual_bytes),
            resident: so_far.resident + one.resident,
        })
    };
    let workers = of(&mut children());
    if workers.count > 0 {
        return Some(workers);
    }
    Some(Workers {
        count: 0,
        ..of(&mut std::iter::once(first))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(pid: u32, parent: u32, megabytes: u64) -> Seen {
        Seen {
            pid,
            parent,
            virtual_bytes: megabytes << 20,
            resident: megabytes << 19,
            is_gevent: false,
        }
    }

    #[test]
    fn workers_are_the_children_of_the_first() {
        let gevent = Seen {
            is_gevent: true,
            ..one(9, 5, 900)
        };
        // Worker 7 has begun another program, which is none.
        let seen = [
            one(5, 1, 200),
            one(6, 5, 300),
            one(7, 5, 400),
            gevent,
            one(8, 7, 999),
        ];
        let wanted = Workers {
            count: 2,
            largest: 400 << 20,
            resident: 700 << 19,
        };
        assert_eq!(workers(&seen), Some(wanted));
    }

    #[test]
    fn one_process_that_does_it_all_has_none() {
        let wanted = Workers {
            count: 0,
            largest: 200 << 20,
            resident: 200 << 19,
        };
        assert_eq!(workers(&[one(5, 1, 200)]), Some(wanted));
        assert_eq!(workers(&[]), None);
    }
}
