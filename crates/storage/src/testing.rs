//! Torrents made by hand for the tests of this crate.

#![allow(clippy::unwrap_used, reason = "a failed set-up should end the test")]

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use sha1::{Digest, Sha1};
use tempfile::TempDir;
use ztor_bencode::Tree;
use ztor_metainfo::{BLOCK_LEN, Metainfo, merkle};

use crate::{HandleCache, StoreOptions, TorrentStore, WriteJob};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    V1,
    V2,
    Hybrid,
}

pub(crate) struct Fixture {
    pub meta: Arc<Metainfo>,
    /// Content per file of the layout; zeros for pads.
    pub data: Vec<Vec<u8>>,
    pub dir: TempDir,
    pub handles: Arc<HandleCache>,
}

/// Returns pseudo-random bytes.
pub(crate) fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}

impl Fixture {
    /// Returns a torrent of several files; their paths must be sorted.
    pub(crate) fn new(kind: Kind, piece_length: u32, files: &[(&str, Vec<u8>)]) -> Self {
        Self::with_info(kind, piece_length, files, |_| {})
    }

    /// Returns a torrent of files `00`, `01`, ... with noise of these lengths.
    pub(crate) fn of_lengths(kind: Kind, piece_length: u32, lengths: &[usize]) -> Self {
        let names: Vec<String> = (0..lengths.len()).map(|index| format!("{index:02}")).collect();
        let files: Vec<(&str, Vec<u8>)> = names
            .iter()
            .zip(lengths)
            .enumerate()
            .map(|(index, (name, len))| (name.as_str(), noise(*len, index as u64 + 1)))
            .collect();
        Self::new(kind, piece_length, &files)
    }

    pub(crate) fn with_info(
        kind: Kind,
        piece_length: u32,
        files: &[(&str, Vec<u8>)],
        change: impl FnOnce(&mut Vec<Tree>),
    ) -> Self {
        Self::made(kind, piece_length, files, change, |_| {})
    }

    /// Returns a hybrid torrent whose v1 and v2 hashes of `piece` are of different content.
    pub(crate) fn inconsistent(piece_length: u32, files: &[(&str, Vec<u8>)], piece: usize) -> Self {
        let spoil = |pieces: &mut Vec<u8>| pieces[piece * 20] ^= 1;
        Self::made(Kind::Hybrid, piece_length, files, |_| {}, spoil)
    }

    fn made(
        kind: Kind,
        piece_length: u32,
        files: &[(&str, Vec<u8>)],
        change: impl FnOnce(&mut Vec<Tree>),
        change_hashes: impl FnOnce(&mut Vec<u8>),
    ) -> Self {
        let mut info = vec![("name", Tree::from(b"torrent")), ("piece length", Tree::from(piece_length))];
        let mut layers = Vec::new();
        if kind != Kind::V1 {
            let mut root = Tree::dict::<Vec<u8>>([]);
            for (path, content) in files {
                insert(&mut root, path, v2_file(content, piece_length, &mut layers));
            }
            info.push(("file tree", root));
            info.push(("meta version", Tree::from(2u32)));
        }
        if kind != Kind::V2 {
            let mut list = Vec::new();
            let mut whole = Vec::new();
            for (index, (path, content)) in files.iter().enumerate() {
                list.push(v1_file(path, content.len(), None));
                whole.extend_from_slice(content);
                let pad = whole.len().next_multiple_of(piece_length as usize) - whole.len();
                if kind == Kind::Hybrid && index + 1 < files.len() && pad > 0 {
                    list.push(v1_file(&format!(".pad/{pad}"), pad, Some("p")));
                    whole.resize(whole.len() + pad, 0);
                }
            }
            change(&mut list);
            let mut pieces: Vec<u8> = whole
                .chunks(piece_length as usize)
                .flat_map(|piece| <[u8; 20]>::from(Sha1::digest(piece)))
                .collect();
            change_hashes(&mut pieces);
            info.push(("files", Tree::List(list)));
            info.push(("pieces", Tree::Bytes(pieces)));
        }
        let mut torrent = vec![("info", Tree::dict(info))];
        if kind != Kind::V1 {
            torrent.push(("piece layers", Tree::dict(layers)));
        }
        let meta = Arc::new(Metainfo::from_bytes(&Tree::dict(torrent).to_vec()).unwrap());
        let mut contents = files.iter();
        let data = meta
            .layout
            .files()
            .iter()
            .map(|file| match file.pad || file.symlink.is_some() {
                true => vec![0; file.length as usize],
                false => contents.next().unwrap().1.clone(),
            })
            .collect();
        Self { meta, data, dir: tempfile::tempdir().unwrap(), handles: Arc::new(HandleCache::new(3)) }
    }

