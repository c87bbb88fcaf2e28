use std::collections::BTreeSet;
use std::path::Component;

use ztor_metainfo::paths::Naming;
use ztor_metainfo::{BLOCK_LEN, Layout, MAX_NODES, MAX_TRACKERS, MAX_WEB_SEEDS, Magnet, Metainfo};

use crate::paths::assert_safe;

/// Number of pieces checked at either end of a torrent; the middle is like them.
const PIECES: u32 = 16;

/// Checks a torrent file: a valid one has a sound layout, stays below its folder, and is the same after it is written.
pub fn metainfo(data: &[u8]) {
    let _ = Metainfo::from_info(data);
    let portable = Naming::Portable;
    let _ = Metainfo::from_bytes_named(data, portable).map(|meta| check_paths(&meta, portable));
    let Ok(meta) = Metainfo::from_bytes(data) else { return };
    check_paths(&meta, Naming::Native);
    for naming in Naming::ON_DISK {
        let renamed = meta.renamed(naming).expect("its info dictionary was good enough");
        check_paths(&renamed, naming);
        assert!(meta.is_renamable() || renamed == meta, "no name differs");
    }
    check_bounds(&meta);
    crate::certificate::signatures(&meta);
    check_layout(&meta.layout);
    check_hashes(&meta);

    let written = meta.to_bytes().expect("in memory");
    assert_eq!(Metainfo::from_bytes(&written).as_ref(), Ok(&meta), "written and read again");
    let bare = Metainfo::from_info(meta.bulk().expect("in memory").info())
        .expect("its info dictionary was good enough");
    assert_eq!(bare.info_hashes, meta.info_hashes);
    if meta.encoding().is_none() {
        assert_eq!((&bare.layout, &bare.name), (&meta.layout, &meta.name));
    }
    let link = Magnet::from(&meta).to_string();
    assert_eq!(link.parse::<Magnet>().map(|link| link.info_hashes), Ok(meta.info_hashes), "{link}");
}

fn check_bounds(meta: &Metainfo) {
    assert!(meta.trackers.iter().map(Vec::len).sum::<usize>() <= MAX_TRACKERS);
    assert!(meta.trackers.iter().all(|tier| !tier.is_empty()));
    assert!(meta.web_seeds.len() <= MAX_WEB_SEEDS && meta.nodes.len() <= MAX_NODES);
    assert!(meta.is_v1() || meta.is_v2());
    assert!(meta.info_hashes.swarm_ids().any(|id| id == meta.info_hashes.swarm_id()));
}

/// Checks paths: none leaves the torrent's folder, no two files share one, and none is below a file or a link.
fn check_paths(meta: &Metainfo, naming: Naming) {
    assert_safe(&meta.name, naming);
    let files = meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad);
    let mut places = BTreeSet::new();
    for (index, file) in files.clone() {
        let target = file.symlink.iter().flatten().map(String::as_str);
        file.elements().chain(target).for_each(|element| assert_safe(element, naming));
        let path = meta.relative_path(index);
        assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{}", path.display());
        assert!(!file.path.is_empty() && places.insert(&*file.path), "{:?} twice", file.path);
    }
    for (_, file) in files {
        let mut folders = file.path.match_indices('/').map(|(end, _)| &file.path[..end]);
        assert!(!folders.any(|folder| places.contains(folder)), "{:?} lies in a file", file.path);
    }
}

fn check_layout(layout: &Layout) {
    let count = layout.piece_count();
    let from_either_end = (0..count.min(PIECES)).chain(count.saturating_sub(PIECES)..count);
    for piece in from_either_end {
        let len = layout.piece_len(piece);
        assert!((1..=layout.piece_length()).contains(&len));
        assert!(layout.v2_piece_len(piece) <= len);
        let blocks = layout.block_count(piece);
        assert_eq!((blocks - 1) * BLOCK_LEN + layout.block_len(piece, blocks - 1), len);
        assert_eq!(layout.block_len(piece, blocks), 0);
        assert!(layout.v2_leaf_width(piece).is_power_of_two());
        let mut at = 0;
        for range in layout.ranges(piece, 0, u32::MAX) {
            let file = &layout.files()[range.file];
            assert_eq!((range.at, range.pad), (at, file.pad), "no gaps");
            assert!(range.len > 0 && range.offset + u64::from(range.len) <= file.length);
            assert!(range.pad || layout.pieces_of(range.file).contains(&piece), "from the file to the piece");
            at += range.len;
        }
        assert_eq!(at, len, "every byte is in a file");
    }
    let mut total = 0;
    for (index, file) in layout.files().iter().enumerate() {
        let pieces = layout.pieces_of(index);
        assert_eq!(pieces.is_empty(), !file.has_data());
        for piece in [pieces.start, pieces.end.saturating_sub(1)].into_iter().filter(|p| pieces.contains(p)) {
            let mut ranges = layout.ranges(piece, 0, u32::MAX);
            assert!(ranges.any(|range| range.file == index), "from the piece to the file");
        }
        total += if file.pad { 0 } else { file.length };
    }
    assert_eq!(layout.total_len(), total);
    assert_eq!(
        (layout.piece_len(count), layout.ranges(count, 0, 1).count()),
        (0, 0),
        "nothing behind the end"
    );
}

fn check_hashes(meta: &Metainfo) {
    let count = meta.layout.piece_count();
    for piece in [0, count / 2, count.saturating_sub(1)].into_iter().filter(|piece| *piece < count) {
        assert_eq!(meta.bulk().expect("in memory").hashes().v1(piece).is_some(), meta.is_v1());
        let has_v2 = meta.is_v2() && meta.layout.file_of_piece(piece).is_some();
        let known = meta.bulk().expect("in memory").hashes().v2(piece).is_some();
        assert!(known == has_v2 || (has_v2 && !meta.has_all_hashes()));
    }
    assert_eq!(meta.bulk().expect("in memory").hashes().v1(count), None);
}
