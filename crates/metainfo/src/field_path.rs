//! The path of a field in a torrent, for errors that name it.

use std::fmt;

use ztor_bencode::Kind;

use crate::MetainfoError;

/// Path of a field in a torrent. Each element is linked to its parent, so that nothing is allocated unless an error
/// has to name the field.
#[derive(Clone, Copy)]
pub(crate) struct FieldPath<'p> {
    parent: Option<&'p FieldPath<'p>>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Key(&'p [u8]),
    Index(usize),
}

impl<'p> FieldPath<'p> {
    /// Returns the path of a key of the outermost dictionary.
    pub(crate) fn top(key: &'p str) -> Self {
        Self { parent: None, step: Step::Key(key.as_bytes()) }
    }

    /// Returns the path of a key of the dictionary here.
    pub(crate) fn key(&'p self, key: &'p str) -> Self {
        self.raw_key(key.as_bytes())
    }

    /// Returns the path of a key of the dictionary here, given as raw bytes.
    pub(crate) fn raw_key(&'p self, key: &'p [u8]) -> Self {
        Self { parent: Some(self), step: Step::Key(key) }
    }

    /// Returns the path of an item of the list here.
    pub(crate) fn index(&'p self, index: usize) -> Self {
        Self { parent: Some(self), step: Step::Index(index) }
    }

    /// Returns the error for a value that is not allowed here.
    pub(crate) fn invalid(&self, problem: impl Into<String>) -> MetainfoError {
        MetainfoError::Invalid { field: self.to_string(), problem: problem.into() }
    }

    /// Returns the error for a value of another type.
    pub(crate) fn wrong_type(&self, found: Kind, expected: &'static str) -> MetainfoError {
        MetainfoError::WrongType { field: self.to_string(), found, expected }
    }
}

impl fmt::Display for FieldPath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.step {
            Step::Index(index) => write!(f, "[{index}]"),
            Step::Key(key) => {
                let dot = if self.parent.is_some() { "." } else { "" };
                // Long enough for every key of the format. Names from a file tree can be much longer.
                let shown = &key[..key.len().min(64)];
                write!(f, "{dot}{}", String::from_utf8_lossy(shown).escape_debug())
            }
        }
    }
}
