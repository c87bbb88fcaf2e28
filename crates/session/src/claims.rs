//! Claims of torrents to files: two torrents must never write to the same file.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use ztor_metainfo::Metainfo;
use ztor_storage::{FileUse, Place, TorrentStore};

/// The files of all torrents of a session. The claim of a torrent ends with its store, when the last job queued for its
/// files is done, or when its files have moved.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Roots>);

/// Torrents by the real paths of their files or folders and of their part file. Two torrents can share files only if
/// such a path of one is, or contains, a path of the other.
#[derive(Debug, Default)]
struct Roots {
    of: BTreeMap<PathBuf, Vec<Arc<Claim>>>,
    /// Number of entries at which ended claims are removed.
    sweep_at: usize,
}

/// Claim of one torrent to its files in one place.
#[derive(Debug)]
pub(crate) struct Claim {
    store: Weak<TorrentStore>,
    place: Place,
    /// First elements of the files' paths, in ascending order, with their real paths.
    tops: Box<[(PathBuf, PathBuf)]>,
    /// Real path of the part file; `None` if the torrent never creates one.
    parts: Option<PathBuf>,
    /// True once the files have moved elsewhere.
    has_ended: AtomicBool,
}

/// A file that two torrents would use, at least one of them for writing.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    /// The torrent that claimed it first.
    pub(crate) other: Arc<Metainfo>,
}

impl Claims {
    /// Claims the files of a torrent in a place, where they are or will be. After an error, the claim has ended.
    pub(crate) fn claim(&self, store: &Arc<TorrentStore>, place: &Place) -> Result<Arc<Claim>, Shared> {
        let claim = Arc::new(Claim::of(store, place));
        // No disk is accessed under the lock: one that does not respond would keep all torrents from being added. The
        // torrent is entered first, so that at least one of two concurrent ones sees the other.
        let others = {
            let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let others: Vec<Arc<Claim>> = claim.paths().flat_map(|path| roots.near(path)).collect();
            roots.insert(&claim);
            others
        };
        for other in others {
            let Some(theirs) = other.live_store() else { continue };
            // The engine refuses a torrent that exists already.
            if theirs.meta().info_hashes.matches(&store.meta().info_hashes) {
                continue;
            }
            if let Some(path) = shared_path((&other, &theirs), (&claim, store)) {
                claim.end();
                return Err(Shared { path, other: Arc::clone(theirs.meta()) });
            }
        }
        Ok(claim)
    }
}

impl Claim {
    fn of(store: &Arc<TorrentStore>, place: &Place) -> Self {
        let meta = store.meta();
        let mut tops = BTreeMap::new();
        for file in (0..meta.layout.files().len()).filter(|file| !meta.layout.files()[*file].pad) {
            let top = top_of(&place.names.path(meta, file));
            tops.entry(top).or_insert_with_key(|top| folded(real(&place.dir.join(top))));
        }
        // The selection may change at any time, so any torrent that may write may need a part file.
        let parts = store.parts_path_in(&place.dir);
        let parts = (!store.is_read_only()).then(|| folded(real(&parts)));
        let has_ended = AtomicBool::new(false);
        let tops = tops.into_iter().collect();
        Self { store: Arc::downgrade(store), place: place.clone(), tops, parts, has_ended }
    }

    /// Ends the claim, as the files have moved elsewhere.
    pub(crate) fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    fn live_store(&self) -> Option<Arc<TorrentStore>> {
        if self.has_ended.load(Ordering::Relaxed) { None } else { self.store.upgrade() }
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.tops.iter().map(|(_, real)| real).chain(&self.parts)
    }

    /// Returns the files that the torrent uses, with their real paths. Links below its first folders are not followed.
    fn places<'a>(&'a self, store: &'a TorrentStore) -> impl Iterator<Item = (usize, PathBuf, FileUse)> + 'a {
        let used = store.uses().into_iter().enumerate().filter(|(_, usage)| *usage != FileUse::None);
        used.filter_map(|(file, usage)| {
            let relative = self.place.names.path(store.meta(), file);
            let top = top_of(&relative);
            let at = self.tops.binary_search_by(|(known, _)| known.cmp(&top)).ok()?;
            let (_, top) = self.tops.get(at)?;
            let inside: PathBuf = relative.components().skip(1).collect();
            let is_top = inside.as_os_str().is_empty();
            Some((file, if is_top { top.clone() } else { top.join(folded(inside)) }, usage))
        })
    }

