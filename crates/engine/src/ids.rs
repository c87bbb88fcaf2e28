//! Keys of the engine's tables. A key that outlives its entry finds nothing, never a newer entry.

slotmap::new_key_type! {
    /// A torrent of this engine.
    pub struct TorrentId;
    /// A connection to a peer, from the attempt to the close.
    pub struct PeerKey;
}

impl PeerKey {
    /// A number that identifies the connection, for poll tokens and logs.
    pub fn as_u64(self) -> u64 {
        slotmap::Key::data(&self).as_ffi()
    }

    /// The key with that number; a made-up number finds nothing.
    pub fn from_u64(number: u64) -> Self {
        slotmap::KeyData::from_ffi(number).into()
    }
}

impl TorrentId {
    /// A number that identifies the torrent for the life of the engine.
    pub fn as_u64(self) -> u64 {
        slotmap::Key::data(&self).as_ffi()
    }

    /// The id with that number; a made-up number finds nothing.
    pub fn from_u64(number: u64) -> Self {
        slotmap::KeyData::from_ffi(number).into()
    }
}

/// A request of the engine that is answered later.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId(pub u64);
