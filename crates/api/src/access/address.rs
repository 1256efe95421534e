//! From which address a request came.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, request::Parts},
};

/// How many proxies stand in front of oCore. Each adds the address it was called from to `X-Forwarded-For`; what stands
/// there before is whatever the caller wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proxies(pub usize);

impl Proxies {
    /// The address of who sent a request, as far as it is known.
    pub(super) fn address(self, parts: &Parts) -> Option<IpAddr> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map(|info| info.0.ip());
        if self.0 == 0 {
            return peer;
        }
        self.forwarded(&parts.headers).or(peer)
    }

    fn forwarded(self, headers: &HeaderMap) -> Option<IpAddr> {
        let hops: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            .collect();
        hops.get(hops.len().checked_sub(self.0)?)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_caller_wrote_is_not_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "6.6.6.6, 203.0.113.9".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.2".parse().unwrap());
        let told = |proxies| Proxies(proxies).forwarded(&headers).map(|a| a.to_string());
        assert_eq!(told(1).as_deref(), Some("10.0.0.2"));
        assert_eq!(told(2).as_deref(), Some("203.0.113.9"));
        assert_eq!(told(4), None);
    }
}