    fn part_file(&self) -> Option<(PathBuf, FileUse)> {
        self.parts.clone().map(|place| (place, FileUse::Writes))
    }
}

impl Roots {
    /// Returns the claims with a path that is `root`, contains it, or lies in it.
    fn near(&self, root: &Path) -> Vec<Arc<Claim>> {
        let above = root.ancestors().skip(1).filter_map(|folder| self.of.get(folder));
        let below = self.of.range(root.to_owned()..).take_while(|(path, _)| path.starts_with(root));
        above.chain(below.map(|(_, claims)| claims)).flatten().cloned().collect()
    }

    fn insert(&mut self, claim: &Arc<Claim>) {
        if self.of.len() >= self.sweep_at {
            self.of.retain(|_, claims| {
                claims.retain(|claim| {
                    claim.store.strong_count() > 0 && !claim.has_ended.load(Ordering::Relaxed)
                });
                !claims.is_empty()
            });
            self.sweep_at = 2 * self.of.len() + 64;
        }
        for path in claim.paths() {
            self.of.entry(path.clone()).or_default().push(Arc::clone(claim));
        }
    }
}

/// Returns a file that both use and at least one may write to, by its path in the second.
fn shared_path(one: (&Claim, &TorrentStore), two: (&Claim, &TorrentStore)) -> Option<PathBuf> {
    let all = one.0.places(one.1).map(|(_, place, usage)| (place, usage));
    let first: HashMap<PathBuf, FileUse> = all.chain(one.0.part_file()).collect();
    let is_shared = |place: &PathBuf, usage| {
        first.get(place).is_some_and(|other| usage == FileUse::Writes || *other == FileUse::Writes)
    };
    let (claim, store) = two;
    let file = claim.places(store).find(|(_, place, usage)| is_shared(place, *usage));
    let part_file = || claim.part_file().filter(|(place, usage)| is_shared(place, *usage));
    let path_of = |file| claim.place.dir.join(claim.place.names.path(store.meta(), file));
    file.map(|(file, ..)| path_of(file))
        .or_else(|| part_file().map(|_| store.parts_path_in(&claim.place.dir)))
}

/// Returns the first element of a path.
fn top_of(path: &Path) -> PathBuf {
    path.components().take(1).collect()
}

/// Resolves the links in a path, as far as it exists.
fn real(path: &Path) -> PathBuf {
    let mut missing: Vec<OsString> = Vec::new();
    for folder in path.ancestors() {
        if let Ok(mut real) = folder.canonicalize() {
            real.extend(missing.iter().rev());
            return real;
        }
        missing.extend(folder.file_name().map(ToOwned::to_owned));
    }
    path.to_owned()
}

