//! Rules about addresses: usable ones, groups with one owner, and referrals from one host to another.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The unit by which limits on remote machines are counted: an IPv4 address or an IPv6 /64, which one site usually
/// owns as a whole.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Host {
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address.
    V6([u8; 8]),
}

impl Host {
    /// Returns the host of an address. An IPv4-mapped IPv6 address counts as IPv4.
    ///
    /// ```
    /// use ztor_base::Host;
    ///
    /// let host = Host::of("2001:db8:1:2::7".parse()?);
    /// assert_eq!(host, Host::of("2001:db8:1:2:ffff::9".parse()?));
    /// assert_eq!(host.to_string(), "2001:db8:1:2::/64");
    /// assert_ne!(Host::of("192.0.2.1".parse()?), Host::of("192.0.2.2".parse()?));
    /// assert_eq!(Host::of("::ffff:192.0.2.1".parse()?), Host::of("192.0.2.1".parse()?));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.octets()),
            IpAddr::V6(ip) => {
                let [a, b, c, d, e, f, g, h, ..] = ip.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Host {
    /// Returns the first address of the host.
    pub fn first(self) -> IpAddr {
        match self {
            Self::V4(octets) => octets.into(),
            Self::V6([a, b, c, d, e, f, g, h]) => [a, b, c, d, e, f, g, h, 0, 0, 0, 0, 0, 0, 0, 0].into(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(octets) => std::net::Ipv4Addr::from(*octets).fmt(f),
            Self::V6(_) => write!(f, "{}/64", self.first()),
        }
    }
}

/// Returns the address in its own family: an IPv4-mapped address of a dual-stack socket becomes IPv4.
pub fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

/// Returns true if an address is meaningful only on this machine or in its network. These are loopback, private,
/// link-local and unique local addresses, the shared space of carrier-grade NAT (100.64.0.0/10, RFC 6598), and the
/// unspecified address, which systems treat as this machine.
pub fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            is_shared || ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
    }
}

/// Returns true if a peer could listen at an address: it has a port, and the IP can belong to one machine.
pub fn is_dialable(addr: SocketAddr) -> bool {
    let is_possible = match addr.ip().to_canonical() {
        // Class E and the broadcast address lie above the multicast groups.
        IpAddr::V4(ip) => !matches!(ip.octets()[0], 0 | 224..),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
    };
    is_possible && addr.port() != 0
}

/// Returns true if a host at `teller` may refer us to `ip`. Only local hosts may refer us to local addresses, and only
/// this machine to itself.
pub fn may_refer(teller: IpAddr, ip: IpAddr) -> bool {
    let (teller, ip) = (teller.to_canonical(), ip.to_canonical());
    if ip.is_loopback() || ip.is_unspecified() {
        teller.is_loopback()
    } else {
        !is_local(ip) || is_local(teller)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn host_of_ipv6_is_its_64() {
        assert_eq!(Host::of(ip("2001:db8:1:2::1")), Host::of(ip("2001:db8:1:2:ffff::9")));
        assert_ne!(Host::of(ip("2001:db8:1:2::1")), Host::of(ip("2001:db8:1:3::1")));
        assert_eq!(Host::of(ip("::ffff:192.0.2.1")), Host::of(ip("192.0.2.1")));
        assert_ne!(Host::of(ip("192.0.2.1")), Host::of(ip("192.0.2.2")));
        assert_eq!(Host::of(ip("2001:db8:1:2::1")).to_string(), "2001:db8:1:2::/64");
        assert_eq!(Host::of(ip("192.0.2.1")).to_string(), "192.0.2.1");
    }

    #[test]
    fn is_local_for_local_addresses_of_both_families_is_true() {
        for text in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "0.0.0.0",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "::ffff:10.0.0.1",
        ] {
            assert!(is_local(ip(text)), "{text}");
        }
        for text in ["8.8.8.8", "100.63.0.1", "100.128.0.1", "172.32.0.1", "2001:db8::1", "fec0::1"] {
            assert!(!is_local(ip(text)), "{text}");
        }
    }

    #[test]
    fn addresses_of_no_machine_are_not_dialable() {
        for text in ["0.1.2.3:5", "224.0.0.1:5", "255.255.255.255:5", "240.0.0.1:5", "8.8.8.8:0", "[::]:5"] {
            assert!(!is_dialable(text.parse().unwrap()), "{text}");
        }
        for text in ["[ff02::1]:5", "[2001:db8::1]:0", "[::ffff:0.0.0.0]:5"] {
            assert!(!is_dialable(text.parse().unwrap()), "{text}");
        }
        for text in ["8.8.8.8:1", "127.0.0.1:1", "[2001:db8::1]:65535", "[::1]:9"] {
            assert!(is_dialable(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn may_refer_from_outside_into_our_network_is_false() {
        for (teller, to) in [
            ("8.8.8.8", "9.9.9.9"),
            ("192.168.1.1", "192.168.1.2"),
            ("192.168.1.1", "8.8.8.8"),
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "10.0.0.1"),
        ] {
            assert!(may_refer(ip(teller), ip(to)), "{teller} to {to}");
        }
        for (teller, to) in [
            ("8.8.8.8", "192.168.1.1"),
            ("8.8.8.8", "100.64.0.1"),
            ("8.8.8.8", "0.0.0.0"),
            ("192.168.1.1", "127.0.0.1"),
            ("192.168.1.1", "0.0.0.0"),
            ("2001:db8::1", "fe80::1"),
            ("8.8.8.8", "::ffff:10.0.0.1"),
        ] {
            assert!(!may_refer(ip(teller), ip(to)), "{teller} to {to}");
        }
    }
}
