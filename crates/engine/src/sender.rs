//! Senders of blocks, to be blamed for bad ones.

use crate::bans::Author;
use crate::ids::WebKey;

/// The sender of a block.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Sender {
    /// An earlier run, which left the block on disk. No one can be blamed for it.
    Disk,
    /// A host or peer.
    Peer(Author),
    /// A web seed.
    Web(WebKey),
}

impl From<Author> for Sender {
    fn from(author: Author) -> Self {
        Self::Peer(author)
    }
}
