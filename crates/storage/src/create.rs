//! Makes a torrent from files on disk: finds and sorts them, and hashes them on all cores.

use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use ztor_metainfo::create::{Builder, Input, PieceDigest, Plan, Version};
use ztor_sha::LANES;

use crate::error::{At, Operation, StorageError};
use crate::hasher::{Digests, HashKinds, PieceHasher, update_many};
use crate::pool::{End, Shares, in_parallel};
use crate::positional::read_at;

mod walk;

/// Bytes of all pieces together that are read before they are hashed: half of a second-level cache.
const READ_LEN: usize = 512 * 1024;

/// Options of a torrent and the selection of its files.
#[derive(Debug, Clone, Default)]
pub struct CreateOptions {
    /// Format, piece length, trackers and so on. The same files and options always give the same bytes.
    pub torrent: ztor_metainfo::create::Options,
    /// Name of the torrent; `None` takes that of the file or folder.
    pub name: Option<String>,
    /// Globs of files and folders to leave out. A glob without `/` is compared with every name, one with `/` with the
    /// path below the torrent's folder. A matching folder is left out with all its content.
    pub ignore: Vec<String>,
    /// True to include files and folders whose name starts with a dot.
    pub hidden: bool,
    /// Treatment of symbolic links below the folder.
    pub symlinks: Symlinks,
    /// Path of the torrent file that the caller will write. It is left out, wherever it is below the folder.
    pub output: Option<PathBuf>,
}

/// Treatment of symbolic links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Symlinks {
    /// Leaves them out, with a warning.
    #[default]
    Skip,
    /// Makes them links in the torrent (BEP 47), if their target is inside the folder.
    Keep,
    /// Includes their targets in the torrent.
    Follow,
}

/// A new torrent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The bytes of the torrent file.
    pub torrent: Vec<u8>,
    /// Files that were found but left out, in the order of paths.
    pub warnings: Vec<Warning>,
}

/// A file that was left out of a torrent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// A symbolic link, with [`Symlinks::Skip`].
    #[error("left out {}, a symbolic link", .0.display())]
    Symlink(PathBuf),
    /// A symbolic link that leads out of the folder or nowhere, with [`Symlinks::Keep`].
    #[error("left out {}, a symbolic link that leads out of the folder or nowhere", .0.display())]
    OutwardLink(PathBuf),
    /// The torrent file of an earlier run, see [`CreateOptions::output`].
    #[error("left out {}, the torrent file itself", .0.display())]
    Output(PathBuf),
    /// A device, pipe or socket.
    #[error("left out {}, which is not a regular file", .0.display())]
    Special(PathBuf),
}

/// Failure to make a torrent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// A file or folder cannot be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The files and options are not valid for a torrent.
    #[error(transparent)]
    Plan(#[from] ztor_metainfo::create::CreateError),
    /// The folder is empty, or all its files are left out.
    #[error("cannot make a torrent of {}: there are no files to share in it", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A glob has a syntax error.
    #[error("invalid pattern `{pattern}`: {reason}")]
    Glob {
        /// The glob.
        pattern: String,
        /// The syntax error.
        reason: String,
    },
    /// A name is not valid UTF-8, which torrents require (BEP 3).
    #[error("cannot include {}: its name is not valid UTF-8; rename it or leave it out", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// A file changed while it was hashed.
    #[error("cannot hash {}: it changed while it was read; try again when no program writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The caller set the stop flag before the torrent was complete.
    #[error("stopped before the torrent was complete")]
    Stopped,
}

/// A file, with its stamp when it was found.
#[derive(Debug, Clone)]
struct Source {
    path: PathBuf,
    stamp: Stamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    len: u64,
    mtime: (i64, i64),
}

