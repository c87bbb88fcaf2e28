use std::collections::HashMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::inodes::Inodes;

/// Bounded cache of the open file handles of all torrents. Closes the least recently used handle to make space.
///
/// A returned handle stays open while its holder keeps it. So the number of open descriptors may exceed the limit by
/// the reads and writes in progress.
///
/// Closing a file may wait for its device (NFS writes what it still holds), so a thread that opens a file closes only files
/// of the same device. An evicted file of another device stays open until that device is used next: at most
/// `limit` files of each device.
///
/// The lock covers only the map: no file is opened, closed or read under it.
#[derive(Debug)]
pub struct HandleCache {
    limit: usize,
    next_store: AtomicU64,
    open: Mutex<Open>,
    /// Files that stores write to, open or not.
    written: Inodes,
}

/// Id of the store and index of the file in it.
pub(crate) type Key = (u64, u32);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// An open file in the cache.
#[derive(Debug, Clone)]
pub(crate) struct OpenFile {
    pub(crate) file: Arc<File>,
    /// True if the file system has no disk, so that reading never waits for one.
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
    /// Returns a cache for a quarter of the process's descriptor limit, at most 512 files.
    fn default() -> Self {
        let allowed =
            rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::new(usize::try_from(allowed / 4).unwrap_or(usize::MAX).min(Self::DEFAULT_LIMIT))
    }
}

impl HandleCache {
    /// Largest default limit, for systems with a high descriptor limit.
    pub const DEFAULT_LIMIT: usize = 512;

    /// Returns a cache that keeps at most `limit` files open, and at least one.
    pub fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            next_store: AtomicU64::new(0),
            open: Mutex::default(),
            written: Inodes::default(),
        }
    }

    /// Returns the maximum number of files kept open.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of files kept open.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Returns true if no file is kept open.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn written(&self) -> &Inodes {
        &self.written
    }

    pub(crate) fn new_store_id(&self) -> u64 {
        self.next_store.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the handle of `key`. Opens it with `open` if the cache has none with sufficient access.
    ///
    /// Two threads may open the same file at once. One of the handles is then closed again.
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

    /// Returns the handle of `key` for reading, if the cache has one.
    pub(crate) fn peek(&self, key: Key) -> Option<OpenFile> {
        self.lock().touch(key, Access::Read)
    }

    /// Removes the handle of one file, so that the next use opens the file again.
    pub(crate) fn forget(&self, key: Key) {
        let closing = self.lock().take(|of| of == key);
        drop(closing);
    }

    /// Closes the less recently used half of the files. Returns false if the cache was empty.
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

    /// Removes the least recently used entry. Scans all of them: the `open` that follows costs far more.
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

/// Returns true if the file is on a file system in memory.
///
/// The system cannot report cached ranges there, as tmpfs does not support `RWF_NOWAIT`. Waiting for swapped-out pages
/// is accepted, as for the process's own memory.
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
    fn get_beyond_the_limit_closes_the_least_recently_used_file() {
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
    fn get_for_writing_replaces_a_read_handle_and_later_serves_reads() {
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
    fn close_half_closes_the_less_recently_used_files() {
        let cache = HandleCache::default();
        assert!(!cache.close_half());
        (0..5).for_each(|file| drop(cache.get((0, file), Access::Read, open).unwrap()));
        assert!(cache.close_half());
        assert_eq!(cache.len(), 2);
        assert!(cache.peek((0, 4)).is_some() && cache.peek((0, 2)).is_none());
    }

    #[test]
    fn forget_store_closes_the_files_of_that_store_only() {
        let cache = HandleCache::default();
        cache.get((1, 0), Access::Read, open).unwrap();
        cache.get((2, 0), Access::Read, open).unwrap();
        cache.forget_store(1);
        assert_eq!(cache.len(), 1);
        cache.forget((2, 0));
        assert!(cache.is_empty());
    }
}
