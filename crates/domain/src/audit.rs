//! The record of who did what is a chain of hashes: its links, and the check that none was changed, moved or taken away.
//!
//! The check needs nothing but the links, so that it is the same in the API and in the command line, which makes it of an
//! export without trusting whoever sent it.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// An entry in its place in a chain. As JSON it is a line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number, from 1.
    pub seq: i64,
    /// The hash of the entry before it; empty for the first.
    #[serde(with = "hex")]
    pub previous: Vec<u8>,
    /// Its own: SHA-256 of the one before, its number, a colon, and its text.
    #[serde(with = "hex")]
    pub hash: Vec<u8>,
    /// Its text, as it was hashed.
    pub entry: String,
}

impl Link {
    /// What its hash has to be.
    pub fn digest(&self) -> Vec<u8> {
        let mut digest = Sha256::new();
        digest.update(&self.previous);
        digest.update(self.seq.to_string());
        digest.update(":");
        digest.update(&self.entry);
        digest.finalize().to_vec()
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        Place {
            seq: self.seq,
            hash: self.hash.clone(),
        }
    }
}

/// A place in a chain: an entry's number and hash. Whoever keeps one can tell later whether everything up to it is still
/// as it was. As text it is `17:9f86d0…`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The entry's number; 0 before the first.
    pub seq: i64,
    /// Its hash; empty before the first.
    pub hash: Vec<u8>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, hex::encode(&self.hash))
    }
}

impl std::str::FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(seq, hash)| {
            let place = Self {
                seq: seq.parse().ok()?,
                hash: hex::decode(hash).ok()?,
            };
            let fits = if place.seq == 0 {
                place.hash.is_empty()
            } else {
                place.seq > 0 && place.hash.len() == 32
            };
            fits.then_some(place)
        });
        parts.ok_or_else(|| "must be an entry's number, a colon and the 64 digits of its hash".to_owned())
    }
}

/// What is wrong with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Entries after it are there, and it is not.
    Missing,
    /// Its number is that of an entry before it, or less.
    OutOfOrder,
    /// It names another hash than that of the entry before it.
    Detached,
    /// Its hash is not that of its text.
    Altered,
    /// It and all after it are gone, though the chain is known to be longer.
    CutOff,
    /// It stands after the end that the chain is known to have.
    BeyondEnd,
    /// It is the last one, and not the one that the chain is known to end with.
    OtherEnd,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the entry is missing, and later ones are there",
            Self::OutOfOrder => "the entry's number was there before",
            Self::Detached => {
                "the entry does not follow the one before it: it names another hash than that one has, so one of the two was \
                 changed or replaced"
            }
            Self::Altered => "the entry was changed: its text, its number and what it follows do not give its hash",
            Self::CutOff => "the entry is missing, and everything after it: the chain is known to be longer",
            Self::BeyondEnd => "the entry is beyond the end that the chain is known to have",
            Self::OtherEnd => "the entry is not the one that the chain is known to end with",
        })
    }
}

/// The first entry that is not as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Its number.
    pub seq: i64,
    /// What is wrong with it.
    pub fault: Fault,
}

/// The check of a chain, fed with its links in the order in which they are kept.
#[derive(Clone, Debug)]
pub struct ChainCheck {
    /// Up to where it is sound; unknown before the first link of a part whose beginning is not known.
    last: Option<Place>,
    entries: u64,
    broken: Option<Broken>,
}

impl ChainCheck {
    /// A check of what comes after a place. The beginning of a whole chain is `Place::default()`; once old entries were
    /// taken away, it is the last of those.
    pub const fn after(place: Place) -> Self {
        Self {
            last: Some(place),
            entries: 0,
            broken: None,
        }
    }

    /// A check of a part whose beginning is not known: its first link is taken to be in its place.
    pub const fn of_part() -> Self {
        Self {
            last: None,
            entries: 0,
            broken: None,
        }
    }

    /// Takes the next link. After a fault nothing more is looked at: everything after it hangs on it.
    pub fn feed(&mut self, link: &Link) {
        if self.broken.is_some() {
            return;
        }
        self.broken = self.fault(link);
        if self.broken.is_none() {
            self.entries += 1;
            self.last = Some(link.place());
        }
    }

    fn fault(&self, link: &Link) -> Option<Broken> {
        let at = |seq, fault| Some(Broken { seq, fault });
        if let Some(last) = &self.last {
            let expected = last.seq.saturating_add(1);
            if link.seq > expected {
                return at(expected, Fault::Missing);
            }
            if link.seq < expected {
                return at(link.seq, Fault::OutOfOrder);
            }
            if link.previous != last.hash {
                return at(link.seq, Fault::Detached);
            }
        }
        if link.digest() != link.hash {
            return at(link.seq, Fault::Altered);
        }
        None
    }

    /// Compares the end of what was fed with the end that the chain is known to have.
    pub fn end_at(&mut self, head: &Place) {
        if self.broken.is_some() {
            return;
        }
        let last = self.last.clone().unwrap_or_default();
        let (seq, fault) = if last.seq < head.seq {
            (last.seq.saturating_add(1), Fault::CutOff)
        } else if last.seq > head.seq {
            (head.seq.saturating_add(1), Fault::BeyondEnd)
        } else if last.hash == head.hash {
            return;
        } else {
            (head.seq, Fault::OtherEnd)
        };
        self.broken = Some(Broken { seq, fault });
    }