/// Makes a torrent of a file, or of a folder with all its content.
///
/// Hashes with `threads` threads (at least one), each with a buffer of 512 KiB. Any of them calls `progress` with the
/// number of bytes hashed so far and the total. Setting `stop` ends the call with [`CreateError::Stopped`].
///
/// ```
/// use std::sync::atomic::AtomicBool;
/// use ztor_metainfo::Metainfo;
/// use ztor_storage::create::{CreateOptions, create};
///
/// let dir = tempfile::tempdir()?;
/// let path = dir.path().join("notes.txt");
/// std::fs::write(&path, "some notes\n")?;
///
/// let mut options = CreateOptions::default();
/// options.torrent.trackers = vec![vec!["http://t.example/announce".to_owned()]];
/// let progress = |done, total| println!("{done} of {total} bytes");
/// let created = create(&path, &options, 1, progress, &AtomicBool::new(false))?;
/// assert!(created.warnings.is_empty());
/// let meta = Metainfo::from_bytes(&created.torrent)?;
/// assert_eq!((meta.name.as_str(), meta.layout.total_len()), ("notes.txt", 11));
/// assert_eq!(meta.trackers, options.torrent.trackers);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn create(
    path: &Path,
    options: &CreateOptions,
    threads: usize,
    progress: impl Fn(u64, u64) + Sync,
    stop: &AtomicBool,
) -> Result<Created, CreateError> {
    let metadata = std::fs::metadata(path).at(Operation::Open, || path.to_owned())?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => name_of(path)?,
    };
    let (plan, sources, warnings) = if metadata.is_dir() {
        let found = walk::walk(path, options, stop)?;
        if found.inputs.is_empty() {
            return Err(CreateError::NoFiles { path: path.to_owned() });
        }
        (Plan::folder(&name, found.inputs, options.torrent.clone())?, found.sources, found.warnings)
    } else if metadata.is_file() {
        let input =
            Input { executable: is_executable(&metadata), ..Input::new([name.as_str()], metadata.len()) };
        let source = Source { path: path.to_owned(), stamp: Stamp::of(&metadata) };
        (Plan::single_file(&name, input, options.torrent.clone())?, vec![source], Vec::new())
    } else {
        return Err(StorageError::NotAFile { path: path.to_owned() }.into());
    };
    let torrent = hash(&plan, &sources, threads, progress, stop)?;
    Ok(Created { torrent, warnings })
}

fn name_of(path: &Path) -> Result<String, CreateError> {
    let name = match path.file_name() {
        Some(name) => name.to_owned(),
        // Paths such as `.` and `..` have a name only once resolved.
        None => {
            let whole = path.canonicalize().at(Operation::Open, || path.to_owned())?;
            whole.file_name().unwrap_or(std::ffi::OsStr::new("root")).to_owned()
        }
    };
    name.into_string().map_err(|_| CreateError::NotUtf8 { path: path.to_owned() })
}

fn hash(
    plan: &Plan,
    sources: &[Source],
    threads: usize,
    progress: impl Fn(u64, u64) + Sync,
    stop: &AtomicBool,
) -> Result<Vec<u8>, CreateError> {
    let layout = plan.layout();
    let count = layout.piece_count() as usize;
    let shares = Shares::of_pieces(count, layout.piece_length(), threads, LANES);
    let builder = Mutex::new(Builder::new(plan));
    let (done, total) = (AtomicU64::new(0), layout.total_len());
    let end = in_parallel(count, shares, threads, stop, Reader::default, |reader, group| {
        let first = u32::try_from(group.start).unwrap_or(u32::MAX);
        for lane in reader.hash(plan, sources, first, group.len(), stop)? {
            let Digests { v1, v2 } = lane.hasher.finish();
            let mut builder = builder.lock().unwrap_or_else(PoisonError::into_inner);
            builder.insert(lane.piece, PieceDigest { v1, v2 });
            drop(builder);
            progress(done.fetch_add(lane.file_bytes, Ordering::Relaxed) + lane.file_bytes, total);
        }
        Ok::<(), CreateError>(())
    })?;
    if end == End::Stopped {
        return Err(CreateError::Stopped);
    }
    // A change of bytes that were hashed already shows only here.
    for source in sources {
        let metadata = std::fs::metadata(&source.path).at(Operation::Inspect, || source.path.clone())?;
        if Stamp::of(&metadata) != source.stamp {
            return Err(CreateError::Changed { path: source.path.clone() });
        }
    }
    Ok(builder.into_inner().unwrap_or_else(PoisonError::into_inner).finish()?)
}

