use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ztor_metainfo::{InfoHashes, Layout, Metainfo};

use crate::error::StorageError;
use crate::handles::{Access, HandleCache, OpenFile};
use crate::names::as_found;
use crate::parts::{Geometry, PartFile};
use crate::root::Root;
use crate::zeros::ZeroDigests;

mod existing;
mod io;
mod locate;
mod open;
mod places;
mod prepare;
mod stamps;
mod unfinished;

pub use existing::FileUse;
pub use locate::FileSlice;
use places::Places;
pub use stamps::FileStamp;
use unfinished::Unfinished;
pub use unfinished::UnfinishedPiece;
pub(crate) use unfinished::fits;

/// The key of the part file in the handle cache; a torrent never has that many files.
const PART_FILE: u32 = u32::MAX;

/// One torrent's files on disk.
///
/// All methods block on the disk and may be called from any thread. Nothing is created before the first
/// write, except by [`prepare`](Self::prepare).
///
/// Where bytes go: those of wanted files to their file, those of unwanted files to the part file
/// `.<info-hash>.parts` in the download folder, pads (BEP 47) nowhere. An unwanted file is never created; one that
/// exists already is used as it is.
///
/// Files that are there already are the user's until they are known to be the torrent's: [`prepare`](Self::prepare)
/// refuses to go on where a write would destroy something else. A file that is longer than the torrent says is cut
/// only with [`StoreOptions::overwrite`], and only after all its pieces have passed their check.
#[derive(Debug)]
pub struct TorrentStore {
    id: u64,
    meta: Arc<Metainfo>,
    root: Root,
    options: StoreOptions,
    handles: Arc<HandleCache>,
    flags: Box<[AtomicU8]>,
    places: RwLock<Places>,
    parts: PartFile,
    parts_path: PathBuf,
    parts_dirty: AtomicBool,
    /// As [`flag::FOUND`].
    parts_found: AtomicBool,
    /// Files are opened for writing, made and given their size by one thread at a time: the zeros of one could cover the
    /// data of another, or a file that one has made be taken for somebody else's by another.
    opening: Mutex<()>,
    verified: Box<[AtomicU64]>,
    unfinished: Mutex<Unfinished>,
    pub(crate) zero_digests: ZeroDigests,
}

/// How a [`TorrentStore`] treats the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreOptions {
    /// How files get their disk space.
    pub allocate: Allocation,
    /// Never write, create or truncate anything. Files and folders may then be symbolic links that lead anywhere.
    pub read_only: bool,
    /// Write also over files that are there already and are not this torrent's.
    pub overwrite: bool,
}

/// How files get their disk space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// Full length at once, disk space as the bytes come.
    #[default]
    Sparse,
    /// All disk space at the first write, so that a full disk shows early.
    Full,
}

/// What is known of a file, as bits.
mod flag {
    /// Written since the last sync.
    pub(super) const DIRTY: u8 = 1;
    /// Was opened: must not vanish from now on.
    pub(super) const SEEN: u8 = 2;
    /// Was given its full length: must not become shorter from now on.
    pub(super) const SIZED: u8 = 4;
    /// May be written to: this store or an earlier one has made it, or it was looked at and found to be the torrent's.
    /// Files without it are only ever made, exclusively.
    pub(super) const OWN: u8 = 8;
    /// Is longer than the torrent says, to be cut once all its pieces have passed.
    pub(super) const LONG: u8 = 16;
    /// Was there with nothing in it: may be written to if that is so at the first write as well.
    pub(super) const EMPTY: u8 = 32;
    /// Written since its stamp was taken last, and synced: another stamp is by our doing.
    pub(super) const UNSTAMPED: u8 = 64;
    /// Has pieces that were found right, and may not be on the disk itself yet, whoever has written them.
    pub(super) const FOUND: u8 = 128;
}

impl TorrentStore {
    /// The files of `meta` below `dir`, which need not exist yet.
    ///
    /// `wanted` has one entry per file of the layout (pads included); `None` wants all. Reads the part file
    /// if there is one and creates nothing. [`meta`](Self::meta) has the names that the files have on disk
    /// ([`as_found`]).
    pub fn open(
        meta: Arc<Metainfo>,
        dir: &Path,
        wanted: Option<&[bool]>,
        options: StoreOptions,
        handles: Arc<HandleCache>,
    ) -> Result<Self, StorageError> {
        let meta = as_found(&meta, dir);
        let layout = &meta.layout;
        let file_count = layout.files().len();
        let wanted = match wanted {
            Some(wanted) if wanted.len() != file_count => {
                return Err(StorageError::WrongFileCount { expected: file_count, found: wanted.len() });
            }
            Some(wanted) => wanted.to_vec(),
            None => vec![true; file_count],
        };
        let (id, name) = identity(&meta);
        let geometry = Geometry {
            id,
            piece_length: layout.piece_length(),
            piece_count: layout.piece_count(),
            file_count: u32::try_from(file_count).unwrap_or(u32::MAX),
        };
        let trusted = usize::from(!meta.is_single_file());
        let words = (layout.piece_count() as usize).div_ceil(64);
        let mut store = Self {
            id: handles.new_store_id(),
            root: Root::new(dir, trusted, options.read_only),
            options,
            handles,
            flags: (0..file_count).map(|_| AtomicU8::new(0)).collect(),
            places: RwLock::default(),
            parts: PartFile::new(geometry),
            parts_path: PathBuf::from(format!(".{name}.parts")),
            parts_dirty: AtomicBool::new(false),
            parts_found: AtomicBool::new(false),
            opening: Mutex::default(),
            verified: (0..words).map(|_| AtomicU64::new(0)).collect(),
            unfinished: Mutex::default(),
            zero_digests: ZeroDigests::default(),
            meta,
        };
        let moved = store.load_parts()?;
        store.places = RwLock::new(store.initial_places(wanted, moved));
        Ok(store)
    }

