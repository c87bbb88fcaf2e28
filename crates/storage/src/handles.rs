use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::inodes::Inodes;

/// Open file handles of all torrents, bounded: the least recently used one is closed for a new one.
///
/// A handle that was handed out stays open for as long as its holder keeps it, so the number of open
/// descriptors may exceed the limit by the reads and writes that are under way.
///
/// Closing a file may wait for its device (NFS writes what it still holds), so a thread that opens a file closes only files
/// of the same device. A file of another device that has to make way stays open until that device is used next: at most
/// `limit` files of each device.
///
/// The lock inside covers a map look-up only; nothing is opened, closed or read under it.
#[derive(Debug)]
pub struct HandleCache {
    limit: usize,
    next_store: AtomicU64,
    open: Mutex<Open>,
    /// What is written to, open or not.
    written: Inodes,
}

/// Which file of which store.
pub(crate) type Key = (u64, u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// A file that is kept open.
#[derive(Debug, Clone)]
pub(crate) struct OpenFile {
    pub(crate) file: Arc<File>,
    /// The file system has no disk: reading never waits for one.
    pub(crate) is_in_memory: bool,
}

#[derive(Debug, Default)]
struct Open {
    entries: HashMap<Key, Entry>,
    /// Files that made way for those of other devices, by their own device.
    to_close: HashMap<u64, Vec<(Key, Entry)>>,
    clock: u64,
}

#[derive(Debug)]
struct Entry {
    open: OpenFile,
    access: Access,
    /// Device of the file; 0 if the system does not tell.
    device: u64,
    used: u64,
}

impl Default for HandleCache {
    /// A quarter of what the process may open, at most 512.
    fn default() -> Self {
        let allowed =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::new(usize::try_from(allowed / 4).unwrap_or(usize::MAX).min(Self::DEFAULT_LIMIT))
    }
}

impl HandleCache {
    /// Files kept open where the system allows more than enough.
    pub const DEFAULT_LIMIT: usize = 512;

    /// Keeps at most `limit` files open, and at least one.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            next_store: AtomicU64::new(0),
            open: Mutex::default(),
            written: Inodes::default(),
        }
    }

    /// The most files kept open.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Files kept open now.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether no file is kept open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn written(&self) -> &Inodes {
        &self.written
    }

    pub(crate) fn new_store_id(&self) -> u64 {
        self.next_store.fetch_add(1, Ordering::Relaxed)
    }

    /// The handle of `key`, opened by `open` if none with enough access is kept.
    ///
    /// Two threads may open the same file at once; one of the handles is then closed again.
    pub(crate) fn get<E>(
        &self,
        key: Key,
        access: Access,
        open: impl FnOnce() -> Result<File, E>,
    ) -> Result<Arc<File>, E> {
        if let Some(open) = self.lock().touch(key, access) {
            return Ok(open.file);
        }
        let file = Arc::new(open()?);
        let opened = OpenFile { file: Arc::clone(&file), is_in_memory: is_in_memory(&file) };
        let device = file.metadata().map_or(0, |file| file.dev());
        let mut state = self.lock();
        if let Some(earlier) = state.touch(key, access) {
            drop(state);
            return Ok(earlier.file);
        }
        if state.entries.len() >= self.limit && !state.entries.contains_key(&key) {
            state.evict_later();
        }
        let used = state.tick();
        let replaced = state.entries.insert(key, Entry { open: opened, access, device, used });
        let closing = state.to_close.remove(&device);
        drop(state);
        drop((closing, replaced));
        Ok(file)
    }

    /// The handle of `key` for reading, if one is kept.
    pub(crate) fn peek(&self, key: Key) -> Option<OpenFile> {
        self.lock().touch(key, Access::Read)
    }

    /// Drops the handle of one file, so that the next use opens it anew.
    pub(crate) fn forget(&self, key: Key) {
        let closing = self.lock().take(|of| of == key);
        drop(closing);
    }

    /// Closes those files that were used least recently, half of all. False if there was none.
    pub(crate) fn close_half(&self) -> bool {
        let mut closing = Vec::new();
        let mut state = self.lock();
        for _ in 0..state.entries.len().div_ceil(2) {
            closing.extend(state.evict());
        }
        closing.extend(state.to_close.drain().flat_map(|(_, entries)| entries));
        drop(state);
        !closing.is_empty()
    }

    pub(crate) fn forget_store(&self, store: u64) {
        let closing = self.lock().take(|key| key.0 == store);
        drop(closing);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    fn touch(&mut self, key: Key, access: Access) -> Option<OpenFile> {
        let used = self.tick();
        let entry = self.entries.get_mut(&key).filter(|entry| entry.access >= access)?;
        entry.used = used;
        Some(entry.open.clone())
    }

    /// A scan, because it goes with an `open` that costs far more than looking at some hundred entries.
    fn evict(&mut self) -> Option<(Key, Entry)> {
        let oldest = *self.entries.iter().min_by_key(|(_, entry)| entry.used)?.0;
        self.entries.remove_entry(&oldest)
    }

    fn evict_later(&mut self) {
        if let Some((key, entry)) = self.evict() {
            self.to_close.entry(entry.device).or_default().push((key, entry));
        }
    }

    /// Removes files by their key, for the caller to close without the lock.
    fn take(&mut self, is_it: impl Fn(Key) -> bool) -> Vec<(Key, Entry)> {
        let mut taken: Vec<_> = self.entries.extract_if(|key, _| is_it(*key)).collect();
        self.to_close.retain(|_, entries| {
            taken.extend(entries.extract_if(.., |(key, _)| is_it(*key)));
            !entries.is_empty()
        });
        taken
    }
}

