use std::ops::Range;

use crate::merkle::Hash;
use crate::{BLOCK_LEN, MAX_FILES, MAX_PIECE_LENGTH, MAX_PIECES};

/// A file of a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct File {
    /// Path below the torrent's folder: safe elements ([`paths`](crate::paths)) with `/` between them; never empty. Only
    /// the name for a single-file torrent, meaningless for pads.
    pub path: Box<str>,
    /// Length in bytes.
    pub length: u64,
    /// Start in the piece space, in bytes. Set by [`Layout::new`].
    pub offset: u64,
    /// Set for a pad (BEP 47): zeros that exist only in the piece space and are never written.
    pub pad: bool,
    /// Set if the content may be run (BEP 47, `x`).
    pub executable: bool,
    /// Set if it is not shown to the user by default (BEP 47, `h`).
    pub hidden: bool,
    /// Target of a symlink (BEP 47, `l`), as safe elements below the torrent's folder; `None` for other files. A link
    /// whose target is outside the torrent, missing or part of a loop points to itself.
    pub symlink: Option<Box<[String]>>,
    /// Root of the file's hash tree (BEP 52); `None` if the file is empty or the torrent v1.
    pub pieces_root: Option<Box<Hash>>,
}

impl File {
    /// Creates a plain file with these elements of its path.
    pub fn new(path: &[impl std::borrow::Borrow<str>], length: u64) -> Self {
        Self {
            path: path.join("/").into(),
            length,
            offset: 0,
            pad: false,
            executable: false,
            hidden: false,
            symlink: None,
            pieces_root: None,
        }
    }

    /// Returns the elements of the path.
    pub fn elements(&self) -> impl DoubleEndedIterator<Item = &str> + Clone {
        self.path.split('/')
    }

    /// Returns the root of the file's hash tree (BEP 52); `None` if the file is empty or the torrent v1.
    pub fn pieces_root(&self) -> Option<Hash> {
        self.pieces_root.as_deref().copied()
    }

    /// Returns true if the torrent has data of the file: it is no pad, not empty and no symlink.
    pub fn has_data(&self) -> bool {
        self.length > 0 && !self.pad
    }

    fn end(&self) -> u64 {
        self.offset + self.length
    }
}

/// Mapping of files to pieces.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Alignment {
    /// End to end (BEP 3): v1 and hybrid torrents, with pads as files of their own.
    EndToEnd,
    /// Every file that is not empty starts a new piece (BEP 52): v2-only torrents.
    Pieces,
}

/// Error in the files and piece length of a torrent.
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

/// The piece space of a torrent: the mapping between pieces and the bytes of files.
///
/// Pieces are counted from 0 and are [`piece_length`](Self::piece_length) bytes long, except for the last one
/// and, in v2-only torrents, each file's last one. A torrent whose files are all empty has no pieces. A piece
/// out of range has length 0, no blocks and no bytes in any file: no method panics on untrusted numbers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Layout {
    piece_length: u32,
    piece_count: u32,
    alignment: Alignment,
    /// Bytes of the piece space up to the end of the last file.
    span: u64,
    total_len: u64,
    /// Files, sorted by their end: an empty file starts where the previous one ends.
    files: Box<[File]>,
}

