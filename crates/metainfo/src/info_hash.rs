use std::fmt;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

/// SHA-1 of a v1 torrent's info dictionary (BEP 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashV1(pub [u8; 20]);

/// SHA-256 of a v2 torrent's info dictionary (BEP 52).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashV2(pub [u8; 32]);

impl InfoHashV2 {
    /// The first 20 bytes, which stand for the torrent where there is no room for more (BEP 52, "infohash").
    pub fn truncated(&self) -> [u8; 20] {
        let mut short = [0; 20];
        short.copy_from_slice(&self.0[..20]);
        short
    }
}

/// What a torrent is known by. A hybrid torrent has both hashes.
///
/// There is no value without any: the constructors see to it, and so do [`Metainfo`](crate::Metainfo) and
/// [`Magnet`](crate::Magnet). Who writes the fields keeps it so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InfoHashes {
    /// Of the v1 and hybrid formats.
    pub v1: Option<InfoHashV1>,
    /// Of the v2 and hybrid formats.
    pub v2: Option<InfoHashV2>,
}

impl InfoHashes {
    /// Of a v1 torrent.
    pub fn from_v1(hash: InfoHashV1) -> Self {
        Self { v1: Some(hash), v2: None }
    }

    /// Of a v2-only torrent.
    pub fn from_v2(hash: InfoHashV2) -> Self {
        Self { v1: None, v2: Some(hash) }
    }

    /// The hash that the torrent's main swarm goes by: v1, or else v2 truncated.
    pub fn swarm_id(&self) -> [u8; 20] {
        self.swarm_ids().next().unwrap_or_default()
    }

    /// The hashes of all swarms the torrent may join: v1, then v2 truncated.
    pub fn swarm_ids(&self) -> impl Iterator<Item = [u8; 20]> + use<> {
        let v1 = self.v1.map(|hash| hash.0);
        let v2 = self.v2.map(|hash| hash.truncated());
        v1.into_iter().chain(v2)
    }

    /// Whether these bytes are the info dictionary that is meant: every hash there is is theirs.
    pub fn are_of(&self, info: &[u8]) -> bool {
        let v1 = self.v1.map(|hash| hash.0 == <[u8; 20]>::from(Sha1::digest(info)));
        let v2 = self.v2.map(|hash| hash.0 == <[u8; 32]>::from(Sha256::digest(info)));
        (v1.is_some() || v2.is_some()) && v1 != Some(false) && v2 != Some(false)
    }

    /// Whether both name the same torrent: some hash is the same, and none differs.
    pub fn matches(&self, other: &Self) -> bool {
        let v1 = self.v1.zip(other.v1).map(|(a, b)| a == b);
        let v2 = self.v2.zip(other.v2).map(|(a, b)| a == b);
        (v1 == Some(true) || v2 == Some(true)) && v1 != Some(false) && v2 != Some(false)
    }
}

impl fmt::Display for InfoHashV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Display for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// The v1 hash, or else the v2 hash in full length.
impl fmt::Display for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.v1, self.v2) {
            (Some(v1), _) => v1.fmt(f),
            (None, Some(v2)) => v2.fmt(f),
            (None, None) => f.write_str("-"),
        }
    }
}

impl fmt::Debug for InfoHashV1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for InfoHashV2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for InfoHashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InfoHashes").field("v1", &self.v1).field("v2", &self.v2).finish()
    }
}

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swarms_and_matches() {
        let v1 = InfoHashV1([1; 20]);
        let v2 = InfoHashV2([2; 32]);
        let both = InfoHashes { v1: Some(v1), v2: Some(v2) };
        assert_eq!(both.swarm_id(), [1; 20]);
        assert_eq!(both.swarm_ids().collect::<Vec<_>>(), [[1; 20], [2; 20]]);
        assert_eq!(InfoHashes::from_v2(v2).swarm_id(), [2; 20]);
        assert!(both.matches(&InfoHashes::from_v1(v1)) && InfoHashes::from_v2(v2).matches(&both));
        assert!(!InfoHashes::from_v1(v1).matches(&InfoHashes::from_v2(v2)));
        assert!(!both.matches(&InfoHashes { v1: Some(v1), v2: Some(InfoHashV2([3; 32])) }));
        assert_eq!(both.to_string(), "01".repeat(20));
    }
}
