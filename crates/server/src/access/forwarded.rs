//! The address of a client behind reverse proxies.

use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// Maximum number of addresses that are read, from the right.
const MAX_HOPS: usize = 32;

/// Returns true if an address is that of a trusted proxy.
pub(crate) fn is_proxy(ip: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&ip))
}

/// Returns the address of the client: that of the peer, or if the peer is a trusted proxy, the right-most address in
/// `X-Forwarded-For` that is not one. `values` are the values of that header in order. A malformed entry ends the search,
/// as what is left of it may be the invention of a client.
pub(crate) fn client_ip<'a>(
    peer: IpAddr,
    values: impl DoubleEndedIterator<Item = &'a str>,
    trusted: &[IpNet],
) -> IpAddr {
    let peer = peer.to_canonical();
    let mut client = peer;
    if !is_proxy(peer, trusted) {
        return peer;
    }
    for entry in values.rev().flat_map(|value| value.rsplit(',')).take(MAX_HOPS) {
        let Some(ip) = parse(entry.trim()) else { break };
        client = ip;
        if !is_proxy(ip, trusted) {
            break;
        }
    }
    client
}

/// Parses an address, which some proxies send with a port.
fn parse(text: &str) -> Option<IpAddr> {
    let ip = text.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|addr| addr.ip()));
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    ip.ok().or_else(in_brackets).map(|ip| ip.to_canonical())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn client(peer: &str, values: &[&str]) -> String {
        let trusted = ["127.0.0.0/8".parse().unwrap(), "10.0.0.1/32".parse().unwrap()];
        client_ip(peer.parse().unwrap(), values.iter().copied(), &trusted).to_string()
    }

    #[test]
    fn client_ip_is_the_rightmost_that_is_no_proxy() {
        assert_eq!(client("127.0.0.1", &["192.0.2.9, 198.51.100.7, 10.0.0.1"]), "198.51.100.7");
        assert_eq!(client("127.0.0.1", &["192.0.2.9", "198.51.100.7", "10.0.0.1"]), "198.51.100.7");
        assert_eq!(client("::ffff:127.0.0.1", &["[2001:db8::1]:443"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1:55"]), "192.0.2.1");
    }

    #[test]
    fn client_ip_of_an_untrusted_peer_ignores_the_header() {
        assert_eq!(client("192.0.2.1", &["127.0.0.1"]), "192.0.2.1");
    }

    #[test]
    fn client_ip_stops_at_malformed_entries() {
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1, evil"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1, evil, 10.0.0.1"]), "10.0.0.1");
        assert_eq!(client("127.0.0.1", &["192.0.2.1,"]), "127.0.0.1");
    }

    proptest! {
        #[test]
        fn client_ip_of_any_text_does_not_panic(values in prop::collection::vec("[0-9a-f:., \\[\\]x]{0,60}", 0..4)) {
            let trusted = ["0.0.0.0/1".parse().unwrap()];
            client_ip("127.0.0.1".parse().unwrap(), values.iter().map(String::as_str), &trusted);
        }
    }
}
