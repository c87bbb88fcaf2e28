//! The first 68 bytes of a connection (BEP 3) and the extension bits in them (BEP 5, 6, 10, 52).

use std::fmt;

use ztor_base::{PeerId, SwarmId};

use crate::WireError;

/// Length of a handshake in bytes.
pub const HANDSHAKE_LEN: usize = 68;

const PREFIX: &[u8; 20] = b"\x13BitTorrent protocol";

/// The handshake of BEP 3, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Handshake {
    /// Which extensions the sender speaks.
    pub reserved: Reserved,
    /// The swarm: a v1 info-hash, or a v2 one cut to 20 bytes (BEP 52).
    pub info_hash: SwarmId,
    /// Who the sender says it is.
    pub peer_id: PeerId,
}

impl Handshake {
    /// The 68 bytes of it.
    pub fn encode(&self) -> [u8; HANDSHAKE_LEN] {
        let mut out = [0; HANDSHAKE_LEN];
        out[..20].copy_from_slice(PREFIX);
        out[20..28].copy_from_slice(&self.reserved.0);
        out[28..48].copy_from_slice(self.info_hash.as_ref());
        out[48..].copy_from_slice(self.peer_id.as_ref());
        out
    }

    /// Reads a handshake from the start of `buf`; what follows its 68 bytes is left alone.
    ///
    /// `Ok(None)` asks for more bytes. The error comes with the first byte that cannot belong to a handshake,
    /// so that a stranger (an encrypted peer, an HTTP client) is known as soon as it speaks.
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

    /// Reads as much of a handshake as tells the swarm: the info-hash, once its 48 bytes are there.
    ///
    /// A listener needs this: some peers hold back their peer id until they have seen the answer.
    pub fn peek_info_hash(buf: &[u8]) -> Result<Option<SwarmId>, WireError> {
        Self::decode(buf)?;
        Ok(buf.get(28..48).and_then(|hash| hash.try_into().ok()))
    }
}

/// The eight bytes that say which extensions a peer speaks. Bits without a meaning here are kept as they came.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Reserved(pub [u8; 8]);

impl Reserved {
    /// No extension at all.
    pub const NONE: Self = Self([0; 8]);

    /// The Fast Extension (BEP 6).
    pub const fn fast(self) -> bool {
        self.0[7] & 0x04 != 0
    }

    /// Extended messages (BEP 10).
    pub const fn extended(self) -> bool {
        self.0[5] & 0x10 != 0
    }

    /// The DHT, and so the port message (BEP 5).
    pub const fn dht(self) -> bool {
        self.0[7] & 0x01 != 0
    }

    /// In the handshake of a hybrid torrent's v1 swarm: the sender can go over to v2 (BEP 52).
    pub const fn v2(self) -> bool {
        self.0[7] & 0x10 != 0
    }

    /// With [`Reserved::fast`] set.
    #[must_use]
    pub const fn with_fast(mut self) -> Self {
        self.0[7] |= 0x04;
        self
    }

    /// With [`Reserved::extended`] set.
    #[must_use]
    pub const fn with_extended(mut self) -> Self {
        self.0[5] |= 0x10;
        self
    }

    /// With [`Reserved::dht`] set.
    #[must_use]
    pub const fn with_dht(mut self) -> Self {
        self.0[7] |= 0x01;
        self
    }

    /// With [`Reserved::v2`] set.
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
    fn a_stranger_is_known_by_the_first_wrong_byte() {
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
        fn round_trip_and_every_prefix_asks_for_more(
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
        fn any_bytes_are_survived(bytes: Vec<u8>) {
            let _ = Handshake::decode(&bytes);
        }
    }
}
