//! Files and hashing of a BitTorrent client: blocking, without network and without async.
//!
//! - [`TorrentStore`]: one torrent's files, read and written by piece;
//! - [`PieceWriter`]: takes blocks, writes them together, hashes them while they are warm and gives the
//!   verdict on each piece;
//! - [`check_all`]: checks what is on disk with several threads;
//! - [`create`]: makes a torrent from files;
//! - [`resume`]: what is remembered from one run to the next, and [`records`]: the folder of it.
//!
//! Nothing a torrent file or a peer says can make it write outside the torrent's folder, and a piece counts as
//! there only after its bytes hashed right.

#![forbid(unsafe_code)]

mod check;
pub mod create;
mod error;
mod handles;
mod hasher;
mod in_the_way;
mod inodes;
mod layers;
mod names;
mod parts;
mod pool;
mod positional;
mod ranges;
pub mod records;
pub mod resume;
mod root;
mod store;
#[cfg(test)]
mod testing;
mod writer;
mod zeros;

pub use check::{Pieces, check_all};
pub use error::{Operation, StorageError};
pub use handles::HandleCache;
pub use in_the_way::InTheWay;
pub use layers::complete_layers;
pub use names::{as_found, namings};
pub use store::{Allocation, FileSlice, FileStamp, FileUse, StoreOptions, TorrentStore, UnfinishedPiece};
pub use writer::{BlockDigest, PieceWriter, WriteDone, WriteJob};
