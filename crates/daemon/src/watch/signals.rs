//! Signals that wake the thread of the watched folders.

use super::place::Kind;
use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind};
use notify::{Event, EventKind};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

/// Maximum number of paths that are collected.
const MAX_PATHS: usize = 1000;

/// Changes since the thread last looked.
#[derive(Debug, Default)]
pub(crate) struct News {
    /// Paths in which something may have changed.
    pub(crate) changed: BTreeSet<PathBuf>,
    /// Folders that may have been replaced, so that the system does not report on them any more.
    pub(crate) replaced: BTreeSet<PathBuf>,
    /// True if changes were missed.
    pub(crate) overflow: bool,
    is_woken: bool,
}

/// Collects changes, and wakes the thread that waits for them.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    news: Mutex<News>,
    wake: Condvar,
}

/// Meaning of an event for a path.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Nothing,
    /// A file to load may have changed.
    File,
    /// A folder may have come or gone.
    Folder,
}

impl Signals {
    /// Wakes the thread without news.
    pub(crate) fn wake(&self) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).is_woken = true;
        self.wake.notify_all();
    }

    /// Records an event of the system.
    pub(crate) fn on_event(&self, event: notify::Result<Event>) {
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                tracing::debug!(%error, "missed changes of watched folders");
                Event::default().set_flag(notify::event::Flag::Rescan)
            }
        };
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        if event.need_rescan() {
            news.overflow = true;
            news.is_woken = true;
        }
        for path in event.paths {
            match meaning(event.kind, &path) {
                Meaning::Nothing => continue,
                Meaning::File => drop(news.changed.insert(path)),
                Meaning::Folder => {
                    news.changed.insert(path.clone());
                    news.replaced.insert(path);
                }
            }
            news.is_woken = true;
        }
        if news.changed.len() > MAX_PATHS {
            news.changed.clear();
            news.replaced.clear();
            news.overflow = true;
        }
        let is_woken = news.is_woken;
        drop(news);
        if is_woken {
            self.wake.notify_all();
        }
    }

    /// Waits for news, or until a time. Returns the news.
    pub(crate) fn wait(&self, until: Option<Instant>) -> News {
        let mut news = self.news.lock().unwrap_or_else(PoisonError::into_inner);
        while !news.is_woken {
            news = match until {
                None => self.wake.wait(news).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        break;
                    }
                    self.wake.wait_timeout(news, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        std::mem::take(&mut *news)
    }
}

/// Returns what an event means for a path. Downloads in a watched folder cause many events, which mean nothing.
fn meaning(kind: EventKind, path: &Path) -> Meaning {
    let is_file = match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => return Meaning::Nothing,
        EventKind::Create(CreateKind::File) | EventKind::Remove(RemoveKind::File) => true,
        EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Metadata(_)) => true,
        _ => false,
    };
    match is_file {
        true if Kind::of(path).is_some() => Meaning::File,
        true => Meaning::Nothing,
        false => Meaning::Folder,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use notify::event::{DataChange, RenameMode};

    #[test]
    fn meaning_of_reads_and_of_other_files_is_nothing() {
        let of = |kind, path: &str| meaning(kind, Path::new(path));
        let data = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        assert_eq!(of(data, "/in/film.mkv"), Meaning::Nothing);
        assert_eq!(of(data, "/in/a.torrent"), Meaning::File);
        assert_eq!(of(EventKind::Access(AccessKind::Open(AccessMode::Any)), "/in"), Meaning::Nothing);
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        assert_eq!(of(closed, "/in/a.torrent"), Meaning::File);
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        assert_eq!(of(renamed, "/in/films"), Meaning::Folder);
        assert_eq!(of(EventKind::Create(CreateKind::Folder), "/in/films"), Meaning::Folder);
    }

    #[test]
    fn wait_returns_what_was_collected_and_overflows_to_a_rescan() {
        let signals = Signals::default();
        let event = |name: String| {
            Ok(Event::new(EventKind::Create(CreateKind::File)).add_path(Path::new("/in").join(name)))
        };
        signals.on_event(event("film.mkv".into()));
        assert!(signals.wait(Some(Instant::now())).changed.is_empty());
        signals.on_event(event("a.torrent".into()));
        assert_eq!(signals.wait(None).changed.len(), 1);
        (0..=MAX_PATHS).for_each(|n| signals.on_event(event(format!("{n}.torrent"))));
        let news = signals.wait(None);
        assert!(news.overflow && news.changed.is_empty());
    }
}
