//! Where an instance goes: which servers can take it, how well each suits, and why.
//!
//! Rules only: what servers have and what is promised on them is handed in. What is *promised* counts, not what is used
//! just now: an instance may use all that it asked for at any time. Memory and disk are never promised twice; cores are
//! promised [`CPU_OVERCOMMIT`] times, because a limit on CPU is a ceiling that is seldom reached by all at once.

mod amounts;
mod judge;
mod need;
mod place;
mod reason;
mod server;
mod taint;

pub use amounts::{Amounts, CPU_OVERCOMMIT, capacity, memory_reserve};
pub use judge::{Choice, judge};
pub use need::{DISK, Need};
pub use place::{Country, kilometres, round_trip_ms};
pub use reason::{Reason, ReasonCode};
pub use server::{Placed, Resident, Server, Use, Verdict, Wish, rank};
pub use taint::{Taint, Toleration};

use crate::words::words;

words! {
    /// Which of the servers that can take an instance is preferred.
    #[derive(Default)]
    pub enum Policy {
        /// The one with most room left: a busy neighbour hurts least.
        #[default]
        Spread = "spread",
        /// The fullest that still has room: servers stay free for what is large, or can be given back.
        Pack = "pack",
    }
}

#[cfg(test)]
mod tests;
