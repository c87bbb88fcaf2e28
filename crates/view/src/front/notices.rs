//! Short texts about what has happened, each for some time.

use crate::text::cleaned;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Largest number of texts at a time; the oldest leaves.
const MOST: usize = 6;
/// Longest text in characters.
const LONGEST: usize = 400;
/// Time for which a text is shown.
const INFO: Duration = Duration::from_secs(4);
const ERROR: Duration = Duration::from_secs(15);

/// Kind of a [`Notice`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// Something is done.
    Info,
    /// Something failed.
    Error,
}

/// A text about what has happened.
#[derive(Debug, Clone)]
pub struct Notice {
    /// Number, for [`Front::dismiss`](super::Front::dismiss).
    pub id: u64,
    /// Kind.
    pub kind: NoticeKind,
    /// Text without harmful characters.
    pub text: String,
    ends_at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Notices {
    shown: VecDeque<Notice>,
    last_id: u64,
}

impl Notices {
    pub(super) fn add(&mut self, kind: NoticeKind, text: &str) {
        let time = if kind == NoticeKind::Error { ERROR } else { INFO };
        let text: String = cleaned(text).chars().take(LONGEST).collect();
        // The same again is shown once, for longer.
        self.shown.retain(|notice| notice.text != text);
        if self.shown.len() == MOST {
            self.shown.pop_front();
        }
        self.last_id += 1;
        self.shown.push_back(Notice { id: self.last_id, kind, text, ends_at: Instant::now() + time });
    }

    /// Ends the display of texts whose time is over. Returns the time until the next one ends.
    pub(super) fn expire(&mut self, now: Instant) -> Option<Duration> {
        self.shown.retain(|notice| notice.ends_at > now);
        self.shown.iter().map(|notice| notice.ends_at - now).min()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Notice> {
        self.shown.iter()
    }

    pub(super) fn dismiss(&mut self, id: u64) {
        self.shown.retain(|notice| notice.id != id);
    }
}
