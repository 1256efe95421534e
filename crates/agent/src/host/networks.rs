//! Interfaces: `/proc/net/dev`.

use std::{collections::HashMap, path::Path};

use ocore_telemetry::{
    Network,
    proc::{NetworkCounters, leads_outside, network as counters},
};

use crate::files::{Files, risen};

/// Interfaces by name; none: not one to the outside.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    before: HashMap<String, Option<NetworkCounters>>,
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

/// Whether an interface leads outside: not the loopback, no bridge, none of a container or tunnel, and not one that is
/// made of others, which would count twice.
fn is_outside(name: &str) -> bool {
    let sys = Path::new("/sys/class/net").join(name);
    leads_outside(name) && !sys.join("bridge").exists() && !sys.join("bonding").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

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
