//! Keys of torrents.

/// Key of a torrent. The caller chooses it, and keeps it over restarts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TorrentKey(u64);

impl TorrentKey {
    /// Creates a key from a number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number of the key.
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}