impl Layout {
    /// Lays out `files` in this order and sets their offsets.
    ///
    /// # Errors
    /// If the piece length is 0 or above [`MAX_PIECE_LENGTH`], or there are more than [`MAX_FILES`] files or
    /// [`MAX_PIECES`] pieces.
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
        Ok(Self { piece_length, piece_count, alignment, span, total_len, files: files.into() })
    }

    /// Creates the layout of an unknown torrent: no files, no pieces.
    pub fn empty() -> Self {
        let (piece_length, alignment) = (BLOCK_LEN, Alignment::EndToEnd);
        Self { piece_length, piece_count: 0, alignment, span: 0, total_len: 0, files: Box::default() }
    }

    /// Returns the number of pieces.
    pub fn piece_count(&self) -> u32 {
        self.piece_count
    }

    /// Returns the nominal length of a piece in bytes.
    pub fn piece_length(&self) -> u32 {
        self.piece_length
    }

    /// Returns the mapping of files to pieces.
    pub fn alignment(&self) -> Alignment {
        self.alignment
    }

    /// Returns the length of a piece on the wire, in bytes. Pads count. In a v2-only torrent a piece ends with its
    /// file.
    pub fn piece_len(&self, piece: u32) -> u32 {
        match self.alignment {
            Alignment::EndToEnd => self.cut(piece, self.span),
            Alignment::Pieces => self.v2_piece_len(piece),
        }
    }

    /// Returns the number of bytes of file data in a piece, which the hash tree covers. For v2 and hybrid torrents,
    /// where a piece holds bytes of one file only.
    pub fn v2_piece_len(&self, piece: u32) -> u32 {
        self.file_of_piece(piece).map_or(0, |file| self.cut(piece, self.files[file].end()))
    }

    /// Returns the number of leaves below the root [`PieceHashes::v2`](crate::PieceHashes::v2) of a piece: all leaves
    /// of a piece, but for a file of one piece only those of its own tree. At least 1. For v2 and hybrid torrents.
    pub fn v2_leaf_width(&self, piece: u32) -> usize {
        let piece_length = u64::from(self.piece_length);
        let covered = match self.file_of_piece(piece) {
            Some(file) => self.files[file].length.min(piece_length),
            None => piece_length,
        };
        // Fits: at most MAX_PIECE_LENGTH / BLOCK_LEN.
        covered.div_ceil(u64::from(BLOCK_LEN)).max(1).next_power_of_two() as usize
    }

    /// Returns the number of blocks in a piece.
    pub fn block_count(&self, piece: u32) -> u32 {
        self.piece_len(piece).div_ceil(BLOCK_LEN)
    }

    /// Returns the length of a block in bytes: [`BLOCK_LEN`], less for the last one of a piece, and 0 after that.
    pub fn block_len(&self, piece: u32, block: u32) -> u32 {
        let begin = block.saturating_mul(BLOCK_LEN);
        self.piece_len(piece).saturating_sub(begin).min(BLOCK_LEN)
    }

    /// Returns the number of bytes of all files, without pads.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// Returns the files in torrent order, with pads, symlinks and empty ones. File indices everywhere are indices into
    /// this slice.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Returns the ranges of files that make up `len` bytes from `begin` of a piece, in order and without gaps. Bytes
    /// beyond the end of the piece are cut off.
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
                // Both are at most the requested `len`.
                len: (to - from) as u32,
                at: (from - start) as u32,
                pad: file.pad,
            }
        })
    }

    /// Returns the pieces that hold bytes of a file; empty for an empty file, a pad or a symlink.
    pub fn pieces_of(&self, file: usize) -> Range<u32> {
        let Some(file) = self.files.get(file).filter(|file| file.has_data()) else { return 0..0 };
        let piece_length = u64::from(self.piece_length);
        (file.offset / piece_length) as u32..file.end().div_ceil(piece_length) as u32
    }

    /// Returns the first file, other than a pad, that has bytes in a piece.
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

    /// Returns the start of a piece in the piece space, in bytes.
    fn start(&self, piece: u32) -> u64 {
        u64::from(piece) * u64::from(self.piece_length)
    }

    /// Returns the length of a piece that ends at `end` at the latest.
    fn cut(&self, piece: u32, end: u64) -> u32 {
        end.saturating_sub(self.start(piece)).min(u64::from(self.piece_length)) as u32
    }
}

/// A range of bytes in one file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FileRange {
    /// Index of the file.
    pub file: usize,
    /// Start in the file, in bytes.
    pub offset: u64,
    /// Length in bytes, never 0.
    pub len: u32,
    /// Start in the requested range, in bytes.
    pub at: u32,
    /// Set if the file is a pad: the bytes are zeros.
    pub pad: bool,
}

#[cfg(test)]
mod tests;
