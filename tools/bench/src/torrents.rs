//! Made-up torrents.

use fastrand::Rng;
use std::sync::Arc;
use ztor_engine::testkit::Blueprint;
use ztor_metainfo::Metainfo;

/// Returns a torrent of `pieces` whole pieces, with distinct hashes that no data matches.
pub fn made_up(name: &str, pieces: u32, piece_length: u32) -> Arc<Metainfo> {
    let mut rng = Rng::with_seed(1);
    let hashes = (0..20 * pieces).map(|_| rng.u8(..)).collect();
    Blueprint::new(name, piece_length).with_hashes(u64::from(pieces) * u64::from(piece_length), hashes)
}
