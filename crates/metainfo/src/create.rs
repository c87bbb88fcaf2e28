//! Creation of torrents, without file access.
//!
//! A [`Plan`] determines the pieces of a new torrent. The caller reads the files and hashes each piece with a
//! [`PieceHasher`], in any order and on any number of threads. A [`Builder`] collects the hashes and encodes the
//! torrent file. The same files and options always give the same bytes.
//!
//! ```
//! # use ztor_metainfo::{Metainfo, create::*};
//! let options = Options { version: Version::Hybrid, ..Options::default() };
//! let plan = Plan::folder("greeting", vec![Input::new(["hello"], 5), Input::new(["world"], 6)], options)?;
//! let contents = [&b"hello"[..], b"world\n"];
//! let mut builder = Builder::new(&plan);
//! for piece in 0..plan.layout().piece_count() {
//!     let mut hasher = plan.hasher(piece);
//!     for range in plan.layout().ranges(piece, 0, u32::MAX).filter(|range| !range.pad) {
//!         let content = plan.input_of(range.file).map_or(&b""[..], |input| contents[input]);
//!         hasher.update(&content[range.offset as usize..][..range.len as usize]);
//!     }
//!     builder.insert(piece, hasher.finish()?);
//! }
//! let metainfo = Metainfo::from_bytes(&builder.finish()?)?;
//! assert!(metainfo.is_hybrid());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod encode;

use std::sync::Arc;
use ztor_base::Sha1Digest;

use sha1::Sha1;
use sha2::Digest;

use crate::merkle::{self, Hash};
use crate::{Alignment, BLOCK_LEN, File, Layout, LayoutError, MAX_NEW_PIECE_LENGTH, MAX_PATH_LEVELS};

/// Maximum number of pieces for which a piece length is chosen, within the bounds of that length.
const AIMED_PIECES: u64 = 2000;
/// Maximum piece length that is chosen automatically, in bytes.
const MAX_CHOSEN_PIECE_LENGTH: u32 = 16 << 20;

/// Formats of a torrent.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Version {
    /// v1 (BEP 3), which every client reads.
    #[default]
    V1,
    /// v2 (BEP 52).
    V2,
    /// Both formats in one; the files are padded to whole pieces for the v1 half.
    Hybrid,
}

impl Version {
    fn has_v1(self) -> bool {
        self != Self::V2
    }

    fn has_v2(self) -> bool {
        self != Self::V1
    }
}

/// Options of a new torrent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Formats of the torrent.
    pub version: Version,
    /// Length of a piece in bytes, a power of two from 16 KiB to [`MAX_NEW_PIECE_LENGTH`]; `None` to choose one.
    pub piece_length: Option<u32>,
    /// Announce URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// Set if peers may come from the trackers only (BEP 27).
    pub private: bool,
    /// Site that the torrent is for. It changes the info-hash.
    pub source: Option<String>,
    /// Free text.
    pub comment: Option<String>,
    /// Program that creates the torrent.
    pub created_by: Option<String>,
    /// Creation time in seconds since 1970; `None` keeps the result reproducible.
    pub creation_date: Option<i64>,
}

/// A file for a new torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Path below the torrent's folder.
    pub path: Vec<String>,
    /// Length in bytes; 0 for a symlink.
    pub length: u64,
    /// Set if it may be run (BEP 47).
    pub executable: bool,
    /// Set if it is not shown by default (BEP 47).
    pub hidden: bool,
    /// Target of a symlink below the torrent's folder (BEP 47); `None` for other files.
    pub symlink: Option<Vec<String>>,
}

impl Input {
    /// Creates a plain file.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>, length: u64) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        Self { path, length, executable: false, hidden: false, symlink: None }
    }
}

