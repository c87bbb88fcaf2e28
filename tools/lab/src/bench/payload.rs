//! Data of the benchmark, its torrents, and the check of the result.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};

use super::client::Client;
use crate::tools::Tools;
use crate::torrent::{self, Format, InfoHash, Maker, Request};
use crate::tracker::Tracker;

const MIB: u64 = 1 << 20;

/// Piece size of every torrent, in KiB.
pub(super) const PIECE_KIB: u32 = 1024;

/// Number of torrents of [`Load::ManyTorrents`].
const MANY: u64 = 20;

/// Largest file of [`Load::SmallFile`].
const SMALL_MAX_BYTES: u64 = 256 * MIB;

/// Largest torrent of [`Load::ManyTorrents`].
const MANY_MAX_BYTES: u64 = 100 * MIB;

/// Data of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Load {
    /// One torrent of one file.
    OneFile,
    /// One torrent of a file that is small enough for slow clients.
    SmallFile,
    /// Twenty torrents at once, with one file each.
    ManyTorrents,
}

impl Load {
    /// Returns the load of a single file: a small one for slow clients.
    pub(super) fn one_for(client: Client) -> Self {
        // Version 3.00 moves ten megabytes a second, and takes tens of seconds to start.
        if client == Client::Transmission { Self::SmallFile } else { Self::OneFile }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OneFile => "one file",
            Self::SmallFile => "small file",
            Self::ManyTorrents => "20 torrents",
        }
    }

    /// Returns name and length in bytes of every file; [`Self::OneFile`] has `size_bytes`.
    fn files(self, size_bytes: u64) -> Vec<(String, u64)> {
        match self {
            Self::OneFile => vec![("file".to_owned(), size_bytes)],
            Self::SmallFile => vec![("file".to_owned(), size_bytes.min(SMALL_MAX_BYTES))],
            Self::ManyTorrents => {
                let len = (size_bytes / MANY / MIB * MIB).clamp(MIB, MANY_MAX_BYTES);
                (1..=MANY).map(|number| (format!("file-{number:02}"), len)).collect()
            }
        }
    }
}

/// Files and their torrents.
pub(super) struct Payload {
    pub(super) load: Load,
    pub(super) torrents: Vec<PathBuf>,
    pub(super) hashes: Vec<InfoHash>,
    pub(super) bytes: u64,
    files: Vec<Source>,
}

struct Source {
    path: PathBuf,
    name: String,
    digest: [u8; 20],
}

impl Payload {
    /// Makes files and torrents in `dir`; the torrents list `tracker`.
    pub(super) fn make(
        load: Load,
        size_bytes: u64,
        dir: &Path,
        tracker: Tracker,
        tools: &Tools,
    ) -> Result<Self> {
        fs::create_dir_all(dir)?;
        let mut payload =
            Self { load, torrents: Vec::new(), hashes: Vec::new(), bytes: 0, files: Vec::new() };
        let announce_url = tracker.announce_url();
        for (index, (name, len)) in load.files(size_bytes).into_iter().enumerate() {
            let (path, torrent) = (dir.join(&name), dir.join(format!("{name}.torrent")));
            let digest = write_noise(&path, len, index as u64)
                .with_context(|| format!("making {}", path.display()))?;
            let request = Request {
                data: &path,
                format: Format::V1,
                piece_kib: PIECE_KIB,
                announce_url: &announce_url,
            };
            Maker::Ztor.make(&request, &torrent, dir, tools).context("making a torrent")?;
            payload.hashes.extend(torrent::info_hashes(&torrent, Format::V1)?);
            payload.torrents.push(torrent);
            payload.bytes += len;
            payload.files.push(Source { path, name, digest });
        }
        Ok(payload)
    }

    /// Links the files into `dir`. They are the same files, not copies: a client that changes them fails in
    /// [`Self::compare`].
    pub(super) fn link_into(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        for file in &self.files {
            let link = dir.join(&file.name);
            fs::hard_link(&file.path, &link).with_context(|| format!("making {}", link.display()))?;
        }
        Ok(())
    }

    /// Checks that `dir` holds every file as it was made.
    pub(super) fn compare(&self, dir: &Path) -> Result<()> {
        for file in &self.files {
            let digest = digest(&dir.join(&file.name)).with_context(|| file.name.clone())?;
            ensure!(digest == file.digest, "{} differs from what was sent", file.name);
        }
        Ok(())
    }

    /// Returns the name of the first file: the only one of a single-file load.
    pub(super) fn first_name(&self) -> &str {
        self.files.first().map_or("", |file| &file.name)
    }
}

/// Writes noise and returns its digest. No block occurs twice, in one file or in two.
fn write_noise(path: &Path, len: u64, seed: u64) -> Result<[u8; 20]> {
    const BLOCK_LEN: usize = 1 << 14;
    let mut chunk = noise(MIB as usize, seed);
    let mut file = File::create(path)?;
    let mut hash = Sha1::new();
    let (mut left, mut block_index) = (len, seed << 32);
    while left > 0 {
        // The same noise with other numbers in it: new noise would take longer than the transfer.
        for block in chunk.chunks_mut(BLOCK_LEN) {
            block[..8].copy_from_slice(&block_index.to_le_bytes());
            block_index += 1;
        }
        let part = &chunk[..left.min(MIB) as usize];
        file.write_all(part)?;
        hash.update(part);
        left -= part.len() as u64;
    }
    Ok(hash.finalize().into())
}

fn noise(len: usize, seed: u64) -> Vec<u8> {
    let digests = (0_u64..).map(|counter| {
        let input = [seed.to_le_bytes(), counter.to_le_bytes()].concat();
        Sha1::digest(input)
    });
    let mut bytes: Vec<u8> = digests.take(len.div_ceil(20)).flatten().collect();
    bytes.truncate(len);
    bytes
}

fn digest(path: &Path) -> Result<[u8; 20]> {
    let mut file = File::open(path)?;
    let mut buffer = vec![0; MIB as usize];
    let mut hash = Sha1::new();
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            len => hash.update(&buffer[..len]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn write_noise_of_two_seeds_has_no_block_twice() {
        let dir = tempfile::tempdir().unwrap();
        let mut blocks = BTreeSet::new();
        for seed in 0..2 {
            let path = dir.path().join("noise");
            let written = write_noise(&path, 3 * MIB + 1, seed).unwrap();
            assert_eq!(digest(&path).unwrap(), written);
            let bytes = fs::read(&path).unwrap();
            assert_eq!(bytes.len() as u64, 3 * MIB + 1);
            for block in bytes[..3 * MIB as usize].chunks(1 << 14) {
                assert!(blocks.insert(block.to_vec()));
            }
        }
    }

    #[test]
    fn files_of_each_load_have_its_size_limits() {
        let sum = |load: Load, size| load.files(size).iter().map(|(_, len)| len).sum::<u64>();
        assert_eq!(sum(Load::OneFile, 7 * MIB), 7 * MIB);
        assert_eq!(sum(Load::SmallFile, 2048 * MIB), 256 * MIB);
        assert_eq!(sum(Load::ManyTorrents, 2048 * MIB), 2000 * MIB);
        assert_eq!(sum(Load::ManyTorrents, 512 * MIB), 500 * MIB);
        assert_eq!(sum(Load::ManyTorrents, MIB), 20 * MIB);
        assert_eq!(Load::ManyTorrents.files(1).len(), 20);
    }
}
