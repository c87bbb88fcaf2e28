//! Claims of torrents to files: two torrents must never write to the same file.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use ztor_metainfo::Metainfo;
use ztor_storage::{FileUse, TorrentStore};

/// The files of all torrents of a session. The claim of a torrent ends with its store, when the last job queued for its
/// files is done.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Roots>);

/// Torrents by the real paths of their file or folder and of their part file. Two torrents can share files only if such
/// a path of one is, or contains, a path of the other.
#[derive(Debug, Default)]
struct Roots {
    of: BTreeMap<PathBuf, Vec<Arc<Claim>>>,
    /// Number of entries at which ended claims are removed.
    sweep_at: usize,
}

/// Claim of one torrent, with real paths.
#[derive(Debug)]
struct Claim {
    store: Weak<TorrentStore>,
    root: PathBuf,
    /// The part file; `None` if the torrent never creates one.
    parts: Option<PathBuf>,
}

/// A file that two torrents would use, at least one of them for writing.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) path: PathBuf,
    /// The torrent that claimed it first.
    pub(crate) other: Arc<Metainfo>,
}

impl Claims {
    /// Claims the files of a torrent. After an error, the caller drops the store, which ends the claim.
    pub(crate) fn claim(&self, store: &Arc<TorrentStore>) -> Result<(), Shared> {
        let claim = Arc::new(Claim::of(store));
        // No disk is accessed under the lock: one that does not respond would keep all torrents from being added. The
        // torrent is entered first, so that at least one of two concurrent ones sees the other.
        let others = {
            let mut roots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let others: Vec<Arc<Claim>> = claim.paths().flat_map(|path| roots.near(path)).collect();
            roots.insert(&claim);
            others
        };
        for other in others {
            let Some(theirs) = other.store.upgrade() else { continue };
            // The engine refuses a torrent that exists already.
            if theirs.meta().info_hashes.matches(&store.meta().info_hashes) {
                continue;
            }
            if let Some(path) = shared_path((&other, &theirs), (&claim, store)) {
                return Err(Shared { path, other: Arc::clone(theirs.meta()) });
            }
        }
        Ok(())
    }
}

impl Claim {
    fn of(store: &Arc<TorrentStore>) -> Self {
        // The selection may change at any time, so any torrent that may write may need a part file.
        let parts = (!store.is_read_only()).then(|| folded(real(&store.full_parts_path())));
        Self { store: Arc::downgrade(store), root: root_of(store), parts }
    }

    fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.root).chain(&self.parts)
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
                claims.retain(|claim| claim.store.strong_count() > 0);
                !claims.is_empty()
            });
            self.sweep_at = 2 * self.of.len() + 64;
        }
        for path in claim.paths() {
            self.of.entry(path.clone()).or_default().push(Arc::clone(claim));
        }
    }
}

/// Returns a file that both use and at least one may write to.
fn shared_path(one: (&Claim, &TorrentStore), two: (&Claim, &TorrentStore)) -> Option<PathBuf> {
    let all_of = |(claim, store)| places_of(claim, store).map(|(_, place, usage)| (place, usage));
    let first: HashMap<PathBuf, FileUse> = all_of(one).chain(part_file_of(one.0)).collect();
    let is_shared = |place: &PathBuf, usage| {
        first.get(place).is_some_and(|other| usage == FileUse::Writes || *other == FileUse::Writes)
    };
    let (claim, store) = two;
    let file = places_of(claim, store).find(|(_, place, usage)| is_shared(place, *usage));
    let part_file = || part_file_of(claim).filter(|(place, usage)| is_shared(place, *usage));
    file.map(|(file, ..)| store.path_of(file)).or_else(|| part_file().map(|_| store.full_parts_path()))
}

