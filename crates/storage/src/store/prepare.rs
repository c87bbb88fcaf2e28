use std::path::{Path, PathBuf};

use rustix::io::Errno;

use super::open::allocate;
use super::{Allocation, FileStamp, TorrentStore, flag};
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
        self.require_writable()?;
        self.root.accept_again();
        self.forget_handles();
        let mut places = self.places_mut();
        self.admit_existing(&places)?;
        let folder = if self.meta.is_single_file() { PathBuf::new() } else { self.torrent_folder() };
        self.root.make_folder(&folder)?;
        self.take_in_wanted(&mut places)?;
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
                self.reserve(index, file.length)?;
            }
        }
        self.trim()
    }

    /// Returns true if [`prepare`](Self::prepare) neither copies anything nor reserves space, given the stamps of all files
    /// ([`fingerprint`](Self::fingerprint)).
    pub fn prepares_at_once(&self, stamps: &[FileStamp]) -> bool {
        let places = self.places();
        let is_long = |(index, file): (usize, &ztor_metainfo::File)| {
            let is_wanted = places.is_wanted(index) && !file.pad && file.symlink.is_none();
            let is_short = stamps.get(index).is_none_or(|stamp| stamp.len < file.length);
            is_wanted && (places.is_moved(index) || (self.options.allocate == Allocation::Full && is_short))
        };
        !self.layout().files().iter().enumerate().any(is_long)
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

    fn reserve(&self, index: usize, length: u64) -> Result<(), StorageError> {
        let path = || self.path_of(index);
        if self.options.allocate == Allocation::Full {
            let file = self.handle(index, Access::ReadWrite)?;
            // It changes the time of the file.
            self.set_flag(index, flag::DIRTY);
            match allocate(&file, length) {
                Ok(()) | Err(Errno::OPNOTSUPP) => {}
                Err(errno) => return Err(StorageError::io(Operation::Allocate, path(), errno)),
            }
        }
        Ok(())
    }
}
