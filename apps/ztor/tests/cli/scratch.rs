//! Temporary folders and test data.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::process::{Run, run};

/// A temporary folder for one test, with a `home` for the program's state.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        let scratch = Scratch(tempfile::tempdir().unwrap());
        fs::create_dir(scratch.home()).unwrap();
        scratch
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.path("home")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file of `len` pseudorandom bytes that depend only on `seed`. Creates missing folders.
    pub(crate) fn data(&self, name: &str, len: usize, seed: u64) -> PathBuf {
        self.file(name, &noise(len, seed))
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    pub(crate) fn dir(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).unwrap();
        path
    }

    /// Creates a folder `album` with files of whole pieces and of an odd length, an empty file, and one in a subfolder.
    pub(crate) fn album(&self) -> PathBuf {
        self.data("in/album/a.bin", 100_000, 1);
        self.data("in/album/b.bin", 70_001, 2);
        self.file("in/album/empty", b"");
        self.data("in/album/sub/c.bin", 16_384, 3);
        self.path("in/album")
    }

    /// Runs `ztor` with arguments that may be paths or text.
    #[track_caller]
    pub(crate) fn ztor(&self, args: &[&dyn AsRef<std::ffi::OsStr>]) -> Run {
        run(&self.home(), args.iter().map(|arg| arg.as_ref()))
    }

    /// Runs `ztor create` on a path with these flags. Returns the torrent file.
    #[track_caller]
    pub(crate) fn create(&self, path: &Path, flags: &[&str]) -> PathBuf {
        let torrent = self.path(&format!("{}.torrent", path.file_name().unwrap().to_str().unwrap()));
        let mut args: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"create", &path, &"--force", &"-o", &torrent];
        args.extend(flags.iter().map(|flag| flag as &dyn AsRef<std::ffi::OsStr>));
        self.ztor(&args).expect(0);
        torrent
    }
}

/// Returns bytes that do not compress or repeat (SplitMix64).
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(z ^ (z >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// Fails the test unless both trees hold the same files with the same bytes.
#[track_caller]
pub(crate) fn assert_same_tree(left: &Path, right: &Path) {
    let (left, right) = (tree(left), tree(right));
    let names = |tree: &[(PathBuf, Vec<u8>)]| tree.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>();
    assert_eq!(names(&left), names(&right));
    for ((path, a), (_, b)) in left.iter().zip(&right) {
        assert!(a == b, "{} differs", path.display());
    }
}

/// Returns every file below a path with its bytes, sorted by path.
fn tree(root: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    if root.is_file() {
        return vec![(PathBuf::new(), fs::read(root).unwrap())];
    }
    let mut files = Vec::new();
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                files.push((path.strip_prefix(root).unwrap().to_owned(), fs::read(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}
