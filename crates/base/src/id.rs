//! Hashes that name torrents, swarms and pieces.

use crate::bytes::{byte_array, hash_type};

hash_type! {
    /// SHA-1 of a v1 torrent's info dictionary (BEP 3).
    InfoHashV1, 20
}

hash_type! {
    /// SHA-256 of a v2 torrent's info dictionary (BEP 52).
    InfoHashV2, 32
}

hash_type! {
    /// The 20 bytes that name a swarm to peers, trackers and the DHT: the v1 info-hash, or the v2 info-hash cut to
    /// 20 bytes (BEP 52, "infohash").
    ///
    /// ```
    /// use ztor_base::{InfoHashV1, InfoHashV2, SwarmId};
    ///
    /// let v1 = InfoHashV1::new([0xab; 20]);
    /// assert_eq!(SwarmId::from(v1).to_string(), "ab".repeat(20));
    /// let v2 = InfoHashV2::new([0xcd; 32]);
    /// assert_eq!(SwarmId::try_from(&v2.as_bytes()[..20])?, v2.truncated());
    /// # Ok::<(), std::array::TryFromSliceError>(())
    /// ```
    SwarmId, 20
}

hash_type! {
    /// A SHA-1 digest other than an info-hash, such as the hash of a v1 piece.
    Sha1Digest, 20
}

impl InfoHashV2 {
    /// Returns the id of the torrent's v2 swarm: the first 20 bytes.
    pub fn truncated(&self) -> SwarmId {
        let mut short = [0; SwarmId::LEN];
        short.copy_from_slice(&self.as_bytes()[..SwarmId::LEN]);
        SwarmId::new(short)
    }
}

impl From<InfoHashV1> for SwarmId {
    fn from(hash: InfoHashV1) -> Self {
        Self::new(hash.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_convert_both_ways_and_show_as_hex() {
        let bytes: [u8; 20] = std::array::from_fn(|index| index as u8);
        let id = SwarmId::from(bytes);
        assert_eq!(<[u8; 20]>::from(id), bytes);
        assert_eq!(SwarmId::try_from(&bytes[..]).ok(), Some(id));
        assert!(SwarmId::try_from(&bytes[1..]).is_err());
        assert_eq!(id.to_string(), "000102030405060708090a0b0c0d0e0f10111213");
        assert_eq!(format!("{id:?}"), id.to_string());
        assert_eq!(SwarmId::from(InfoHashV1::new(bytes)), id);
    }

    #[test]
    fn truncated_v2_hash_is_its_first_20_bytes() {
        let hash = InfoHashV2::new(std::array::from_fn(|index| index as u8));
        assert_eq!(hash.truncated().as_ref(), &hash.as_bytes()[..20]);
    }
}
