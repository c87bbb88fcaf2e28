//! What happened: a hash over all of it, and the last of it in words.

use std::collections::VecDeque;
use std::fmt;
use std::fmt::Write as _;
use ztor_time::Instant;

/// Lines kept for the reader of a failure.
const KEPT: usize = 400;

/// The story of a run. Two runs are the same if and only if, but for chance, their hashes are.
pub(crate) struct Trace {
    hash: u64,
    lines: VecDeque<String>,
    /// Everything goes to standard output as it happens.
    pub(crate) is_loud: bool,
}

impl Trace {
    pub(crate) fn new() -> Self {
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: VecDeque::new(), is_loud: false }
    }

    /// Adds a line.
    pub(crate) fn note(&mut self, now: Instant, what: fmt::Arguments<'_>) {
        let mut line =
            if self.lines.len() >= KEPT { self.lines.pop_front().unwrap_or_default() } else { String::new() };
        line.clear();
        // Writing to a string cannot fail.
        let _ = write!(line, "{now:?} {what}");
        for chunk in line.as_bytes().chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        if self.is_loud {
            println!("{line}");
        }
        self.lines.push_back(line);
    }

    /// Adds what is too small for a line.
    pub(crate) fn mix(&mut self, number: u64) {
        self.hash = (self.hash.rotate_left(5) ^ number).wrapping_mul(0x0100_0000_01b3_9e37);
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash
    }

    /// The last lines that contain any of `words` (all lines, if there are no words), oldest first.
    pub(crate) fn last(&self, count: usize, words: &[String]) -> Vec<String> {
        let wanted =
            |line: &&String| words.is_empty() || words.iter().any(|word| line.contains(word.as_str()));
        let mut found: Vec<String> = self.lines.iter().rev().filter(wanted).take(count).cloned().collect();
        found.reverse();
        found
    }
}
