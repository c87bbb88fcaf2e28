use std::ops::Range;

use crate::merkle::Hash;
use crate::{BLOCK_LEN, MAX_FILES, MAX_PIECE_LENGTH, MAX_PIECES};

/// A file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Where it belongs below the torrent's folder, as safe elements ([`paths`](crate::paths)), never empty.
    /// For a single-file torrent only its name. Meaningless for pads.
    pub path: Vec<String>,
    /// Its length in bytes.
    pub length: u64,
    /// Where it begins in the piece space, in bytes. Set by [`Layout::new`].
    pub offset: u64,
    /// A pad (BEP 47): zeroes that exist in the piece space only and are never written.
    pub pad: bool,
    /// Its content may be run (BEP 47, `x`).
    pub executable: bool,
    /// Not shown to the user by default (BEP 47, `h`).
    pub hidden: bool,
    /// The target of a symlink (BEP 47, `l`), as safe elements below the torrent's folder. A link whose
    /// target would have been outside, or a loop, points to itself.
    pub symlink: Option<Vec<String>>,
    /// The root of the file's hash tree (BEP 52); none if the file is empty or the torrent v1.
    pub pieces_root: Option<Hash>,
}

impl File {
    /// A plain file.
    pub fn new(path: Vec<String>, length: u64) -> Self {
        Self {
            path,
            length,
            offset: 0,
            pad: false,
            executable: false,
            hidden: false,
            symlink: None,
            pieces_root: None,
        }
    }

    /// Whether there are bytes of it in the torrent, which is so unless it is a pad, empty or a symlink.
    pub fn has_data(&self) -> bool {
        self.length > 0 && !self.pad
    }

    fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// How files are mapped to pieces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Alignment {
    /// End to end (BEP 3): v1 and hybrid torrents, with pads as files of their own.
    EndToEnd,
    /// Every file that is not empty begins a piece (BEP 52): v2-only torrents.
    Pieces,
}

/// Why files and a piece length make no torrent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// A piece length out of range.
    #[error("a piece length of {0} bytes, expected 1 to {MAX_PIECE_LENGTH}")]
    PieceLength(u64),
    /// Too many files.
    #[error("{0} files, expected at most {MAX_FILES}")]
    TooManyFiles(usize),
    /// Too many pieces, or too many bytes to count.
    #[error("more than {MAX_PIECES} pieces")]
    TooManyPieces,
}

/// The piece space of a torrent: which bytes of which files each piece consists of.
///
/// Pieces are counted from 0 and are [`piece_length`](Self::piece_length) bytes long, except for the last one
/// and, in v2-only torrents, each file's last one. A torrent whose files are all empty has no pieces. A piece
/// out of range has length 0, no blocks and no bytes in any file: nothing here panics on foreign numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    piece_length: u32,
    piece_count: u32,
    alignment: Alignment,
    /// Bytes of the piece space up to the end of the last file.
    span: u64,
    total_len: u64,
    /// Sorted by their end, because empty files begin where the one before ends.
    files: Vec<File>,
}

impl Layout {
    /// Lays out `files` in this order and sets their offsets.
    ///
    /// # Errors
    /// A piece length that is zero or above [`MAX_PIECE_LENGTH`], more than [`MAX_FILES`] or [`MAX_PIECES`].
    pub fn new(piece_length: u64, mut files: Vec<File>, alignment: Alignment) -> Result<Self, LayoutError> {
        let nominal = u32::try_from(piece_length).ok().filter(|len| (1..=MAX_PIECE_LENGTH).contains(len));
        let Some(piece_length) = nominal else { return Err(LayoutError::PieceLength(piece_length)) };
        if files.len() > MAX_FILES {
            return Err(LayoutError::TooManyFiles(files.len()));
        }
        let max_span = u64::from(piece_length) * u64::from(MAX_PIECES);
        let mut span: u64 = 0;
        let mut total_len = 0;
        for file in &mut files {
            if alignment == Alignment::Pieces && file.length > 0 {
                span = span.next_multiple_of(u64::from(piece_length));
            }
            file.offset = span;
            span = span
                .checked_add(file.length)
                .filter(|&end| end <= max_span)
                .ok_or(LayoutError::TooManyPieces)?;
            if !file.pad {
                total_len += file.length;
            }
        }
        // At most MAX_PIECES, by the bound on the span.
        let piece_count = span.div_ceil(u64::from(piece_length)) as u32;
        Ok(Self { piece_length, piece_count, alignment, span, total_len, files })
    }

    /// The layout of a torrent of which nothing is known: no files, no pieces.
    pub fn empty() -> Self {
        let (piece_length, alignment) = (BLOCK_LEN, Alignment::EndToEnd);
        Self { piece_length, piece_count: 0, alignment, span: 0, total_len: 0, files: Vec::new() }
    }

