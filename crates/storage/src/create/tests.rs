#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed set-up should end the test")]

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use tempfile::TempDir;
use ztor_metainfo::Metainfo;
use ztor_metainfo::create::Version;

use super::*;
use crate::testing::noise;
use crate::{HandleCache, Pieces, StoreOptions, TorrentStore, check_all};

fn tree(files: &[(&str, usize)]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (index, (path, len)) in files.iter().enumerate() {
        let path = dir.path().join("data").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, noise(*len, index as u64 + 1)).unwrap();
    }
    dir
}

fn make(path: &Path, options: &CreateOptions) -> Result<Created, CreateError> {
    create(path, options, 3, |_, _| {}, &AtomicBool::new(false))
}

fn paths(created: &Created) -> Vec<String> {
    let meta = Metainfo::from_bytes(&created.torrent).unwrap();
    meta.layout.files().iter().filter(|file| !file.pad).map(|file| file.path.to_string()).collect()
}

#[test]
fn create_of_a_folder_gives_a_torrent_that_its_files_match() {
    let dir = tree(&[("b/large", 300_000), ("a", 1), ("b/empty", 0), ("c", 65536), (".hidden", 5)]);
    for version in [Version::V1, Version::V2, Version::Hybrid] {
        let mut options = CreateOptions { hidden: true, ..CreateOptions::default() };
        options.torrent.version = version;
        options.torrent.piece_length = Some(32768);
        let seen = Mutex::new((0, 0));
        let progress = |done, total| {
            let mut seen = seen.lock().unwrap();
            *seen = (seen.0.max(done), total);
        };
        let path = dir.path().join("data");
        let created = create(&path, &options, 2, progress, &AtomicBool::new(false)).unwrap();
        let total = 300_000 + 1 + 65536 + 5;
        assert_eq!(*seen.lock().unwrap(), (total, total));
        assert_eq!(paths(&created), [".hidden", "a", "b/empty", "b/large", "c"]);
        assert_eq!(created, make(&path, &options).unwrap(), "reproducible");

        let meta = Arc::new(Metainfo::from_bytes(&created.torrent).unwrap());
        assert_eq!(meta.name, "data");
        let handles = Arc::new(HandleCache::default());
        let store = TorrentStore::open(meta, dir.path(), None, StoreOptions::default(), handles).unwrap();
        let have = check_all(&store, Pieces::All, 2, |_| {}, &AtomicBool::new(false)).unwrap();
        assert!(!have.is_empty() && have.iter().all(|had| *had), "{version:?}");
    }
}

#[test]
fn create_of_a_single_file_takes_its_mode_and_the_given_name() {
    let dir = tree(&[("one.iso", 100_000)]);
    let path = dir.path().join("data/one.iso");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let options = CreateOptions { name: Some("other".into()), ..CreateOptions::default() };
    let created = make(&path, &options).unwrap();
    let meta = Metainfo::from_bytes(&created.torrent).unwrap();
    assert!(meta.is_single_file() && meta.layout.files()[0].executable);
    assert_eq!((meta.name.as_str(), meta.layout.total_len()), ("other", 100_000));
}

#[test]
fn create_with_ignore_globs_leaves_matching_files_out() {
    let dir = tree(&[
        ("a.tmp", 1),
        ("keep", 1),
        (".git/config", 1),
        ("sub/a.tmp", 1),
        ("sub/keep", 1),
        ("target/x", 1),
        ("sub/target/x", 1),
    ]);
    let data = dir.path().join("data");
    let with = |ignore: &[&str]| {
        let ignore = ignore.iter().map(|glob| glob.to_string()).collect();
        paths(&make(&data, &CreateOptions { ignore, ..CreateOptions::default() }).unwrap())
    };
    assert_eq!(with(&["*.tmp", "/target"]), ["keep", "sub/keep", "sub/target/x"]);
    assert_eq!(with(&["target/", "sub/*.tmp"]), ["a.tmp", "keep", "sub/keep"]);
    let options = CreateOptions { ignore: vec!["*".into()], ..CreateOptions::default() };
    assert!(matches!(make(&data, &options), Err(CreateError::NoFiles { .. })));
    let options = CreateOptions { ignore: vec!["a[".into()], ..CreateOptions::default() };
    assert!(matches!(make(&data, &options), Err(CreateError::Glob { pattern, .. }) if pattern == "a["));
}

