//! Processes: how many, and which use most.

use std::{collections::HashMap, fs, time::Instant};

use ocore_telemetry::Process;

use crate::files::Files;

/// How many are told of by each measure.
const TOP: usize = 5;

/// The part of `/proc/PID/stat` that is of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat<'a> {
    pub(crate) name: &'a str,
    pub(crate) parent: u32,
    /// Ticks it has run.
    pub(crate) ticks: u64,
    /// Tells a process from a later one with its number.
    pub(crate) started: u64,
    /// Bytes of its address space.
    pub(crate) virtual_bytes: u64,
    /// Pages it holds in memory.
    pub(crate) pages: u64,
}

impl<'a> Stat<'a> {
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        // A name may hold anything, closing parentheses too.
        let (begin, rest) = text.rsplit_once(") ")?;
        let (_, name) = begin.split_once(" (")?;
        let mut words = rest.split_ascii_whitespace();
        let parent = words.nth(1)?.parse().ok()?;
        let user: u64 = words.nth(9)?.parse().ok()?;
        let system: u64 = words.next()?.parse().ok()?;
        Some(Self {
            name,
            parent,
            ticks: user + system,
            started: words.nth(6)?.parse().ok()?,
            virtual_bytes: words.next()?.parse().ok()?,
            pages: words.next()?.parse().ok()?,
        })
    }
}

#[derive(Debug)]
struct Seen {
    started: u64,
    ticks: u64,
    round: u32,
}

/// What each process had used when they were looked at last.
#[derive(Debug)]
pub(crate) struct Processes {
    before: HashMap<u32, Seen>,
    at: Option<Instant>,
    round: u32,
    ticks_per_second: u64,
    page: u64,
}

struct Used {
    pid: u32,
    ticks: u64,
    pages: u64,
}

impl Processes {
    pub(super) fn new() -> Self {
        Self {
            before: HashMap::new(),
            at: None,
            round: 0,
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page: rustix::param::page_size() as u64,
        }
    }

    pub(super) fn top(
        &mut self,
        files: &mut Files,
        now: Instant,
        container_of: &dyn Fn(&str) -> Option<String>,
    ) -> Vec<Process> {
        let seconds = self.at.replace(now).map_or(0.0, |at| (now - at).as_secs_f32());
        self.round = self.round.wrapping_add(1);
        let (mut by_ticks, mut by_pages) = (Vec::new(), Vec::new());
        for pid in pids() {
            let Some(stat) = files.read(&format!("/proc/{pid}/stat")).and_then(Stat::read) else {
                continue;
            };
            let seen = Seen {
                started: stat.started,
                ticks: stat.ticks,
                round: self.round,
            };
            let before = self.before.insert(pid, seen);
            let before = before
                .filter(|seen| seen.started == stat.started)
                .map_or(0, |seen| seen.ticks);
            let used = |ticks, pages| Used { pid, ticks, pages };
            let ticks = stat.ticks.saturating_sub(before);
            keep(&mut by_ticks, used(ticks, stat.pages), |used| used.ticks);
            keep(&mut by_pages, used(ticks, stat.pages), |used| used.pages);
        }
        let round = self.round;
        self.before.retain(|_, seen| seen.round == round);
        // Without a time before nobody knows who used how much of it.
        if seconds <= 0.0 {
            return Vec::new();
        }
        by_ticks.retain(|used| used.ticks > 0);
        for used in by_pages {
            if used.pages > 0 && by_ticks.iter().all(|other| other.pid != used.pid) {
                by_ticks.push(used);
            }
        }
        let tell = |used: &Used| self.tell(files, used, seconds, container_of);
        by_ticks.iter().filter_map(tell).collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "ticks of half a minute")]
    fn tell(
        &self,
        files: &mut Files,
        used: &Used,
        seconds: f32,
        container_of: &dyn Fn(&str) -> Option<String>,
    ) -> Option<Process> {
        let pid = used.pid;
        let name = files
            .read(&format!("/proc/{pid}/stat"))
            .and_then(Stat::read)?
            .name
            .to_owned();
        let container = files.read(&format!("/proc/{pid}/cgroup")).and_then(container_of);
        Some(Process {
            pid,
            name,
            cpu: used.ticks as f32 * 100.0 / self.ticks_per_second as f32 / seconds,
            memory: used.pages * self.page,
            container,
        })
    }
}

/// Keeps the largest few, the largest first.
fn keep(largest: &mut Vec<Used>, one: Used, by: impl Fn(&Used) -> u64) {
    let place = largest.partition_point(|other| by(other) >= by(&one));
    if place < TOP {
        largest.truncate(TOP - 1);
        largest.insert(place, one);
    }
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// How many there are.
pub(super) fn count() -> u32 {
    u32::try_from(pids().count()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let text = "42 (a) b (c) S 7 42 42 0 -1 4194560 100 0 0 0 30 12 0 0 20 0 1 0 9000 8192 3 1844 0\n";
        let wanted = Stat {
            name: "a) b (c",
            parent: 7,
            ticks: 42,
            started: 9000,
            virtual_bytes: 8192,
            pages: 3,
        };
        assert_eq!(Stat::read(text), Some(wanted));
        assert_eq!(Stat::read("42 (cut"), None);
    }

    #[test]
    fn the_largest_few_are_kept() {
        let mut kept = Vec::new();
        for ticks in [3, 9, 1, 7, 5, 8, 2] {
            keep(
                &mut kept,
                Used {
                    pid: 1,
                    ticks,
                    pages: 0,
                },
                |used| used.ticks,
            );
        }
        assert_eq!(
            kept.iter().map(|used| used.ticks).collect::<Vec<_>>(),
            [9, 8, 7, 5, 3]
        );
    }
}
