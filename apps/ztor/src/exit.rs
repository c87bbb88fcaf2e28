//! Exit codes, and the one place where an error becomes a code and a message.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ztor_metainfo::{MagnetError, MetainfoError};
use ztor_server::tracker;
use ztor_session as session;
use ztor_storage::{StorageError, create as storage_create};

/// The exit codes of `ztor`. Scripts rely on them: a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    BadTorrent = 3,
    Storage = 4,
    Network = 5,
    CannotListen = 6,
    Interrupted = 130,
}

/// The table shown by `ztor --help`.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
    0  done (also: seed, share and tracker stopped by Ctrl-C)
    1  the operation failed, or verify found bad data
    2  wrong usage: unknown flag, arguments that do not fit
    3  a torrent file or magnet link that cannot be used
    4  storage: disk full, no permission, a file that cannot be read or written,
       or that is there already and is not the torrent's
    5  network: a URL could not be fetched, or --give-up ran out
    6  cannot listen: the given port or address is taken or not ours
  130  interrupted by Ctrl-C or SIGTERM before the work was done";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error of the command line itself: a message, an exit code, and the next step if there is one.
#[derive(Debug)]
pub(crate) struct CliError {
    exit: Exit,
    message: String,
    hint: Option<String>,
}

impl CliError {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> CliError {
        CliError { exit, message: message.into(), hint: None }
    }

    pub(crate) fn usage(message: impl Into<String>) -> CliError {
        CliError::new(Exit::Usage, message)
    }

    /// Adds the next step for the user.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CliError {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CliError {}

/// The error for the failures of some of `all` torrents; `None` if there are none.
pub(crate) fn of_many<'r>(reports: impl IntoIterator<Item = &'r Report>, all: usize) -> Option<CliError> {
    let mut reports = reports.into_iter();
    let first = reports.next()?;
    let message = match (reports.count(), all) {
        (0, 1) => first.message.clone(),
        (0, _) => format!("1 of {all} torrents failed: {}", first.message),
        (more, _) => format!("{} of {all} torrents failed; the first: {}", more + 1, first.message),
    };
    Some(CliError { exit: first.exit, message, hint: first.hint.clone() })
}

/// An error as the user sees it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    pub(crate) exit: Exit,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Report {
    /// The first error of the chain with a code of its own decides; the message names the whole chain.
    pub(crate) fn of(error: &anyhow::Error) -> Report {
        let mut message = String::new();
        for cause in error.chain() {
            let text = cause.to_string();
            // Many errors already say what their cause says.
            if message.ends_with(&text) {
                continue;
            }
            if !message.is_empty() {
                message.push_str(": ");
            }
            message.push_str(&text);
        }
        let (exit, hint) = error.chain().find_map(judge).unwrap_or((Exit::Failed, None));
        Report { exit, message, hint }
    }
}

/// The code and the next step for one error, if it has any.
fn judge(error: &(dyn std::error::Error + 'static)) -> Option<(Exit, Option<String>)> {
    if let Some(error) = error.downcast_ref::<CliError>() {
        return Some((error.exit, error.hint.clone()));
    }
    if error.is::<MetainfoError>() || error.is::<MagnetError>() {
        return Some((Exit::BadTorrent, None));
    }
    if let Some(error) = error.downcast_ref::<StorageError>() {
        let exit = if matches!(error, StorageError::Stopped) { Exit::Interrupted } else { Exit::Storage };
        return Some((exit, None));
    }
    if let Some(error) = error.downcast_ref::<storage_create::CreateError>() {
        return of_create(error);
    }
    // Errors that stand for another show only themselves in the chain.
    if let Some(session::AddError::Storage(error)) = error.downcast_ref() {
        return judge(error);
    }
    if let Some(session::AddError::FileShared { .. }) = error.downcast_ref() {
        let hint = "get them one by one, each into a folder of its own with -o";
        return Some((Exit::Usage, Some(hint.into())));
    }
    if let Some(session::StartError::NoNode(_)) = error.downcast_ref() {
        let hint = "is there a network? --dht-bootstrap names another node";
        return Some((Exit::Network, Some(hint.into())));
    }
    if let Some(error) = error.downcast_ref::<session::StartError>() {
        let is_listen = matches!(error, session::StartError::Listen { .. });
        return Some((
            Exit::CannotListen,
            is_listen.then(|| "--bind takes an address or an interface of this machine".into()),
        ));
    }
    if error.is::<tracker::StartError>() {
        return Some((
            Exit::CannotListen,
            Some("choose another port or address; port 0 takes a free one".into()),
        ));
    }
    if error.is::<session::FetchError>() {
        return Some((Exit::Network, None));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some((Exit::Storage, io_hint(error)));
    }
    None
}

fn of_create(error: &storage_create::CreateError) -> Option<(Exit, Option<String>)> {
    use storage_create::CreateError as E;
    let exit = match error {
        E::Storage(error) => return judge(error),
        E::Glob { .. } => Exit::Usage,
        E::Stopped => Exit::Interrupted,
        E::Changed { .. } => Exit::Storage,
        _ => Exit::Failed,
    };
    Some((exit, None))
}

/// The next step for an error of the operating system on a file.
fn io_hint(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and run the same command again: what is there is kept and checked, not fetched again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a disk that can be written",
        io::ErrorKind::PermissionDenied => {
            "check who owns the file or folder and its permissions, or choose another"
        }
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn the_chain_decides_code_and_message() {
        let error =
            anyhow::Error::new(io::Error::from(io::ErrorKind::StorageFull)).context("cannot write a/b");
        let report = Report::of(&error);
        assert_eq!(report.exit, Exit::Storage);
        assert!(report.message.starts_with("cannot write a/b: "), "{}", report.message);
        assert!(report.hint.is_some());

        let nested: anyhow::Result<()> =
            Err(CliError::usage("no such file in the torrent")).context("--files");
        let report = nested.map_err(|error| Report::of(&error)).err();
        assert_eq!(report.map(|report| report.exit), Some(Exit::Usage));
    }

    #[test]
    fn of_many_counts_and_names_the_first() {
        let report = |text: &str| Report { exit: Exit::Storage, message: text.into(), hint: None };
        let (a, b) = (report("a"), report("b"));
        let text = |reports: &[&Report], all| of_many(reports.iter().copied(), all).map(|f| f.to_string());
        assert_eq!(text(&[], 3), None);
        assert_eq!(text(&[&a], 1).as_deref(), Some("a"));
        assert_eq!(text(&[&a], 3).as_deref(), Some("1 of 3 torrents failed: a"));
        assert_eq!(text(&[&a, &b], 3).as_deref(), Some("2 of 3 torrents failed; the first: a"));
    }

    #[test]
    fn a_cause_already_told_is_not_told_twice() {
        let inner = anyhow::anyhow!("disk is upside down");
        let report = Report::of(&inner.context("cannot read x: disk is upside down"));
        assert_eq!(report.message, "cannot read x: disk is upside down");
        assert_eq!(report.exit, Exit::Failed);
    }
}
