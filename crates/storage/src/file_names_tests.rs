#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use super::*;
use crate::testing::{Fixture, Kind};
use proptest::prelude::*;

fn torrent(files: &[&str]) -> Fixture {
    let files: Vec<(&str, Vec<u8>)> = files.iter().map(|path| (*path, vec![7; 20_000])).collect();
    Fixture::new(Kind::V1, 16384, &files)
}

fn paths(names: &FileNames, meta: &Metainfo) -> Vec<String> {
    real_files(meta).map(|file| names.path(meta, file).to_str().unwrap().to_owned()).collect()
}

#[test]
fn path_by_each_layout_has_or_lacks_the_folder() {
    let torrent = torrent(&["a/x", "b"]);
    let of = |layout| paths(&FileNames::new(layout), &torrent.meta);
    assert_eq!(of(ContentLayout::Original), ["torrent/a/x", "torrent/b"]);
    assert_eq!(of(ContentLayout::Subfolder), ["torrent/a/x", "torrent/b"]);
    assert_eq!(of(ContentLayout::NoSubfolder), ["a/x", "b"]);
}

#[test]
fn rename_file_to_a_path_outside_or_of_another_file_is_an_error() {
    let torrent = torrent(&["a/x", "b", "c"]);
    let mut names = FileNames::default();
    for path in ["", "/x", "..", "a/../../x", "a//\u{202e}x", "a\nb"] {
        let error = names.rename_file(&torrent.meta, 1, path).unwrap_err();
        assert!(matches!(error, NameError::Unsafe { .. }), "{path:?}: {error}");
    }
    let long = "x".repeat(MAX_ELEMENT_LEN + 1);
    assert!(matches!(names.rename_file(&torrent.meta, 1, &long), Err(NameError::TooLong { .. })));
    for path in ["torrent/c", "torrent/a", "torrent/c/d", "torrent/a/x/y"] {
        let error = names.rename_file(&torrent.meta, 1, path).unwrap_err();
        assert!(matches!(error, NameError::Taken { .. }), "{path:?}: {error}");
    }
    assert!(matches!(names.rename_file(&torrent.meta, 9, "x"), Err(NameError::NoFile { file: 9 })));
    assert_eq!(names, FileNames::default(), "errors change nothing");
    names.rename_file(&torrent.meta, 1, "new/./b.bin").unwrap();
    assert_eq!(paths(&names, &torrent.meta), ["torrent/a/x", "new/b.bin", "torrent/c"]);
    names.rename_file(&torrent.meta, 1, "torrent/b").unwrap();
    assert!(names.is_original(), "a file with its first name is not renamed");
}

#[test]
fn rename_folder_moves_all_files_in_it_and_no_others() {
    let torrent = torrent(&["a/x", "a/y", "ab/z"]);
    let mut names = FileNames::default();
    names.rename_folder(&torrent.meta, "torrent/a", "torrent/c/d").unwrap();
    assert_eq!(paths(&names, &torrent.meta), ["torrent/c/d/x", "torrent/c/d/y", "torrent/ab/z"]);
    names.rename_folder(&torrent.meta, "torrent", "T").unwrap();
    assert_eq!(paths(&names, &torrent.meta), ["T/c/d/x", "T/c/d/y", "T/ab/z"]);
    let missing = names.rename_folder(&torrent.meta, "torrent", "x");
    assert!(matches!(missing, Err(NameError::NoFolder { .. })));
    let taken = names.rename_folder(&torrent.meta, "T/c/d", "T/ab/z");
    assert!(matches!(taken, Err(NameError::Taken { .. })));
}

#[test]
fn check_of_a_layout_without_folder_and_a_file_named_like_a_renamed_folder_is_an_error() {
    let torrent = torrent(&["a/x", "b"]);
    let mut names = FileNames::new(ContentLayout::NoSubfolder);
    names.check(&torrent.meta).unwrap();
    names.renamed.insert(1, PathBuf::from("a"));
    assert_eq!(names.check(&torrent.meta), Err(NameError::Taken { path: PathBuf::from("a") }));
    names.renamed = BTreeMap::from([(7, PathBuf::from("y"))]);
    assert_eq!(names.check(&torrent.meta), Err(NameError::NoFile { file: 7 }));
}

