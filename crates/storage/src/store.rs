use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use ztor_metainfo::{InfoHashes, Layout, Metainfo};

use crate::error::StorageError;
use crate::file_names::{FileNames, with_suffix};
use crate::handles::{Access, HandleCache, OpenFile};
use crate::moving::Place;
use crate::names::as_found_named;
use crate::parts::{Geometry, PartFile};
use crate::root::Root;
use crate::zeros::ZeroDigests;

mod adopt;
mod delete;
mod existing;
mod finish;
mod io;
mod locate;
mod open;
mod places;
mod prepare;
mod relocate;
mod stamps;
mod unfinished;
mod writing;

pub use adopt::{FileContent, ShareFiles};
pub use delete::DeletedFiles;
pub use existing::FileUse;
pub use locate::FileSlice;
use places::Places;
use relocate::Changes;
pub use relocate::{MoveError, Relocation, recover_move};
pub use stamps::FileStamp;
use unfinished::Unfinished;
pub use unfinished::UnfinishedPiece;
pub(crate) use unfinished::fits;
use writing::Writing;

/// Key of the part file in the handle cache; no torrent has that many files.
const PART_FILE: u32 = u32::MAX;

/// One torrent's files on disk.
///
/// All methods block on the disk and may be called from any thread. Only [`prepare`](Self::prepare) creates files
/// before the first write.
///
/// Bytes of wanted files go to their file, those of unwanted files to the part file `.<info-hash>.parts` in the
/// download folder. Pads (BEP 47) are not stored. An unwanted file is never created; an existing one is used.
///
/// Existing files count as the user's until there is evidence that they are the torrent's. [`prepare`](Self::prepare)
/// fails where a write would destroy other data. A file that is longer than in the torrent is truncated only with
/// [`StoreOptions::overwrite`], and only after all its pieces have passed their check.
#[derive(Debug)]
pub struct TorrentStore {
    id: u64,
    meta: Arc<Metainfo>,
    home: RwLock<Home>,
    options: StoreOptions,
    handles: Arc<HandleCache>,
    flags: Box<[AtomicU16]>,
    places: RwLock<Places>,
    parts: PartFile,
    parts_path: PathBuf,
    parts_dirty: AtomicBool,
    /// Same as [`flag::FOUND`], for the part file.
    parts_found: AtomicBool,
    /// Lock for opening files for writing, creating them and setting their length. Otherwise the zeros of one thread
    /// could cover the data of another, or a thread could take a new file of another thread for a foreign one.
    opening: Mutex<()>,
    verified: Box<[AtomicU64]>,
    unfinished: Mutex<Unfinished>,
    writing: Writing,
    /// Lock of all that expects the files to stay where they are over several calls.
    arranging: Mutex<()>,
    /// Held for long work that needs the files in their place, and exclusively while they change it. Taken before `arranging`.
    staying: RwLock<()>,
    /// Pieces written while the files are copied to another file system.
    changes: Changes,
    pub(crate) zero_digests: ZeroDigests,
}

/// Folder and paths of a torrent's files. Replaced while no read or write is under way.
#[derive(Debug, Clone)]
struct Home {
    root: Arc<Root>,
    names: Arc<FileNames>,
}

/// Guard of a thread that may change the place of the files ([`TorrentStore::arrange`]).
#[derive(Debug)]
pub struct Arrangement<'a> {
    _staying: RwLockWriteGuard<'a, ()>,
    _still: MutexGuard<'a, ()>,
}

/// Use of the disk by a [`TorrentStore`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreOptions {
    /// Allocation of disk space.
    pub allocate: Allocation,
    /// True if the store must not write, create or truncate files. Files and folders may then be symbolic links that
    /// lead anywhere.
    pub read_only: bool,
    /// True if the store may overwrite existing files that are not this torrent's.
    pub overwrite: bool,
}

/// Allocation of disk space.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Allocation {
    /// Sets the full length at once, and uses disk space as bytes arrive.
    #[default]
    Sparse,
    /// Reserves all disk space at the first write, so that a full disk shows early.
    Full,
}

/// State of a file, as bits.
mod flag {
    /// Written since the last sync.
    pub(super) const DIRTY: u16 = 1;
    /// Opened once: it must not disappear any more.
    pub(super) const SEEN: u16 = 2;
    /// Extended to its full length: it must not become shorter any more.
    pub(super) const SIZED: u16 = 4;
    /// Writable: this store or an earlier one has created it, or a check has shown that it is the torrent's. A file
    /// without this bit is only created, exclusively.
    pub(super) const OWN: u16 = 8;
    /// Longer than in the torrent. It is truncated once all its pieces have passed.
    pub(super) const LONG: u16 = 16;
    /// Existed and was empty. It may be written to if it is still empty at the first write.
    pub(super) const EMPTY: u16 = 32;
    /// Written since its last stamp, and synced. A different stamp is then this store's own change.
    pub(super) const UNSTAMPED: u16 = 64;
    /// Has pieces that were found right but may not be on the disk yet, whichever program has written them.
    pub(super) const FOUND: u16 = 128;
    /// Has the suffix of incomplete files.
    pub(super) const SUFFIXED: u16 = 256;
    /// Another torrent writes to the same file on disk.
    pub(super) const SHARED: u16 = 512;
    /// All that is known of a file on disk, apart from its name.
    pub(super) const STATE: u16 = 255;
}

