use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rustix::io::Errno;

use super::open::allocate;
use super::{Allocation, FileStamp, PART_FILE, TorrentStore, flag};
use crate::error::{Operation, StorageError};
use crate::handles::Access;
use crate::root::How;

impl TorrentStore {
    /// Prepares the disk for a download. Call it before the first write, and again before the retry after an error.
    ///
    /// Creates the download folder, empty wanted files and symbolic links (BEP 47) that stay inside the torrent. Moves
    /// bytes of wanted files out of the part file. Reserves the space of all wanted files with [`Allocation::Full`].
    /// Accepts a download folder on another file system than before.
    ///
    /// Call it after the check of the pieces on disk, as it depends on which are [verified](Self::is_verified).
    ///
    /// Errors: [`StorageError::InTheWay`] if a file that would be written to is not this torrent's, before any change;
    /// any error of the operating system.
    pub fn prepare(&self) -> Result<(), StorageError> {
        self.prepare_unless(&AtomicBool::new(false))
    }

    /// Does the same as [`prepare`](Self::prepare), but fails with [`StorageError::Stopped`] if `stop` is set before
    /// the space of all files is reserved. That takes long if the file system cannot reserve space and zeros are
    /// written.
    pub fn prepare_unless(&self, stop: &AtomicBool) -> Result<(), StorageError> {
        self.require_writable()?;
        let root = self.root();
        root.accept_again();
        self.forget_handles();
        let mut places = self.places_mut();
        self.admit_existing(&places)?;
        root.make_folder(&self.home().names.folder(&self.meta).unwrap_or_default())?;
        self.take_in_wanted(&mut places)?;
        let mut to_reserve = Vec::new();
        for (index, file) in self.layout().files().iter().enumerate() {
            if file.pad || !places.is_wanted(index) {
                continue;
            }
            if let Some(target) = &file.symlink {
                self.make_link(index, target)?;
            } else if file.length == 0 {
                root.open(&self.relative(index), How::Create { executable: file.executable })?;
            } else {
                to_reserve.push((index, file.length));
            }
        }
        // Other threads can read files and stamps while space is reserved.
        drop(places);
        if self.options.allocate == Allocation::Full {
            to_reserve.into_iter().try_for_each(|(index, length)| self.reserve(index, length, stop))?;
        }
        self.trim()
    }

    /// Does the same as [`prepare`](Self::prepare) without a look at the files, if there is nothing to prepare: all pieces
    /// are [verified](Self::is_verified), and all files are there and have their length. `stamps` are those of all files
    /// ([`fingerprint`](Self::fingerprint)). Returns false, and changes nothing, if that is not so.
    pub fn prepare_complete(&self, stamps: &[FileStamp]) -> bool {
        let places = self.places();
        let files = self.layout().files();
        let is_there = |(file, stamp): (&ztor_metainfo::File, &FileStamp)| {
            file.pad || (file.symlink.is_none() && *stamp != FileStamp::ABSENT && stamp.len == file.length)
        };
        let is_complete = !self.options.read_only
            && !places.any_moved()
            && stamps.len() == files.len()
            && (0..self.layout().piece_count()).all(|piece| self.is_verified(piece))
            && files.iter().zip(stamps).all(is_there);
        let root = self.root();
        // By this the store knows its folder later, when a drive is unplugged.
        if is_complete && root.accept_here().is_ok() {
            self.forget_handles();
            let written = (0..files.len()).filter(|file| self.may_be_written(&places, *file));
            written.for_each(|file| self.set_flag(file, flag::OWN | flag::SEEN));
            return true;
        }
        false
    }

    /// Returns the total length, in bytes, of the files that [`prepare`](Self::prepare) copies out of the part file or
    /// reserves space for. `stamps` are those of all files ([`fingerprint`](Self::fingerprint)). With 0 it is fast.
    pub fn bytes_to_prepare(&self, stamps: &[FileStamp]) -> u64 {
        let places = self.places();
        let files = self.layout().files().iter().enumerate();
        let wanted =
            files.filter(|(index, file)| places.is_wanted(*index) && !file.pad && file.symlink.is_none());
        let long = wanted.filter(|(index, file)| {
            let is_short = stamps.get(*index).is_none_or(|stamp| stamp.len < file.length);
            places.is_moved(*index) || (self.options.allocate == Allocation::Full && is_short)
        });
        long.map(|(_, file)| file.length).sum()
    }

    fn make_link(&self, index: usize, target: &[String]) -> Result<(), StorageError> {
        let relative = self.relative(index);
        let plain =
            |element: &String| !matches!(element.as_str(), "" | "." | "..") && !element.contains(['/', '\0']);
        if self.meta.is_single_file() || target.is_empty() || !target.iter().all(plain) {
            return Ok(());
        }
        // The target is relative to the torrent's folder.
        let folder = self.home().names.folder(&self.meta).unwrap_or_default();
        let inside = relative.strip_prefix(&folder).ok();
        let depth = inside.unwrap_or(&relative).components().count().saturating_sub(1);
        let mut to: PathBuf = std::iter::repeat_n("..", depth).collect();
        if inside.is_none() {
            to.push(&folder);
        }
        to.extend(target);
        self.root().make_link(&relative, Path::new(&to))
    }

    fn reserve(&self, index: usize, length: u64, stop: &AtomicBool) -> Result<(), StorageError> {
        let key = (self.id, u32::try_from(index).unwrap_or(PART_FILE));
        let open = || self.open_for_writing(index, stop);
        let file = self.handles.get(key, Access::ReadWrite, open)?;
        // Reserving space changes the time of the file.
        self.set_flag(index, flag::DIRTY);
        match allocate(&file, length) {
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(errno) => Err(StorageError::io(Operation::Allocate, self.path_of(index), errno)),
        }
    }
}