#[test]
fn rename_to_the_name_of_a_part_file_or_of_a_copy_is_an_error() {
    let torrent = torrent(&["a/x", "b"]);
    let mut names = FileNames::default();
    let hash = "0123456789abcdef0123456789abcdef01234567";
    for path in [format!(".{hash}.parts"), format!("x/.{hash}.7.moving"), format!(".{hash}.parts/x")] {
        let error = names.rename_file(&torrent.meta, 0, &path).unwrap_err();
        assert!(matches!(error, NameError::Reserved { .. }), "{path}: {error}");
    }
    names.rename_file(&torrent.meta, 0, format!("{hash}.parts")).unwrap();
    names.rename_file(&torrent.meta, 0, ".abc.moving").unwrap();
}

#[test]
fn folder_of_a_single_file_without_a_stem_has_its_whole_name() {
    for (name, folder) in [("...txt", "...txt"), ("..txt", "..txt"), ("a.b.txt", "a.b"), (".txt", ".txt")] {
        let torrent = format!(
            "d4:infod6:lengthi5e4:name{}:{name}12:piece lengthi16384e6:pieces20:....................ee",
            name.len()
        );
        let meta = Metainfo::from_bytes(torrent.as_bytes()).unwrap();
        let names = FileNames::new(ContentLayout::Subfolder);
        assert_eq!(names.path(&meta, 0), Path::new(folder).join(name));
    }
}

#[test]
fn suffixed_leaves_out_a_name_that_is_that_of_a_folder() {
    let torrent = torrent(&["a", "a.part/x"]);
    let mut names = FileNames::default();
    names.set_suffix(".part").unwrap();
    assert_eq!(names.suffixed(&torrent.meta), [false, true]);
}

#[test]
fn suffixed_leaves_out_names_that_collide() {
    let torrent = torrent(&["x", "x.part", "y"]);
    let mut names = FileNames::default();
    assert_eq!(names.suffixed(&torrent.meta), [false; 3]);
    for bad in ["part", ".", "./x", ".a.b", ".part of a name that is long"] {
        assert!(names.set_suffix(bad).is_err(), "{bad}");
    }
    names.set_suffix(".part").unwrap();
    assert_eq!(names.suffixed(&torrent.meta), [false, true, true]);
}

proptest! {
    #[test]
    fn from_bytes_of_any_bytes_gives_safe_paths_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        if let Some(names) = FileNames::from_bytes(&bytes) {
            prop_assert!(names.renamed.values().all(|path| plain(path).as_ref() == Ok(path)));
            prop_assert_eq!(FileNames::from_bytes(&names.to_bytes()), Some(names));
        }
    }

    #[test]
    fn renames_in_any_order_keep_paths_distinct_and_survive_encoding(
        steps in proptest::collection::vec((0usize..4, "[ab]{1,2}(/[ab]{1,2}){0,2}", any::<bool>()), 1..12),
    ) {
        let torrent = torrent(&["a/a", "a/b", "b", "c/a/b"]);
        let mut names = FileNames::new(ContentLayout::NoSubfolder);
        names.set_suffix(".part").unwrap();
        for (file, path, is_folder) in steps {
            let before = names.clone();
            let from = names.path(&torrent.meta, file);
            let renamed = match from.parent().filter(|folder| is_folder && folder.file_name().is_some()) {
                Some(folder) => names.rename_folder(&torrent.meta, folder, &path),
                None => names.rename_file(&torrent.meta, file, &path),
            };
            if renamed.is_err() {
                prop_assert_eq!(&names, &before);
            }
            let mut all = paths(&names, &torrent.meta);
            all.sort();
            all.dedup();
            prop_assert_eq!(all.len(), 4);
            names.check(&torrent.meta).unwrap();
            prop_assert_eq!(FileNames::from_bytes(&names.to_bytes()), Some(names.clone()));
        }
    }
}
