//! The first 68 bytes of a connection (BEP 3) and the extension bits in them (BEP 5, 6, 10, 52).

use std::fmt;

use ztor_base::{PeerId, SwarmId};

use crate::WireError;

/// Length of a handshake in bytes.
pub const HANDSHAKE_LEN: usize = 68;

const PREFIX: &[u8; 20] = b"\x13BitTorrent protocol";

/// The handshake of BEP 3, the same in both directions.
///
/// ```
/// use ztor_base::{PeerId, SwarmId};
/// use ztor_wire::{Handshake, Reserved};
///
/// let hello = Handshake {
///     reserved: Reserved::NONE.with_fast().with_extended(),
///     info_hash: SwarmId::new([0xaa; 20]),
///     peer_id: PeerId::from_random([7; 12]),
/// };
/// let bytes = hello.encode();
/// assert_eq!(Handshake::decode(&bytes)?, Some(hello));
/// // The info-hash is known before the peer id has arrived.
/// assert_eq!(Handshake::decode(&bytes[..48])?, None);
/// assert_eq!(Handshake::peek_info_hash(&bytes[..48])?, Some(hello.info_hash));
/// assert!(Handshake::decode(b"GET / HTTP/1.1").is_err());
/// # Ok::<(), ztor_wire::WireError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// Extensions that the sender supports.
    pub reserved: Reserved,
    /// Id of the swarm: a v1 info-hash, or a v2 one cut to 20 bytes (BEP 52).
    pub info_hash: SwarmId,
    /// Id of the sender, as it claims.
    pub peer_id: PeerId,
}

impl Handshake {
    /// Returns the 68 bytes of the handshake.
    pub fn encode(&self) -> [u8; HANDSHAKE_LEN] {
        let mut out = [0; HANDSHAKE_LEN];
        out[..20].copy_from_slice(PREFIX);
        out[20..28].copy_from_slice(&self.reserved.0);
        out[28..48].copy_from_slice(self.info_hash.as_ref());
        out[48..].copy_from_slice(self.peer_id.as_ref());
        out
    }

    /// Decodes a handshake from the start of `buf`; ignores bytes after its 68.
    ///
    /// `Ok(None)` asks for more bytes. The first byte that cannot belong to a handshake gives the error. An encrypted
    /// peer or an HTTP client is thus detected by its first bytes.
    pub fn decode(buf: &[u8]) -> Result<Option<Self>, WireError> {
        let wrong = buf.iter().zip(PREFIX).enumerate().find(|(_, (found, expected))| found != expected);
        if let Some((offset, (&found, &expected))) = wrong {
            return Err(WireError::NotBitTorrent { offset, found, expected });
        }
        let Some((_, rest)) = buf.split_first_chunk::<20>() else { return Ok(None) };
        let Some((&reserved, rest)) = rest.split_first_chunk() else { return Ok(None) };
        let Some((&info_hash, rest)) = rest.split_first_chunk::<20>() else { return Ok(None) };
        let Some((&peer_id, _)) = rest.split_first_chunk() else { return Ok(None) };
        Ok(Some(Self {
            reserved: Reserved(reserved),
            info_hash: info_hash.into(),
            peer_id: PeerId::new(peer_id),
        }))
    }

    /// Reads the info-hash from the start of a handshake, once 48 bytes are there.
    ///
    /// A listener needs it early: some peers send their peer id only after they have received the answer.
    pub fn peek_info_hash(buf: &[u8]) -> Result<Option<SwarmId>, WireError> {
        Self::decode(buf)?;
        Ok(buf.get(28..48).and_then(|hash| hash.try_into().ok()))
    }
}

/// The eight reserved bytes, whose bits are the extensions that a peer supports. Unknown bits are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    /// No extension.
    pub const NONE: Self = Self([0; 8]);

    /// Returns true if the sender supports the Fast Extension (BEP 6).
    pub const fn fast(self) -> bool {
        self.0[7] & 0x04 != 0
    }

    /// Returns true if the sender supports extended messages (BEP 10).
    pub const fn extended(self) -> bool {
        self.0[5] & 0x10 != 0
    }

    /// Returns true if the sender supports the DHT, and so the port message (BEP 5).
    pub const fn dht(self) -> bool {
        self.0[7] & 0x01 != 0
    }

    /// Returns true if the sender can upgrade to v2. Sent in the v1 handshake of a hybrid torrent (BEP 52).
    pub const fn v2(self) -> bool {
        self.0[7] & 0x10 != 0
    }

    /// Returns the bytes with [`Reserved::fast`] set.
    #[must_use]
    pub const fn with_fast(mut self) -> Self {
        self.0[7] |= 0x04;
        self
    }

    /// Returns the bytes with [`Reserved::extended`] set.
    #[must_use]
    pub const fn with_extended(mut self) -> Self {
        self.0[5] |= 0x10;
        self
    }

    /// Returns the bytes with [`Reserved::dht`] set.
    #[must_use]
    pub const fn with_dht(mut self) -> Self {
        self.0[7] |= 0x01;
        self
    }

    /// Returns the bytes with [`Reserved::v2`] set.
    #[must_use]
    pub const fn with_v2(mut self) -> Self {
        self.0[7] |= 0x10;
        self
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reserved({:016x})", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn extension_bits_are_where_the_standards_put_them() {
        assert_eq!(Reserved::NONE.with_extended().0, [0, 0, 0, 0, 0, 0x10, 0, 0]);
        assert_eq!(Reserved::NONE.with_fast().with_dht().with_v2().0, [0, 0, 0, 0, 0, 0, 0, 0x15]);
        let all = Reserved([0xff; 8]);
        assert!(all.fast() && all.extended() && all.dht() && all.v2());
        let none = Reserved::NONE;
        assert!(!none.fast() && !none.extended() && !none.dht() && !none.v2());
    }

    #[test]
    fn decode_of_another_protocol_fails_at_the_first_wrong_byte() {
        assert_eq!(
            Handshake::decode(b"GET / HTTP/1.1"),
            Err(WireError::NotBitTorrent { offset: 0, found: b'G', expected: 0x13 })
        );
        assert_eq!(
            Handshake::decode(b"\x13BitTorrent protokol"),
            Err(WireError::NotBitTorrent { offset: 17, found: b'k', expected: b'c' })
        );
    }

    proptest! {
        #[test]
        fn encoded_handshake_decodes_and_every_prefix_asks_for_more(
            reserved: [u8; 8], info_hash: [u8; 20], id: [u8; 20], cut in 0..HANDSHAKE_LEN, tail: Vec<u8>
        ) {
            let handshake = Handshake { reserved: Reserved(reserved), info_hash: info_hash.into(), peer_id: PeerId::new(id) };
            let mut bytes = handshake.encode().to_vec();
            prop_assert_eq!(Handshake::decode(&bytes[..cut]), Ok(None));
            let hash = Handshake::peek_info_hash(&bytes[..cut]).unwrap();
            prop_assert_eq!(hash, (cut >= 48).then_some(SwarmId::new(info_hash)));
            bytes.extend(tail);
            prop_assert_eq!(Handshake::decode(&bytes), Ok(Some(handshake)));
        }

        #[test]
        fn decode_of_any_bytes_does_not_panic(bytes: Vec<u8>) {
            let _ = Handshake::decode(&bytes);
        }
    }
}
