//! Terms that select torrents: names, globs, hashes, ids, categories, tags and states.

use crate::core::View;
use globset::{Glob, GlobSet};
use std::collections::BTreeSet;
use thiserror::Error;
use ztor_api::{State, StateGroup};

/// Shortest prefix of an info-hash that selects a torrent.
const MIN_HASH: usize = 6;
/// Maximum length of a glob in bytes. It bounds the nesting of its braces.
const MAX_GLOB: usize = 1024;
/// Maximum number of globs in one selection. Each is compiled, while single torrents are only looked up.
pub(crate) const MAX_GLOBS: usize = 100;

/// Reason why terms select nothing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SelectError {
    /// No term was given.
    #[error("no torrent was named; name one, or use all")]
    None,
    /// A term cannot be parsed.
    #[error("cannot use the term {term:?}: {reason}")]
    Bad {
        /// The term.
        term: String,
        /// Reason.
        reason: String,
    },
    /// The selection has too many globs.
    #[error(
        "cannot use more than {MAX_GLOBS} patterns at once; name the torrents by id:NUMBER, or give a wider pattern"
    )]
    TooManyGlobs,
    /// No torrent matches a term.
    #[error("no torrent matches {term:?}; `ztor list` shows all")]
    NoMatch {
        /// The term.
        term: String,
    },
    /// Several torrents match a term that must match one.
    #[error("{term:?} matches {count} torrents: {names}; write more characters, or id:NUMBER")]
    Ambiguous {
        /// The term.
        term: String,
        /// Number of torrents.
        count: usize,
        /// Names of some of them.
        names: String,
    },
}

/// A parsed term.
#[derive(Debug)]
pub(crate) enum Term {
    All,
    /// Number.
    Id(u64),
    /// Number, exact name, or the beginning of an info-hash.
    Digits(u64, String),
    /// Beginning of an info-hash, in lower case.
    Hash(String),
    /// Exact name.
    Name(String),
    /// An exact name, or the beginning of an info-hash.
    NameOrHash(String, String),
    /// Glob, or the same text as an exact name.
    Glob(String, GlobSet),
    Category(String),
    Tag(String),
    State(StateTerm),
}

/// A state, or a group of torrents that is selected like one.
#[derive(Debug, Clone, Copy)]
pub(crate) enum StateTerm {
    State(State),
    Group(StateGroup),
}

impl StateTerm {
    /// Returns the term with a name, or the known names.
    pub(crate) fn from_name(name: &str) -> Result<Self, String> {
        let state = State::from_name(name).map(Self::State);
        state.or_else(|| StateGroup::from_name(name).map(Self::Group)).ok_or_else(|| {
            let known = State::ALL.map(State::name).into_iter().chain(StateGroup::ALL.map(StateGroup::name));
            known.collect::<Vec<_>>().join(", ")
        })
    }

    pub(crate) fn matches(self, view: &View<'_>) -> bool {
        match self {
            Self::State(state) => view.state() == state,
            Self::Group(StateGroup::Active) => view.is_active(),
            Self::Group(StateGroup::Inactive) => !view.is_active(),
            Self::Group(StateGroup::Complete) => view.is_complete(),
            Self::Group(StateGroup::Incomplete) => !view.is_complete(),
            Self::Group(StateGroup::TrackerError) => view.has_tracker_error(),
            Self::Group(_) => false,
        }
    }
}

/// Parsed terms.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    /// Ids, of which front ends with a selection send thousands.
    ids: BTreeSet<u64>,
    /// Others, with their texts.
    others: Vec<(String, Term)>,
}

impl Terms {
    /// Parses terms.
    pub(crate) fn parse(terms: &[String]) -> Result<Self, SelectError> {
        let mut parsed = Self::default();
        let mut globs = 0;
        for text in terms {
            match Term::parse(text)? {
                Term::Id(id) => drop(parsed.ids.insert(id)),
                Term::Glob(..) if globs >= MAX_GLOBS => return Err(SelectError::TooManyGlobs),
                term => {
                    globs += usize::from(matches!(term, Term::Glob(..)));
                    parsed.others.push((text.clone(), term));
                }
            }
        }
        Ok(parsed)
    }

    /// Iterates over the ids.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u64> {
        self.ids.iter().copied()
    }

    /// Iterates over the terms that are not ids, with their texts.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &Term)> {
        self.others.iter().map(|(text, term)| (text.as_str(), term))
    }

    /// Returns true if one of the terms matches.
    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        self.ids.contains(&view.key().as_u64()) || self.others.iter().any(|(_, term)| term.matches(view))
    }
}

