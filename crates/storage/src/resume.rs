//! State of a torrent that is saved from one run to the next.
//!
//! A resume file is bencoded and replaced as a whole: the new content is written beside the old file, synced and
//! renamed over it, and the folder is synced. After a crash or on a full disk either the old or the new file exists in
//! full. Call [`TorrentStore::sync`](crate::TorrentStore::sync) first, so that the file records no piece that is not on
//! the disk.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use ztor_bencode::{Limits, Mode, Tree, Value, decode_with};
use ztor_metainfo::{InfoHashV1, InfoHashV2, InfoHashes, Metainfo};

use crate::error::{At, Operation, StorageError};
use crate::file_names::FileNames;
use crate::moving::{self, Place};
use crate::root::sync_folder;
use crate::store::{FileStamp, UnfinishedPiece, fits};

pub use crate::moving::Moving;

/// Maximum length of a resume file, in bytes: far more than the largest torrent needs.
pub const MAX_LEN: u64 = 64 << 20;
/// Maximum number of saved peers.
pub const MAX_PEERS: usize = 1000;
/// Maximum number of trackers with saved counts.
pub const MAX_TRACKERS: usize = 256;
/// Maximum encoded length of [unfinished pieces](Resume::unfinished), in bytes: enough for 64 GiB of them.
pub const MAX_UNFINISHED_LEN: usize = 1 << 20;

const VERSION: i64 = 1;
const STAMP_LEN: usize = 16;

/// Saved state of one torrent.
///
/// ```
/// use std::path::Path;
/// use ztor_metainfo::{InfoHashV1, InfoHashes};
/// use ztor_storage::FileStamp;
/// use ztor_storage::resume::Resume;
///
/// let resume = Resume {
///     have: vec![0b1010_0000],
///     stamps: vec![FileStamp { len: 49_152, mtime_ns: 1_700_000_000_000_000_000 }],
///     own: vec![true],
///     downloaded: 32_768,
///     peers: vec![([192, 0, 2, 7], 6881).into()],
///     ..Resume::new(InfoHashes::V1(InfoHashV1::new([1; 20])), "/home/me/downloads")
/// };
/// let read = Resume::from_bytes(&resume.to_bytes(), Path::new("example.resume"))?;
/// assert_eq!(read, resume);
/// assert!(read.has(0) && !read.has(1) && read.has(2));
/// # Ok::<(), ztor_storage::resume::ResumeError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resume {
    /// Info-hashes of the torrent.
    pub info_hashes: InfoHashes,
    /// The download folder.
    pub dir: PathBuf,
    /// Pieces on disk, one bit each, the highest bit of the first byte first (BEP 3); spare bits are 0.
    pub have: Vec<u8>,
    /// Stamps of all files when `have` was true ([`TorrentStore::fingerprint`](crate::TorrentStore::fingerprint)).
    pub stamps: Vec<FileStamp>,
    /// Wanted files, one entry per file; empty means all.
    pub wanted: Vec<bool>,
    /// Files that this torrent may write to ([`TorrentStore::own_files`](crate::TorrentStore::own_files)), one entry
    /// per file; empty means none.
    pub own: Vec<bool>,
    /// Blocks on disk of incomplete pieces, in ascending order of the pieces. They are hashed with the rest of the
    /// piece. Pieces beyond [`MAX_UNFINISHED_LEN`] are not saved.
    pub unfinished: Vec<UnfinishedPiece>,
    /// Bytes sent to peers in all runs.
    pub uploaded: u64,
    /// Bytes received from peers in all runs.
    pub downloaded: u64,
    /// Addresses of good peers, at most [`MAX_PEERS`].
    pub peers: Vec<SocketAddr>,
    /// Paths of the files below the download folder.
    pub names: FileNames,
    /// A move of the files that is under way, which [`recover_move`](crate::recover_move) ends; `None` otherwise.
    pub moving: Option<Moving>,
    /// True if the files are being deleted, as the torrent is removed.
    pub is_deleting: bool,
    /// Download folders from which the files have moved here, and that still have a record.
    pub moved_from: Vec<PathBuf>,
    /// Mount point of the file system with the download folder; `None` for the root file system, or if unknown.
    pub mount: Option<PathBuf>,
    /// Times and counts of all runs.
    pub statistics: Statistics,
}

