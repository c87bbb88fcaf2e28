use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use rustix::io::Errno;

use super::open::allocate;
use super::{Allocation, FileStamp, PART_FILE, TorrentStore, flag};
use crate::error::{Operation, StorageError};
use crate::handles::Access;
use crate::root::How;

impl TorrentStore {
    /// Makes the disk ready for a download: to be called before the first write, and again before going on
    /// after an error.
    ///
    /// Makes the download folder, empty wanted files and symbolic links (BEP 47) that stay inside the
    /// torrent; takes what the part file holds of wanted files; with [`Allocation::Full`] reserves the space of all
    /// wanted files. A download folder on another file system than before is accepted from now on.
    ///
    /// Call it after the pieces on disk were checked: it goes by which are [verified](Self::is_verified).
    ///
    /// Errors: [`StorageError::InTheWay`] where a file that would be written to is not this torrent's, before
    /// anything is made or changed; whatever the operating system refuses.
    pub fn prepare(&self) -> Result<(), StorageError> {
        self.prepare_unless(&AtomicBool::new(false))
    }

    /// Does the same as [`prepare`](Self::prepare), with [`StorageError::Stopped`] if `stop` was set before the space of
    /// all files is reserved: where the file system cannot do that at once, zeros are written.
    pub fn prepare_unless(&self, stop: &AtomicBool) -> Result<(), StorageError> {
        self.require_writable()?;
        self.root.accept_again();
        self.forget_handles();
        let mut places = self.places_mut();
        self.admit_existing(&places)?;
        let folder = if self.meta.is_single_file() { PathBuf::new() } else { self.torrent_folder() };
        self.root.make_folder(&folder)?;
        self.take_in_wanted(&mut places)?;
        let mut to_reserve = Vec::new();
        for (index, file) in self.layout().files().iter().enumerate() {
            if file.pad || !places.is_wanted(index) {
                continue;
            }
            if let Some(target) = &file.symlink {
                self.make_link(index, target)?;
            } else if file.length == 0 {
                self.root
                    .open(&self.meta.relative_path(index), How::Create { executable: file.executable })?;
            } else {
                to_reserve.push((index, file.length));
            }
        }
        // Others can read the torrent's files and their stamps meanwhile.
        drop(places);
        if self.options.allocate == Allocation::Full {
            to_reserve.into_iter().try_for_each(|(index, length)| self.reserve(index, length, stop))?;
        }
        self.trim()
    }

    /// Bytes of the files that [`prepare`](Self::prepare) copies out of the part file or reserves space for, given the
    /// stamps of all files ([`fingerprint`](Self::fingerprint)). With 0 it takes no long time.
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

    /// The torrent's own folder, relative to the download folder.
    fn torrent_folder(&self) -> PathBuf {
        // The path of a file that does not exist is that of the torrent.
        self.meta.relative_path(usize::MAX)
    }

    fn make_link(&self, index: usize, target: &[String]) -> Result<(), StorageError> {
        let relative = self.meta.relative_path(index);
        let plain =
            |element: &String| !matches!(element.as_str(), "" | "." | "..") && !element.contains(['/', '\0']);
        if self.meta.is_single_file() || target.is_empty() || !target.iter().all(plain) {
            return Ok(());
        }
        // `relative` starts with the torrent's folder, from which the target counts.
        let depth = relative.components().count().saturating_sub(2);
        let mut to: PathBuf = std::iter::repeat_n("..", depth).collect();
        to.extend(target);
        self.root.make_link(&relative, Path::new(&to))
    }

    fn reserve(&self, index: usize, length: u64, stop: &AtomicBool) -> Result<(), StorageError> {
        let key = (self.id, u32::try_from(index).unwrap_or(PART_FILE));
        let open = || self.open_for_writing(index, stop);
        let file = self.handles.get(key, Access::ReadWrite, open)?;
        // It changes the time of the file.
        self.set_flag(index, flag::DIRTY);
        match allocate(&file, length) {
            Ok(()) | Err(Errno::OPNOTSUPP) => Ok(()),
            Err(errno) => Err(StorageError::io(Operation::Allocate, self.path_of(index), errno)),
        }
    }
}