    /// How many entries are sound.
    pub const fn entries(&self) -> u64 {
        self.entries
    }

    /// Up to where it is sound.
    pub const fn last(&self) -> Option<&Place> {
        self.last.as_ref()
    }

    /// What is wrong, if anything is.
    pub const fn broken(&self) -> Option<Broken> {
        self.broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chain(length: i64) -> Vec<Link> {
        let mut links: Vec<Link> = Vec::new();
        for seq in 1..=length {
            let mut link = Link {
                seq,
                previous: links.last().map(|link| link.hash.clone()).unwrap_or_default(),
                hash: Vec::new(),
                entry: format!(r#"{{"action":"a{seq}"}}"#),
            };
            link.hash = link.digest();
            links.push(link);
        }
        links
    }

    fn check(mut check: ChainCheck, links: &[Link], head: Option<&Place>) -> Option<(i64, Fault)> {
        for link in links {
            check.feed(link);
        }
        if let Some(head) = head {
            check.end_at(head);
        }
        check.broken().map(|broken| (broken.seq, broken.fault))
    }

    #[test]
    fn the_hash_is_that_of_a_known_text() {
        // printf '1:{"action":"a1"}' | sha256sum
        assert_eq!(
            hex::encode(&chain(1)[0].hash),
            "70613b50fd7f316692dc238a7681051087a066f9314aecbed66510323cd603b1"
        );
    }

    #[test]
    fn a_sound_chain_is_sound_from_everywhere() {
        let links = chain(5);
        let head = links[4].place();
        assert_eq!(
            check(ChainCheck::after(Place::default()), &links, Some(&head)),
            None
        );
        assert_eq!(
            check(ChainCheck::after(links[1].place()), &links[2..], Some(&head)),
            None
        );
        assert_eq!(check(ChainCheck::of_part(), &links[3..], Some(&head)), None);
        assert_eq!(check(ChainCheck::after(head.clone()), &[], Some(&head)), None);
        assert_eq!(
            check(ChainCheck::after(Place::default()), &[], Some(&Place::default())),
            None
        );
    }

    #[test]
    fn every_change_is_found_where_it_is() {
        let sound = chain(5);
        let head = sound[4].place();
        let begin = || ChainCheck::after(Place::default());
        let changed = |change: &dyn Fn(&mut Vec<Link>)| {
            let mut links = sound.clone();
            change(&mut links);
            check(begin(), &links, Some(&head))
        };
        for (change, found) in [
            (
                &(|l: &mut Vec<Link>| l[2].entry.push(' ')) as &dyn Fn(&mut Vec<Link>),
                (3, Fault::Altered),
            ),
            (&|l| l[2].hash[0] ^= 1, (3, Fault::Altered)),
            (&|l| l[2].previous[0] ^= 1, (3, Fault::Detached)),
            (&|l| l[2].seq = 9, (3, Fault::Missing)),
            (&|l| l[2].seq = 2, (2, Fault::OutOfOrder)),
            (&|l| drop(l.remove(0)), (1, Fault::Missing)),
            (&|l| drop(l.remove(2)), (3, Fault::Missing)),
            (&|l| drop(l.pop()), (5, Fault::CutOff)),
            (&|l| l.clear(), (1, Fault::CutOff)),
            (&|l| l.swap(1, 2), (2, Fault::Missing)),
            // The text of one entry in the place of another.
            (
                &|l| {
                    let other = l[3].entry.clone();
                    l[1].entry = other;
                },
                (2, Fault::Altered),
            ),
            // Changed, and its hash made to fit: then the next one does not.
            (
                &|l| {
                    l[2].entry.push(' ');
                    l[2].hash = l[2].digest();
                },
                (4, Fault::Detached),
            ),
            // The same with the last one: only the known end tells.
            (
                &|l| {
                    l[4].entry.push(' ');
                    l[4].hash = l[4].digest();
                },
                (5, Fault::OtherEnd),
            ),
        ] {
            assert_eq!(changed(change), Some(found));
        }
        assert_eq!(
            check(begin(), &sound, Some(&sound[2].place())),
            Some((4, Fault::BeyondEnd))
        );
        let other = Place {
            seq: 5,
            hash: vec![7; 32],
        };
        assert_eq!(
            check(ChainCheck::after(other), &chain(6)[5..], None),
            Some((6, Fault::Detached))
        );
    }

    #[test]
    fn a_link_and_a_place_survive_text() {
        let link = chain(2).remove(1);
        let line = serde_json::to_string(&link).unwrap();
        assert!(line.starts_with(r#"{"seq":2,"previous":""#), "{line}");
        assert_eq!(serde_json::from_str::<Link>(&line).unwrap(), link);
        let place = link.place();
        assert_eq!(place.to_string().parse(), Ok(place));
        assert_eq!("0:".parse(), Ok(Place::default()));
        for bad in [
            "",
            "1",
            "1:",
            "1:zz",
            "-1:",
            "x:00",
            "0:00",
            &format!("1:{}", "0".repeat(62)),
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
    }
}