/// Times and counts of a torrent in all runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Statistics {
    /// Time at which the torrent was added, in seconds since 1970; 0 if unknown.
    pub added_unix_s: u64,
    /// Time at which no wanted piece was missing any more for the last time, in seconds since 1970; 0 if unknown.
    pub finished_unix_s: u64,
    /// Time for which the torrent was active, in seconds: neither paused nor stopped, and not checking.
    pub active_s: u64,
    /// The part of that without a missing wanted piece, in seconds.
    pub seeding_s: u64,
    /// Bytes that were reported to each tracker, by its URL without passkeys; at most [`MAX_TRACKERS`].
    pub trackers: BTreeMap<String, TrackerBytes>,
}

/// Bytes that were reported to a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrackerBytes {
    /// Bytes received from peers.
    pub downloaded: u64,
    /// Bytes sent to peers.
    pub uploaded: u64,
}

/// Failure to use a resume file.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The file does not exist: the torrent is new here.
    #[error("there is no resume data at {}", path.display())]
    Missing {
        /// Path of the missing file.
        path: PathBuf,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The file is damaged or not a resume file.
    #[error("cannot use the resume data at {}: {reason}; the torrent must be checked", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The damage.
        reason: String,
    },
    /// A later version wrote the file.
    #[error("cannot use the resume data at {}: its version is {found}, and this ztor reads {VERSION}", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Version of the file.
        found: i64,
    },
    /// A [store](crate::resume) other than files failed.
    #[error("cannot use the resume data: {0}")]
    Other(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The resume data is that of another torrent, another folder or another selection of files.
    #[error("cannot use the resume data: {reason}; the torrent must be checked")]
    Mismatch {
        /// The difference.
        reason: &'static str,
    },
}

impl Resume {
    /// Creates the state of a torrent of which nothing is known yet.
    pub fn new(info_hashes: InfoHashes, dir: impl Into<PathBuf>) -> Self {
        Self {
            info_hashes,
            dir: dir.into(),
            have: Vec::new(),
            stamps: Vec::new(),
            wanted: Vec::new(),
            own: Vec::new(),
            unfinished: Vec::new(),
            uploaded: 0,
            downloaded: 0,
            peers: Vec::new(),
            names: FileNames::default(),
            moving: None,
            is_deleting: false,
            moved_from: Vec::new(),
            mount: None,
            statistics: Statistics::default(),
        }
    }

    /// Reads a resume file. Its fields are well-formed; [`verify`](Self::verify) compares them with a torrent.
    pub fn load(path: &Path) -> Result<Self, ResumeError> {
        Self::from_bytes(&read_file(path)?, path)
    }

    /// Writes a resume file. Replaces an earlier one as a whole or not at all.
    pub fn save(&self, path: &Path) -> Result<(), ResumeError> {
        Ok(replace_file(path, &self.to_bytes())?)
    }

    /// Returns true if `other` is equal, apart from its peers and from the times that pass while the torrent is active.
    pub fn equals_but_for_peers(&self, other: &Self) -> bool {
        let mut statistics = other.statistics.clone();
        (statistics.active_s, statistics.seeding_s) = (self.statistics.active_s, self.statistics.seeding_s);
        *self == Self { peers: self.peers.clone(), statistics, ..other.clone() }
    }

