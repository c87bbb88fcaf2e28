//! Exit codes, and the conversion of errors to codes and messages.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ztor_metainfo::{MagnetError, MetainfoError};
use ztor_server::api::ServeError;
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
    0  done (also: daemon, seed, share, tracker, list --watch and log --follow
       stopped by Ctrl-C)
    1  the operation failed, or verify found bad data
    2  wrong usage: an unknown flag, or arguments that cannot be used
    3  a torrent file or magnet link that cannot be used
    4  storage: a full disk, a missing permission, a file that cannot be read or
       written, or an existing file that is not the torrent's
    5  network: no daemon answers, a URL cannot be fetched, a DHT node does not
       answer, or the time of --give-up is over
    6  cannot listen: the port or address is in use, or not this machine's
  130  interrupted by Ctrl-C or SIGTERM before the work was done";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// An error of this crate: a message, an exit code, and the next step if there is one.
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

/// Returns the error for the failures of some of `all` torrents; `None` if there are none.
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
    /// Makes a report with the code of the first error of the chain that has one, and the texts of the whole chain.
    pub(crate) fn of(error: &anyhow::Error) -> Report {
        let mut message = String::new();
        for cause in error.chain() {
            let text = cause.to_string();
            // Many errors include the text of their cause.
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

/// Returns the code and the next step for one error, if it has any.
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
    // The chain of a transparent error skips the error that it wraps.
    if let Some(session::AddError::Storage(error)) = error.downcast_ref() {
        return judge(error);
    }
    if let Some(session::AddError::FileShared { .. }) = error.downcast_ref() {
        let hint = "download them one by one, each into its own folder with -o";
        return Some((Exit::Usage, Some(hint.into())));
    }
    if let Some(session::StartError::NoNode(_)) = error.downcast_ref() {
        let hint = "check the network, or name another node with --dht-bootstrap";
        return Some((Exit::Network, Some(hint.into())));
    }
    if let Some(error) = error.downcast_ref::<session::StartError>() {
        let is_listen = matches!(error, session::StartError::Listen { .. });
        return Some((
            Exit::CannotListen,
            is_listen.then(|| "give --bind an address or an interface of this machine".into()),
        ));
    }
    if error.is::<tracker::StartError>() {
        return Some((
            Exit::CannotListen,
            Some("choose another port or address; port 0 picks a free one".into()),
        ));
    }
    if let Some(error) = error.downcast_ref::<ServeError>() {
        let is_listen = matches!(error, ServeError::Listen { .. } | ServeError::Socket { .. });
        return Some((if is_listen { Exit::CannotListen } else { Exit::Usage }, None));
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

/// Returns the next step for an I/O error of a file.
fn io_hint(error: &io::Error) -> Option<String> {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free some space and run the same command again: existing data is kept and checked, not downloaded again"
        }
        io::ErrorKind::ReadOnlyFilesystem => "choose a folder on a writable disk",
        io::ErrorKind::PermissionDenied => {
            "check the owner and permissions of the file or folder, or choose another one"
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
    fn report_of_an_error_chain_has_its_first_code_and_all_texts() {
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
    fn of_many_with_several_failures_counts_them_and_names_the_first() {
        let report = |text: &str| Report { exit: Exit::Storage, message: text.into(), hint: None };
        let (a, b) = (report("a"), report("b"));
        let text = |reports: &[&Report], all| of_many(reports.iter().copied(), all).map(|f| f.to_string());
        assert_eq!(text(&[], 3), None);
        assert_eq!(text(&[&a], 1).as_deref(), Some("a"));
        assert_eq!(text(&[&a], 3).as_deref(), Some("1 of 3 torrents failed: a"));
        assert_eq!(text(&[&a, &b], 3).as_deref(), Some("2 of 3 torrents failed; the first: a"));
    }

    #[test]
    fn report_of_a_repeated_cause_names_it_once() {
        let inner = anyhow::anyhow!("disk is upside down");
        let report = Report::of(&inner.context("cannot read x: disk is upside down"));
        assert_eq!(report.message, "cannot read x: disk is upside down");
        assert_eq!(report.exit, Exit::Failed);
    }
}