#[test]
fn create_with_links_skips_keeps_or_follows_them() {
    let dir = tree(&[("sub/real", 10), ("z", 1)]);
    let data = dir.path().join("data");
    symlink("sub/real", data.join("inside")).unwrap();
    symlink("../z", data.join("sub/up")).unwrap();
    symlink("/dev/null", data.join("outside")).unwrap();
    symlink("nothing", data.join("broken")).unwrap();
    let with = |symlinks| make(&data, &CreateOptions { symlinks, ..CreateOptions::default() });

    let skipped = with(Symlinks::Skip).unwrap();
    assert_eq!(paths(&skipped), ["sub/real", "z"]);
    assert_eq!(skipped.warnings.len(), 4);

    let kept = with(Symlinks::Keep).unwrap();
    assert_eq!(paths(&kept), ["inside", "sub/real", "sub/up", "z"]);
    let outward = ["broken", "outside"].map(|name| Warning::OutwardLink(data.join(name)));
    assert_eq!(kept.warnings, outward);
    let meta = Metainfo::from_bytes(&kept.torrent).unwrap();
    assert_eq!(meta.layout.files()[0].symlink.as_deref().unwrap().join("/"), "sub/real");
    assert_eq!(meta.layout.files()[2].symlink.as_deref().unwrap().join("/"), "z");

    assert!(with(Symlinks::Follow).is_err(), "a link to nothing cannot be followed");
    std::fs::remove_file(data.join("broken")).unwrap();
    let followed = with(Symlinks::Follow).unwrap();
    assert_eq!(paths(&followed), ["inside", "sub/real", "sub/up", "z"]);
    assert_eq!(followed.warnings, [Warning::Special(data.join("outside"))]);
    symlink(".", data.join("sub/loop")).unwrap();
    assert!(matches!(with(Symlinks::Follow), Err(CreateError::Storage(_))));
}

#[test]
fn create_of_a_file_that_changes_is_an_error() {
    let dir = tree(&[("a", 100_000), ("b", 100_000)]);
    let data = dir.path().join("data");
    let mut options = CreateOptions::default();
    options.torrent.piece_length = Some(16384);
    for change in [0, 1] {
        let touched = data.join("a");
        let progress = |_, _| {
            if change == 0 {
                std::fs::OpenOptions::new().append(true).open(&touched).unwrap().set_len(150_000).unwrap();
            } else {
                let file = File::options().write(true).open(&touched).unwrap();
                file.set_modified(std::time::UNIX_EPOCH).unwrap();
            }
        };
        let result = create(&data, &options, 1, progress, &AtomicBool::new(false));
        assert!(matches!(&result, Err(CreateError::Changed { path }) if *path == touched), "{result:?}");
    }
}

#[test]
fn create_of_unusable_paths_or_when_stopped_is_an_error() {
    let dir = tree(&[("a", 100)]);
    let data = dir.path().join("data");
    let stopped = create(&data, &CreateOptions::default(), 2, |_, _| {}, &AtomicBool::new(true));
    assert!(matches!(stopped, Err(CreateError::Stopped)));
    let missing = make(&dir.path().join("none"), &CreateOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("none"), "{missing}");
    assert!(make(Path::new("/dev/null"), &CreateOptions::default()).is_err());
    let unreadable = data.join(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"\xff"));
    std::fs::write(unreadable, b"x").unwrap();
    assert!(matches!(make(&data, &CreateOptions::default()), Err(CreateError::NotUtf8 { .. })));
}
