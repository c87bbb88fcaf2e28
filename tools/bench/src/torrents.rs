//! Torrents made up on the spot.

use anyhow::Context;
use std::sync::Arc;
use ztor_bencode::Tree;
use ztor_metainfo::Metainfo;

/// A v1 torrent file of one file with these piece hashes, 20 bytes each.
pub fn encode(name: &str, len: u64, piece_length: u32, hashes: &[u8]) -> Vec<u8> {
    let info = Tree::dict([
        ("length", Tree::Int(len as i64)),
        ("name", Tree::Bytes(name.as_bytes().to_vec())),
        ("piece length", Tree::Int(i64::from(piece_length))),
        ("pieces", Tree::Bytes(hashes.to_vec())),
    ]);
    Tree::dict([("info", info)]).to_vec()
}

/// A torrent file of `pieces` whole pieces whose hashes nothing will ever match.
pub fn encode_made_up(name: &str, pieces: u32, piece_length: u32) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(1);
    let hashes: Vec<u8> = (0..20 * pieces).map(|_| rng.u8(..)).collect();
    encode(name, u64::from(pieces) * u64::from(piece_length), piece_length, &hashes)
}

/// Reads a torrent file.
///
/// # Errors
/// If it is none.
pub fn read(bytes: &[u8]) -> anyhow::Result<Arc<Metainfo>> {
    Ok(Arc::new(Metainfo::from_bytes(bytes).context("a torrent made up for a benchmark")?))
}