    /// Checks that this is the state of `meta` in the folder `dir`, with fields of the right size.
    pub fn verify(&self, meta: &Metainfo, dir: &Path) -> Result<(), ResumeError> {
        let mismatch = |reason| Err(ResumeError::Mismatch { reason });
        if self.info_hashes != meta.info_hashes {
            return mismatch("it belongs to another torrent");
        }
        if self.dir != dir {
            return mismatch("the files were in another folder");
        }
        let pieces = meta.layout.piece_count() as usize;
        if self.have.len() != pieces.div_ceil(8) {
            return mismatch("it has another number of pieces");
        }
        let spare = self.have.len() * 8 - pieces;
        if self.have.last().is_some_and(|last| last.trailing_zeros() < spare as u32) {
            return mismatch("bits beyond the last piece are set");
        }
        let files = meta.layout.files().len();
        let is_mask = |mask: &[bool]| mask.is_empty() || mask.len() == files;
        if self.stamps.len() != files || !is_mask(&self.wanted) || !is_mask(&self.own) {
            return mismatch("it has another number of files");
        }
        let fits_layout = |unfinished: &UnfinishedPiece| {
            (unfinished.piece as usize) < pieces
                && fits(&unfinished.blocks, meta.layout.block_count(unfinished.piece))
        };
        if !self.unfinished.iter().all(fits_layout) || !self.unfinished.is_sorted_by(|a, b| a.piece < b.piece)
        {
            return mismatch("it has unfinished pieces of another torrent");
        }
        let moved = self.moving.iter().map(|moving| &moving.to.names);
        if [&self.names].into_iter().chain(moved).any(|names| names.check(meta).is_err()) {
            return mismatch("it has paths of another torrent");
        }
        Ok(())
    }

    /// Returns the files whose stamps differ from the current ones, `now`. Their pieces must be checked.
    pub fn changed_files(&self, now: &[FileStamp]) -> Vec<usize> {
        let count = self.stamps.len().max(now.len());
        (0..count).filter(|file| self.stamps.get(*file) != now.get(*file)).collect()
    }

    /// Returns the files that are still the torrent's own, given their current stamps, `now`; empty means none. A file
    /// that did not exist when this was saved, and is not empty, is another program's.
    pub fn own_files(&self, now: &[FileStamp]) -> Vec<bool> {
        let is_foreign = |file: usize| {
            self.stamps.get(file) == Some(&FileStamp::ABSENT) && now.get(file).is_some_and(|now| now.len > 0)
        };
        self.own.iter().enumerate().map(|(file, own)| *own && !is_foreign(file)).collect()
    }

    /// Returns true if the piece was on disk.
    pub fn has(&self, piece: u32) -> bool {
        self.have.get(piece as usize / 8).is_some_and(|byte| byte & (0x80 >> (piece % 8)) != 0)
    }