impl TorrentStore {
    /// Opens the files of `meta` below `dir`, which need not exist yet.
    ///
    /// `wanted` has one entry per file of the layout (pads included); `None` wants all. Reads an existing part file and
    /// creates nothing. [`meta`](Self::meta) has the names of the files on disk ([`as_found`](crate::as_found)).
    pub fn open(
        meta: Arc<Metainfo>,
        dir: &Path,
        wanted: Option<&[bool]>,
        options: StoreOptions,
        handles: Arc<HandleCache>,
    ) -> Result<Self, StorageError> {
        Self::open_at(meta, &Place::new(dir), wanted, options, handles)
    }

    /// Does the same as [`open`](Self::open), with other paths below the download folder. `place.names` must be those of
    /// the torrent ([`FileNames::check`]).
    pub fn open_at(
        meta: Arc<Metainfo>,
        place: &Place,
        wanted: Option<&[bool]>,
        options: StoreOptions,
        handles: Arc<HandleCache>,
    ) -> Result<Self, StorageError> {
        let Place { dir, names } = place;
        let meta = as_found_named(&meta, dir, names);
        let layout = &meta.layout;
        let file_count = layout.files().len();
        let wanted = match wanted {
            Some(wanted) if wanted.len() != file_count => {
                return Err(StorageError::WrongFileCount { expected: file_count, found: wanted.len() });
            }
            Some(wanted) => wanted.to_vec(),
            None => vec![true; file_count],
        };
        let (id, _) = identity(&meta);
        let geometry = Geometry {
            id,
            piece_length: layout.piece_length(),
            piece_count: layout.piece_count(),
            file_count: u32::try_from(file_count).unwrap_or(u32::MAX),
        };
        // A folder that the user has chosen may be a link.
        let trusted = usize::from(names.folder(&meta).is_some());
        let words = (layout.piece_count() as usize).div_ceil(64);
        let mut store = Self {
            id: handles.new_store_id(),
            home: RwLock::new(Home {
                root: Arc::new(Root::new(dir, trusted, options.read_only)),
                names: Arc::new(names.clone()),
            }),
            options,
            handles,
            flags: (0..file_count).map(|_| AtomicU16::new(0)).collect(),
            places: RwLock::default(),
            parts: PartFile::new(geometry),
            parts_path: Self::parts_name(&meta),
            parts_dirty: AtomicBool::new(false),
            parts_found: AtomicBool::new(false),
            opening: Mutex::default(),
            verified: (0..words).map(|_| AtomicU64::new(0)).collect(),
            unfinished: Mutex::default(),
            writing: Writing::default(),
            arranging: Mutex::default(),
            staying: RwLock::default(),
            changes: Changes::default(),
            zero_digests: ZeroDigests::default(),
            meta,
        };
        store.find_suffixed();
        let moved = store.load_parts()?;
        store.places = RwLock::new(store.initial_places(wanted, moved));
        Ok(store)
    }

    /// Returns the name of the part file.
    fn parts_name(meta: &Metainfo) -> PathBuf {
        PathBuf::from(format!(".{}.parts", identity(meta).1))
    }

    /// Returns the torrent.
    pub fn meta(&self) -> &Arc<Metainfo> {
        &self.meta
    }

    /// Returns the download folder.
    pub fn dir(&self) -> PathBuf {
        self.root().dir().to_owned()
    }

