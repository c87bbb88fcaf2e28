//! Messages of `ut_holepunch` (BEP 55), with which two unreachable peers connect with the help of a third.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::WireError;

/// Name of the extension in the extended handshake.
pub const UT_HOLEPUNCH: &str = "ut_holepunch";

/// A message of `ut_holepunch`.
///
/// ```
/// use std::net::SocketAddr;
/// use ztor_wire::{HolepunchError, HolepunchMessage};
///
/// let target: SocketAddr = "192.0.2.7:6881".parse()?;
/// let request = HolepunchMessage::Rendezvous(target);
/// assert_eq!(HolepunchMessage::decode(&request.encode())?, request);
/// // The answer of a relay that does not know the target.
/// let refusal = HolepunchMessage::Error(target, HolepunchError::NOT_CONNECTED);
/// assert_eq!(refusal.encode(), [2, 0, 192, 0, 2, 7, 0x1a, 0xe1, 0, 0, 0, 2]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HolepunchMessage {
    /// To the relay: request for a hole punch with this peer.
    Rendezvous(SocketAddr),
    /// From the relay, to both peers: connect to this peer over µTP now.
    Connect(SocketAddr),
    /// From the relay: the hole punch with this peer failed.
    Error(SocketAddr, HolepunchError),
}

/// Error code of a failed hole punch. Unknown codes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HolepunchError(pub u32);

impl HolepunchError {
    /// The endpoint is invalid.
    pub const NO_SUCH_PEER: Self = Self(1);
    /// The relay is not connected to that peer.
    pub const NOT_CONNECTED: Self = Self(2);
    /// That peer does not support the extension.
    pub const NO_SUPPORT: Self = Self(3);
    /// That peer is the relay.
    pub const NO_SELF: Self = Self(4);
}

impl HolepunchMessage {
    /// Returns the payload of the extended message.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, addr, error) = match self {
            Self::Rendezvous(addr) => (0, addr, 0),
            Self::Connect(addr) => (1, addr, 0),
            Self::Error(addr, error) => (2, addr, error.0),
        };
        let mut out = vec![kind];
        match addr.ip().to_canonical() {
            IpAddr::V4(ip) => {
                out.push(0);
                out.extend_from_slice(&ip.octets());
            }
            IpAddr::V6(ip) => {
                out.push(1);
                out.extend_from_slice(&ip.octets());
            }
        }
        out.extend_from_slice(&addr.port().to_be_bytes());
        out.extend_from_slice(&error.to_be_bytes());
        out
    }

    /// Decodes the payload of the extended message. Ignores bytes after it. Messages other than errors may lack the
    /// error code, because some clients leave it out.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let wrong = |field, expected| WireError::Extension { extension: UT_HOLEPUNCH, field, expected };
        let cut = || wrong("message", "a type, an address and a port");
        let (&[kind, family], rest) = payload.split_first_chunk().ok_or_else(cut)?;
        let (ip, rest) = match family {
            0 => rest.split_first_chunk::<4>().map(|(ip, rest)| (IpAddr::from(Ipv4Addr::from(*ip)), rest)),
            1 => rest.split_first_chunk::<16>().map(|(ip, rest)| (IpAddr::from(Ipv6Addr::from(*ip)), rest)),
            _ => return Err(wrong("addr_type", "0 (IPv4) or 1 (IPv6)")),
        }
        .ok_or_else(cut)?;
        let (port, rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let addr = SocketAddr::new(ip.to_canonical(), u16::from_be_bytes(*port));
        match kind {
            0 => Ok(Self::Rendezvous(addr)),
            1 => Ok(Self::Connect(addr)),
            2 => {
                let code = rest.first_chunk::<4>().ok_or_else(|| wrong("err_code", "four bytes"))?;
                Ok(Self::Error(addr, HolepunchError(u32::from_be_bytes(*code))))
            }
            _ => Err(wrong("msg_type", "0 (rendezvous), 1 (connect) or 2 (error)")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn message_is_laid_out_as_in_bep_55() {
        let message = HolepunchMessage::Error(([1, 2, 3, 4], 0x0506).into(), HolepunchError::NO_SELF);
        assert_eq!(message.encode(), [2, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 4]);
        assert_eq!(
            HolepunchMessage::decode(&[1, 0, 1, 2, 3, 4, 5, 6]),
            Ok(HolepunchMessage::Connect(([1, 2, 3, 4], 0x0506).into()))
        );
        for bad in
            [&[][..], &[0], &[0, 2, 1, 2, 3, 4, 5, 6], &[3, 0, 1, 2, 3, 4, 5, 6], &[0, 1, 1, 2, 3, 4, 5, 6]]
        {
            assert!(HolepunchMessage::decode(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn encoded_message_decodes_to_the_same(kind in 0..3, ip: IpAddr, port: u16, code: u32) {
            let addr = SocketAddr::new(ip.to_canonical(), port);
            let message = match kind {
                0 => HolepunchMessage::Rendezvous(addr),
                1 => HolepunchMessage::Connect(addr),
                _ => HolepunchMessage::Error(addr, HolepunchError(code)),
            };
            prop_assert_eq!(HolepunchMessage::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = HolepunchMessage::decode(&bytes);
        }
    }
}
