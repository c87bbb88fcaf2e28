//! Errors in settings, and the places where they were found.

use thiserror::Error;
use ztor_api::SettingSource;

/// Maximum number of errors that are reported; a last one counts the others.
pub const MAX_ERRORS: usize = 50;

/// Maximum number of characters of a foreign text in a message.
const MAX_SHOWN: usize = 80;

/// A setting that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{place}{problem}")]
pub struct SettingError {
    /// Place of the error.
    pub place: Place,
    /// Cause of the error.
    pub problem: Problem,
}

/// Place of an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// No single place, or a change by a front end.
    None,
    /// The configuration file as a whole.
    File {
        /// Path of the file.
        path: String,
    },
    /// A line of the configuration file.
    Line {
        /// Path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Name of the variable.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag.
        flag: String,
    },
    /// A stored change of a front end.
    Stored,
}

impl Place {
    /// Returns the place of a value by its origin.
    pub(super) fn of(source: &SettingSource) -> Self {
        match source {
            SettingSource::File { path, line } => Self::Line { path: path.clone(), line: *line },
            SettingSource::Environment { variable } => Self::Environment { variable: variable.clone() },
            SettingSource::Flag { flag } => Self::Flag { flag: flag.clone() },
            SettingSource::Changed => Self::Stored,
            _ => Self::None,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::File { path } => write!(f, "{path}: "),
            Self::Line { path, line } => write!(f, "{path} line {line}: "),
            Self::Environment { variable } => write!(f, "environment variable {variable}: "),
            Self::Flag { flag } => write!(f, "flag {flag}: "),
            Self::Stored => f.write_str("stored change: "),
        }
    }
}

/// Cause of a [`SettingError`]. Foreign text in it is short and has no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A value of the wrong type or out of range.
    #[error("cannot use {key} = {value}: {why}")]
    Value {
        /// Key of the setting.
        key: String,
        /// Value, as in a configuration file.
        value: String,
        /// Expectation that the value does not meet.
        why: String,
    },
    /// A wrong element of a list.
    #[error("cannot use {item} in {key}: {why}")]
    Item {
        /// Key of the setting.
        key: String,
        /// The element.
        item: String,
        /// Expectation that the element does not meet.
        why: String,
    },
    /// No setting has this key.
    #[error("cannot use {key}: there is no such setting{}", suggestion("", nearest, ""))]
    UnknownKey {
        /// The key.
        key: String,
        /// Most similar key; `None` if none is similar.
        nearest: Option<String>,
    },
    /// No section has this name.
    #[error("cannot use [{section}]: there is no such section{}", suggestion("[", nearest, "]"))]
    UnknownSection {
        /// The name.
        section: String,
        /// Most similar name; `None` if none is similar.
        nearest: Option<String>,
    },
    /// The setting belongs to another section.
    #[error("cannot use {key} in [{section}]: it belongs to [{right}]; move it there")]
    WrongSection {
        /// Key of the setting.
        key: String,
        /// Section in which it was found.
        section: String,
        /// Section to which it belongs.
        right: String,
    },
    /// A setting or section is given twice.
    #[error("cannot use {key}: it is given twice; remove one of them")]
    Duplicate {
        /// Key of the setting, or name of the section.
        key: String,
    },
    /// The setting needs another one.
    #[error("cannot use {key} without {missing}: both or none must be set; set {missing} or remove {key}")]
    Lone {
        /// Key of the setting.
        key: String,
        /// Key of the setting that it needs.
        missing: String,
    },
    /// A stored change of a setting that protects the user cannot be used.
    #[error(
        "{problem}; nothing runs without this setting, as its default may expose what it hides: set it in the \
         configuration file, the environment or by a flag"
    )]
    Protection {
        /// Reason for which it cannot be used.
        problem: Box<Problem>,
    },
    /// The text is not TOML.
    #[error("not valid TOML: {message}")]
    Syntax {
        /// Message of the parser.
        message: String,
    },
    /// The text is not in UTF-8.
    #[error("not valid text: expected UTF-8; save it in that encoding")]
    Encoding,
    /// The file is too large.
    #[error("too large: {bytes} bytes, expected at most {max}; check that it is the right file")]
    TooLarge {
        /// Size in bytes.
        bytes: usize,
        /// Maximum size in bytes.
        max: usize,
    },
    /// Further errors, which are not reported.
    #[error("{count} more errors are not shown; correct these first")]
    More {
        /// Number of errors.
        count: usize,
    },
}

impl Problem {
    /// Returns the key of the setting; `None` if the error is about no single one.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::Value { key, .. }
            | Self::Item { key, .. }
            | Self::UnknownKey { key, .. }
            | Self::WrongSection { key, .. }
            | Self::Duplicate { key }
            | Self::Lone { key, .. } => Some(key),
            Self::Protection { problem } => problem.key(),
            _ => None,
        }
    }
}

fn suggestion(before: &str, nearest: &Option<String>, after: &str) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!("; did you mean {before}{name}{after}?"))
}

/// Returns a foreign text for a message: short, and without control characters.
pub(super) fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == MAX_SHOWN {
            shown.push('…');
            break;
        }
        if c.is_control() { shown.extend(c.escape_debug()) } else { shown.push(c) }
    }
    shown
}

/// Returns a foreign text for a message, in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

/// Bounded list of errors.
#[derive(Debug, Default)]
pub(super) struct Errors {
    list: Vec<SettingError>,
    more: usize,
}

impl Errors {
    /// Adds an error. Beyond the bound it is counted only.
    pub(super) fn add(&mut self, error: impl FnOnce() -> SettingError) {
        if self.list.len() < MAX_ERRORS {
            self.list.push(error());
        } else {
            self.more += 1;
        }
    }

    /// Returns the errors, if there are any.
    pub(super) fn into_result(mut self) -> Result<(), Vec<SettingError>> {
        if self.more > 0 {
            let problem = Problem::More { count: self.more };
            self.list.push(SettingError { place: Place::None, problem });
        }
        if self.list.is_empty() { Ok(()) } else { Err(self.list) }
    }
}