    /// The torrent.
    pub fn meta(&self) -> &Arc<Metainfo> {
        &self.meta
    }

    /// The download folder given to [`open`](Self::open).
    pub fn dir(&self) -> &Path {
        self.root.dir()
    }

    /// True if it was opened with [`StoreOptions::read_only`].
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// Where a file lies on disk, or would lie; pads have a path but are never there.
    pub fn path_of(&self, file: usize) -> PathBuf {
        self.root.dir().join(self.meta.relative_path(file))
    }

    /// True if the piece passed its check since the store was opened, or is [believed](Self::believe).
    ///
    /// [`PieceWriter`](crate::PieceWriter) ignores further blocks of such a piece, so that a late duplicate
    /// cannot spoil it. A failed check or sync takes the mark back, and so does [`distrust`](Self::distrust).
    pub fn is_verified(&self, piece: u32) -> bool {
        self.verified
            .get(piece as usize / 64)
            .is_some_and(|word| word.load(Ordering::Acquire) >> (piece % 64) & 1 == 1)
    }

    /// Lets a piece be downloaded again although it passed before.
    pub fn distrust(&self, piece: u32) {
        self.set_verified(piece, false);
    }

    /// Counts a piece as verified that an earlier run has verified, of files that have not changed since.
    pub fn believe(&self, piece: u32) {
        self.set_verified(piece, true);
    }

    pub(crate) fn set_verified(&self, piece: u32, verified: bool) {
        let bit = 1 << (piece % 64);
        match self.verified.get(piece as usize / 64) {
            Some(word) if verified => word.fetch_or(bit, Ordering::AcqRel),
            Some(word) => word.fetch_and(!bit, Ordering::AcqRel),
            None => 0,
        };
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.meta.layout
    }

    /// Number of the device that the torrent's file or folder lies on, or would lie on: that of the nearest folder above it
    /// that exists. 0 if the system does not tell.
    pub fn device(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        // The path of a file that does not exist is that of the torrent.
        let file = if self.meta.is_single_file() { 0 } else { usize::MAX };
        let path = self.path_of(file);
        path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map_or(0, |found| found.dev())
    }

    /// Lets a file that was there before be missing, after a check found it gone. One that is there stays what it was.
    pub(crate) fn accept_missing(&self, file: usize) {
        if !matches!(stamps::stamp_of(&self.path_of(file), self.options.read_only), Ok(FileStamp::ABSENT)) {
            return;
        }
        self.clear_flag(file, u8::MAX);
        self.forget_handle(file);
    }

    /// True if the download folder is still the one that this store has used, or if it has used none yet.
    pub fn has_its_folder(&self) -> bool {
        self.root.is_as_before()
    }

    /// Makes every file be opened anew at its next use.
    pub(crate) fn forget_handles(&self) {
        self.handles.forget_store(self.id);
    }

    fn forget_handle(&self, file: usize) {
        if let Ok(file) = u32::try_from(file) {
            self.handles.forget((self.id, file));
        }
    }

    fn places(&self) -> RwLockReadGuard<'_, Places> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn places_mut(&self) -> RwLockWriteGuard<'_, Places> {
        self.places.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_flag(&self, file: usize, bits: u8) {
        if let Some(flags) = self.flags.get(file)
            && flags.load(Ordering::Relaxed) & bits != bits
        {
            flags.fetch_or(bits, Ordering::AcqRel);
        }
    }

    fn has_flag(&self, file: usize, bits: u8) -> bool {
        self.flags.get(file).is_some_and(|flags| flags.load(Ordering::Acquire) & bits == bits)
    }

    fn clear_flag(&self, file: usize, bits: u8) {
        if let Some(flags) = self.flags.get(file) {
            flags.fetch_and(!bits, Ordering::AcqRel);
        }
    }

    fn require_writable(&self) -> Result<(), StorageError> {
        if self.options.read_only {
            return Err(StorageError::ReadOnly { path: self.root.dir().to_owned() });
        }
        Ok(())
    }

    fn handle(&self, file: usize, access: Access) -> Result<Arc<File>, StorageError> {
        let key = (self.id, u32::try_from(file).unwrap_or(PART_FILE));
        self.handles.get(key, access, || self.open_file(file, access))
    }

    /// Files that are kept open only to be used again give way to what needs a descriptor now.
    fn with_room<T>(&self, open: impl Fn() -> Result<T, StorageError>) -> Result<T, StorageError> {
        match open() {
            Err(error) if error.is_exhausted() && self.handles.close_half() => open(),
            opened => opened,
        }
    }

    /// The handle of a file that is open already.
    fn open_handle(&self, file: usize) -> Option<OpenFile> {
        self.handles.peek((self.id, u32::try_from(file).unwrap_or(PART_FILE)))
    }
}

impl Drop for TorrentStore {
    fn drop(&mut self) {
        self.handles.forget_store(self.id);
        self.handles.written().release(self.id);
    }
}

/// The id inside the part file and the hexadecimal info-hash in its name.
fn identity(meta: &Metainfo) -> ([u8; 32], String) {
    match meta.info_hashes {
        InfoHashes::V1(v1) | InfoHashes::Hybrid(v1, _) => {
            let mut id = [0; 32];
            id[..20].copy_from_slice(v1.as_ref());
            (id, v1.to_string())
        }
        InfoHashes::V2(v2) => (v2.into(), v2.to_string()),
    }
}

#[cfg(test)]
mod tests;