/// Returns the files that a torrent uses, with their real paths. Links below the torrent's own folder are not followed.
fn places_of<'a>(
    claim: &'a Claim,
    store: &'a TorrentStore,
) -> impl Iterator<Item = (usize, PathBuf, FileUse)> + 'a {
    let used = store.uses().into_iter().enumerate().filter(|(_, usage)| *usage != FileUse::None);
    used.map(move |(file, usage)| {
        let relative = store.meta().relative_path(file);
        let inside: PathBuf = relative.components().skip(1).collect();
        let is_root = inside.as_os_str().is_empty();
        let place = if is_root { claim.root.clone() } else { claim.root.join(folded(inside)) };
        (file, place, usage)
    })
}

fn part_file_of(claim: &Claim) -> Option<(PathBuf, FileUse)> {
    claim.parts.clone().map(|place| (place, FileUse::Writes))
}

/// Returns the real path of a torrent's file or folder.
fn root_of(store: &TorrentStore) -> PathBuf {
    let meta = store.meta();
    // For a file that does not exist, it is the path of the torrent.
    let relative = if meta.is_single_file() { meta.relative_path(0) } else { meta.relative_path(usize::MAX) };
    folded(real(&store.dir().join(relative)))
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
    use std::sync::atomic::AtomicBool;
    use ztor_storage::create::{CreateOptions, create};
    use ztor_storage::{HandleCache, StoreOptions};

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

    #[test]
    fn claim_of_a_written_file_fails_until_the_first_torrent_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["x"], "x", 1), torrent(&["x"], "x", 2));
        let claims = Claims::default();
        let first = store(&one, dir.path(), None, false);
        claims.claim(&first).unwrap();
        let shared = claims.claim(&store(&two, dir.path(), None, false)).unwrap_err();
        assert_eq!((shared.path, shared.other.info_hashes), (dir.path().join("x"), one.info_hashes));
        claims.claim(&store(&two, &dir.path().join("elsewhere"), None, false)).unwrap();
        claims.claim(&store(&two, dir.path(), None, true)).unwrap_err();
        drop(first);
        claims.claim(&store(&two, dir.path(), None, false)).unwrap();
    }

    #[test]
    fn claim_of_a_file_by_two_readers_succeeds() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["x"], "x", 1), torrent(&["x"], "x", 2));
        let claims = Claims::default();
        let stores = [store(&one, dir.path(), None, true), store(&two, dir.path(), None, true)];
        stores.iter().for_each(|store| claims.claim(store).unwrap());
        claims.claim(&store(&torrent(&["x"], "x", 3), dir.path(), None, false)).unwrap_err();
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
        claims.claim(&first).unwrap();
        claims.claim(&store(&inner, &dir.path().join("a/b"), None, false)).unwrap_err();
        claims.claim(&store(&beside, &dir.path().join("a/b"), None, false)).unwrap();

        let claims = Claims::default();
        let first = store(&inner, &dir.path().join("a/b"), None, false);
        claims.claim(&first).unwrap();
        claims.claim(&store(&album, &link, None, false)).unwrap_err();
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
        claims.claim(&first).unwrap();
        assert_eq!(claims.claim(&second).unwrap_err().path, path);
        let claims = Claims::default();
        claims.claim(&second).unwrap();
        assert_eq!(claims.claim(&first).unwrap_err().path, path);

        let claims = Claims::default();
        claims.claim(&second).unwrap();
        claims.claim(&store(&one, dir.path(), None, true)).unwrap();
        claims.claim(&store(&one, &dir.path().join("elsewhere"), None, false)).unwrap();
    }

    #[test]
    fn claim_of_a_selection_leaves_out_unwanted_files() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (torrent(&["a/x", "a/y"], "a", 1), torrent(&["a/x", "a/y"], "a", 2));
        let claims = Claims::default();
        let first = store(&one, dir.path(), Some(&[true, false]), false);
        claims.claim(&first).unwrap();
        let second = store(&two, dir.path(), Some(&[false, true]), false);
        claims.claim(&second).unwrap();
        claims.claim(&store(&two, dir.path(), None, false)).unwrap_err();
    }
}
