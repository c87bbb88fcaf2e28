//! Creation of torrents from files on disk, for `create`, `share` and `demo`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;
use ztor_metainfo::Metainfo;
use ztor_metainfo::create::{Options, Version};
use ztor_storage::create::{CreateError, CreateOptions, Symlinks, create};

use crate::args::{ContentArgs, Format};
use crate::check::threads;
use crate::console::Console;
use crate::display::Work;
use crate::stop::Stop;

/// Fields of a new torrent other than its files.
#[derive(Clone, Debug, Default)]
pub(crate) struct TorrentFields {
    pub(crate) tiers: Vec<Vec<String>>,
    pub(crate) web_seeds: Vec<String>,
    pub(crate) private: bool,
    pub(crate) source: Option<String>,
    pub(crate) comment: Option<String>,
    /// Seconds since 1970; `None` leaves the field out.
    pub(crate) creation_date: Option<i64>,
    /// Path of the torrent file to write, which is left out of the torrent.
    pub(crate) output: Option<PathBuf>,
}

/// New torrent.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) bytes: Vec<u8>,
    pub(crate) meta: Arc<Metainfo>,
    /// Messages about files that were left out although no `--ignore` matches them.
    pub(crate) skipped: Vec<String>,
}

/// Finds, sorts and hashes the files; `None` if the user stopped it. Warns about files that are left out.
pub(crate) fn make(
    path: &Path,
    content: &ContentArgs,
    fields: TorrentFields,
    console: &Console,
    stop: &Stop,
) -> anyhow::Result<Option<Created>> {
    let options = CreateOptions {
        torrent: Options {
            version: match content.format {
                Format::V1 => Version::V1,
                Format::V2 => Version::V2,
                Format::Hybrid => Version::Hybrid,
            },
            piece_length: content.piece_length,
            trackers: fields.tiers,
            web_seeds: fields.web_seeds,
            private: fields.private,
            source: fields.source,
            comment: fields.comment,
            created_by: Some(concat!("ztor ", env!("CARGO_PKG_VERSION")).into()),
            creation_date: fields.creation_date,
        },
        name: None,
        ignore: content.ignore.clone(),
        hidden: content.include_hidden,
        symlinks: Symlinks::Skip,
        output: fields.output,
    };
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
    let work = Work::start(console, "hashing", &name, 0);
    let created = match create(path, &options, threads(), |done, total| work.of(done, total), stop.flag()) {
        Ok(created) => created,
        Err(CreateError::Stopped) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    drop(work);
    let mut skipped: Vec<String> = created.warnings.iter().map(ToString::to_string).collect();
    if !content.include_hidden {
        skipped.extend(hidden_note(path));
    }
    skipped.iter().for_each(|skipped| console.warn(skipped));
    let meta = Arc::new(Metainfo::from_bytes(&created.torrent)?);
    Ok(Some(Created { bytes: created.torrent, meta, skipped }))
}

/// Returns the message that hidden files were left out; `None` if there are none.
fn hidden_note(path: &Path) -> Option<String> {
    let is_hidden = |name: &std::ffi::OsStr| name.as_encoded_bytes().starts_with(b".");
    let first = WalkDir::new(path)
        .min_depth(1)
        .into_iter()
        .filter_map(Result::ok)
        .find(|entry| is_hidden(entry.file_name()))?;
    let shown = first.path().display();
    Some(format!("left out hidden files and folders, such as {shown}; include them with --include-hidden"))
}
