//! The announcement of writes, and of the files that they will create.

use super::existing::FileUse;
use super::{FileStamp, TorrentStore, flag};
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

type Call = Box<dyn Fn(&TorrentStore) + Send + Sync>;

/// A call that precedes writes to files that it must know of.
#[derive(Default)]
pub(super) struct Writing {
    call: OnceLock<Call>,
    /// True from before the call on: what the call records must not be replaced by somebody who does not know of it.
    is_announced: AtomicBool,
    begun: OnceLock<()>,
}

impl fmt::Debug for Writing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writing").field("begun", &self.begun.get().is_some()).finish_non_exhaustive()
    }
}

impl TorrentStore {
    /// Sets a call that is made before the first write, and by [`announce_files`](Self::announce_files). It may take
    /// long, and other writes wait for it. Only the first call that is set counts.
    ///
    /// A crash leaves files that no record knows. So the caller records before the first write which files will be
    /// created ([`own_record`](Self::own_record)).
    pub fn before_writing(&self, call: impl Fn(&TorrentStore) + Send + Sync + 'static) {
        drop(self.writing.call.set(Box::new(call)));
    }

    /// Announces a write. The first time, makes the call of [`before_writing`](Self::before_writing).
    pub(crate) fn begin_writing(&self) {
        self.writing.begun.get_or_init(|| {
            self.writing.is_announced.store(true, Ordering::SeqCst);
            self.make_call();
        });
    }

    /// Makes the call of [`before_writing`](Self::before_writing) again, if there was a write: other files are wanted
    /// now. Call it after [`set_wanted`](Self::set_wanted) and before blocks of these files are written.
    pub fn announce_files(&self) {
        if self.is_writing() {
            self.make_call();
        }
    }

    fn make_call(&self) {
        if let Some(call) = self.writing.call.get() {
            call(self);
        }
    }

    /// Returns true if the first write was announced.
    pub fn is_writing(&self) -> bool {
        self.writing.is_announced.load(Ordering::SeqCst)
    }

    /// Returns the files that a record must name as the torrent's own, one entry per file: its
    /// [own files](Self::own_files), and once there was a write also those that do not exist, or are empty, and that
    /// writes may create or fill at any moment. `stamps` are those that will be recorded, taken before this call. The
    /// stamp of a file that may be created becomes the default stamp, which no file with content has.
    ///
    /// If a crash follows, the next run takes such a file for its own if it has the right length, and hashes it.
    pub fn own_record(&self, stamps: &mut [FileStamp]) -> Vec<bool> {
        let mut own = self.own_files();
        if !self.is_writing() {
            return own;
        }
        for ((file, usage), (own, stamp)) in
            self.uses().into_iter().enumerate().zip(own.iter_mut().zip(stamps))
        {
            if usage == FileUse::Writes && stamp.len == 0 && self.length_of(file) > 0 {
                *own = true;
                if *stamp == FileStamp::ABSENT {
                    *stamp = FileStamp::default();
                }
            }
        }
        own
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
