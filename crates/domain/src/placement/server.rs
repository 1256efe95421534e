//! Servers as placement sees them, what is wished for, and the order of servers for a wish.

use std::collections::{BTreeMap, BTreeSet};

use super::{Amounts, Choice, Country, Need, Policy, Reason, Taint, Toleration, judge};
use crate::{InstanceId, ServerId, instance::EnvironmentType};

/// What a server uses just now. What is not known is not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// Of its CPU, from 0 to 1.
    pub cpu: Option<f64>,
    /// Of its memory, from 0 to 1.
    pub memory: Option<f64>,
    /// Free bytes on the file system that holds Docker's data.
    pub disk_free_bytes: Option<u64>,
}

/// An instance that a server bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resident {
    /// Which one.
    pub id: InstanceId,
    /// What it is for.
    pub environment: EnvironmentType,
    /// Whose it is.
    pub group: Option<String>,
    /// It stands beside no other of its group.
    pub anti_affinity: bool,
    /// What is promised to it.
    pub amounts: Amounts,
}

/// A server as placement sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Which one.
    pub id: ServerId,
    /// Its name.
    pub name: String,
    /// Why it takes nothing now, if so: it is not active, or was never looked at.
    pub unavailable: Option<String>,
    /// It takes nothing new, on somebody's word.
    pub cordoned: bool,
    /// Logical cores.
    pub cores: u32,
    /// What it can promise in all.
    pub capacity: Amounts,
    /// What it bears.
    pub residents: Vec<Resident>,
    /// What it uses just now.
    pub current: Use,
    /// In which country it is.
    pub country: Option<Country>,
    /// In which region, in the operator's own words.
    pub region: Option<String>,
    /// Words by name.
    pub labels: BTreeMap<String, String>,
    /// What it repels instances by.
    pub taints: Vec<Taint>,
    /// It takes instances of this group only.
    pub dedicated_to: Option<String>,
    /// Production on it stands beside nothing else.
    pub separate_production: bool,
}

impl Server {
    /// What is promised on it.
    pub fn promised(&self) -> Amounts {
        self.residents
            .iter()
            .fold(Amounts::default(), |sum, resident| sum.plus(resident.amounts))
    }

    /// What it has left to promise.
    pub fn free(&self) -> Amounts {
        self.capacity.minus(self.promised())
    }
}

/// What is wished for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What it takes.
    pub need: Need,
    /// Whose it is.
    pub group: Option<String>,
    /// It is to stand beside no other of its group.
    pub anti_affinity: bool,
    /// Where its users are.
    pub country: Option<Country>,
    /// In which region it should be.
    pub region: Option<String>,
    /// Labels that the server must have.
    pub labels: BTreeMap<String, String>,
    /// Taints that it bears.
    pub tolerations: Vec<Toleration>,
    /// Servers that are out of the question.
    pub not_on: BTreeSet<ServerId>,
}

impl Wish {
    /// A wish for room and nothing else.
    pub const fn of(need: Need) -> Self {
        Self {
            need,
            group: None,
            anti_affinity: false,
            country: None,
            region: None,
            labels: BTreeMap::new(),
            tolerations: Vec::new(),
            not_on: BTreeSet::new(),
        }
    }
}

/// What came of looking at a server.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It can take the instance.
    Suits {
        /// From 0 to 100.
        score: u8,
        /// What the score is made of.
        reasons: Vec<Reason>,
    },
    /// It cannot.
    Refused {
        /// All that stands in the way.
        reasons: Vec<Reason>,
    },
}

/// A server with what came of looking at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// Which one.
    pub server: ServerId,
    /// Its name.
    pub name: String,
    /// What the instance would take there.
    pub amounts: Amounts,
    /// Whether it can take it, and how well it suits.
    pub verdict: Verdict,
}

impl Placed {
    /// The score, if it can take it.
    pub const fn score(&self) -> Option<u8> {
        match &self.verdict {
            Verdict::Suits { score, .. } => Some(*score),
            Verdict::Refused { .. } => None,
        }
    }
}

/// Every server for a wish: those that can take it first, best first; of equals, by name.
pub fn rank(wish: &Wish, policy: Policy, servers: &[Server]) -> Vec<Placed> {
    let mut placed: Vec<Placed> = servers
        .iter()
        .filter(|server| !wish.not_on.contains(&server.id))
        .map(|server| Placed {
            server: server.id,
            name: server.name.clone(),
            amounts: wish.need.amounts(server.cores, server.free().memory_bytes),
            verdict: judge(wish, policy, Choice::Ours, server),
        })
        .collect();
    placed.sort_by(|a, b| {
        b.score()
            .cmp(&a.score())
            .then_with(|| a.name.to_lowercase().cmp(&b.name.to_lowercase()))
            .then_with(|| a.server.cmp(&b.server))
    });
    placed
}