/// Returns one spelling for all names of a file where case is ignored.
fn folded(path: PathBuf) -> PathBuf {
    if cfg!(any(windows, target_os = "macos")) { path.to_string_lossy().to_lowercase().into() } else { path }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

    use super::*;
    use ztor_storage::create::{CreateOptions, create};
    use ztor_storage::{FileNames, HandleCache, StoreOptions};

    /// Creates a torrent of `name` with these files, whose content depends on `seed`.
    fn torrent(files: &[&str], name: &str, seed: u8) -> Arc<Metainfo> {
        let tmp = tempfile::tempdir().unwrap();
        for file in files {
            let path = tmp.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, vec![seed; 20_000]).unwrap();
        }
        let options = CreateOptions::default();
        let made = create(&tmp.path().join(name), &options, 1, |_, _| {}, &AtomicBool::new(false)).unwrap();
        Arc::new(Metainfo::from_bytes(&made.torrent).unwrap())
    }

    fn store(
        meta: &Arc<Metainfo>,
        dir: &Path,
        wanted: Option<&[bool]>,
        read_only: bool,
    ) -> Arc<TorrentStore> {
        let options = StoreOptions { read_only, ..StoreOptions::default() };
        let handles = Arc::new(HandleCache::default());
        Arc::new(TorrentStore::open(Arc::clone(meta), dir, wanted, options, handles).unwrap())
    }

    fn claim(claims: &Claims, store: &Arc<TorrentStore>) -> Result<Arc<Claim>, Shared> {
        claims.claim(store, &store.place())
    }

    #[test]
    fn claim_of_a_written_file_fails_until_the_first_torrent_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["x"], "x", 1), torrent(&["x"], "x", 2));
        let claims = Claims::default();
        let first = store(&one, dir.path(), None, false);
        claim(&claims, &first).unwrap();
        let shared = claim(&claims, &store(&two, dir.path(), None, false)).unwrap_err();
        assert_eq!((shared.path, shared.other.info_hashes), (dir.path().join("x"), one.info_hashes));
        claim(&claims, &store(&two, &dir.path().join("elsewhere"), None, false)).unwrap();
        claim(&claims, &store(&two, dir.path(), None, true)).unwrap_err();
        drop(first);
        claim(&claims, &store(&two, dir.path(), None, false)).unwrap();
    }

    #[test]
    fn claim_of_a_file_by_two_readers_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["x"], "x", 1), torrent(&["x"], "x", 2));
        let claims = Claims::default();
        let stores = [store(&one, dir.path(), None, true), store(&two, dir.path(), None, true)];
        stores.iter().for_each(|store| drop(claim(&claims, store).unwrap()));
        claim(&claims, &store(&torrent(&["x"], "x", 3), dir.path(), None, false)).unwrap_err();
    }

    #[test]
    fn claim_through_links_and_nested_folders_finds_the_shared_file() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path(), &link).unwrap();
        let album = torrent(&["a/b/x", "a/y"], "a", 1);
        let (inner, beside) = (torrent(&["x"], "x", 2), torrent(&["z"], "z", 2));
        let claims = Claims::default();
        let first = store(&album, &link, None, false);
        claim(&claims, &first).unwrap();
        claim(&claims, &store(&inner, &dir.path().join("a/b"), None, false)).unwrap_err();
        claim(&claims, &store(&beside, &dir.path().join("a/b"), None, false)).unwrap();

        let claims = Claims::default();
        let first = store(&inner, &dir.path().join("a/b"), None, false);
        claim(&claims, &first).unwrap();
        claim(&claims, &store(&album, &link, None, false)).unwrap_err();
    }

    #[test]
    fn claim_of_the_part_file_of_another_torrent_fails() {
        let dir = tempfile::tempdir().unwrap();
        let one = torrent(&["a/x", "a/y"], "a", 1);
        let first = store(&one, dir.path(), None, false);
        let path = first.full_parts_path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let second = store(&torrent(&[&name], &name, 2), dir.path(), None, false);
        let claims = Claims::default();
        assert_eq!(second.path_of(0), path);
        claim(&claims, &first).unwrap();
        assert_eq!(claim(&claims, &second).unwrap_err().path, path);
        let claims = Claims::default();
        claim(&claims, &second).unwrap();
        assert_eq!(claim(&claims, &first).unwrap_err().path, path);

        let claims = Claims::default();
        claim(&claims, &second).unwrap();
        claim(&claims, &store(&one, dir.path(), None, true)).unwrap();
        claim(&claims, &store(&one, &dir.path().join("elsewhere"), None, false)).unwrap();
    }

    #[test]
    fn claim_of_a_selection_leaves_out_unwanted_files() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["a/x", "a/y"], "a", 1), torrent(&["a/x", "a/y"], "a", 2));
        let claims = Claims::default();
        let first = store(&one, dir.path(), Some(&[true, false]), false);
        claim(&claims, &first).unwrap();
        let second = store(&two, dir.path(), Some(&[false, true]), false);
        claim(&claims, &second).unwrap();
        claim(&claims, &store(&two, dir.path(), None, false)).unwrap_err();
    }

    #[test]
    fn claim_after_a_move_frees_the_old_place() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["a/x", "a/y"], "a", 1), torrent(&["b/x"], "b", 2));
        let claims = Claims::default();
        let first = store(&one, dir.path(), None, false);
        let old = claim(&claims, &first).unwrap();
        let mut names = FileNames::default();
        names.rename_file(&one, 0, "b/x").unwrap();
        let moved = claims.claim(&first, &Place { dir: dir.path().to_owned(), names }).unwrap();
        let shared = claim(&claims, &store(&two, dir.path(), None, false)).unwrap_err();
        assert_eq!(shared.path, dir.path().join("b/x"));
        moved.end();
        claim(&claims, &store(&two, dir.path(), None, false)).unwrap();
        old.end();
        let third = torrent(&["a/x"], "a", 3);
        claim(&claims, &store(&third, dir.path(), None, false)).unwrap();
    }
}
