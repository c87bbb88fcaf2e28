//! Events of a run, for both plain lines and the objects of `--json`.

use std::fmt;
use std::path::Path;

use serde::Serialize;
use ztor_session::SessionEvent;

use super::Row;
use crate::text::lossy_path;
use ztor_view::format::{Count, Elapsed, Rate, Size};
use ztor_view::text::Escaped;

/// Event of a run. The names of variants and fields are part of the format of `--json`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event<'a> {
    Listening {
        port: u16,
    },
    Sharing {
        magnet: &'a str,
        url: &'a str,
        tracker: &'a str,
    },
    FetchingMetadata {
        info_hash: &'a str,
        name: &'a str,
    },
    Metadata {
        info_hash: &'a str,
        name: &'a str,
        total_bytes: u64,
        files: usize,
    },
    Added {
        info_hash: &'a str,
        name: &'a str,
        total_bytes: u64,
        wanted_bytes: u64,
        #[serde(serialize_with = "lossy_path")]
        dir: &'a Path,
    },
    Checked {
        info_hash: &'a str,
        name: &'a str,
        have_bytes: u64,
        hashed_bytes: u64,
        believed_bytes: u64,
    },
    Progress(&'a Row),
    Done {
        info_hash: &'a str,
        name: &'a str,
        bytes: u64,
        believed_bytes: u64,
        downloaded_bytes: u64,
        uploaded_bytes: u64,
        seconds: f64,
    },
    Seeding {
        info_hash: &'a str,
        name: &'a str,
        have_bytes: u64,
    },
    Warning {
        info_hash: Option<&'a str>,
        message: &'a str,
        /// Event of the session that caused it, if any.
        cause: Option<&'a SessionEvent>,
    },
    Summary(Summary),
}

/// Totals of a run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) torrents: usize,
    pub(crate) done: usize,
    pub(crate) failed: usize,
    pub(crate) downloaded_bytes: u64,
    pub(crate) uploaded_bytes: u64,
    pub(crate) seconds: f64,
    pub(crate) interrupted: bool,
}

impl Event<'_> {
    /// Returns true if plain output shows it. The totals of one torrent and a check without good data are left out.
    pub(crate) fn is_news(&self) -> bool {
        match self {
            Event::Summary(sum) => sum.torrents > 1 || sum.interrupted,
            Event::Checked { have_bytes, .. } => *have_bytes > 0,
            _ => true,
        }
    }

    /// Returns true if plain output prints it on stderr.
    pub(crate) fn is_trouble(&self) -> bool {
        matches!(self, Event::Warning { .. })
    }
}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Listening { port } => write!(f, "Listening for peers on port {port}"),
            Event::Sharing { magnet, url, tracker } => {
                write!(
                    f,
                    "On the other machine:\n  ztor get {url}\nMagnet link:\n  {magnet}\nTracker:\n  {tracker}"
                )
            }
            Event::FetchingMetadata { name, .. } => {
                write!(f, "{}: looking for peers with its metadata", Escaped(name))
            }
            Event::Metadata { name, total_bytes, files, .. } => {
                write!(f, "{}: {} in {}", Escaped(name), Size(*total_bytes), Count(*files as u64, "file"))
            }
            Event::Added { name, total_bytes, wanted_bytes, dir, .. } => {
                write!(f, "{}: {}", Escaped(name), Size(*total_bytes))?;
                if wanted_bytes < total_bytes {
                    write!(f, ", of which {} wanted", Size(*wanted_bytes))?;
                }
                write!(f, ", in {}", dir.display())
            }
            Event::Checked { name, have_bytes, hashed_bytes, believed_bytes, .. } => {
                let (name, have) = (Escaped(name), Size(*have_bytes));
                match (*hashed_bytes, *believed_bytes) {
                    (_, 0) => write!(f, "{name}: checked, {have} good"),
                    (0, _) => write!(f, "{name}: {have} good according to resume data, not hashed again"),
                    (hashed, believed) => write!(
                        f,
                        "{name}: {have} good; {} checked, {} according to resume data",
                        Size(hashed),
                        Size(believed)
                    ),
                }
            }
            Event::Progress(row) => write!(f, "{}: {}", Escaped(&row.name), row.status_line()),
            Event::Done { name, bytes, believed_bytes, downloaded_bytes, seconds, .. } => {
                write!(f, "Done: {}, {}", Escaped(name), Size(*bytes))?;
                match *believed_bytes {
                    0 => f.write_str(" verified")?,
                    believed if believed < *bytes => {
                        write!(f, ", {} of it according to resume data", Size(believed))?;
                    }
                    _ => f.write_str(" complete according to resume data; --recheck hashes it again")?,
                }
                if *downloaded_bytes > 0 {
                    let rate = Rate((*downloaded_bytes as f64 / seconds.max(0.001)) as u64);
                    write!(f, ", {} downloaded in {}, {rate}", Size(*downloaded_bytes), Elapsed(*seconds))?;
                }
                Ok(())
            }
            Event::Seeding { name, have_bytes, .. } => {
                write!(f, "Seeding {}, {}", Escaped(name), Size(*have_bytes))
            }
            Event::Warning { message, .. } => Escaped(message).fmt(f),
            Event::Summary(sum) => {
                if sum.interrupted {
                    f.write_str("Stopped: ")?;
                }
                write!(
                    f,
                    "{} of {} done, down {}, up {}, in {}",
                    sum.done,
                    Count(sum.torrents as u64, "torrent"),
                    Size(sum.downloaded_bytes),
                    Size(sum.uploaded_bytes),
                    Elapsed(sum.seconds)
                )
            }
        }
    }
}
