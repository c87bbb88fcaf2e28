//! Files and hashing of a BitTorrent client: blocking, without network and without async.
//!
//! - [`TorrentStore`]: one torrent's files, read and written by piece;
//! - [`PieceWriter`]: writes blocks in batches, hashes them while they are in the cache and verifies each piece;
//! - [`check_all`]: checks the pieces on disk with several threads;
//! - [`create`]: makes a torrent from files;
//! - [`resume`]: the state saved from one run to the next, and [`records`]: the folder of these files.
//!
//! No torrent file and no peer can make it write outside the torrent's folder. A piece counts as present only after its
//! bytes match its hash.
//!
//! ```
//! use std::sync::Arc;
//! use std::sync::atomic::AtomicBool;
//! use ztor_metainfo::Metainfo;
//! use ztor_storage::create::{CreateOptions, create};
//! use ztor_storage::{Pieces, StoreOptions, TorrentStore, check_all};
//!
//! let dir = tempfile::tempdir()?;
//! let folder = dir.path().join("greetings");
//! std::fs::create_dir(&folder)?;
//! std::fs::write(folder.join("hello.txt"), "hello\n")?;
//!
//! let stop = AtomicBool::new(false);
//! let created = create(&folder, &CreateOptions::default(), 1, |_done, _total| {}, &stop)?;
//! let meta = Arc::new(Metainfo::from_bytes(&created.torrent)?);
//! let store = TorrentStore::open(meta, dir.path(), None, StoreOptions::default(), Arc::default())?;
//! assert_eq!(check_all(&store, Pieces::All, 1, |_done| {}, &stop)?, [true]);
//! std::fs::remove_file(folder.join("hello.txt"))?;
//! assert_eq!(check_all(&store, Pieces::All, 1, |_done| {}, &stop)?, [false]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod check;
mod crash;
pub mod create;
mod error;
mod file_names;
mod handles;
mod hasher;
mod in_the_way;
mod inodes;
mod layers;
mod mount;
mod moving;
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
#[cfg(feature = "testing")]
pub use crash::crash_after;
pub use error::{Operation, StorageError};
pub use file_names::{ContentLayout, FileNames, NameError};
pub use handles::HandleCache;
pub use in_the_way::InTheWay;
pub use layers::complete_layers;
pub use mount::{is_mount_point, mount_point_of};
pub use moving::{MovedFile, Place};
pub use names::{as_found, namings};
pub use store::{
    Allocation, Arrangement, DeletedFiles, FileContent, FileSlice, FileStamp, FileUse, MoveError, Relocation,
    ShareFiles, StoreOptions, TorrentStore, UnfinishedPiece, recover_move,
};
pub use writer::{BlockDigest, PieceWriter, WriteDone, WriteJob};
