//! Interfaces: `/proc/net/dev`.

use std::{collections::HashMap, path::Path};

use ocore_telemetry::Network;

use crate::files::{Files, risen};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counters {
    pub(crate) received: u64,
    pub(crate) sent: u64,
    pub(crate) errors: u64,
}

/// Interfaces by name; none: not one to the outside.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    before: HashMap<String, Option<Counters>>,
}

impl Networks {
    pub(super) fn sample(&mut self, files: &mut Files) -> Vec<Network> {
        let mut networks = Vec::new();
        let Some(text) = files.read("/proc/net/dev") else {
            return networks;
        };
        // Those of containers come and go under names of their own.
        if self.before.len() > 1024 {
            self.before.clear();
        }
        for (name, now) in text.lines().filter_map(counters) {
            match self.before.get_mut(name) {
                None => {
                    let seen = is_outside(name).then_some(now);
                    self.before.insert(name.to_owned(), seen);
                }
                Some(None) => {}
                Some(Some(before)) => {
                    networks.push(Network {
                        name: name.to_owned(),
                        received: risen(before.received, now.received),
                        sent: risen(before.sent, now.sent),
                        errors: risen(before.errors, now.errors),
                    });
                    *before = now;
                }
            }
        }
        networks
    }
}

/// Name and counters of a line: bytes, packets, errors, dropped … both ways.
pub(crate) fn counters(line: &str) -> Option<(&str, Counters)> {
    let (name, numbers) = line.split_once(':')?;
    let mut values = [0_u64; 12];
    let mut words = numbers.split_ascii_whitespace();
    for value in &mut values {
        *value = words.next()?.parse().ok()?;
    }
    let counters = Counters {
        received: values[0],
        sent: values[8],
        errors: values[2] + values[3] + values[10] + values[11],
    };
    Some((name.trim(), counters))
}

/// Whether an interface leads outside: not the loopback, no bridge, none of a container or tunnel, and not one that is
/// made of others, which would count twice.
fn is_outside(name: &str) -> bool {
    let inside = [
        "veth", "br-", "docker", "virbr", "cni", "flannel", "cali", "tun", "tap", "wg", "dummy", "ifb",
        "vnet",
    ];
    let sys = Path::new("/sys/class/net").join(name);
    name != "lo"
        && !name.contains('.')
        && !inside.iter().any(|begin| name.starts_with(begin))
        && !sys.join("bridge").exists()
        && !sys.join("bonding").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "  eth0: 1000 10 1 2 0 0 0 0  2000 20 3 4 0 0 0 0";
        let wanted = Counters {
            received: 1000,
            sent: 2000,
            errors: 10,
        };
        assert_eq!(counters(line), Some(("eth0", wanted)));
        assert_eq!(counters(" face |bytes packets|bytes"), None);
    }

    #[test]
    fn only_what_leads_outside_is_told() {
        for (name, outside) in [
            ("eth0", true),
            ("ens3", true),
            ("lo", false),
            ("docker0", false),
            ("br-4f1", false),
            ("veth12ab", false),
            ("eth0.100", false),
        ] {
            assert_eq!(is_outside(name), outside, "{name}");
        }
    }
}
