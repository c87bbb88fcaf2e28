use std::fmt;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};
use ztor_base::{InfoHashV1, InfoHashV2, SwarmId};

/// Info-hashes of a torrent: at least one, and both for a hybrid torrent.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InfoHashes {
    /// A v1 torrent.
    V1(InfoHashV1),
    /// A v2 torrent.
    V2(InfoHashV2),
    /// A torrent of both formats.
    Hybrid(InfoHashV1, InfoHashV2),
}

impl InfoHashes {
    /// Combines the hashes that exist; `None` if there is neither.
    pub fn new(v1: Option<InfoHashV1>, v2: Option<InfoHashV2>) -> Option<Self> {
        match (v1, v2) {
            (Some(v1), Some(v2)) => Some(Self::Hybrid(v1, v2)),
            (Some(v1), None) => Some(Self::V1(v1)),
            (None, Some(v2)) => Some(Self::V2(v2)),
            (None, None) => None,
        }
    }

    /// Returns the v1 hash; `None` for v2-only torrents.
    pub fn v1(&self) -> Option<InfoHashV1> {
        match self {
            Self::V1(v1) | Self::Hybrid(v1, _) => Some(*v1),
            Self::V2(_) => None,
        }
    }

    /// Returns the v2 hash; `None` for v1-only torrents.
    pub fn v2(&self) -> Option<InfoHashV2> {
        match self {
            Self::V2(v2) | Self::Hybrid(_, v2) => Some(*v2),
            Self::V1(_) => None,
        }
    }

    /// Returns the id of the torrent's main swarm: of v1, or else of v2.
    pub fn swarm_id(&self) -> SwarmId {
        match self {
            Self::V1(v1) | Self::Hybrid(v1, _) => (*v1).into(),
            Self::V2(v2) => v2.truncated(),
        }
    }

    /// Returns the ids of all swarms that the torrent may join: of v1, then of v2.
    pub fn swarm_ids(&self) -> impl Iterator<Item = SwarmId> + use<> {
        let v1 = self.v1().map(SwarmId::from);
        let v2 = self.v2().map(|hash| hash.truncated());
        v1.into_iter().chain(v2)
    }

    /// Returns true if `info` is the info dictionary of the torrent: it matches every hash.
    pub fn are_of(&self, info: &[u8]) -> bool {
        let is_v1 = |hash: InfoHashV1| hash == InfoHashV1::new(Sha1::digest(info).into());
        let is_v2 = |hash: InfoHashV2| hash == InfoHashV2::new(Sha256::digest(info).into());
        self.v1().is_none_or(is_v1) && self.v2().is_none_or(is_v2)
    }

    /// Returns true if both name the same torrent: they share a hash, and none differs.
    pub fn matches(&self, other: &Self) -> bool {
        let v1 = self.v1().zip(other.v1()).map(|(a, b)| a == b);
        let v2 = self.v2().zip(other.v2()).map(|(a, b)| a == b);
        (v1 == Some(true) || v2 == Some(true)) && v1 != Some(false) && v2 != Some(false)
    }
}

/// Writes the v1 hash, or else the v2 hash in full length.
impl fmt::Display for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1(v1) | Self::Hybrid(v1, _) => v1.fmt(f),
            Self::V2(v2) => v2.fmt(f),
        }
    }
}

impl fmt::Debug for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfoHashes").field("v1", &self.v1()).field("v2", &self.v2()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hybrid_hashes_have_two_swarms_and_match_either_half() {
        let v1 = InfoHashV1::new([1; 20]);
        let v2 = InfoHashV2::new([2; 32]);
        let both = InfoHashes::Hybrid(v1, v2);
        assert_eq!(InfoHashes::new(Some(v1), Some(v2)), Some(both));
        assert_eq!(InfoHashes::new(None, None), None);
        assert_eq!(both.swarm_id(), SwarmId::new([1; 20]));
        assert_eq!(both.swarm_ids().collect::<Vec<_>>(), [[1; 20], [2; 20]].map(SwarmId::new));
        assert_eq!(InfoHashes::V2(v2).swarm_id(), SwarmId::new([2; 20]));
        assert!(both.matches(&InfoHashes::V1(v1)) && InfoHashes::V2(v2).matches(&both));
        assert!(!InfoHashes::V1(v1).matches(&InfoHashes::V2(v2)));
        assert!(!both.matches(&InfoHashes::Hybrid(v1, InfoHashV2::new([3; 32]))));
        assert_eq!(both.to_string(), "01".repeat(20));
    }

    #[test]
    fn info_dictionary_must_have_every_hash() {
        let info = b"d4:name1:xe";
        let v1 = InfoHashV1::new(Sha1::digest(info).into());
        let v2 = InfoHashV2::new(Sha256::digest(info).into());
        for hashes in [InfoHashes::V1(v1), InfoHashes::V2(v2), InfoHashes::Hybrid(v1, v2)] {
            assert!(hashes.are_of(info) && !hashes.are_of(b"de"), "{hashes:?}");
        }
        assert!(!InfoHashes::Hybrid(v1, InfoHashV2::new([0; 32])).are_of(info));
    }
}
