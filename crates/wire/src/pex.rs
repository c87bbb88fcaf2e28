//! Messages of `ut_pex` (BEP 11): the peers that another peer has connected to and disconnected from.

use std::net::{IpAddr, SocketAddr};

use ztor_bencode::{Kind, Limits, Mode, Tree, decode_with};

use crate::WireError;

/// Name of the extension in the extended handshake.
pub const UT_PEX: &str = "ut_pex";
/// Recommended maximum of contacts in each of the two lists of a message, added and dropped (BEP 11).
pub const MAX_PEX_CONTACTS: usize = 50;
/// Maximum contacts read from each list of a message. The first message may have more than later ones.
const MAX_READ: usize = 200;

/// Flags of an added peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PexFlags(pub u8);

impl PexFlags {
    /// The peer prefers encrypted connections (BEP 8).
    pub const PREFERS_ENCRYPTION: Self = Self(0x01);
    /// The peer wants no data.
    pub const SEED: Self = Self(0x02);
    /// The peer supports µTP (BEP 29).
    pub const UTP: Self = Self(0x04);
    /// The peer supports hole punching (BEP 55).
    pub const HOLEPUNCH: Self = Self(0x08);
    /// The peer is reachable: the sender connected to it.
    pub const REACHABLE: Self = Self(0x10);

    /// Returns true if all flags of `other` are set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the flags of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// A message of `ut_pex`.
///
/// ```
/// use std::net::SocketAddr;
/// use ztor_wire::{PexFlags, PexMessage};
///
/// let added: SocketAddr = "192.0.2.7:6881".parse()?;
/// let dropped: SocketAddr = "[2001:db8::9]:51413".parse()?;
/// let flags = PexFlags::SEED.and(PexFlags::UTP);
/// let message = PexMessage { added: vec![(added, flags)], dropped: vec![dropped] };
/// let read = PexMessage::decode(&message.encode())?;
/// assert_eq!(read, message);
/// assert!(read.added[0].1.has(PexFlags::SEED) && !read.added[0].1.has(PexFlags::REACHABLE));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PexMessage {
    /// Peers that the sender has connected to since its last message.
    pub added: Vec<(SocketAddr, PexFlags)>,
    /// Peers that the sender has disconnected from since then.
    pub dropped: Vec<SocketAddr>,
}

impl PexMessage {
    /// Returns true if both lists are empty; such a message must not be sent.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.dropped.is_empty()
    }

    /// Returns the payload of the extended message. IPv4-mapped addresses count as IPv4.
    pub fn encode(&self) -> Vec<u8> {
        let mut fields: [Vec<u8>; 6] = Default::default();
        for (addr, flags) in &self.added {
            let at = if push(&mut fields, 0, 2, *addr) { 1 } else { 3 };
            fields[at].push(flags.0);
        }
        for addr in &self.dropped {
            push(&mut fields, 4, 5, *addr);
        }
        let keys = ["added", "added.f", "added6", "added6.f", "dropped", "dropped6"];
        let said = keys.into_iter().zip(fields).filter(|(_, value)| !value.is_empty());
        Tree::dict(said.map(|(key, value)| (key, Tree::Bytes(value)))).to_vec()
    }

    /// Decodes the payload of an extended message: the first 200 contacts of each list, of which each address family has half for certain. Missing flags count as none. An
    /// incomplete contact at the end is ignored.
    ///
    /// # Errors
    /// If the payload is not a dictionary.
    pub fn decode(payload: &[u8]) -> Result<Self, WireError> {
        let document = decode_with(payload, Mode::Lenient, Limits { depth: 8, tokens: 256 })?;
        let root = document.root();
        if root.kind() != Kind::Dict {
            let (field, expected) = ("message", "a dictionary");
            return Err(WireError::Extension { extension: UT_PEX, field, expected });
        }
        let field = |key: &[u8]| root.get(key).and_then(|v| v.as_bytes()).unwrap_or_default();
        let flagged = |contacts: Vec<SocketAddr>, flags: &[u8]| {
            let flags: Vec<u8> = flags.to_vec();
            contacts
                .into_iter()
                .enumerate()
                .map(move |(at, addr)| (addr, PexFlags(flags.get(at).copied().unwrap_or(0))))
        };
        let added_v4 = flagged(v4(field(b"added")).collect(), field(b"added.f")).collect();
        let added_v6 = flagged(v6(field(b"added6")).collect(), field(b"added6.f")).collect();
        let dropped_v4 = v4(field(b"dropped")).collect();
        let dropped_v6 = v6(field(b"dropped6")).collect();
        Ok(Self { added: joined(added_v4, added_v6), dropped: joined(dropped_v4, dropped_v6) })
    }
}