    /// Returns the content of a resume file. Counts above [`i64::MAX`] are written as that.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut root: BTreeMap<Vec<u8>, Tree> = BTreeMap::new();
        let mut put = |key: &str, value: Tree| root.insert(key.as_bytes().to_vec(), value);
        put("format", Tree::Bytes(b"ztor resume".to_vec()));
        put("version", Tree::Int(VERSION));
        if let Some(v1) = self.info_hashes.v1() {
            put("info-hash", Tree::Bytes(v1.as_bytes().to_vec()));
        }
        if let Some(v2) = self.info_hashes.v2() {
            put("info-hash2", Tree::Bytes(v2.as_bytes().to_vec()));
        }
        put("dir", Tree::Bytes(self.dir.as_os_str().as_bytes().to_vec()));
        put("have", Tree::Bytes(self.have.clone()));
        let stamps =
            self.stamps.iter().flat_map(|stamp| [stamp.len.to_be_bytes(), stamp.mtime_ns.to_be_bytes()]);
        put("stamps", Tree::Bytes(stamps.flatten().collect()));
        put("wanted", Tree::Bytes(encode_mask(&self.wanted)));
        put("own", Tree::Bytes(encode_mask(&self.own)));
        put("unfinished", Tree::Bytes(encode_unfinished(&self.unfinished)));
        put("uploaded", Tree::Int(i64::try_from(self.uploaded).unwrap_or(i64::MAX)));
        put("downloaded", Tree::Int(i64::try_from(self.downloaded).unwrap_or(i64::MAX)));
        let peers = self.peers.iter().take(MAX_PEERS).map(|peer| Tree::Bytes(encode_peer(peer)));
        put("peers", Tree::List(peers.collect()));
        let bytes_of = |path: &Path| Tree::Bytes(path.as_os_str().as_bytes().to_vec());
        if !self.names.is_original() {
            put("names", Tree::Bytes(self.names.to_bytes()));
        }
        if let Some(Moving { to, mount, switching }) = &self.moving {
            put("moving dir", bytes_of(&to.dir));
            put("moving names", Tree::Bytes(to.names.to_bytes()));
            if let Some(mount) = mount {
                put("moving mount", bytes_of(mount));
            }
            if let Some(files) = switching {
                put("moving files", Tree::Bytes(moving::encode_files(files)));
            }
        }
        if self.is_deleting {
            put("deleting", Tree::Int(1));
        }
        if !self.moved_from.is_empty() {
            put("moved from", Tree::List(self.moved_from.iter().map(|dir| bytes_of(dir)).collect()));
        }
        if let Some(mount) = &self.mount {
            put("mount", bytes_of(mount));
        }
        if self.statistics != Statistics::default() {
            put("statistics", self.statistics.to_tree());
        }
        Tree::Dict(root).to_vec()
    }

    /// Decodes the content of a resume file. `path` is only for errors.
    pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<Self, ResumeError> {
        let limits = Limits { depth: 4, tokens: 10 * MAX_PEERS };
        let document = decode_with(bytes, Mode::Strict, limits).map_err(|error| corrupt(path, error))?;
        let root = document.root();
        let bytes_of = |key: &'static str| {
            let value = root.get(key.as_bytes()).and_then(|value| value.as_bytes());
            value.ok_or_else(|| corrupt(path, format_args!("`{key}` is missing or not a string")))
        };
        let count_of = |key: &'static str| {
            let value = root.get(key.as_bytes()).and_then(|value| value.as_uint());
            value.ok_or_else(|| corrupt(path, format_args!("`{key}` is missing or not a count")))
        };
        if bytes_of("format")? != b"ztor resume" {
            return Err(corrupt(path, "it is not a resume file"));
        }
        match root.get(b"version").and_then(|version| version.as_int()) {
            Some(VERSION) => {}
            Some(found) => return Err(ResumeError::Version { path: path.to_owned(), found }),
            None => return Err(corrupt(path, "`version` is missing or not a number")),
        }
        let v1 = hash_of(root, "info-hash", path)?.map(InfoHashV1::new);
        let v2 = hash_of(root, "info-hash2", path)?.map(InfoHashV2::new);
        let info_hashes = InfoHashes::new(v1, v2).ok_or_else(|| corrupt(path, "`info-hash` is missing"))?;
        let (stamps, rest) = bytes_of("stamps")?.as_chunks::<STAMP_LEN>();
        if !rest.is_empty() {
            return Err(corrupt(path, "`stamps` is truncated"));
        }
        let mask_of = |key: &'static str, mask: &[u8]| {
            if mask.iter().any(|bit| *bit > 1) {
                return Err(corrupt(path, format_args!("`{key}` has values other than 0 and 1")));
            }
            Ok(mask.iter().map(|bit| *bit == 1).collect())
        };
        // Files of earlier versions have no `own`.
        let own = root.get(b"own").and_then(|own| own.as_bytes()).unwrap_or_default();
        let unfinished = root.get(b"unfinished").and_then(|pieces| pieces.as_bytes()).unwrap_or_default();
        let unfinished = decode_unfinished(unfinished)
            .ok_or_else(|| corrupt(path, "`unfinished` is truncated or too long"))?;
        let peers = root.get(b"peers").into_iter().flat_map(|peers| peers.items());
        let path_of = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let optional = |key: &[u8]| root.get(key).and_then(|value| value.as_bytes());
        let names_of = |bytes: &[u8]| {
            FileNames::from_bytes(bytes).ok_or_else(|| corrupt(path, "the paths of files are damaged"))
        };
        let moving = match (optional(b"moving dir"), optional(b"moving names")) {
            (Some(dir), Some(names)) => {
                let to = Place { dir: path_of(dir), names: names_of(names)? };
                let switching = optional(b"moving files").map(|files| {
                    moving::decode_files(files)
                        .ok_or_else(|| corrupt(path, "the files of a move are damaged"))
                });
                let mount = optional(b"moving mount").map(path_of);
                Some(Moving { to, mount, switching: switching.transpose()? })
            }
            _ => None,
        };
        let moved_from = root.get(b"moved from").into_iter().flat_map(|dirs| dirs.items());
        Ok(Self {
            info_hashes,
            dir: PathBuf::from(OsStr::from_bytes(bytes_of("dir")?)),
            have: bytes_of("have")?.to_vec(),
            stamps: stamps.iter().map(decode_stamp).collect(),
            wanted: mask_of("wanted", bytes_of("wanted")?)?,
            own: mask_of("own", own)?,
            unfinished,
            uploaded: count_of("uploaded")?,
            downloaded: count_of("downloaded")?,
            peers: peers.take(MAX_PEERS).filter_map(|peer| decode_peer(peer.as_bytes()?)).collect(),
            names: optional(b"names").map_or_else(|| Ok(FileNames::default()), names_of)?,
            moving,
            is_deleting: root.get(b"deleting").and_then(|deleting| deleting.as_int()) == Some(1),
            moved_from: moved_from.filter_map(|dir| Some(path_of(dir.as_bytes()?))).collect(),
            mount: optional(b"mount").map(path_of),
            statistics: root.get(b"statistics").map(Statistics::from_value).unwrap_or_default(),
        })
    }
}