    /// Keeps the files in their place until the guard is dropped. A [`Relocation`] waits for that. Hold it over calls that
    /// depend on each other, as [`sync`](Self::sync) and [`take_stamps`](Self::take_stamps), and over changes of the
    /// record of the files: one thread has it at a time.
    pub fn keep_place(&self) -> MutexGuard<'_, ()> {
        self.arranging.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other thread keeps the files in their place, and makes all wait until the guard is dropped. For the
    /// time from the first new name of a [`Relocation`] to the record of its end.
    pub fn arrange(&self) -> Arrangement<'_> {
        // In this order: saves do not wait for a check.
        let staying = self.staying.write().unwrap_or_else(PoisonError::into_inner);
        Arrangement { _staying: staying, _still: self.keep_place() }
    }

    /// Does the same as [`keep_place`](Self::keep_place) for work that takes long, as a check, and that changes no record. Any number of threads may have it.
    pub fn keep_place_for_long(&self) -> RwLockReadGuard<'_, ()> {
        self.staying.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the place of the files.
    pub fn place(&self) -> Place {
        let Home { root, names } = self.home();
        Place { dir: root.dir().to_owned(), names: FileNames::clone(&names) }
    }

    fn home(&self) -> Home {
        self.home.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn root(&self) -> Arc<Root> {
        Arc::clone(&self.home.read().unwrap_or_else(PoisonError::into_inner).root)
    }

    /// Returns true if the store was opened with [`StoreOptions::read_only`].
    pub fn is_read_only(&self) -> bool {
        self.options.read_only
    }

    /// Returns the path of a file on disk, even if it does not exist. Pads have a path but never exist.
    pub fn path_of(&self, file: usize) -> PathBuf {
        self.root().dir().join(self.relative(file))
    }

    /// Returns the path of a file below the download folder, as it is now: incomplete files may have a suffix.
    pub fn relative(&self, file: usize) -> PathBuf {
        let names = self.home().names;
        let path = names.path(&self.meta, file);
        if self.has_flag(file, flag::SUFFIXED) { with_suffix(path, names.suffix()) } else { path }
    }

    /// Returns true if the piece has passed its check since the store was opened, or is [believed](Self::believe).
    ///
    /// [`PieceWriter`](crate::PieceWriter) ignores further blocks of such a piece, so that a late duplicate cannot
    /// damage it. A failed check or sync clears the mark, and so does [`distrust`](Self::distrust).
    pub fn is_verified(&self, piece: u32) -> bool {
        self.verified
            .get(piece as usize / 64)
            .is_some_and(|word| word.load(Ordering::Acquire) >> (piece % 64) & 1 == 1)
    }

    /// Clears the verified mark of a piece, so that it can be downloaded again.
    pub fn distrust(&self, piece: u32) {
        self.set_verified(piece, false);
    }

    /// Marks a piece as verified that an earlier run has verified, if its files have not changed since.
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

    /// Returns the number of the device of the torrent's file or folder, or of its nearest existing parent. 0 if the
    /// system does not report it.
    pub fn device(&self) -> u64 {
        use std::os::unix::fs::MetadataExt as _;
        let path = self.root().dir().join(self.first_path());
        path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map_or(0, |found| found.dev())
    }

    /// Returns the folder of the torrent, or the path of its first file if there is none, below the download folder.
    fn first_path(&self) -> PathBuf {
        self.home().names.folder(&self.meta).unwrap_or_else(|| self.relative(0))
    }

    /// Accepts that a file is missing, after a check has found it gone. Changes nothing if the file exists.
    pub(crate) fn accept_missing(&self, file: usize) {
        if !matches!(stamps::stamp_of(&self.path_of(file), self.options.read_only), Ok(FileStamp::ABSENT)) {
            return;
        }
        self.clear_flag(file, flag::STATE);
        self.forget_handle(file);
    }

    /// Returns true if the download folder is still the one that this store has used, or if it has used none yet.
    pub fn has_its_folder(&self) -> bool {
        self.root().is_as_before()
    }

    /// Closes all files, so that each is opened again at its next use.
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

    fn set_flag(&self, file: usize, bits: u16) {
        if let Some(flags) = self.flags.get(file)
            && flags.load(Ordering::Relaxed) & bits != bits
        {
            flags.fetch_or(bits, Ordering::AcqRel);
        }
    }

    fn has_flag(&self, file: usize, bits: u16) -> bool {
        self.flags.get(file).is_some_and(|flags| flags.load(Ordering::Acquire) & bits == bits)
    }

    fn clear_flag(&self, file: usize, bits: u16) {
        if let Some(flags) = self.flags.get(file) {
            flags.fetch_and(!bits, Ordering::AcqRel);
        }
    }

    /// Returns an error if nothing may be written.
    ///
    /// # Errors
    /// [`StorageError::ReadOnly`].
    pub fn require_writable(&self) -> Result<(), StorageError> {
        if self.options.read_only {
            return Err(StorageError::ReadOnly { path: self.dir() });
        }
        Ok(())
    }

    fn handle(&self, file: usize, access: Access) -> Result<Arc<File>, StorageError> {
        let key = (self.id, u32::try_from(file).unwrap_or(PART_FILE));
        self.handles.get(key, access, || self.open_file(file, access))
    }

    /// Opens a file. If descriptors are exhausted, closes cached files and tries again.
    fn with_room<T>(&self, open: impl Fn() -> Result<T, StorageError>) -> Result<T, StorageError> {
        match open() {
            Err(error) if error.is_exhausted() && self.handles.close_half() => open(),
            opened => opened,
        }
    }

    /// Returns the handle of a file that is open already.
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

/// Returns the id inside the part file and the hexadecimal info-hash in its name.
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