/// Error in creating a torrent.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// An empty list of files.
    #[error("no files for a torrent")]
    NoFiles,
    /// A name that is not allowed in a torrent.
    #[error("`{path}` is not allowed in a torrent: {problem}")]
    Name {
        /// Path of the file, or the torrent's name.
        path: String,
        /// Problem with the name.
        problem: &'static str,
    },
    /// An invalid piece length.
    #[error(
        "a piece length of {0} bytes, expected a power of two from {BLOCK_LEN} to {MAX_NEW_PIECE_LENGTH}"
    )]
    PieceLength(u32),
    /// Files beyond the limits of a torrent.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// A piece with more or fewer bytes than planned.
    #[error("piece {piece} has {found} bytes, expected {expected}: a file has changed")]
    PieceLen {
        /// Index of the piece.
        piece: u32,
        /// Number of bytes hashed.
        found: u64,
        /// Number of bytes planned.
        expected: u32,
    },
    /// Pieces that have not been hashed, with their number.
    #[error("{0} pieces have not been hashed")]
    Missing(u32),
}

/// Plan of a new torrent, cheap to clone and to share between threads.
#[derive(Clone, Debug)]
pub struct Plan {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: String,
    single_file: bool,
    options: Options,
    layout: Arc<Layout>,
    /// Index of the input for each file of the layout; `None` for pads.
    inputs: Vec<Option<usize>>,
}

impl Plan {
    /// Plans a torrent of one file.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn single_file(name: &str, file: Input, options: Options) -> Result<Self, CreateError> {
        check_name(name, name)?;
        let file = Input { path: vec![name.to_owned()], symlink: None, ..file };
        Self::new(name, vec![file], true, options)
    }

    /// Plans a torrent of a folder. The files may be in any order; the torrent has them sorted, as v2 requires.
    ///
    /// A v2-only torrent cannot represent a folder that holds just one file (BEP 52, "Interpreting paths"): the torrent
    /// is then that file.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn folder(name: &str, files: Vec<Input>, options: Options) -> Result<Self, CreateError> {
        check_name(name, name)?;
        for file in &files {
            let path = || file.path.join("/");
            if file.path.is_empty() || file.path.len() > MAX_PATH_LEVELS + 1 {
                return Err(CreateError::Name { path: path(), problem: "its path is empty or too deep" });
            }
            for element in file.path.iter().chain(file.symlink.iter().flatten()) {
                check_name(element, &path())?;
            }
        }
        match &files[..] {
            [lone] if options.version == Version::V2 && lone.path.len() == 1 => {
                let name = lone.path[0].clone();
                Self::new(&name, files, true, options)
            }
            _ => Self::new(name, files, false, options),
        }
    }

    /// Returns the layout of the pieces to hash.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.shared.layout
    }

    /// Returns the name of the torrent's folder or only file.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Returns true if the torrent is one file without a folder of its own.
    pub fn is_single_file(&self) -> bool {
        self.shared.single_file
    }

    /// Returns the torrent's formats.
    pub fn version(&self) -> Version {
        self.shared.options.version
    }

    /// Returns the index of the input for a file of the layout; `None` for a pad.
    pub fn input_of(&self, file: usize) -> Option<usize> {
        self.shared.inputs.get(file).copied().flatten()
    }

    /// Creates a hasher for one piece.
    pub fn hasher(&self, piece: u32) -> PieceHasher {
        let Shared { layout, options, .. } = &*self.shared;
        let version = options.version;
        let data_len = if version.has_v2() { layout.v2_piece_len(piece) } else { layout.piece_len(piece) };
        PieceHasher {
            piece,
            data_len,
            pad_len: layout.piece_len(piece).saturating_sub(data_len),
            leaf_width: layout.v2_leaf_width(piece),
            fed: 0,
            v1: version.has_v1().then(Sha1::new),
            v2: version.has_v2().then(Leaves::default),
        }
    }

    fn new(name: &str, files: Vec<Input>, single_file: bool, options: Options) -> Result<Self, CreateError> {
        if files.is_empty() {
            return Err(CreateError::NoFiles);
        }
        let mut files: Vec<(usize, Input)> = files.into_iter().enumerate().collect();
        files.sort_by(|(_, a), (_, b)| a.path.cmp(&b.path));
        for pair in files.windows(2) {
            // A file in a folder sorts right after a file with the folder's name.
            if pair[1].1.path.starts_with(&pair[0].1.path) {
                let problem = "it is listed twice, or as a file and as a folder";
                return Err(CreateError::Name { path: pair[1].1.path.join("/"), problem });
            }
        }
        let total = files.iter().fold(0_u64, |sum, (_, file)| sum.saturating_add(file.length));
        let piece_length = options.piece_length.unwrap_or_else(|| choose_piece_length(total));
        if !piece_length.is_power_of_two() || !(BLOCK_LEN..=MAX_NEW_PIECE_LENGTH).contains(&piece_length) {
            return Err(CreateError::PieceLength(piece_length));
        }

        let mut list = Vec::with_capacity(files.len());
        let mut inputs = Vec::with_capacity(files.len());
        let mut end: u64 = 0;
        for (index, input) in files {
            let file = File {
                executable: input.executable,
                hidden: input.hidden,
                length: if input.symlink.is_some() { 0 } else { input.length },
                symlink: input.symlink.map(Vec::into_boxed_slice),
                ..File::new(&input.path, 0)
            };
            let missing = u64::from(piece_length) - end % u64::from(piece_length);
            if options.version == Version::Hybrid && file.length > 0 && missing < u64::from(piece_length) {
                // BEP 47: the recommended path of a pad is its length.
                let pad = File::new(&[".pad", &missing.to_string()], missing);
                list.push(File { pad: true, ..pad });
                inputs.push(None);
                end = end.saturating_add(missing);
            }
            end = end.saturating_add(file.length);
            list.push(file);
            inputs.push(Some(index));
        }
        let alignment = if options.version.has_v1() { Alignment::EndToEnd } else { Alignment::Pieces };
        let layout = Arc::new(Layout::new(piece_length.into(), list, alignment)?);
        let shared = Shared { name: name.to_owned(), single_file, options, layout, inputs };
        Ok(Self { shared: Arc::new(shared) })
    }
}

