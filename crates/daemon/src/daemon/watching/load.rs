//! Loading of files from watched folders.

use super::super::add::{MAX_TORRENT, NewContent, magnet, parse};
use super::Daemon;
use crate::error::DaemonError;
use crate::store::Table;
use crate::watch::{
    Kind, Pace, Read, Ready, SetAside, category_of, delete, key_of, magnet_lines, read, rename,
};
use std::time::Instant;
use ztor_api::{AddOptions, Added, ProblemKind, WatchFolderEdit, WatchLoaded};

/// Reason why a file was not loaded.
#[derive(Debug)]
enum Failure {
    /// The file cannot be used.
    Bad(String),
    /// The daemon cannot load it now. With `is_whole`, it cannot load any file.
    Failed { message: String, is_whole: bool },
}

impl Daemon {
    /// Loads the files that are ready, at most a batch.
    pub(super) fn load_ready(&self, pace: Pace) {
        let ready = self.0.watching.machine().ready(Instant::now(), pace);
        for file in ready {
            if self.is_ending() {
                return;
            }
            match self.load_file(&file) {
                Ok(()) => {}
                Err(Failure::Bad(message)) => {
                    self.0.watching.machine().on_bad(&file, &message);
                    let path = file.path.display();
                    tracing::warn!(%path, reason = message, "cannot use a file of a watched folder");
                }
                // The session has ended.
                Err(Failure::Failed { .. }) if self.is_ending() => return,
                Err(Failure::Failed { message, is_whole }) => {
                    let now = Instant::now();
                    let is_first = self.0.watching.machine().on_failed(now, &file, &message, is_whole);
                    if is_first {
                        let path = file.path.display();
                        tracing::warn!(%path, reason = message, "cannot load a file of a watched folder; retrying");
                    }
                    if is_whole {
                        return;
                    }
                }
            }
        }
    }

    fn load_file(&self, file: &Ready) -> Result<(), Failure> {
        let machine = || self.0.watching.machine();
        let Some(settings) = machine().settings_of(file) else { return Ok(()) };
        let bytes = match read(&file.path, file.stamp, MAX_TORRENT) {
            Read::Content(bytes) => bytes,
            Read::Changed(stamp) => {
                machine().on_changed(Instant::now(), file, stamp);
                return Ok(());
            }
            Read::Gone => {
                machine().on_gone(file);
                return Ok(());
            }
            Read::TooLong => {
                let message = format!("cannot use the file: it is longer than {} MiB", MAX_TORRENT >> 20);
                return Err(Failure::Bad(message));
            }
            Read::Failed(error) => {
                let message = format!("cannot read the file: {error}; give the user of the daemon access");
                return Err(Failure::Failed { message, is_whole: false });
            }
        };
        let options = options(file, &settings).map_err(Failure::Bad)?;
        let contents = contents(file, &bytes)?;
        for content in contents {
            let added = self.0.runtime.block_on(self.add_content(content, &options)).map_err(failure)?;
            match added {
                Added::Added { .. } => machine().on_added(file, 1),
                Added::Duplicate { id, .. } => self.check_saved(id)?,
                Added::Failed { problem } => return Err(Failure::Bad(problem.detail)),
            }
        }
        self.set_aside(file, settings.loaded);
        Ok(())
    }

    /// Checks that a torrent which the daemon has already is in the database: another request may be adding it just now.
    fn check_saved(&self, id: u64) -> Result<(), Failure> {
        match self.0.store.get(Table::Torrent, id) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => {
                let message = "the torrent is being added by another request; it is tried again".to_owned();
                Err(Failure::Failed { message, is_whole: false })
            }
            Err(error) => Err(failure(error.into())),
        }
    }

    /// Renames, deletes or keeps a file whose torrents are in the database.
    fn set_aside(&self, file: &Ready, loaded: WatchLoaded) {
        let result = match loaded {
            WatchLoaded::Rename => rename(&file.path, file.stamp).map_err(|error| ("rename", error)),
            WatchLoaded::Delete => delete(&file.path, file.stamp).map_err(|error| ("delete", error)),
            WatchLoaded::Keep => return self.remember(file, None),
        };
        match result {
            Ok(SetAside::Done) => self.0.watching.machine().on_gone(file),
            Ok(SetAside::Changed(stamp)) => {
                self.0.watching.machine().on_changed(Instant::now(), file, stamp);
            }
            Err((verb, error)) => {
                let path = file.path.display();
                tracing::warn!(%path, %error, "cannot {verb} a loaded file of a watched folder");
                let message = format!("loaded, but cannot {verb} the file: {error}; remove it yourself");
                self.remember(file, Some(message));
            }
        }
    }

    fn remember(&self, file: &Ready, problem: Option<String>) {
        // With the lock, so that the removal of the folder finds the row.
        let mut machine = self.0.watching.machine();
        if let Some(row) = machine.on_stays(file, problem) {
            self.0.store.put_json(Table::WatchLoaded, &*key_of(&file.path), &row);
            self.0.saver.wake();
        }
    }
}

fn options(file: &Ready, settings: &WatchFolderEdit) -> Result<AddOptions, String> {
    let category = settings.category.as_deref();
    Ok(AddOptions {
        category: category_of(&file.folder, &file.path, category, settings.subfolder_as_category)?,
        tags: settings.tags.clone(),
        dir: settings.save_path.clone(),
        paused: settings.paused,
        ..AddOptions::default()
    })
}

/// Parses a file. One bad line makes all of it bad: it may be half of a link.
fn contents(file: &Ready, bytes: &[u8]) -> Result<Vec<NewContent>, Failure> {
    if Kind::of(&file.path) == Some(Kind::Torrent) {
        return Ok(vec![parse(bytes).map_err(failure)?]);
    }
    let lines = magnet_lines(bytes).map_err(Failure::Bad)?;
    let parse =
        |(number, line)| magnet(line).map_err(|error| Failure::Bad(format!("line {number}: {error}")));
    lines.into_iter().map(parse).collect()
}

/// Returns whether the file or the daemon is the cause of an error.
fn failure(error: DaemonError) -> Failure {
    let message = error.to_string();
    // Not found is what another request has removed meanwhile.
    match error.kind() {
        ProblemKind::BadRequest
        | ProblemKind::BadTorrent
        | ProblemKind::NotSupported
        | ProblemKind::TooLarge => Failure::Bad(message),
        _ => Failure::Failed { message, is_whole: matches!(error, DaemonError::Store(_)) },
    }
}
