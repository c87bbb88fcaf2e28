//! Making torrents, without touching a file.
//!
//! A [`Plan`] says what the pieces of a new torrent will be. Whoever can read the files hashes the pieces,
//! each with a [`PieceHasher`], in any order and on as many threads as there are; a [`Builder`] takes the
//! results and turns them into the bytes of a torrent file. The same files and options always make the same
//! bytes.
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

/// The most pieces that a piece length is chosen for, as long as it is within its bounds.
const AIMED_PIECES: u64 = 2000;
/// The longest piece that is chosen unasked, in bytes.
const MAX_CHOSEN_PIECE_LENGTH: u32 = 16 << 20;

/// Which formats a torrent has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Version {
    /// BEP 3: every client reads it.
    #[default]
    V1,
    /// BEP 52.
    V2,
    /// Both in one; the files are padded to whole pieces for the v1 half.
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

/// What a torrent shall be besides its files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Its formats.
    pub version: Version,
    /// The length of a piece in bytes, a power of two from 16 KiB to [`MAX_NEW_PIECE_LENGTH`]; chosen if `None`.
    pub piece_length: Option<u32>,
    /// Announce URLs in tiers (BEP 12).
    pub trackers: Vec<Vec<String>>,
    /// Web seeds (BEP 19).
    pub web_seeds: Vec<String>,
    /// Peers come from the trackers only (BEP 27).
    pub private: bool,
    /// The site it is for. Another one makes another info-hash.
    pub source: Option<String>,
    /// Anything.
    pub comment: Option<String>,
    /// The program that makes it.
    pub created_by: Option<String>,
    /// When, in seconds since 1970. `None` keeps the result reproducible.
    pub creation_date: Option<i64>,
}

/// A file that goes into a torrent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input {
    /// Its path below the torrent's folder.
    pub path: Vec<String>,
    /// Its length in bytes; 0 for a symlink.
    pub length: u64,
    /// It may be run (BEP 47).
    pub executable: bool,
    /// It is not shown by default (BEP 47).
    pub hidden: bool,
    /// For a symlink, its target below the torrent's folder (BEP 47).
    pub symlink: Option<Vec<String>>,
}

impl Input {
    /// A plain file.
    pub fn new<S: Into<String>>(path: impl IntoIterator<Item = S>, length: u64) -> Self {
        let path = path.into_iter().map(Into::into).collect();
        Self { path, length, executable: false, hidden: false, symlink: None }
    }
}

/// Why no torrent can be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Nothing to make a torrent of.
    #[error("no files to make a torrent of")]
    NoFiles,
    /// A name that cannot be in a torrent.
    #[error("`{path}` cannot be in a torrent: {problem}")]
    Name {
        /// The path, or the torrent's name.
        path: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A piece length that cannot be.
    #[error(
        "a piece length of {0} bytes, expected a power of two from {BLOCK_LEN} to {MAX_NEW_PIECE_LENGTH}"
    )]
    PieceLength(u32),
    /// Too much for one torrent.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The bytes of a piece were not as many as its files had when the plan was made.
    #[error("piece {piece} has {found} bytes, expected {expected}: a file has changed")]
    PieceLen {
        /// The piece.
        piece: u32,
        /// Bytes that were hashed.
        found: u64,
        /// Bytes that were planned.
        expected: u32,
    },
    /// Not all pieces were hashed.
    #[error("{0} pieces have not been hashed")]
    Missing(u32),
}

/// What a new torrent will be: cheap to clone and to share between threads.
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
    /// For each file of the layout the index of the input it is; none for pads.
    inputs: Vec<Option<usize>>,
}

