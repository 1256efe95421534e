//! Interfaces: `/proc/net/dev`.

/// What an interface has counted since it was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NetworkCounters {
    /// Bytes received.
    pub received: u64,
    /// Bytes sent.
    pub sent: u64,
    /// Packets lost or faulty, both ways.
    pub errors: u64,
}

/// Name and counters of a line: bytes, packets, errors, dropped … both ways.
pub fn network(line: &str) -> Option<(&str, NetworkCounters)> {
    let (name, numbers) = line.split_once(':')?;
    let mut values = [0_u64; 12];
    let mut words = numbers.split_ascii_whitespace();
    for value in &mut values {
        *value = words.next()?.parse().ok()?;
    }
    let counters = NetworkCounters {
        received: values[0],
        sent: values[8],
        errors: values[2] + values[3] + values[10] + values[11],
    };
    Some((name.trim(), counters))
}

/// Whether an interface leads outside, by its name: not the loopback, no bridge, none of a container or tunnel.
pub fn leads_outside(name: &str) -> bool {
    let inside = [
        "veth", "br-", "docker", "virbr", "cni", "flannel", "cali", "tun", "tap", "wg", "dummy", "ifb",
        "vnet",
    ];
    name != "lo" && !name.contains('.') && !inside.iter().any(|begin| name.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read() {
        let line = "  eth0: 1000 10 1 2 0 0 0 0  2000 20 3 4 0 0 0 0";
        let wanted = NetworkCounters {
            received: 1000,
            sent: 2000,
            errors: 10,
        };
        assert_eq!(network(line), Some(("eth0", wanted)));
        assert_eq!(network(" face |bytes packets|bytes"), None);
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
            assert_eq!(leads_outside(name), outside, "{name}");
        }
    }
}
