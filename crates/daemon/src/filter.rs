//! The list of the IP filter: its source, and how it is read.

use crate::settings::{is_url, masked_url};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use thiserror::Error;
use ztor_session::ip_filter::{ListError, MAX_LEN, Parsed, read};
use ztor_session::{FetchError, FetchedList, Route, Validators, fetch_list, redact_url};

/// Source of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterSource {
    /// An HTTP or HTTPS URL.
    Url(String),
    /// A file.
    File(PathBuf),
}

/// The source without credentials.
impl fmt::Display for FilterSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => f.write_str(&redact_url(url)),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl FilterSource {
    /// Returns the source as front ends get it: without what may be a secret.
    pub fn shown(&self) -> String {
        match self {
            Self::Url(url) => masked_url(url),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Returns the source with its credentials, which must not be shown or logged.
    pub fn secret_text(&self) -> String {
        match self {
            Self::Url(url) => url.clone(),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// The source that a text names, which is one of the settings.
impl From<&str> for FilterSource {
    fn from(text: &str) -> Self {
        if is_url(text) { Self::Url(text.to_owned()) } else { Self::File(text.into()) }
    }
}

/// Facts about the list that was read last, by which an unchanged one is recognised.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Known {
    /// Headers of the server.
    pub(crate) validators: Validators,
    /// Time of the last change and length of a file; `None` if it is not known.
    stamp: Option<(SystemTime, u64)>,
}

impl Known {
    /// Returns the facts about a list from a server.
    pub(crate) fn of_server(validators: Validators) -> Self {
        Self { validators, stamp: None }
    }
}

/// Result of an attempt to read a list.
#[derive(Debug)]
pub(crate) enum Loaded {
    /// It is the one that was read last.
    Unchanged,
    /// It is another one.
    New {
        /// The list.
        parsed: Box<Parsed>,
        /// Facts for the next attempt.
        known: Known,
        /// Content of a list from a server.
        body: Option<Vec<u8>>,
    },
}

/// Reason why a list cannot be read.
#[derive(Debug, Error)]
pub(crate) enum LoadError {
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error("{0}")]
    File(#[from] std::io::Error),
    #[error("it is no file")]
    NoFile,
    #[error(transparent)]
    List(#[from] ListError),
}

/// Reads a list, unless it is the known one.
pub(crate) fn load(source: &FilterSource, route: &Route, known: &Known) -> Result<Loaded, LoadError> {
    match source {
        FilterSource::Url(url) => match fetch_list(url, route, MAX_LEN, &known.validators)? {
            FetchedList::NotModified => Ok(Loaded::Unchanged),
            FetchedList::New { body, validators } => {
                let parsed = Box::new(read(&body)?);
                Ok(Loaded::New { parsed, known: Known::of_server(validators), body: Some(body) })
            }
        },
        FilterSource::File(path) => load_file(path, known),
    }
}

fn load_file(path: &Path, known: &Known) -> Result<Loaded, LoadError> {
    let metadata = std::fs::metadata(path)?;
    // A pipe would block the thread.
    if !metadata.is_file() {
        return Err(LoadError::NoFile);
    }
    let stamp = metadata.modified().ok().map(|time| (time, metadata.len()));
    if stamp.is_some() && stamp == known.stamp {
        return Ok(Loaded::Unchanged);
    }
    let parsed = Box::new(read(&read_file(path)?)?);
    Ok(Loaded::New { parsed, known: Known { stamp, ..Known::default() }, body: None })
}

/// Reads a file, up to a byte more than the longest list.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path)?.take(MAX_LEN as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

/// The copy of the last good list from a server.
#[derive(Debug)]
pub(crate) struct Copy(PathBuf);

impl Copy {
    /// Creates the copy in a state folder.
    pub(crate) fn in_dir(state_dir: &Path) -> Self {
        Self(state_dir.join("ip-filter.list"))
    }

    /// Reads the list.
    pub(crate) fn read(&self) -> Result<Parsed, LoadError> {
        Ok(read(&read_file(&self.0)?)?)
    }

    /// Replaces the list, so that a crash leaves the old or the new one.
    pub(crate) fn write(&self, content: &[u8]) -> std::io::Result<()> {
        let part = self.0.with_extension("part");
        let mut file = File::create(&part)?;
        std::io::Write::write_all(&mut file, content)?;
        file.sync_all()?;
        std::fs::rename(&part, &self.0)
    }
}
