//! Where requests may go. Whoever may make a webhook is not to reach what only this machine can: its own services, its
//! network, the metadata of its cloud.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use tokio::net::lookup_host;

/// Checks an address as far as it can be told without asking a name server. The reason follows "must".
pub fn check(url: &str, allow_private: bool) -> Result<Url, String> {
    let parsed: Url = url
        .parse()
        .map_err(|_| "be an address such as `https://example.com/hook`".to_owned())?;
    let is_plain = parsed.scheme() == "http" && allow_private;
    if parsed.scheme() != "https" && !is_plain {
        return Err("begin with https://".to_owned());
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err("hold no user and no password".to_owned());
    }
    let host = parsed.host_str().unwrap_or_default();
    let literal = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    let is_local_name = host == "localhost" || host.ends_with(".localhost");
    if !allow_private && (is_local_name || literal.is_some_and(|ip| !is_public(ip))) {
        return Err("not be an address of this machine or of a private network".to_owned());
    }
    Ok(parsed)
}

/// The addresses of a host to connect to, of which none is private unless that is allowed. The connection is made to
/// these and no other: a name that answers differently the next time is not asked again.
pub(crate) async fn resolve(url: &Url, allow_private: bool) -> Result<Vec<SocketAddr>, String> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let port = url.port_or_known_default().unwrap_or(443);
    let found: Vec<SocketAddr> = lookup_host((host, port))
        .await
        .map_err(|_| "its host name does not resolve".to_owned())?
        .collect();
    let fit: Vec<SocketAddr> = found
        .iter()
        .copied()
        .filter(|address| allow_private || is_public(address.ip()))
        .collect();
    if fit.is_empty() {
        return Err(
            "it is an address of this machine or of a private network; OCORE_WEBHOOK_ALLOW_PRIVATE=true allows those"
                .to_owned(),
        );
    }
    Ok(fit)
}

/// Whether an address is one of the internet.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = ip.is_unspecified()
        || ip.is_loopback()
        || ip.is_private()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_broadcast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers, assignments of protocols, benchmarks.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19));
    !is_special
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let segments = ip.segments();
    let last = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        Ipv4Addr::new(a, b, c, d)
    };
    if let Some(inside) = ip.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    match segments {
        // Translated to IPv4, and tunnelled through it.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => is_public_v4(last(high, low)),
        // Teredo and documentation.
        [0x2001, 0 | 0xdb8, ..] => false,
        // Global unicast, and nothing else.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_known_in_every_guise() {
        for ip in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "240.0.0.1",
            "192.0.2.1",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn what_may_not_be_asked_is_refused_before_it_is_kept() {
        for url in [
            "",
            "hook",
            "http://example.com",
            "ftp://example.com",
            "https://user:pass@example.com/",
            "https://localhost/",
            "https://a.localhost/",
            "https://127.0.0.1/",
            "https://[::1]/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:10.0.0.1]/",
            "file:///etc/passwd",
        ] {
            assert!(check(url, false).is_err(), "{url}");
        }
        assert!(check("https://example.com:8443/hook?a=b", false).is_ok());
        assert!(check("http://127.0.0.1:9/hook", true).is_ok());
        assert!(check("ftp://127.0.0.1/", true).is_err());
    }

    #[tokio::test]
    async fn names_are_judged_by_what_they_resolve_to() {
        let local = check("http://localhost:9/", true).unwrap();
        assert!(resolve(&local, false).await.is_err());
        assert!(!resolve(&local, true).await.unwrap().is_empty());
    }
}
