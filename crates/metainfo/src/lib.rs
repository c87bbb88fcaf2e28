//! Torrents: what is in them, where their bytes belong, and what those must hash to.
//!
//! - [`Metainfo`] is a torrent: parsed from a `.torrent` file, or from the info dictionary that a magnet link
//!   leads to; v1 (BEP 3), v2 and hybrid (BEP 52), with pads, symlinks and attributes (BEP 47).
//! - [`Layout`] is the arithmetic between pieces and files, [`PieceHashes`] and [`merkle`] what is checked.
//! - [`Magnet`] is a link to a torrent, [`create`] makes new ones.
//! - [`paths`] makes the names of a torrent safe to create.
//!
//! Nothing here touches a file or a socket. Every number and name of a torrent is hostile until it has been
//! through this crate.
#![forbid(unsafe_code)]

mod charset;
pub mod create;
mod dict;
mod error;
mod field_path;
mod hashes;
mod info;
mod info_hash;
mod layout;
mod magnet;
pub mod merkle;
mod metainfo;
mod outside_info;
pub mod paths;

pub use error::MetainfoError;
pub use hashes::PieceHashes;
pub use info_hash::InfoHashes;
pub use layout::{Alignment, File, FileRange, Layout, LayoutError};
pub use magnet::{MAX_MAGNET_LEN, Magnet, MagnetError};
pub use metainfo::Metainfo;
pub use ztor_base::{InfoHashV1, InfoHashV2, SwarmId};

/// Bytes of a block: what peers request of each other, and what a leaf of a hash tree covers.
pub const BLOCK_LEN: u32 = 16 * 1024;
/// The longest piece that is accepted, in bytes: as long as other clients accept.
pub const MAX_PIECE_LENGTH: u32 = 512 << 20;
/// The longest piece of a new torrent, in bytes: older clients accept no longer ones.
pub const MAX_NEW_PIECE_LENGTH: u32 = 256 << 20;
/// The most pieces a torrent may have.
pub const MAX_PIECES: u32 = 1 << 21;
/// The most files a torrent may have, pads included.
pub const MAX_FILES: usize = 500_000;
/// The longest torrent file or info dictionary that is accepted, in bytes. Check it before reading one into
/// memory.
pub const MAX_TORRENT_LEN: usize = 32 << 20;
/// The most folders that a file may be inside of.
pub const MAX_PATH_LEVELS: usize = 100;
/// The most announce URLs that are kept of a torrent; hostile ones would have us knock on doors without end.
pub const MAX_TRACKERS: usize = 500;
/// The most web seeds that are kept of a torrent.
pub const MAX_WEB_SEEDS: usize = 200;
/// The most DHT nodes that are kept of a torrent.
pub const MAX_NODES: usize = 200;
