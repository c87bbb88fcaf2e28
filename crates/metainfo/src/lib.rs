//! Torrent metadata: the files of a torrent, their places in the pieces, and the hashes of the pieces.
//!
//! - [`Metainfo`] is a torrent, parsed from a `.torrent` file or from the info dictionary that a magnet link leads to.
//!   Supported are v1 (BEP 3), v2 and hybrid (BEP 52), with pads, symlinks and attributes (BEP 47).
//! - [`Layout`] maps pieces to files. [`PieceHashes`] and [`merkle`] hold the hashes to check pieces against.
//! - [`Magnet`] is a link to a torrent. [`create`] makes new torrents.
//! - [`paths`] makes the file names of a torrent safe.
//!
//! This crate does no I/O. Every number and name of a torrent is untrusted until this crate has checked it.
#![forbid(unsafe_code)]

mod bulk;
mod certificate;
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
mod publisher;
mod signed;
mod web_seed;

pub use bulk::{Bulk, BulkError, BulkSource};
pub use certificate::{Certificate, MAX_CERTIFICATE_LEN, Verdict};
pub use error::MetainfoError;
pub use hashes::PieceHashes;
pub use info_hash::InfoHashes;
pub use layout::{Alignment, File, FileRange, Layout, LayoutError};
pub use magnet::{MAX_MAGNET_LEN, Magnet, MagnetError};
pub use metainfo::Metainfo;
pub use publisher::{MAX_SALT_LEN, Publisher, PublisherError, announced_hash, announced_value};
pub use signed::{Feed, MAX_SIGNATURES, SignatureState, TorrentSignature};
pub use ztor_base::{InfoHashV1, InfoHashV2, SwarmId};

/// Length of a block in bytes: the unit of peer requests and of leaves in a hash tree.
pub const BLOCK_LEN: u32 = 16 * 1024;
/// Maximum accepted length of a piece in bytes, as in other clients.
pub const MAX_PIECE_LENGTH: u32 = 512 << 20;
/// Maximum length of a piece in a new torrent, in bytes. Older clients reject longer ones.
pub const MAX_NEW_PIECE_LENGTH: u32 = 256 << 20;
/// Maximum number of pieces in a torrent.
pub const MAX_PIECES: u32 = 1 << 21;
/// Maximum number of files in a torrent, pads included.
pub const MAX_FILES: usize = 500_000;
/// Maximum accepted length of a torrent file or info dictionary, in bytes. Check it before reading one into memory.
pub const MAX_TORRENT_LEN: usize = 32 << 20;
/// Maximum number of folders around a file.
pub const MAX_PATH_LEVELS: usize = 100;
/// Maximum number of announce URLs kept from a torrent. It limits the hosts that a hostile torrent makes us contact.
pub const MAX_TRACKERS: usize = 500;
/// Maximum number of web seeds kept from a torrent.
pub const MAX_WEB_SEEDS: usize = 200;
/// Maximum number of DHT nodes kept from a torrent.
pub const MAX_NODES: usize = 200;