/// Returns the piece length for `total_len` bytes of files: a power of two between 16 KiB and 16 MiB that gives 1000 to
/// 2000 pieces, if possible. With fewer pieces, peers wait longer for whole ones; with more, the torrent file is
/// larger.
pub fn choose_piece_length(total_len: u64) -> u32 {
    let wanted = total_len.div_ceil(AIMED_PIECES).max(1).checked_next_power_of_two();
    let wanted = wanted.and_then(|len| u32::try_from(len).ok()).unwrap_or(MAX_CHOSEN_PIECE_LENGTH);
    wanted.clamp(BLOCK_LEN, MAX_CHOSEN_PIECE_LENGTH)
}

/// Hashes one piece for all formats of the torrent in one pass.
#[derive(Clone, Debug)]
pub struct PieceHasher {
    piece: u32,
    /// Number of bytes of file data.
    data_len: u32,
    /// Number of zeros after them.
    pad_len: u32,
    leaf_width: usize,
    fed: u64,
    v1: Option<Sha1>,
    v2: Option<Leaves>,
}

impl PieceHasher {
    /// Adds the next bytes of the piece's files, in order and in parts of any length. The caller leaves out pads.
    pub fn update(&mut self, mut data: &[u8]) {
        self.fed += data.len() as u64;
        // Computes both hashes of a block while it is in the cache.
        while !data.is_empty() {
            let (run, rest) = data.split_at(data.len().min(BLOCK_LEN as usize));
            if let Some(sha1) = &mut self.v1 {
                sha1.update(run);
            }
            if let Some(leaves) = &mut self.v2 {
                leaves.update(run);
            }
            data = rest;
        }
    }

    /// Returns the hashes.
    ///
    /// # Errors
    /// [`CreateError::PieceLen`] if the number of bytes differs from the plan.
    pub fn finish(mut self) -> Result<PieceDigest, CreateError> {
        if self.fed != u64::from(self.data_len) {
            let Self { piece, fed: found, data_len: expected, .. } = self;
            return Err(CreateError::PieceLen { piece, found, expected });
        }
        if let Some(sha1) = &mut self.v1 {
            let zeroes = [0; 4096];
            let mut left = self.pad_len as usize;
            while left > 0 {
                let run = left.min(zeroes.len());
                sha1.update(&zeroes[..run]);
                left -= run;
            }
        }
        Ok(PieceDigest {
            v1: self.v1.map(|sha1| Sha1Digest::new(sha1.finalize().into())),
            v2: self.v2.map(|leaves| merkle::root_of(&leaves.finish(), self.leaf_width)),
        })
    }
}

