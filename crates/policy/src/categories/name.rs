//! Names of categories.

use thiserror::Error;

/// Maximum length of one element of a path, in bytes.
pub const MAX_CATEGORY_NAME: usize = 255;
/// Maximum number of elements of a path.
pub const MAX_CATEGORY_DEPTH: usize = 16;

/// Error of an operation on categories.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum CategoryError {
    /// The path is empty, begins or ends with a slash, or has two slashes in a row.
    #[error("bad category path: an element is empty; use names with single slashes between them")]
    EmptyName,
    /// An element is `.` or `..`, which are no folders of their own.
    #[error("bad category path: `{name}` cannot be a folder; use another name")]
    Dots {
        /// Element of the path.
        name: String,
    },
    /// A character that may not be in a name: a control character or a backslash.
    #[error("bad category path: character {:?} at byte {at} is not allowed; remove it", char)]
    BadCharacter {
        /// Character.
        char: char,
        /// Place in the path, in bytes.
        at: usize,
    },
    /// An element is too long.
    #[error("bad category path: a name has {len} bytes, at most {MAX_CATEGORY_NAME} are allowed; shorten it")]
    NameTooLong {
        /// Length of the element, in bytes.
        len: usize,
    },
    /// The path has too many elements, or a category below the renamed one would have.
    #[error("bad category path: {depth} levels exceed the maximum of {MAX_CATEGORY_DEPTH}; use fewer")]
    TooDeep {
        /// Number of levels.
        depth: usize,
    },
    /// There are too many categories.
    #[error("cannot create the category: there are too many; remove some")]
    TooMany,
    /// A category has this path already.
    #[error("cannot use category path `{path}`: it is in use; choose another")]
    Exists {
        /// Path.
        path: String,
    },
    /// A category would be below itself.
    #[error("cannot rename the category: `{path}` is below it; choose another path")]
    IntoItself {
        /// Path.
        path: String,
    },
    /// No category has this id.
    #[error("unknown category: it may have been removed; read the list of categories again")]
    Unknown,
}

/// Checks the path of a category, which need not exist.
///
/// # Errors
/// If an element is bad, or there are too many.
pub fn check_category_path(path: &str) -> Result<(), CategoryError> {
    elements(path).map(drop)
}

/// Splits a path and checks its elements.
pub(super) fn elements(path: &str) -> Result<Vec<&str>, CategoryError> {
    let is_bad = |char: char| char.is_control() || char == '\\';
    if let Some((at, char)) = path.char_indices().find(|(_, char)| is_bad(*char)) {
        return Err(CategoryError::BadCharacter { char, at });
    }
    let depth = path.split('/').count();
    if depth > MAX_CATEGORY_DEPTH {
        return Err(CategoryError::TooDeep { depth });
    }
    path.split('/').map(element).collect()
}

fn element(name: &str) -> Result<&str, CategoryError> {
    match name {
        "" => Err(CategoryError::EmptyName),
        "." | ".." => Err(CategoryError::Dots { name: name.to_owned() }),
        long if long.len() > MAX_CATEGORY_NAME => Err(CategoryError::NameTooLong { len: long.len() }),
        name => Ok(name),
    }
}