/// Where there is no disk to wait for, the system need not be asked whether bytes are in memory; and it does
/// not tell, for tmpfs knows no reads that must not wait. (Swapped out pages are waited for like any of our own.)
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_in_memory(file: &File) -> bool {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    const RAMFS_MAGIC: u64 = 0x8584_58f6;
    rustix::fs::fstatfs(file)
        .is_ok_and(|fs| [TMPFS_MAGIC, RAMFS_MAGIC].contains(&(fs.f_type as u64 & 0xffff_ffff)))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn is_in_memory(_: &File) -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;

    fn open() -> Result<File, std::io::Error> {
        File::open("/dev/null")
    }

    #[test]
    fn closes_the_least_recently_used() {
        let cache = HandleCache::new(2);
        let first = cache.get((0, 0), Access::Read, open).unwrap();
        cache.get((0, 1), Access::Read, open).unwrap();
        cache.get((0, 0), Access::Read, || Err(std::io::Error::other("must be kept"))).unwrap();
        cache.get((0, 2), Access::Read, open).unwrap();
        assert_eq!(cache.len(), 2);
        let again = cache.get((0, 0), Access::Read, || Err(std::io::Error::other("must be kept"))).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert!(cache.get((0, 1), Access::Read, || Err(std::io::Error::other("was closed"))).is_err());
    }

    #[test]
    fn a_read_handle_is_replaced_for_writing_and_serves_reads_after() {
        let cache = HandleCache::new(1);
        let reading = cache.get((0, 0), Access::Read, open).unwrap();
        let writing = cache.get((0, 0), Access::ReadWrite, open).unwrap();
        assert!(!Arc::ptr_eq(&reading, &writing));
        let third = cache.get((0, 0), Access::Read, open).unwrap();
        assert!(Arc::ptr_eq(&writing, &third));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn get_beyond_the_limit_closes_only_files_of_its_device() {
        // The files below /proc are on another device than those below /dev.
        let other = || File::open("/proc/self/status");
        let cache = HandleCache::new(2);
        let kept = |cache: &HandleCache| {
            let state = cache.lock();
            state
                .to_close
                .values()
                .flatten()
                .map(|(_, entry)| Arc::clone(&entry.open.file))
                .collect::<Vec<_>>()
        };
        let theirs = cache.get((0, 0), Access::Read, other).unwrap();
        cache.get((1, 0), Access::Read, open).unwrap();
        cache.get((1, 1), Access::Read, open).unwrap();
        // It made way, and is not closed by a thread of the device that needed its place.
        assert!(cache.peek((0, 0)).is_none());
        assert!(matches!(kept(&cache).as_slice(), [file] if Arc::ptr_eq(file, &theirs)));
        cache.get((1, 2), Access::Read, open).unwrap();
        assert_eq!((kept(&cache).len(), cache.len()), (1, 2));
        // Its own device closes it, and leaves to others what is theirs.
        cache.get((0, 1), Access::Read, other).unwrap();
        assert!(!kept(&cache).iter().any(|file| Arc::ptr_eq(file, &theirs)));
        assert_eq!((kept(&cache).len(), cache.len()), (1, 2));
        cache.forget((1, 0));
        cache.forget_store(1);
        assert!(cache.peek((0, 1)).is_some() && kept(&cache).is_empty());
    }

    #[test]
    fn half_of_the_files_give_way() {
        let cache = HandleCache::default();
        assert!(!cache.close_half());
        (0..5).for_each(|file| drop(cache.get((0, file), Access::Read, open).unwrap()));
        assert!(cache.close_half());
        assert_eq!(cache.len(), 2);
        assert!(cache.peek((0, 4)).is_some() && cache.peek((0, 2)).is_none());
    }

    #[test]
    fn forgets_a_store() {
        let cache = HandleCache::default();
        cache.get((1, 0), Access::Read, open).unwrap();
        cache.get((2, 0), Access::Read, open).unwrap();
        cache.forget_store(1);
        assert_eq!(cache.len(), 1);
        cache.forget((2, 0));
        assert!(cache.is_empty());
    }
}