/// Reusable buffers of one thread.
#[derive(Default)]
struct Reader {
    buf: Vec<u8>,
    lanes: Vec<Lane>,
}

/// A piece that is being hashed.
#[derive(Default)]
struct Lane {
    piece: u32,
    hasher: PieceHasher,
    /// Number of bytes hashed so far.
    at: u32,
    len: u32,
    /// Number of bytes hashed so far without pads.
    file_bytes: u64,
    open: Option<(usize, File)>,
}

impl Reader {
    /// Hashes `count` pieces from `first` on in parallel lanes.
    fn hash(
        &mut self,
        plan: &Plan,
        sources: &[Source],
        first: u32,
        count: usize,
        stop: &AtomicBool,
    ) -> Result<&mut [Lane], CreateError> {
        let kinds = HashKinds { v1: plan.version() != Version::V2, v2: plan.version() != Version::V1 };
        self.lanes.resize_with(count, Lane::default);
        for (lane, piece) in self.lanes.iter_mut().zip(first..) {
            (lane.piece, lane.at, lane.file_bytes) = (piece, 0, 0);
            lane.len = plan.layout().piece_len(piece);
            lane.hasher.restart(plan.layout(), piece, kinds);
        }
        let longest = self.lanes.iter().map(|lane| lane.len as usize).max().unwrap_or(0);
        let step = (READ_LEN / count.max(1)).min(longest).max(1);
        self.buf.resize(step * count, 0);
        while self.lanes.iter().any(|lane| lane.at < lane.len) {
            if stop.load(Ordering::Relaxed) {
                return Err(CreateError::Stopped);
            }
            let mut jobs = Vec::with_capacity(count);
            for (lane, buf) in self.lanes.iter_mut().zip(self.buf.chunks_mut(step)) {
                let buf = &mut buf[..step.min((lane.len - lane.at) as usize)];
                lane.read(plan, sources, buf)?;
                jobs.push((&mut lane.hasher, [&*buf]));
            }
            update_many(&mut jobs);
        }
        Ok(&mut self.lanes)
    }
}

impl Lane {
    /// Fills `buf` with the next bytes of the piece.
    fn read(&mut self, plan: &Plan, sources: &[Source], buf: &mut [u8]) -> Result<(), CreateError> {
        for range in plan.layout().ranges(self.piece, self.at, buf.len() as u32) {
            let buf = &mut buf[range.at as usize..][..range.len as usize];
            let Some((input, source)) =
                plan.input_of(range.file).and_then(|input| Some((input, sources.get(input)?)))
            else {
                buf.fill(0);
                continue;
            };
            let file = self.open(input, source)?;
            if read_at(file, buf, range.offset).at(Operation::Read, || source.path.clone())? < buf.len() {
                return Err(CreateError::Changed { path: source.path.clone() });
            }
            self.file_bytes += buf.len() as u64;
        }
        self.at += buf.len() as u32;
        Ok(())
    }

    fn open(&mut self, input: usize, source: &Source) -> Result<&File, CreateError> {
        let open = match self.open.take() {
            Some(open) if open.0 == input => open,
            _ => {
                let file = File::open(&source.path).at(Operation::Open, || source.path.clone())?;
                let metadata = file.metadata().at(Operation::Inspect, || source.path.clone())?;
                if Stamp::of(&metadata) != source.stamp {
                    return Err(CreateError::Changed { path: source.path.clone() });
                }
                (input, file)
            }
        };
        Ok(&self.open.insert(open).1)
    }
}

impl Stamp {
    fn of(metadata: &std::fs::Metadata) -> Self {
        Self { len: metadata.len(), mtime: (metadata.mtime(), metadata.mtime_nsec()) }
    }
}

fn is_executable(metadata: &std::fs::Metadata) -> bool {
    metadata.mode() & 0o100 != 0
}

#[cfg(test)]
mod tests;
