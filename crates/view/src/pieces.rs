//! Map of the pieces of a torrent: many pieces in few segments.

use data_encoding::BASE64;
use ztor_api::Pieces;

/// Part of the pieces, as large as the width of a map requires.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Segment {
    /// Part of its pieces that are present, from 0 to 1.
    pub have: f32,
    /// Smallest number of connected peers with one of its pieces.
    pub availability: u8,
    /// True if one of its pieces is in progress.
    pub is_partial: bool,
}

/// Divides the pieces into `width` segments, or as many as there are pieces. Bits and bytes that are missing count as 0.
pub fn segments(pieces: &Pieces, width: usize) -> Vec<Segment> {
    let have = BASE64.decode(pieces.have.as_bytes()).unwrap_or_default();
    let availability = BASE64.decode(pieces.availability.as_bytes()).unwrap_or_default();
    // What was not sent is not counted: a number alone could keep a front end busy.
    let count = (pieces.count as usize).min(have.len().saturating_mul(8).max(availability.len()));
    let has = |piece: usize| have.get(piece / 8).is_some_and(|byte| byte & 0x80 >> (piece % 8) != 0);
    let width = width.min(count);
    let mut segments: Vec<Segment> = (0..width)
        .map(|at| {
            let (begin, end) = (at * count / width, (at + 1) * count / width);
            let present = (begin..end).filter(|piece| has(*piece)).count();
            let rarest = (begin..end).map(|piece| availability.get(piece).copied().unwrap_or(0)).min();
            Segment {
                have: present as f32 / (end - begin) as f32,
                availability: rarest.unwrap_or(0),
                is_partial: false,
            }
        })
        .collect();
    for piece in pieces.partial.iter().map(|piece| *piece as usize).filter(|piece| *piece < count) {
        if width == 0 {
            break;
        }
        // The last segment that begins at or before the piece.
        let at = ((piece + 1) * width - 1) / count;
        if let Some(segment) = segments.get_mut(at) {
            segment.is_partial = true;
        }
    }
    segments
}
