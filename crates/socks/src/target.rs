//! Destinations behind a proxy, and their form in SOCKS5.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Types of addresses in SOCKS5 (RFC 1928, section 5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// A destination behind a proxy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An address.
    Addr(SocketAddr),
    /// A name, which the proxy resolves, and a port.
    Name(String, u16),
}

impl From<SocketAddr> for Target {
    fn from(addr: SocketAddr) -> Self {
        Self::Addr(addr)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addr(addr) => addr.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

impl Target {
    /// Returns the port.
    pub fn port(&self) -> u16 {
        match self {
            Self::Addr(addr) => addr.port(),
            Self::Name(_, port) => *port,
        }
    }

    /// Returns true if every protocol can carry the target: a name has 1 to 255 bytes, and consists of what occurs in
    /// host names, so that it cannot end a line or a text early.
    pub(crate) fn is_sendable(&self) -> bool {
        match self {
            Self::Addr(_) => true,
            Self::Name(name, _) => is_host_name(name),
        }
    }

    /// Appends type, address and port. A name longer than 255 bytes is cut; [`is_sendable`](Self::is_sendable) refuses
    /// those before.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Addr(addr) => match addr.ip().to_canonical() {
                IpAddr::V4(ip) => {
                    out.push(IPV4);
                    out.extend_from_slice(&ip.octets());
                }
                IpAddr::V6(ip) => {
                    out.push(IPV6);
                    out.extend_from_slice(&ip.octets());
                }
            },
            Self::Name(name, _) => {
                let len = name.len().min(255);
                out.extend_from_slice(&[NAME, len as u8]);
                out.extend_from_slice(&name.as_bytes()[..len]);
            }
        }
        out.extend_from_slice(&self.port().to_be_bytes());
    }

    /// Splits type, address and port off the start of `bytes`. Returns `Ok(None)` if more bytes are needed, and the
    /// number of bytes otherwise. A name that is not UTF-8 has replacement characters.
    ///
    /// # Errors
    /// The type is unknown, and is returned.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(Self, usize)>, u8> {
        let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
        let decoded = match kind {
            IPV4 => rest.split_first_chunk::<4>().map(|(ip, rest)| (Ok(Ipv4Addr::from(*ip).into()), rest)),
            IPV6 => rest.split_first_chunk::<16>().map(|(ip, rest)| (Ok(Ipv6Addr::from(*ip).into()), rest)),
            NAME => rest.split_first().and_then(|(&len, rest)| {
                let (name, rest) = rest.split_at_checked(usize::from(len))?;
                Some((Err(String::from_utf8_lossy(name).into_owned()), rest))
            }),
            other => return Err(other),
        };
        let Some((host, rest)) = decoded else { return Ok(None) };
        let Some((port, rest)) = rest.split_first_chunk::<2>() else { return Ok(None) };
        let port = u16::from_be_bytes(*port);
        let target = match host {
            Ok(ip) => Self::Addr(SocketAddr::new(ip, port)),
            Err(name) => Self::Name(name, port),
        };
        Ok(Some((target, bytes.len() - rest.len())))
    }
}

/// Returns true for a text that may be a host name.
pub(crate) fn is_host_name(name: &str) -> bool {
    (1..=255).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_') || b >= 0x80)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    fn targets() -> impl Strategy<Value = Target> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| Target::Addr((ip, port).into())),
            (any::<[u8; 16]>(), any::<u16>())
                .prop_filter("mapped", |(ip, _)| Ipv6Addr::from(*ip).to_ipv4_mapped().is_none())
                .prop_map(|(ip, port)| Target::Addr((ip, port).into())),
            ("[a-z0-9.-]{1,255}", any::<u16>()).prop_map(|(name, port)| Target::Name(name, port)),
        ]
    }

    proptest! {
        #[test]
        fn target_survives_a_round_trip_and_a_cut_needs_more(target in targets(), rest in any::<[u8; 3]>()) {
            let mut bytes = Vec::new();
            target.encode(&mut bytes);
            for len in 0..bytes.len() {
                prop_assert_eq!(Target::decode(&bytes[..len]), Ok(None));
            }
            let len = bytes.len();
            bytes.extend_from_slice(&rest);
            prop_assert_eq!(Target::decode(&bytes), Ok(Some((target, len))));
        }

        #[test]
        fn decode_of_any_bytes_ends_within_them(bytes in any::<Vec<u8>>()) {
            if let Ok(Some((_, len))) = Target::decode(&bytes) {
                prop_assert!(len <= bytes.len());
            }
        }
    }

    #[test]
    fn is_sendable_refuses_names_that_could_end_a_line_or_text() {
        for name in ["", "a b", "a\r\nHost: b", "a\0b", &"a".repeat(256)] {
            assert!(!Target::Name(name.to_owned(), 1).is_sendable(), "{name:?}");
        }
        assert!(Target::Name("tracker_1.example-x.org".to_owned(), 1).is_sendable());
    }
}
