//! Keys of the engine's tables. A key that outlives its entry finds nothing, never a newer entry.

slotmap::new_key_type! {
    /// A torrent of this engine.
    pub struct TorrentId;
    /// A connection to a peer, from the attempt to the close.
    pub struct PeerKey;
    /// A web seed of a torrent (BEP 17, 19).
    pub struct WebKey;
}

/// A source that blocks are requested from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceKey {
    /// A peer.
    Peer(PeerKey),
    /// A web seed.
    Web(WebKey),
}

impl Default for SourceKey {
    fn default() -> Self {
        Self::Peer(PeerKey::default())
    }
}

impl From<PeerKey> for SourceKey {
    fn from(key: PeerKey) -> Self {
        Self::Peer(key)
    }
}

impl From<WebKey> for SourceKey {
    fn from(key: WebKey) -> Self {
        Self::Web(key)
    }
}

impl PeerKey {
    /// Returns a number that identifies the connection, for poll tokens and logs.
    pub fn as_u64(self) -> u64 {
        slotmap::Key::data(&self).as_ffi()
    }

    /// Returns the key with this number. An invalid number finds nothing.
    pub fn from_u64(number: u64) -> Self {
        slotmap::KeyData::from_ffi(number).into()
    }
}

impl TorrentId {
    /// Returns a number that identifies the torrent for the life of the engine.
    pub fn as_u64(self) -> u64 {
        slotmap::Key::data(&self).as_ffi()
    }

    /// Returns the id with this number. An invalid number finds nothing.
    pub fn from_u64(number: u64) -> Self {
        slotmap::KeyData::from_ffi(number).into()
    }
}

/// A group of torrents with common limits, as the driver numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LimitGroup(pub u32);

/// Id of a request of the engine that is answered later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);

/// A disk, as the driver numbers them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct DiskId(u8);

impl DiskId {
    /// Number of disks that are distinguished. It bounds the memory for data that waits to be written.
    pub const COUNT: usize = 16;

    /// Returns the disk with this number; `None` from [`COUNT`](Self::COUNT) on.
    pub fn new(number: usize) -> Option<Self> {
        u8::try_from(number).ok().filter(|_| number < Self::COUNT).map(Self)
    }

    /// Returns all disks that are distinguished.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(Self::new)
    }

    /// Returns the number of the disk, below [`COUNT`](Self::COUNT).
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}
