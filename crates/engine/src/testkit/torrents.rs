//! Torrents for tests.

use fastrand::Rng;
use sha1::{Digest, Sha1};
use std::sync::Arc;
use ztor_bencode::Tree;
use ztor_metainfo::{BLOCK_LEN, Metainfo, merkle};

/// A v1 torrent of one file.
#[derive(Debug, Clone, Copy)]
pub struct Blueprint<'a> {
    /// Name of the file.
    pub name: &'a str,
    /// Length of a piece, in bytes.
    pub piece_length: u32,
    /// Announce URLs, each in a tier of its own.
    pub trackers: &'a [&'a str],
    /// True if peers may be found by trackers only (BEP 27).
    pub private: bool,
}

impl<'a> Blueprint<'a> {
    /// Creates the blueprint of a public torrent without trackers.
    pub fn new(name: &'a str, piece_length: u32) -> Self {
        Self { name, piece_length, trackers: &[], private: false }
    }

    /// Makes the torrent of this content.
    pub fn of(&self, content: &[u8]) -> Arc<Metainfo> {
        let pieces = content.chunks(self.piece_length as usize);
        let hashes = pieces.flat_map(|piece| Sha1::digest(piece).to_vec()).collect();
        self.with_hashes(content.len() as u64, hashes)
    }

    /// Makes a torrent of `length` bytes whose hashes no content matches.
    pub fn made_up(&self, length: u64) -> Arc<Metainfo> {
        let pieces = length.div_ceil(self.piece_length.into()) as usize;
        self.with_hashes(length, vec![b'h'; 20 * pieces])
    }

    /// Makes a torrent of `length` bytes with these hashes, 20 bytes for each piece.
    ///
    /// # Panics
    /// If the result is not a valid torrent.
    pub fn with_hashes(&self, length: u64, hashes: Vec<u8>) -> Arc<Metainfo> {
        let mut info = vec![
            ("length", Tree::Int(length as i64)),
            ("name", self.name.into()),
            ("piece length", self.piece_length.into()),
            ("pieces", Tree::Bytes(hashes)),
        ];
        info.extend(self.private.then_some(("private", Tree::Int(1))));
        let mut root = vec![("info", Tree::dict(info))];
        if !self.trackers.is_empty() {
            let tiers = self.trackers.iter().map(|url| Tree::List(vec![(*url).into()]));
            root.push(("announce-list", Tree::List(tiers.collect())));
        }
        Arc::new(Metainfo::from_bytes(&Tree::dict(root).to_vec()).expect("a good torrent"))
    }
}

/// Bytes by which the last piece of a [`v2_made_up`] torrent is shorter than a block.
pub const SHORT_BY: u32 = 100;

/// Makes a v2 torrent of one file with `pieces` pieces of one block each, the last one [shorter](SHORT_BY). No content
/// matches its hashes.
pub fn v2_made_up(name: &str, pieces: u32) -> Arc<Metainfo> {
    let layer: Vec<merkle::Hash> = (0..pieces).map(|piece| [piece as u8; 32]).collect();
    let root = merkle::root_of_piece_layer(&layer, BLOCK_LEN);
    let length = Tree::Int(i64::from(pieces) * i64::from(BLOCK_LEN) - i64::from(SHORT_BY));
    let file = Tree::dict([("length", length), ("pieces root", Tree::Bytes(root.to_vec()))]);
    let info = Tree::dict([
        ("file tree", Tree::dict([(name, Tree::dict([("", file)]))])),
        ("meta version", Tree::Int(2)),
        ("name", name.into()),
        ("piece length", BLOCK_LEN.into()),
    ]);
    let layers = Tree::dict([(&root[..], Tree::Bytes(layer.concat()))]);
    let torrent = Tree::dict([("info", info), ("piece layers", layers)]);
    Arc::new(Metainfo::from_bytes(&torrent.to_vec()).expect("a good torrent"))
}

/// Makes a v2 torrent of one file with this content. `piece_length` is a power of two.
///
/// # Panics
/// If the result is not a valid torrent.
pub fn v2_of(name: &str, piece_length: u32, content: &[u8]) -> Arc<Metainfo> {
    let pieces = content.chunks(piece_length as usize);
    let count = pieces.len();
    let leaves = |piece: &[u8]| piece.chunks(BLOCK_LEN as usize).map(merkle::leaf).collect::<Vec<_>>();
    let width = (piece_length / BLOCK_LEN) as usize;
    let layer: Vec<merkle::Hash> = pieces.map(|piece| merkle::root_of(&leaves(piece), width)).collect();
    let root = if count > 1 {
        merkle::root_of_piece_layer(&layer, piece_length)
    } else {
        merkle::root_of(&leaves(content), 1)
    };
    let length = Tree::Int(content.len() as i64);
    let file = Tree::dict([("length", length), ("pieces root", Tree::Bytes(root.to_vec()))]);
    let info = Tree::dict([
        ("file tree", Tree::dict([(name, Tree::dict([("", file)]))])),
        ("meta version", Tree::Int(2)),
        ("name", name.into()),
        ("piece length", piece_length.into()),
    ]);
    let layers = if count > 1 { vec![(&root[..], Tree::Bytes(layer.concat()))] } else { Vec::new() };
    let torrent = Tree::dict([("info", info), ("piece layers", Tree::dict(layers))]);
    Arc::new(Metainfo::from_bytes(&torrent.to_vec()).expect("a good torrent"))
}

/// Returns bytes without a pattern, always the same.
pub fn noise(len: usize) -> Vec<u8> {
    let mut rng = Rng::with_seed(7);
    (0..len).map(|_| rng.u8(..)).collect()
}