/// Joins the contacts of both families, [`MAX_READ`] at most. Each family has half of them for certain.
fn joined<T>(mut v4: Vec<T>, v6: Vec<T>) -> Vec<T> {
    v4.truncate(MAX_READ - v6.len().min(MAX_READ / 2));
    let left = MAX_READ - v4.len();
    v4.extend(v6.into_iter().take(left));
    v4
}

/// Appends an address to the field of its family. Returns true for IPv4.
fn push(fields: &mut [Vec<u8>; 6], v4: usize, v6: usize, addr: SocketAddr) -> bool {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => {
            fields[v4].extend(ip.octets());
            fields[v4].extend(addr.port().to_be_bytes());
            true
        }
        IpAddr::V6(ip) => {
            fields[v6].extend(ip.octets());
            fields[v6].extend(addr.port().to_be_bytes());
            false
        }
    }
}

fn v4(bytes: &[u8]) -> impl Iterator<Item = SocketAddr> + '_ {
    let contacts = bytes.as_chunks::<6>().0.iter().take(MAX_READ);
    contacts.map(|[a, b, c, d, high, low]| ([*a, *b, *c, *d], u16::from_be_bytes([*high, *low])).into())
}

fn v6(bytes: &[u8]) -> impl Iterator<Item = SocketAddr> + '_ {
    bytes.as_chunks::<18>().0.iter().take(MAX_READ).map(|chunk| {
        let mut ip = [0; 16];
        ip.copy_from_slice(&chunk[..16]);
        (ip, u16::from_be_bytes([chunk[16], chunk[17]])).into()
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn decode_reads_both_families_without_some_flags() {
        let bytes = b"d5:added12:\x01\x02\x03\x04\x1a\xe1\x05\x06\x07\x08\x1a\xe27:added.f1:\x12\
            6:added618:\x20\x01aaaaaaaaaaaaaa\x1a\xe37:dropped7:\x09\x09\x09\x09\x00\x01\xffe";
        let message = PexMessage::decode(bytes).unwrap();
        assert_eq!(message.added.len(), 3);
        assert_eq!(message.added[0], (([1, 2, 3, 4], 6881).into(), PexFlags(0x12)));
        assert!(message.added[0].1.has(PexFlags::SEED.and(PexFlags::REACHABLE)));
        assert_eq!(message.added[1], (([5, 6, 7, 8], 6882).into(), PexFlags(0)));
        assert!(message.added[2].0.is_ipv6());
        assert_eq!(message.dropped, [([9, 9, 9, 9], 1).into()]);
        assert!(PexMessage::decode(b"le").is_err());
        assert_eq!(PexMessage::decode(b"d5:addedi1ee"), Ok(PexMessage::default()));
    }

    #[test]
    fn decode_of_too_many_contacts_drops_the_rest() {
        let mut bytes = b"d5:added60000:".to_vec();
        bytes.resize(bytes.len() + 60_000, 1);
        bytes.push(b'e');
        assert_eq!(PexMessage::decode(&bytes).unwrap().added.len(), MAX_READ);
    }

    #[test]
    fn decode_of_too_many_contacts_keeps_some_of_each_family() {
        let message = |v4: u16, v6: u16| {
            let v4 = (0..v4).map(|port| (([192, 0, 2, 1], port).into(), PexFlags(0)));
            let v6 = (0..v6).map(|port| (([0x20; 16], port).into(), PexFlags(0)));
            let added = v4.chain(v6).collect();
            let decoded = PexMessage::decode(&PexMessage { added, dropped: Vec::new() }.encode()).unwrap();
            let of_v6 = decoded.added.iter().filter(|(addr, _)| addr.is_ipv6()).count();
            (decoded.added.len() - of_v6, of_v6)
        };
        assert_eq!(message(300, 300), (100, 100));
        assert_eq!(message(300, 30), (170, 30));
        assert_eq!(message(30, 300), (30, 170));
        assert_eq!(message(0, 300), (0, 200));
    }

    proptest! {
        #[test]
        fn encoded_message_decodes_to_the_same(
            v4 in prop::collection::vec(any::<([u8; 4], u16, u8)>(), 0..20),
            v6 in prop::collection::vec(any::<([u8; 14], u16, u8)>(), 0..20),
            dropped in prop::collection::vec(any::<([u8; 4], u16)>(), 0..20),
        ) {
            let v4 = v4.into_iter().map(|(ip, port, flags)| ((ip, port).into(), PexFlags(flags)));
            let v6 = v6.into_iter().map(|(tail, port, flags)| {
                let mut ip = [0x20; 16];
                ip[2..].copy_from_slice(&tail);
                ((ip, port).into(), PexFlags(flags))
            });
            let message = PexMessage {
                added: v4.chain(v6).collect(),
                dropped: dropped.into_iter().map(SocketAddr::from).collect(),
            };
            prop_assert_eq!(PexMessage::decode(&message.encode()), Ok(message));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = PexMessage::decode(&bytes);
        }
    }
}