impl Term {
    fn parse(text: &str) -> Result<Self, SelectError> {
        let bad = |reason: &str| SelectError::Bad { term: shorten(text), reason: reason.to_owned() };
        if text.is_empty() {
            return Err(bad("it is empty"));
        }
        if text == "all" {
            return Ok(Self::All);
        }
        if let Some((prefix, rest)) = text.split_once(':') {
            match prefix {
                "id" => {
                    return rest.parse().map(Self::Id).map_err(|_| bad("expected a number after id:"));
                }
                "hash" => {
                    return hash(rest)
                        .map(Self::Hash)
                        .ok_or_else(|| bad("expected at least six hexadecimal digits after hash:"));
                }
                "name" => return Ok(name(rest)),
                "category" => return Ok(Self::Category(rest.to_owned())),
                "tag" => return Ok(Self::Tag(rest.to_owned())),
                "state" => {
                    let term = StateTerm::from_name(rest).map(Self::State);
                    return term.map_err(|known| bad(&format!("unknown state; use one of {known}")));
                }
                _ => {}
            }
        }
        let is_number = text.len() <= 18 && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number && let Ok(number) = text.parse() {
            return Ok(Self::Digits(number, text.to_owned()));
        }
        match hash(text) {
            Some(hash) => Ok(Self::NameOrHash(text.to_owned(), hash)),
            None => Ok(name(text)),
        }
    }

    pub(crate) fn matches(&self, view: &View<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Id(id) => view.key().as_u64() == *id,
            Self::Digits(id, text) => {
                let is_hash = text.len() >= MIN_HASH && has_hash(view, text);
                view.key().as_u64() == *id || view.name() == text || is_hash
            }
            Self::Hash(hash) => has_hash(view, hash),
            Self::Name(name) => view.name() == name,
            Self::NameOrHash(name, hash) => view.name() == name || has_hash(view, hash),
            Self::Glob(text, glob) => view.name() == text || glob.is_match(view.name()),
            Self::Category(category) => view.is_in_category(category),
            Self::Tag(tag) => view.has_tag(tag),
            Self::State(state) => state.matches(view),
        }
    }

    /// Returns true if the term stands for one torrent.
    pub(crate) fn is_single(&self) -> bool {
        matches!(self, Self::Hash(_) | Self::NameOrHash(..) | Self::Digits(..))
    }

    /// Returns the exact name that the term may be, although it is a glob as well.
    pub(crate) fn exact(&self) -> Option<&str> {
        match self {
            Self::Glob(text, _) => Some(text),
            _ => None,
        }
    }

    /// Returns true if the term may match nothing: it names a set.
    pub(crate) fn may_be_empty(&self) -> bool {
        matches!(self, Self::All | Self::Category(_) | Self::Tag(_) | Self::State(_))
    }
}

/// Returns the term for a name. A text that is no valid glob is an exact name.
fn name(text: &str) -> Term {
    match glob(text) {
        Some(glob) => Term::Glob(text.to_owned(), glob),
        None => Term::Name(text.to_owned()),
    }
}

/// Compiles a glob; `None` if the text has no special character, is too long, or is invalid.
fn glob(text: &str) -> Option<GlobSet> {
    if text.len() > MAX_GLOB || !text.contains(['*', '?', '[', '{']) {
        return None;
    }
    // A set of one, because a single matcher panics on a glob whose regular expression is refused: one with many braces
    // in each other, or with many large classes.
    GlobSet::builder().add(Glob::new(text).ok()?).build().ok()
}

/// Returns the beginning of an info-hash in lower case; `None` if it is none.
fn hash(text: &str) -> Option<String> {
    let is_hash = (MIN_HASH..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_ascii_lowercase())
}

fn has_hash(view: &View<'_>, prefix: &str) -> bool {
    let hashes = view.entry().hashes();
    let of_v1 = hashes.v1().is_some_and(|hash| hash.to_string().starts_with(prefix));
    of_v1 || hashes.v2().is_some_and(|hash| hash.to_string().starts_with(prefix))
}

/// Shortens a text for an error.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn name_that_is_no_usable_glob_is_exact() {
        let braces = |depth: usize| format!("{}a{}", "{".repeat(depth), "}".repeat(depth));
        let classes = "[\u{0}-\u{10ffff}]".repeat(60);
        for text in ["plain", "[", "{a", &braces(300), &braces(100_000), &"*".repeat(MAX_GLOB + 1)] {
            assert!(matches!(name(text), Term::Name(_)), "{}", shorten(text));
        }
        // Usable or not, without a panic.
        drop(name(&classes));
        for (text, found) in [("a*", "abc"), ("{a,b}?", "bc"), ("[!x]*", "abc")] {
            let glob = glob(text).unwrap();
            assert!(glob.is_match(found) && !glob.is_match("xyz"), "{text}");
        }
    }

    #[test]
    fn globs_of_one_selection_are_bounded_and_names_are_not() {
        let terms = |count: usize, end: &str| (0..count).map(|n| format!("t{n}{end}")).collect::<Vec<_>>();
        Terms::parse(&terms(MAX_GLOBS, "*")).unwrap();
        assert_eq!(Terms::parse(&terms(MAX_GLOBS + 1, "*")).unwrap_err(), SelectError::TooManyGlobs);
        Terms::parse(&terms(10 * MAX_GLOBS, "")).unwrap();
    }
}
