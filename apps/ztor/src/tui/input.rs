//! A line of text that is edited.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Longest text in bytes.
const LONGEST: usize = 64 << 10;

/// A line of text with a cursor.
#[derive(Clone, Debug, Default)]
pub(super) struct Input {
    text: String,
    /// Place of the cursor in bytes, at the start of a character or at the end.
    at: usize,
}

impl Input {
    pub(super) fn new(text: &str) -> Self {
        let mut input = Self::default();
        input.insert(text);
        input
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before the cursor.
    pub(super) fn before(&self) -> &str {
        &self.text[..self.at]
    }

    /// Replaces the text before the cursor.
    pub(super) fn replace_before(&mut self, text: &str) {
        self.text.replace_range(..self.at, "");
        self.at = 0;
        self.insert(text);
    }

    /// Inserts a text at the cursor, with spaces for line breaks and other control characters. Returns false if the line
    /// would be too long; then it stays as it is.
    pub(super) fn insert(&mut self, text: &str) -> bool {
        if self.text.len() + text.len() > LONGEST {
            return false;
        }
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.text.insert_str(self.at, &text);
        self.at += text.len();
        true
    }

    fn previous(&self) -> usize {
        self.before().char_indices().next_back().map_or(0, |(at, _)| at)
    }

    fn next(&self) -> usize {
        self.text[self.at..].chars().next().map_or(self.at, |c| self.at + c.len_utf8())
    }

    /// Returns the start of the word before the cursor.
    fn word(&self) -> usize {
        let trimmed = self.before().trim_end_matches(|c: char| !c.is_alphanumeric());
        trimmed
            .rfind(|c: char| !c.is_alphanumeric())
            .map_or(0, |at| at + trimmed[at..].chars().next().map_or(0, char::len_utf8))
    }

    fn remove(&mut self, from: usize, to: usize) {
        self.text.replace_range(from..to, "");
        self.at = from;
    }

    /// Handles a key. Returns false if it is none of a line.
    pub(super) fn handle(&mut self, key: KeyEvent) -> bool {
        let has_control = key.modifiers.contains(KeyModifiers::CONTROL);
        let has_alt = key.modifiers.contains(KeyModifiers::ALT);
        match key.code {
            KeyCode::Char('a') if has_control => self.at = 0,
            KeyCode::Char('e') if has_control => self.at = self.text.len(),
            KeyCode::Char('u') if has_control => self.remove(0, self.at),
            KeyCode::Char('k') if has_control => self.text.truncate(self.at),
            KeyCode::Char('w') if has_control => self.remove(self.word(), self.at),
            KeyCode::Backspace if has_alt || has_control => self.remove(self.word(), self.at),
            KeyCode::Char(c) if !has_control && !has_alt => return self.insert(c.encode_utf8(&mut [0; 4])),
            KeyCode::Backspace => self.remove(self.previous(), self.at),
            KeyCode::Delete => {
                let (at, next) = (self.at, self.next());
                self.remove(at, next);
            }
            KeyCode::Left if has_control => self.at = self.word(),
            KeyCode::Left => self.at = self.previous(),
            KeyCode::Right => self.at = self.next(),
            KeyCode::Home => self.at = 0,
            KeyCode::End => self.at = self.text.len(),
            _ => return false,
        }
        true
    }
}