impl Statistics {
    fn to_tree(&self) -> Tree {
        let count = |value: u64| Tree::Int(i64::try_from(value).unwrap_or(i64::MAX));
        let times = [self.added_unix_s, self.finished_unix_s, self.active_s, self.seeding_s];
        let of = |(host, bytes): (&String, &TrackerBytes)| {
            let counts = vec![count(bytes.downloaded), count(bytes.uploaded)];
            (host.as_bytes().to_vec(), Tree::List(counts))
        };
        let trackers = self.trackers.iter().take(MAX_TRACKERS).map(of).collect();
        Tree::List(vec![Tree::List(times.map(count).to_vec()), Tree::Dict(trackers)])
    }

    /// Decodes counts. Takes a damaged one as 0, since no decision depends on it.
    fn from_value(value: Value<'_>) -> Self {
        let mut parts = value.items();
        let mut times = parts.next().into_iter().flat_map(|times| times.items());
        let mut next = || times.next().and_then(|time| time.as_uint()).unwrap_or(0);
        let (added_unix_s, finished_unix_s, active_s, seeding_s) = (next(), next(), next(), next());
        let of = |(host, bytes): (&[u8], Value<'_>)| {
            let mut counts = bytes.items().map(|count| count.as_uint().unwrap_or(0));
            let downloaded = counts.next().unwrap_or(0);
            let bytes = TrackerBytes { downloaded, uploaded: counts.next().unwrap_or(0) };
            Some((std::str::from_utf8(host).ok()?.to_owned(), bytes))
        };
        let trackers = parts.next().into_iter().flat_map(|trackers| trackers.entries());
        let trackers = trackers.take(MAX_TRACKERS).filter_map(of).collect();
        Self { added_unix_s, finished_unix_s, active_s, seeding_s, trackers }
    }
}

/// Reads a resume file, of at most [`MAX_LEN`] bytes.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ResumeError> {
    let file = match File::open(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            return Err(ResumeError::Missing { path: path.to_owned() });
        }
        opened => opened.at(Operation::Open, || path.to_owned())?,
    };
    let mut content = Vec::new();
    let read = file.take(MAX_LEN + 1).read_to_end(&mut content);
    read.at(Operation::Read, || path.to_owned())?;
    if content.len() as u64 > MAX_LEN {
        return Err(ResumeError::Corrupt { path: path.to_owned(), reason: "it is too long".to_owned() });
    }
    Ok(content)
}

/// Replaces the content of a file as a whole or not at all, and returns once it is on the disk.
///
/// Creates missing parent folders. Writes to a temporary file with a unique name in the same folder first, so that two
/// writers do not interfere. Removes the temporary file on failure.
pub fn replace_file(path: &Path, content: &[u8]) -> Result<(), StorageError> {
    let folder = put_file(path, content)?;
    sync_folder(folder).at(Operation::Sync, || folder.to_owned())
}