/// Leaves of a piece's hash tree so far.
#[derive(Clone, Default, Debug)]
struct Leaves {
    done: Vec<Hash>,
    block: sha2::Sha256,
    /// Bytes in `block`.
    filled: usize,
}

impl Leaves {
    fn update(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let (run, rest) = data.split_at(data.len().min(BLOCK_LEN as usize - self.filled));
            self.block.update(run);
            self.filled += run.len();
            if self.filled == BLOCK_LEN as usize {
                self.done.push(self.block.finalize_reset().into());
                self.filled = 0;
            }
            data = rest;
        }
    }

    fn finish(mut self) -> Vec<Hash> {
        if self.filled > 0 {
            self.done.push(self.block.finalize().into());
        }
        self.done
    }
}

/// The hashes of one piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PieceDigest {
    /// SHA-1 of the piece with its pads; `None` for v2-only torrents.
    pub v1: Option<Sha1Digest>,
    /// Root of the piece's subtree; `None` for v1-only torrents.
    pub v2: Option<Hash>,
}

/// Collects the hashes of a torrent's pieces.
#[derive(Clone, Debug)]
pub struct Builder {
    plan: Plan,
    v1: Vec<Sha1Digest>,
    v2: Vec<Hash>,
    is_done: Vec<bool>,
    missing: u32,
}

impl Builder {
    /// Creates a builder without hashes.
    pub fn new(plan: &Plan) -> Self {
        let missing = plan.layout().piece_count();
        let count = missing as usize;
        Self {
            plan: plan.clone(),
            v1: vec![Sha1Digest::new([0; 20]); if plan.version().has_v1() { count } else { 0 }],
            v2: vec![[0; 32]; if plan.version().has_v2() { count } else { 0 }],
            is_done: vec![false; count],
            missing,
        }
    }

    /// Stores the hashes of a piece. Ignores a piece that does not exist, and hashes of formats that the torrent does
    /// not have. If a hash of its formats is absent, the piece stays missing.
    pub fn insert(&mut self, piece: u32, digest: PieceDigest) {
        let index = piece as usize;
        let version = self.plan.version();
        let is_whole =
            (digest.v1.is_some() || !version.has_v1()) && (digest.v2.is_some() || !version.has_v2());
        if index >= self.is_done.len() || !is_whole {
            return;
        }
        if let (Some(slot), Some(hash)) = (self.v1.get_mut(index), digest.v1) {
            *slot = hash;
        }
        if let (Some(slot), Some(hash)) = (self.v2.get_mut(index), digest.v2) {
            *slot = hash;
        }
        if !std::mem::replace(&mut self.is_done[index], true) {
            self.missing -= 1;
        }
    }

    /// Returns the number of pieces without hashes.
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// Returns the bytes of the torrent file.
    ///
    /// # Errors
    /// [`CreateError::Missing`] if a piece has not been hashed.
    pub fn finish(self) -> Result<Vec<u8>, CreateError> {
        if self.missing > 0 {
            return Err(CreateError::Missing(self.missing));
        }
        Ok(encode::torrent(&self.plan.shared, &self.v1, &self.v2))
    }
}

/// Checks that every client reads a name as one element of a path.
fn check_name(element: &str, path: &str) -> Result<(), CreateError> {
    let problem = match element {
        "" => "an element of its path is empty",
        "." | ".." => "its path contains `.` or `..`",
        element if element.contains(['/', '\0']) => "a name contains `/` or a zero byte",
        _ => return Ok(()),
    };
    Err(CreateError::Name { path: path.to_owned(), problem })
}

#[cfg(test)]
mod tests;
