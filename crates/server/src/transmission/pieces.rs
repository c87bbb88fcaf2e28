//! Pieces of a torrent.

use super::json::Json;
use super::lookups::Lookup;
use data_encoding::BASE64;
use ztor_daemon::Row;

/// Returns true if all pieces are present.
fn is_complete(row: &Row, pieces: u32) -> bool {
    row.status.as_ref().is_some_and(|status| status.have_pieces >= pieces)
}

/// Returns the pieces that are present as a bitfield in base64; empty while the metadata is unknown.
pub(crate) fn bitfield(row: &Row, lookup: Option<&Lookup>) -> String {
    if let Some(pieces) = lookup.and_then(|lookup| lookup.pieces.as_ref()) {
        return pieces.have.clone();
    }
    let Some(meta) = &row.meta else { return String::new() };
    let count = meta.layout.piece_count();
    BASE64.encode(&plain_bitfield(count, is_complete(row, count)))
}

/// Returns a bitfield with all bits of pieces set, or none.
fn plain_bitfield(count: u32, is_set: bool) -> Vec<u8> {
    let mut bytes = vec![if is_set { 0xff } else { 0 }; count.div_ceil(8) as usize];
    if let (true, spare @ 1..) = (is_set, count % 8)
        && let Some(last) = bytes.last_mut()
    {
        *last = 0xff_u8 << (8 - spare);
    }
    bytes
}

/// Writes the number of peers with each piece; -1 for pieces that are present.
pub(crate) fn write_availability(json: &mut Json, row: &Row, lookup: Option<&Lookup>) {
    json.begin_list();
    if let Some((have, peers)) = lookup.and_then(decoded) {
        for (piece, peers) in peers.into_iter().enumerate() {
            json.int(if has(&have, piece) { -1 } else { i64::from(peers) });
        }
    } else if let Some(meta) = &row.meta {
        let count = meta.layout.piece_count();
        let of_piece = if is_complete(row, count) { -1 } else { 0 };
        (0..count).for_each(|_| json.int(of_piece));
    }
    json.end_list();
}

/// Returns the bytes of missing wanted pieces that some connected peer has.
pub(crate) fn desired_available(row: &Row, lookup: Option<&Lookup>) -> u64 {
    let left = row.torrent.left_bytes;
    let Some((status, meta)) = row.status.as_ref().zip(row.meta.as_ref()) else { return 0 };
    if status.seeds > 0 {
        return left;
    }
    let Some((have, peers)) = lookup.and_then(decoded) else { return 0 };
    let pieces = peers.into_iter().enumerate();
    let can_be_had = pieces.filter(|(piece, peers)| *peers > 0 && !has(&have, *piece));
    let bytes = can_be_had.filter_map(|(piece, _)| u32::try_from(piece).ok());
    bytes.map(|piece| u64::from(meta.layout.piece_len(piece))).sum::<u64>().min(left)
}

/// Returns the bitfield, and the number of peers with each piece.
fn decoded(lookup: &Lookup) -> Option<(Vec<u8>, Vec<u8>)> {
    let pieces = lookup.pieces.as_ref()?;
    let have = BASE64.decode(pieces.have.as_bytes()).ok()?;
    Some((have, BASE64.decode(pieces.availability.as_bytes()).ok()?))
}

fn has(bitfield: &[u8], piece: usize) -> bool {
    bitfield.get(piece / 8).is_some_and(|byte| byte & (0x80 >> (piece % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_bitfields_have_no_spare_bits() {
        assert_eq!(plain_bitfield(10, true), [0xff, 0xc0]);
        assert_eq!(plain_bitfield(8, true), [0xff]);
        assert_eq!(plain_bitfield(3, false), [0]);
        assert_eq!(plain_bitfield(0, true), Vec::<u8>::new());
        assert!(has(&[0x40], 1) && !has(&[0x40], 0) && !has(&[0x40], 99));
    }
}