impl Plan {
    /// A torrent of one file.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn single_file(name: &str, file: Input, options: Options) -> Result<Self, CreateError> {
        check_name(name, name)?;
        let file = Input { path: vec![name.to_owned()], symlink: None, ..file };
        Self::new(name, vec![file], true, options)
    }

    /// A torrent of a folder. The files may come in any order: the torrent has them sorted, as v2 wants it.
    ///
    /// In v2 alone, a folder with nothing in it but one file cannot be told from the file (BEP 52,
    /// "Interpreting paths"): the torrent is that file then.
    ///
    /// # Errors
    /// See [`CreateError`].
    pub fn folder(name: &str, files: Vec<Input>, options: Options) -> Result<Self, CreateError> {
        check_name(name, name)?;
        for file in &files {
            let path = || file.path.join("/");
            if file.path.is_empty() || file.path.len() > MAX_PATH_LEVELS + 1 {
                return Err(CreateError::Name { path: path(), problem: "it is in no folder or in too many" });
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

    /// The pieces that have to be hashed.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.shared.layout
    }

    /// The name of the torrent's folder or only file.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// Whether the torrent is one file that lies in no folder of its own.
    pub fn is_single_file(&self) -> bool {
        self.shared.single_file
    }

    /// The torrent's formats.
    pub fn version(&self) -> Version {
        self.shared.options.version
    }

    /// Which of the files that the plan was made from a file of the layout is; `None` for a pad.
    pub fn input_of(&self, file: usize) -> Option<usize> {
        self.shared.inputs.get(file).copied().flatten()
    }

    /// A hasher for one piece.
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
            // A file in a folder sorts right behind a file by the folder's name.
            if pair[1].1.path.starts_with(&pair[0].1.path) {
                let problem = "it is there twice, or as a file and as a folder";
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
                symlink: input.symlink,
                ..File::new(input.path, 0)
            };
            let missing = u64::from(piece_length) - end % u64::from(piece_length);
            if options.version == Version::Hybrid && file.length > 0 && missing < u64::from(piece_length) {
                // BEP 47: the recommended path of a pad is its length.
                let pad = File::new(vec![".pad".to_owned(), missing.to_string()], missing);
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

/// The piece length for so many bytes of files: a power of two between 16 KiB and 16 MiB that makes 1000 to
/// 2000 pieces of them, or as near as it gets. Fewer pieces make peers wait for whole ones, more make the
/// torrent large.
pub fn choose_piece_length(total_len: u64) -> u32 {
    let wanted = total_len.div_ceil(AIMED_PIECES).max(1).checked_next_power_of_two();
    let wanted = wanted.and_then(|len| u32::try_from(len).ok()).unwrap_or(MAX_CHOSEN_PIECE_LENGTH);
    wanted.clamp(BLOCK_LEN, MAX_CHOSEN_PIECE_LENGTH)
}

/// Hashes one piece for all formats of the torrent in one pass.
#[derive(Clone, Debug)]
pub struct PieceHasher {
    piece: u32,
    /// Bytes of files.
    data_len: u32,
    /// Zeroes behind them.
    pad_len: u32,
    leaf_width: usize,
    fed: u64,
    v1: Option<Sha1>,
    v2: Option<Leaves>,
}

impl PieceHasher {
    /// Takes the next bytes of the piece's files, in order and in runs of any length. Pads are left out.
    pub fn update(&mut self, mut data: &[u8]) {
        self.fed += data.len() as u64;
        // Both hashes over a block while it is in the cache.
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

    /// The hashes.
    ///
    /// # Errors
    /// [`CreateError::PieceLen`] if the bytes were not as many as planned.
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

/// The leaves of a piece's hash tree as far as they are known.
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
    /// SHA-1 of the piece with its pads; of v1 and hybrid torrents.
    pub v1: Option<Sha1Digest>,
    /// The root of the piece's subtree; of v2 and hybrid torrents.
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
    /// A builder that has no hashes yet.
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

    /// Takes the hashes of a piece. One that does not exist, and hashes of a format the torrent has not, are
    /// ignored; without those it has, the piece stays missing.
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

    /// Pieces that have no hashes yet.
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// The bytes of the torrent file.
    ///
    /// # Errors
    /// [`CreateError::Missing`] if a piece was not hashed.
    pub fn finish(self) -> Result<Vec<u8>, CreateError> {
        if self.missing > 0 {
            return Err(CreateError::Missing(self.missing));
        }
        Ok(encode::torrent(&self.plan.shared, &self.v1, &self.v2))
    }
}

/// A name must mean the same to whoever reads the torrent: one element of a path.
fn check_name(element: &str, path: &str) -> Result<(), CreateError> {
    let problem = match element {
        "" => "a part of its path is empty",
        "." | ".." => "its path goes through `.` or `..`",
        element if element.contains(['/', '\0']) => "a name has `/` or a zero byte in it",
        _ => return Ok(()),
    };
    Err(CreateError::Name { path: path.to_owned(), problem })
}

#[cfg(test)]
mod tests;