/// Makes the files durable that [`write_unsynced`](crate::records::write_unsynced) has written to a folder.
pub fn sync_records(folder: &Path) -> Result<(), ResumeError> {
    Ok(sync_folder(folder).at(Operation::Sync, || folder.to_owned())?)
}

/// Replaces the content of a file as a whole or not at all. Returns the folder, which is not synced.
pub(crate) fn put_file<'a>(path: &'a Path, content: &[u8]) -> Result<&'a Path, StorageError> {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).at(Operation::Create, || folder.to_owned())?;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}-{}.tmp", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
    let beside = folder.join(name);
    crate::crash::point();
    let written = write_synced(&beside, content)
        .and_then(|()| std::fs::rename(&beside, path).at(Operation::Rename, || path.to_owned()));
    if written.is_err() {
        // A failure here leaves a file that `remove_leftovers` removes later.
        let _ = std::fs::remove_file(&beside);
    }
    written.map(|()| folder)
}

fn write_synced(path: &Path, content: &[u8]) -> Result<(), StorageError> {
    let mut file = File::create_new(path).at(Operation::Create, || path.to_owned())?;
    file.write_all(content).at(Operation::Write, || path.to_owned())?;
    file.sync_all().at(Operation::Sync, || path.to_owned())
}

/// Encodes for each piece its index, the number of bytes of its bitfield, and the bitfield.
fn encode_unfinished(pieces: &[UnfinishedPiece]) -> Vec<u8> {
    let mut out = Vec::new();
    for UnfinishedPiece { piece, blocks } in pieces {
        let Ok(len) = u32::try_from(blocks.len()) else { break };
        if out.len() + 8 + blocks.len() > MAX_UNFINISHED_LEN {
            break;
        }
        out.extend_from_slice(&piece.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(blocks);
    }
    out
}

fn decode_unfinished(mut bytes: &[u8]) -> Option<Vec<UnfinishedPiece>> {
    if bytes.len() > MAX_UNFINISHED_LEN {
        return None;
    }
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        let (piece, rest) = bytes.split_first_chunk::<4>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (blocks, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        pieces.push(UnfinishedPiece { piece: u32::from_be_bytes(*piece), blocks: blocks.to_vec() });
        bytes = rest;
    }
    Some(pieces)
}

fn encode_mask(mask: &[bool]) -> Vec<u8> {
    mask.iter().map(|bit| u8::from(*bit)).collect()
}

fn corrupt(path: &Path, reason: impl std::fmt::Display) -> ResumeError {
    ResumeError::Corrupt { path: path.to_owned(), reason: reason.to_string() }
}

fn hash_of<const N: usize>(root: Value<'_>, key: &str, path: &Path) -> Result<Option<[u8; N]>, ResumeError> {
    let Some(value) = root.get(key.as_bytes()) else { return Ok(None) };
    let hash = value.as_bytes().and_then(|bytes| bytes.try_into().ok());
    hash.map(Some).ok_or_else(|| corrupt(path, format_args!("`{key}` is not a string of {N} bytes")))
}

fn decode_stamp(bytes: &[u8; STAMP_LEN]) -> FileStamp {
    let mut words = bytes.as_chunks::<8>().0.iter().copied();
    let mut next = || words.next().unwrap_or_default();
    FileStamp { len: u64::from_be_bytes(next()), mtime_ns: i64::from_be_bytes(next()) }
}

/// Encodes address and port as in compact peer lists (BEP 23, BEP 7).
fn encode_peer(peer: &SocketAddr) -> Vec<u8> {
    let mut out = match peer.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    out.extend_from_slice(&peer.port().to_be_bytes());
    out
}

fn decode_peer(bytes: &[u8]) -> Option<SocketAddr> {
    let (ip, port) = bytes.split_last_chunk::<2>()?;
    let ip =
        <[u8; 4]>::try_from(ip).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(ip).map(IpAddr::from));
    Some(SocketAddr::new(ip.ok()?, u16::from_be_bytes(*port)))
}

#[cfg(test)]
#[path = "resume_tests.rs"]
mod tests;
