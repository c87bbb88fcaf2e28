//! The announcement of the first write, and of the files that writes will create.

use super::existing::FileUse;
use super::{FileStamp, TorrentStore, flag};
use std::fmt;
use std::sync::{Mutex, OnceLock, PoisonError};

type Call = Box<dyn FnOnce(&TorrentStore) + Send>;

/// A call that precedes the first write.
#[derive(Default)]
pub(super) struct Writing {
    call: Mutex<Option<Call>>,
    begun: OnceLock<()>,
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing").field("begun", &self.begun.get().is_some()).finish_non_exhaustive()
    }
}

impl TorrentStore {
    /// Sets a call that is made once, before the first write. It may take long, and other writes wait for it.
    ///
    /// A crash leaves files that no record knows. So the caller records before the first write which files will be
    /// created ([`expect_files`](Self::expect_files)).
    pub fn before_first_write(&self, call: impl FnOnce(&TorrentStore) + Send + 'static) {
        *self.writing.call.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(call));
    }

    /// Announces a write. The first time, makes the call of [`before_first_write`](Self::before_first_write).
    pub(crate) fn begin_writing(&self) {
        self.writing.begun.get_or_init(|| {
            let call = self.writing.call.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(call) = call {
                call(self);
            }
        });
    }

    /// Returns true if the first write was announced.
    pub fn is_writing(&self) -> bool {
        self.writing.begun.get().is_some()
    }

    /// Marks the files that do not exist and that writes will create as the torrent's own: true in `own`, and the default
    /// stamp in `stamps`, which no file with content has. Returns false if there are none.
    ///
    /// If a crash follows, the next run takes such a file for its own if it has the right length, and hashes it.
    pub fn expect_files(&self, own: &mut [bool], stamps: &mut [FileStamp]) -> bool {
        let mut has_any = false;
        for (file, usage) in self.uses().into_iter().enumerate() {
            let (Some(own), Some(stamp)) = (own.get_mut(file), stamps.get_mut(file)) else { continue };
            if usage == FileUse::Writes && *stamp == FileStamp::ABSENT && self.length_of(file) > 0 {
                (*own, *stamp) = (true, FileStamp::default());
                has_any = true;
            }
        }
        has_any
    }

    /// Returns true if writes will still create files.
    pub fn expects_files(&self) -> bool {
        let is_expected = |file: usize| !self.has_flag(file, flag::OWN) && self.length_of(file) > 0;
        self.is_writing()
            && self
                .uses()
                .iter()
                .enumerate()
                .any(|(file, usage)| *usage == FileUse::Writes && is_expected(file))
    }
}
