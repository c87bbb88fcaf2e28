//! The names that a torrent's files have on this disk.
//!
//! Names that could harm a terminal or another system are changed on disk. The rules differ between programs and
//! versions, so existing data is used under the names that it has.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ztor_metainfo::Metainfo;
use ztor_metainfo::paths::Naming;

use crate::file_names::{FileNames, with_suffix};

/// Maximum number of files that are looked for to choose a naming.
const MAX_LOOKED_AT: usize = 10_000;

/// Returns the torrent by every distinct naming, and the index of the naming for new files.
///
/// The order is that in which data is looked for: the torrent's own names, those for new files, those of earlier
/// versions. Most torrents have only one naming.
pub fn namings(meta: &Arc<Metainfo>) -> (Vec<Arc<Metainfo>>, usize) {
    if !meta.is_renamable() {
        return (vec![Arc::clone(meta)], 0);
    }
    let mut found: Vec<Arc<Metainfo>> = Vec::new();
    let mut for_new = 0;
    for naming in Naming::ON_DISK {
        // The dictionary was parsed before. If it cannot be loaded any more, the names stay the same.
        let renamed = meta.renamed(naming).map_or_else(|_| Arc::clone(meta), Arc::new);
        let known =
            found.iter().position(|other| other.name == renamed.name && other.layout == renamed.layout);
        let index = known.unwrap_or_else(|| {
            found.push(renamed);
            found.len() - 1
        });
        if naming == Naming::Native {
            for_new = index;
        }
    }
    (found, for_new)
}

/// Returns the torrent with the names that its data has below `dir`; with those for new files if there is no data.
///
/// All files of a torrent use the same naming, so that no two share a path: the one by which most of them exist. Reads
/// the disk and changes nothing.
pub fn as_found(meta: &Arc<Metainfo>, dir: &Path) -> Arc<Metainfo> {
    as_found_named(meta, dir, &FileNames::default())
}

/// Does the same as [`as_found`], for files with other paths below `dir`.
pub(crate) fn as_found_named(meta: &Arc<Metainfo>, dir: &Path, names: &FileNames) -> Arc<Metainfo> {
    as_found_in(meta, &[(dir, names)])
}

/// Does the same as [`as_found_named`], for files of which each is in one of several places.
pub(crate) fn as_found_in(meta: &Arc<Metainfo>, places: &[(&Path, &FileNames)]) -> Arc<Metainfo> {
    let (namings, for_new) = namings(meta);
    if namings.len() == 1 {
        return Arc::clone(&namings[for_new]);
    }
    let path = |naming: &Metainfo, file: usize| -> PathBuf { naming.relative_path(file) };
    let files = meta.layout.files().iter().enumerate();
    let real = files.filter(|(_, file)| !file.pad).map(|(index, _)| index);
    // A file with the same name by all rules does not distinguish them.
    let telling: Vec<usize> = real
        .filter(|&file| namings.iter().any(|naming| path(naming, file) != path(&namings[0], file)))
        .take(MAX_LOOKED_AT)
        .collect();
    let lies_in = |(dir, names): &(&Path, &FileNames), naming: &Metainfo, file: usize| {
        let exists = |path: PathBuf| std::fs::symlink_metadata(dir.join(path)).is_ok();
        let path = names.path(naming, file);
        exists(path.clone()) || (!names.suffix().is_empty() && exists(with_suffix(path, names.suffix())))
    };
    let lies_here = |naming: &Metainfo, file: usize| places.iter().any(|place| lies_in(place, naming, file));
    let mut best = (0, for_new);
    // Names for new files are first, so that they win a tie.
    for index in std::iter::once(for_new).chain(0..namings.len()) {
        let found = telling.iter().filter(|&&file| lies_here(&namings[index], file)).count();
        if found > best.0 {
            best = (found, index);
        }
    }
    Arc::clone(&namings[best.1])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail by panic")]
#[cfg(not(any(windows, target_os = "macos")))]
mod tests {
    use crate::testing::{Fixture, Kind, noise};
    use crate::{Pieces, StoreOptions, check_all};
    use std::sync::atomic::AtomicBool;

    /// Names in the torrent, for new files, and by earlier versions.
    const NAMES: [[&str; 3]; 3] = [
        ["back\\slash", "back\\slash", "back_slash"],
        ["evil\u{202e}gpj.exe", "evilgpj.exe", "evilgpj.exe"],
        ["👩\u{200d}👧", "👩\u{200d}👧", "👩👧"],
    ];

    fn fixture() -> Fixture {
        let files: Vec<(&str, Vec<u8>)> =
            NAMES.iter().zip(1..).map(|([raw, ..], seed)| (*raw, noise(20_000, seed))).collect();
        Fixture::new(Kind::V1, 16 * 1024, &files)
    }

    #[test]
    fn open_with_data_by_any_naming_finds_it() {
        for column in 0..3 {
            let fixture = fixture();
            let folder = fixture.dir.path().join("torrent");
            std::fs::create_dir(&folder).unwrap();
            for (names, content) in NAMES.iter().zip(&fixture.data) {
                std::fs::write(folder.join(names[column]), content).unwrap();
            }
            let store = fixture.store_with(None, StoreOptions { read_only: true, ..StoreOptions::default() });
            let good = check_all(&store, Pieces::All, 1, |_| {}, &AtomicBool::new(false)).unwrap();
            assert_eq!(good, vec![true; 4], "column {column}");
            assert!(store.path_of(1).ends_with(NAMES[1][column]));
        }
    }

    #[test]
    fn open_without_data_uses_the_names_for_new_files() {
        let fixture = fixture();
        let names: Vec<String> =
            fixture.store().meta().layout.files().iter().map(|file| file.path.to_string()).collect();
        assert_eq!(names, NAMES.map(|[_, native, _]| native));
    }

    #[test]
    fn open_with_a_file_in_the_place_of_another_ignores_it() {
        // By the rules of earlier versions the first has the name that the second always has.
        let fixture =
            Fixture::new(Kind::V1, 16 * 1024, &[("a\u{200d}b", noise(10, 1)), ("ab", noise(10, 2))]);
        let folder = fixture.dir.path().join("torrent");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("ab"), &fixture.data[1]).unwrap();
        let store = fixture.store();
        assert_ne!(store.path_of(0), store.path_of(1));
    }
}
