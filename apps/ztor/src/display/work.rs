//! Progress of work on local data: checking, hashing, writing.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use indicatif::ProgressBar;
use serde::Serialize;

use super::bars::{bar, style};
use super::{BARS_BEAT, JSON_BEAT, PLAIN_BEAT};
use crate::console::{Console, Style};
use ztor_view::format::{Rate, Size, Span};
use ztor_view::text::Escaped;

/// One task on a number of bytes. Several threads may report its progress.
pub(crate) struct Work {
    console: Console,
    /// One of `checking`, `hashing` and `writing`.
    stage: &'static str,
    name: String,
    total_bytes: AtomicU64,
    bar: ProgressBar,
    last: Mutex<Instant>,
}

#[derive(Serialize)]
struct WorkJson<'a> {
    event: &'static str,
    stage: &'static str,
    name: &'a str,
    done_bytes: u64,
    total_bytes: u64,
}

impl Work {
    pub(crate) fn start(console: &Console, stage: &'static str, name: &str, total_bytes: u64) -> Work {
        let bar = match console.style() {
            Style::Bars => {
                let style = style(&format!("{{prefix}} {} {{percent:>3}}% {{msg}}", bar(console.color())));
                let bar = console.bars().add(ProgressBar::new(total_bytes).with_style(style));
                bar.set_prefix(format!("{} {}", capital(stage), Escaped(name)));
                bar
            }
            Style::Plain | Style::Json => ProgressBar::hidden(),
        };
        let (name, total_bytes) = (name.to_owned(), AtomicU64::new(total_bytes));
        Work { console: console.clone(), stage, name, total_bytes, bar, last: Mutex::new(Instant::now()) }
    }

    /// Reports progress as [`Self::at`] does, with the total if it is not known at the start.
    pub(crate) fn of(&self, done_bytes: u64, total_bytes: u64) {
        if self.total_bytes.swap(total_bytes, Ordering::Relaxed) != total_bytes {
            self.bar.set_length(total_bytes);
        }
        self.at(done_bytes);
    }

    /// Reports that this many bytes of the total are done.
    pub(crate) fn at(&self, done_bytes: u64) {
        let total_bytes = self.total_bytes.load(Ordering::Relaxed);
        let done_bytes = done_bytes.min(total_bytes);
        let beat = match self.console.style() {
            Style::Bars => BARS_BEAT,
            Style::Plain => PLAIN_BEAT,
            Style::Json => JSON_BEAT,
        };
        // If the lock is taken, its holder reports.
        let Ok(mut last) = self.last.try_lock() else { return };
        if last.elapsed() < beat {
            return;
        }
        *last = Instant::now();
        if self.console.style() == Style::Bars {
            self.bar.set_message(self.message(done_bytes, total_bytes));
            return self.bar.set_position(done_bytes);
        }
        if self.console.is_json() {
            let name = self.name.as_str();
            self.console.json(&WorkJson {
                event: "progress",
                stage: self.stage,
                name,
                done_bytes,
                total_bytes,
            });
        } else {
            let (stage, name) = (capital(self.stage), Escaped(&self.name));
            self.console.line(&format!("{stage} {name}: {} of {}", Size(done_bytes), Size(total_bytes)));
        }
    }
}

impl Work {
    /// Returns the text to the right of the bar, in fixed columns.
    fn message(&self, done_bytes: u64, total_bytes: u64) -> String {
        let rate = (done_bytes as f64 / self.bar.elapsed().as_secs_f64().max(0.001)) as u64;
        let eta =
            (total_bytes - done_bytes).checked_div(rate).map_or_else(|| "--".into(), |s| Span(s).to_string());
        format!("{:>8} {:>11} {eta:>6}", Size(total_bytes), Rate(rate))
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        self.console.bars().remove(&self.bar);
    }
}

fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}