    /// How many pieces there are.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// The nominal length of a piece in bytes.
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// How files are mapped to pieces.
    pub fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// Bytes of this piece as they go over the wire: pads count; in a v2-only torrent it ends with its file.
    pub fn piece_len(&self, piece: u32) -> u32 {
        match self.alignment {
            Alignment::EndToEnd => self.cut(piece, self.span),
            Alignment::Pieces => self.v2_piece_len(piece),
        }
    }

    /// Bytes of file data in this piece, which are those the hash tree covers. For v2 and hybrid torrents,
    /// where a piece holds bytes of one file only.
    pub fn v2_piece_len(&self, piece: u32) -> u32 {
        self.file_of_piece(piece).map_or(0, |file| self.cut(piece, self.files[file].end()))
    }

    /// Leaves of the subtree whose root is [`PieceHashes::v2`](crate::PieceHashes::v2) of this piece: all the
    /// leaves of a piece, but for a file of one piece only as many as its own tree has. At least 1; for v2
    /// and hybrid.
    pub fn v2_leaf_width(&self, piece: u32) -> usize {
        let piece_length = u64::from(self.piece_length);
        let covered = match self.file_of_piece(piece) {
            Some(file) => self.files[file].length.min(piece_length),
            None => piece_length,
        };
        // Fits: at most MAX_PIECE_LENGTH / BLOCK_LEN.
        covered.div_ceil(u64::from(BLOCK_LEN)).max(1).next_power_of_two() as usize
    }

    /// How many blocks a piece is requested in.
    pub fn block_count(&self, piece: u32) -> u32 {
        self.piece_len(piece).div_ceil(BLOCK_LEN)
    }

    /// Bytes of a block: [`BLOCK_LEN`] but for the last one of a piece, and 0 behind that.
    pub fn block_len(&self, piece: u32, block: u32) -> u32 {
        let begin = block.saturating_mul(BLOCK_LEN);
        self.piece_len(piece).saturating_sub(begin).min(BLOCK_LEN)
    }

    /// Bytes of all files, without pads.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// The files in the order of the torrent, with pads, symlinks and empty ones. An index into this slice is
    /// the file index that is meant everywhere.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Which bytes of which files `len` bytes from `begin` of a piece are, in order and without gaps. What
    /// reaches over the end of the piece is cut off.
    pub fn ranges(&self, piece: u32, begin: u32, len: u32) -> impl Iterator<Item = FileRange> + '_ {
        let piece_len = self.piece_len(piece);
        let begin = begin.min(piece_len);
        let start = self.start(piece) + u64::from(begin);
        let end = start + u64::from(len.min(piece_len - begin));
        let first = self.files.partition_point(|file| file.end() <= start);
        let touched =
            self.files.iter().enumerate().skip(first).take_while(move |(_, file)| file.offset < end);
        touched.filter(|(_, file)| file.length > 0).map(move |(index, file)| {
            let from = file.offset.max(start);
            let to = file.end().min(end);
            FileRange {
                file: index,
                offset: from - file.offset,
                // Both lie within the `len` that was asked for.
                len: (to - from) as u32,
                at: (from - start) as u32,
                pad: file.pad,
            }
        })
    }

    /// The pieces that hold bytes of a file; none of an empty one, a pad or a symlink.
    pub fn pieces_of(&self, file: usize) -> Range<u32> {
        let Some(file) = self.files.get(file).filter(|file| file.has_data()) else { return 0..0 };
        let piece_length = u64::from(self.piece_length);
        (file.offset / piece_length) as u32..file.end().div_ceil(piece_length) as u32
    }

    /// The first file, not a pad, that has bytes in this piece.
    pub fn file_of_piece(&self, piece: u32) -> Option<usize> {
        if piece >= self.piece_count {
            return None;
        }
        let start = self.start(piece);
        let end = start + u64::from(self.piece_length);
        let first = self.files.partition_point(|file| file.end() <= start);
        let found = self.files[first..].iter().take_while(|file| file.offset < end).position(File::has_data);
        found.map(|at| first + at)
    }

    /// The first byte of a piece in the piece space.
    fn start(&self, piece: u32) -> u64 {
        u64::from(piece) * u64::from(self.piece_length)
    }

    /// The length of a piece that ends at `end` at the latest.
    fn cut(&self, piece: u32, end: u64) -> u32 {
        end.saturating_sub(self.start(piece)).min(u64::from(self.piece_length)) as u32
    }
}

/// A run of bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileRange {
    /// The file's index.
    pub file: usize,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// Bytes, never 0.
    pub len: u32,
    /// Where it belongs, in bytes from the start of the range that was asked for.
    pub at: u32,
    /// The file is a pad: these are zeroes.
    pub pad: bool,
}

#[cfg(test)]
mod tests;
