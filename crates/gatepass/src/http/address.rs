//! The address of whoever sent a request.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::{extract::ConnectInfo, http::Extensions, http::HeaderMap};

/// The peer, or what our reverse proxy says about it.
///
/// Only the last entry of `X-Forwarded-For` counts: the proxy next to us wrote it, and everything
/// before it was sent by the client.
pub fn client(extensions: &Extensions, headers: &HeaderMap, behind_proxy: bool) -> Option<IpAddr> {
    let peer = extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    if !behind_proxy {
        return peer;
    }
    headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|line| line.to_str().ok())
        .and_then(|line| line.rsplit(',').next())
        .and_then(|entry| entry.trim().parse().ok())
        .or(peer)
}

/// The part of an address that one subscriber has: all of IPv4, the first 64 bits of IPv6.
pub fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(forwarded: &[&'static str], behind_proxy: bool) -> String {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::from(([10, 0, 0, 1], 9))));
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        client(&extensions, &headers, behind_proxy)
            .unwrap()
            .to_string()
    }

    #[test]
    fn forwarded_addresses_count_only_behind_a_proxy_and_only_the_last() {
        assert_eq!(seen(&["203.0.113.9"], false), "10.0.0.1");
        assert_eq!(seen(&["198.51.100.1, 203.0.113.9"], true), "203.0.113.9");
        assert_eq!(seen(&["198.51.100.1", "203.0.113.9"], true), "203.0.113.9");
        assert_eq!(seen(&["nonsense"], true), "10.0.0.1");
        assert_eq!(seen(&[], true), "10.0.0.1");
    }

    #[test]
    fn ipv6_neighbours_are_one_subscriber() {
        let one = subscriber("2001:db8:1:2:3:4:5:6".parse().unwrap());
        assert_eq!(one, subscriber("2001:db8:1:2::9".parse().unwrap()));
        assert_ne!(one, subscriber("2001:db8:1:3::9".parse().unwrap()));
        assert_eq!(
            subscriber("::ffff:192.0.2.1".parse().unwrap()).to_string(),
            "192.0.2.1"
        );
    }
}