    pub(crate) fn store(&self) -> Arc<TorrentStore> {
        self.store_with(None, StoreOptions::default())
    }

    pub(crate) fn store_with(&self, wanted: Option<&[bool]>, options: StoreOptions) -> Arc<TorrentStore> {
        let handles = Arc::clone(&self.handles);
        Arc::new(
            TorrentStore::open(Arc::clone(&self.meta), self.dir.path(), wanted, options, handles).unwrap(),
        )
    }

    /// Writes the files as a finished download has them.
    pub(crate) fn place_files(&self) {
        for (index, content) in self.data.iter().enumerate() {
            let file = &self.meta.layout.files()[index];
            if !file.pad && file.symlink.is_none() {
                let path = self.path(index);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, content).unwrap();
            }
        }
    }

    pub(crate) fn path(&self, file: usize) -> std::path::PathBuf {
        self.dir.path().join(self.meta.relative_path(file))
    }

    pub(crate) fn parts_path(&self) -> std::path::PathBuf {
        self.dir.path().join(format!(".{}.parts", self.meta.info_hashes))
    }

    pub(crate) fn piece(&self, piece: u32) -> Vec<u8> {
        let layout = &self.meta.layout;
        let ranges = layout.ranges(piece, 0, layout.piece_len(piece));
        ranges
            .flat_map(|range| &self.data[range.file][range.offset as usize..][..range.len as usize])
            .copied()
            .collect()
    }

    /// Returns jobs for all blocks of a piece, in order.
    pub(crate) fn jobs(&self, store: &Arc<TorrentStore>, piece: u32) -> Vec<WriteJob> {
        let bytes = Bytes::from(self.piece(piece));
        (0..bytes.len())
            .step_by(BLOCK_LEN as usize)
            .map(|begin| WriteJob {
                store: Arc::clone(store),
                torrent: 7,
                piece,
                begin: begin as u32,
                data: bytes.slice(begin..bytes.len().min(begin + BLOCK_LEN as usize)),
                tag: begin as u64,
            })
            .collect()
    }

    pub(crate) fn pieces(&self) -> std::ops::Range<u32> {
        0..self.meta.layout.piece_count()
    }

    /// Returns the names in the torrent's folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        names_in(&self.dir.path().join("torrent"))
    }
}

pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn v1_file(path: &str, len: usize, attr: Option<&str>) -> Tree {
    let path = path.split('/').map(|element| Tree::from(element.as_bytes())).collect();
    let mut entries = vec![("length", Tree::Int(len as i64)), ("path", Tree::List(path))];
    entries.extend(attr.map(|attr| ("attr", Tree::from(attr.as_bytes()))));
    Tree::dict(entries)
}

/// Returns a link (BEP 47) for the list of files.
pub(crate) fn v1_link(path: &str, target: &str) -> Tree {
    let Tree::Dict(mut entries) = v1_file(path, 0, Some("l")) else { unreachable!() };
    let target = target.split('/').map(|element| Tree::from(element.as_bytes())).collect();
    entries.insert(b"symlink path".to_vec(), Tree::List(target));
    Tree::Dict(entries)
}

fn v2_file(content: &[u8], piece_length: u32, layers: &mut Vec<(Vec<u8>, Tree)>) -> Tree {
    let mut entries = vec![("length", Tree::Int(content.len() as i64))];
    if !content.is_empty() {
        let leaves: Vec<_> = content.chunks(BLOCK_LEN as usize).map(merkle::leaf).collect();
        let root = merkle::root_of(&leaves, 1);
        entries.push(("pieces root", Tree::from(&root)));
        if content.len() > piece_length as usize {
            let width = (piece_length / BLOCK_LEN) as usize;
            let layer: Vec<u8> =
                leaves.chunks(width).flat_map(|leaves| merkle::root_of(leaves, width)).collect();
            layers.push((root.to_vec(), Tree::Bytes(layer)));
        }
    }
    Tree::dict([("", Tree::dict(entries))])
}

fn insert(tree: &mut Tree, path: &str, file: Tree) {
    let Tree::Dict(entries) = tree else { unreachable!() };
    match path.split_once('/') {
        None => {
            entries.insert(path.as_bytes().to_vec(), file);
        }
        Some((folder, rest)) => {
            let inner =
                entries.entry(folder.as_bytes().to_vec()).or_insert_with(|| Tree::dict::<Vec<u8>>([]));
            insert(inner, rest, file);
        }
    }
}
