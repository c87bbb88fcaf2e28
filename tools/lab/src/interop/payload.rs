//! Data of the transfers, and its comparison with the files that arrived.

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// A set of files with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// One file of one byte.
    OneByte,
    /// One small file that ends one byte into a block.
    Small,
    /// One file whose length is a power of two.
    Even,
    /// One file with an odd last piece.
    Blob,
    /// One file of a few of the largest pieces, the last of which has one byte.
    Big,
    /// Nested folders, empty files, names with spaces and letters beyond ASCII.
    Tree,
}

const MIB: u64 = 1 << 20;

impl Content {
    pub(super) const ALL: [Self; 6] =
        [Self::OneByte, Self::Small, Self::Even, Self::Blob, Self::Big, Self::Tree];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneByte => "one-byte",
            Self::Small => "small",
            Self::Even => "even",
            Self::Blob => "blob",
            Self::Big => "big",
            Self::Tree => "tree",
        }
    }

    /// Returns the path of every file below the save folder, and its length in bytes.
    fn files(self) -> Vec<(&'static str, u64)> {
        match self {
            Self::OneByte => vec![("one-byte", 1)],
            Self::Small => vec![("small", 3 * MIB + 16 * 1024 + 1)],
            Self::Even => vec![("even", 8 * MIB)],
            Self::Blob => vec![("blob", 20 * MIB + 12_345)],
            Self::Big => vec![("big", 32 * MIB + 1)],
            Self::Tree => vec![
                ("tree/a first.bin", 5 * MIB + 1),
                ("tree/empty", 0),
                ("tree/one", 1),
                ("tree/sub/aligned.bin", 65_536),
                ("tree/sub/also empty.txt", 0),
                ("tree/sub/deep/deeper/odd.bin", 700_001),
                ("tree/sub/ünïcødé ❤.bin", 40_000),
                ("tree/z/empty at the end", 0),
                ("tree/z/last.bin", 3 * MIB - 5),
            ],
        }
    }
}

/// Files of every content, in a folder that no client sees.
pub(super) struct Payloads {
    dir: PathBuf,
}

/// Need for the empty files of a content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EmptyFiles {
    Needed,
    Optional,
}

impl Payloads {
    pub(super) fn make(dir: &Path, contents: &[Content]) -> Result<Self> {
        for content in contents {
            for (index, (path, len)) in content.files().into_iter().enumerate() {
                let file = dir.join(path);
                fs::create_dir_all(file.parent().unwrap_or(dir))?;
                let seed = len ^ (index as u64) << 40;
                write_noise(&file, len, seed).with_context(|| format!("making {}", file.display()))?;
            }
        }
        Ok(Self { dir: dir.to_path_buf() })
    }

    /// Copies a content into `to`, for a client that could change it.
    pub(super) fn copy(&self, content: Content, to: &Path) -> Result<()> {
        for (path, _) in content.files() {
            let target = to.join(path);
            fs::create_dir_all(target.parent().unwrap_or(to))?;
            fs::copy(self.dir.join(path), &target).with_context(|| format!("making {}", target.display()))?;
        }
        Ok(())
    }

    /// Checks that `dir` holds these files, byte for byte, and no others.
    pub(super) fn compare(&self, content: Content, dir: &Path, empty: EmptyFiles) -> Result<()> {
        let files = content.files();
        for (path, len) in &files {
            let got = dir.join(path);
            if !got.exists() {
                ensure!(*len == 0 && empty == EmptyFiles::Optional, "{path} is missing");
                continue;
            }
            compare_file(&self.dir.join(path), &got).with_context(|| (*path).to_owned())?;
        }
        for entry in walkdir::WalkDir::new(dir) {
            let entry = entry?;
            let path = entry.path().strip_prefix(dir).unwrap_or(entry.path());
            let wanted = if entry.file_type().is_dir() {
                files.iter().any(|(file, _)| Path::new(file).starts_with(path))
            } else {
                files.iter().any(|(file, _)| Path::new(file) == path)
            };
            ensure!(wanted, "{} is not part of the torrent", path.display());
        }
        Ok(())
    }
}

/// Writes noise that is the same in every run. No piece, block or file has the same bytes as another.
fn write_noise(path: &Path, len: u64, seed: u64) -> Result<()> {
    let mut file = BufWriter::with_capacity(1 << 16, File::create(path)?);
    let mut left = len;
    let mut counter = seed;
    while left > 0 {
        // splitmix64
        counter = counter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = counter;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let bytes = (word ^ (word >> 31)).to_le_bytes();
        let take = left.min(8);
        file.write_all(&bytes[..take as usize])?;
        left -= take;
    }
    file.flush()?;
    Ok(())
}

fn compare_file(expected: &Path, got: &Path) -> Result<()> {
    let (expected_len, got_len) = (fs::metadata(expected)?.len(), fs::metadata(got)?.len());
    ensure!(expected_len == got_len, "{got_len} bytes instead of {expected_len}");
    let mut expected = BufReader::with_capacity(1 << 16, File::open(expected)?);
    let mut got = BufReader::with_capacity(1 << 16, File::open(got)?);
    let (mut a, mut b) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut offset = 0;
    while offset < expected_len {
        let len = usize::try_from((expected_len - offset).min(1 << 16))?;
        expected.read_exact(&mut a[..len])?;
        got.read_exact(&mut b[..len])?;
        if let Some(at) = (0..len).find(|&at| a[at] != b[at]) {
            bail!("differs from byte {} on", offset + at as u64);
        }
        offset += len as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::*;

    #[test]
    fn compare_of_changed_files_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let contents = [Content::OneByte, Content::Small, Content::Tree];
        let payloads = Payloads::make(&dir.path().join("source"), &contents).unwrap();
        let strict = EmptyFiles::Needed;
        let spoil = |content: Content, empty: EmptyFiles, change: &dyn Fn(&Path)| {
            let to = tempfile::tempdir().unwrap();
            payloads.copy(content, to.path()).unwrap();
            change(to.path());
            payloads.compare(content, to.path(), empty).map_err(|error| format!("{error:#}"))
        };
        for content in contents {
            assert_eq!(spoil(content, strict, &|_| {}), Ok(()));
        }
        let flip = |dir: &Path| {
            let mut bytes = fs::read(dir.join("small")).unwrap();
            bytes[100_000] ^= 1;
            fs::write(dir.join("small"), bytes).unwrap();
        };
        assert_eq!(
            spoil(Content::Small, strict, &flip),
            Err("small: differs from byte 100000 on".to_owned())
        );
        let cut = |dir: &Path| fs::write(dir.join("one-byte"), "").unwrap();
        assert!(spoil(Content::OneByte, strict, &cut).is_err());
        let stray = |dir: &Path| fs::write(dir.join("tree/sub/stray"), "").unwrap();
        assert!(spoil(Content::Tree, strict, &stray).is_err());
        let folder = |dir: &Path| fs::create_dir(dir.join("tree/folder")).unwrap();
        assert!(spoil(Content::Tree, strict, &folder).is_err());
        let missing = |dir: &Path| fs::remove_file(dir.join("tree/empty")).unwrap();
        assert!(spoil(Content::Tree, strict, &missing).is_err());
        let lenient = EmptyFiles::Optional;
        assert_eq!(spoil(Content::Tree, lenient, &missing), Ok(()));
        let not_empty = |dir: &Path| fs::remove_file(dir.join("tree/one")).unwrap();
        assert!(spoil(Content::Tree, lenient, &not_empty).is_err());
    }
}
