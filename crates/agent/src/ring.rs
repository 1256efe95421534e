//! What is not delivered yet: encoded samples in their order, up to a number of bytes.

use std::collections::VecDeque;

use ocore_telemetry::{MAX_BYTES, MAX_SAMPLES};

/// The most bytes that are kept: some hours of a server with twenty containers.
const LIMIT: usize = 2 << 20;
/// What a batch has beside its samples, generously.
const ENVELOPE: usize = 1024;

/// Samples that wait, the oldest first.
#[derive(Debug)]
pub(crate) struct Ring {
    samples: VecDeque<Waiting>,
    bytes: usize,
    limit: usize,
    lost: u64,
    /// How many fell out at the front, ever.
    fallen: usize,
}

#[derive(Debug)]
struct Waiting {
    at: i64,
    encoded: Vec<u8>,
}

/// A batch that is under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    /// How many samples are in it.
    pub(crate) count: usize,
    /// How many it says were lost.
    pub(crate) lost: u64,
    fallen: usize,
}

impl Ring {
    pub(crate) const fn new() -> Self {
        Self::bounded(LIMIT)
    }

    const fn bounded(limit: usize) -> Self {
        Self {
            samples: VecDeque::new(),
            bytes: 0,
            limit,
            lost: 0,
            fallen: 0,
        }
    }

    /// Takes a sample; the oldest go when there is no room.
    pub(crate) fn push(&mut self, at: i64, encoded: Vec<u8>) {
        if encoded.len() > MAX_BYTES - ENVELOPE {
            self.lost += 1;
            return;
        }
        self.bytes += encoded.len();
        self.samples.push_back(Waiting { at, encoded });
        while self.bytes > self.limit && self.pop() {
            self.lost += 1;
            self.fallen += 1;
        }
    }

    fn pop(&mut self) -> bool {
        let oldest = self.samples.pop_front();
        self.bytes -= oldest.as_ref().map_or(0, |oldest| oldest.encoded.len());
        oldest.is_some()
    }

    /// How many samples wait.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// The samples of the next batch: the oldest, as many as fit, and only while their times rise. A clock that was set
    /// back begins another batch.
    pub(crate) fn next(&self) -> (Ticket, Vec<&[u8]>) {
        let (mut bytes, mut last) = (ENVELOPE, i64::MIN);
        let fits = |waiting: &&Waiting| {
            bytes += waiting.encoded.len();
            let fits = bytes <= MAX_BYTES && waiting.at > last;
            last = waiting.at;
            fits
        };
        let oldest = self.samples.iter().take(MAX_SAMPLES).take_while(fits);
        let samples: Vec<&[u8]> = oldest.map(|waiting| waiting.encoded.as_slice()).collect();
        let ticket = Ticket {
            count: samples.len(),
            lost: self.lost,
            fallen: self.fallen,
        };
        (ticket, samples)
    }

    /// A batch was delivered. What fell out of the ring while it was under way was in it, and is not lost.
    pub(crate) fn delivered(&mut self, batch: Ticket) {
        let gone = (self.fallen - batch.fallen).min(batch.count);
        self.lost -= batch.lost + u64::try_from(gone).unwrap_or(0);
        for _ in gone..batch.count {
            self.pop();
        }
        if self.samples.is_empty() {
            // After a long cut the room is given back.
            self.samples.shrink_to(64);
        }
    }

    /// The same of a batch that nobody wants.
    pub(crate) fn refused(&mut self, batch: Ticket) {
        self.delivered(batch);
        self.lost += batch.lost + u64::try_from(batch.count).unwrap_or(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(times: impl IntoIterator<Item = i64>, limit: usize) -> Ring {
        let mut ring = Ring::bounded(limit);
        for at in times {
            ring.push(at, vec![u8::try_from(at).unwrap_or(0); 10]);
        }
        ring
    }

    fn firsts(ring: &Ring) -> Vec<u8> {
        ring.next().1.iter().map(|sample| sample[0]).collect()
    }

    fn push(ring: &mut Ring, times: impl IntoIterator<Item = u8>) {
        for at in times {
            ring.push(at.into(), vec![at; 10]);
        }
    }

    #[test]
    fn the_oldest_go_when_it_is_full_and_are_counted() {
        let ring = filled(1..=10, 55);
        assert_eq!((ring.len(), ring.next().0.lost), (5, 5));
        assert_eq!(firsts(&ring), [6, 7, 8, 9, 10]);
    }

    #[test]
    fn a_batch_is_bounded_and_its_times_rise() {
        assert_eq!(filled(1..=40, 10_000).next().0.count, MAX_SAMPLES);
        assert_eq!(firsts(&filled([1, 2, 3, 2, 3], 10_000)), [1, 2, 3]);
        let mut ring = Ring::new();
        for at in 0..3 {
            ring.push(at, vec![0; 600 << 10]);
        }
        let (batch, _) = ring.next();
        assert_eq!(batch.count, 1);
        ring.push(4, vec![0; MAX_BYTES]);
        ring.delivered(batch);
        assert_eq!((ring.len(), ring.lost), (2, 1));
    }

    #[test]
    fn what_was_delivered_goes_and_what_came_meanwhile_stays() {
        let mut ring = filled(1..=3, 10_000);
        let (batch, _) = ring.next();
        push(&mut ring, [4]);
        ring.delivered(batch);
        assert_eq!((firsts(&ring), ring.lost), (vec![4], 0));
    }

    #[test]
    fn what_fell_out_while_it_was_under_way_is_not_lost() {
        let mut ring = filled(1..=5, 50);
        let mut batch = ring.next().0;
        batch.count = 3;
        push(&mut ring, [6, 7]);
        // 1 and 2 fell out and were in the batch; 3 was too, and is still there.
        ring.delivered(batch);
        assert_eq!((firsts(&ring), ring.lost), (vec![4, 5, 6, 7], 0));
    }

    #[test]
    fn what_fell_out_beyond_the_batch_is_lost() {
        let mut ring = filled(1..=5, 50);
        let mut batch = ring.next().0;
        batch.count = 3;
        push(&mut ring, 6..=9);
        ring.delivered(batch);
        assert_eq!((firsts(&ring), ring.lost), (vec![5, 6, 7, 8, 9], 1));
    }

    #[test]
    fn a_refused_batch_counts_as_lost() {
        let mut ring = filled(1..=3, 10_000);
        let (batch, _) = ring.next();
        ring.refused(batch);
        assert_eq!((ring.len(), ring.lost), (0, 3));
        push(&mut ring, [4]);
        let (batch, _) = ring.next();
        assert_eq!(batch.lost, 3);
        ring.delivered(batch);
        assert_eq!(ring.lost, 0);
    }
}
