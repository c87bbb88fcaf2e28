//! Tags of torrents.

use std::collections::{BTreeMap, BTreeSet};

use thiserror::Error;

use crate::key::TorrentKey;

/// Maximum length of a tag, in bytes.
pub const MAX_TAG_LEN: usize = 255;
/// Maximum number of known tags.
pub const MAX_TAGS: usize = 10_000;
/// Maximum number of tags of a torrent.
pub const MAX_TORRENT_TAGS: usize = 100;

/// Error of an operation on tags.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum TagError {
    /// Nothing is left of the tag without the spaces around it.
    #[error("bad tag: it is empty; use at least one character")]
    Empty,
    /// A character that may not be in a tag: a control character or a comma.
    #[error("bad tag: character {:?} at byte {at} is not allowed; remove it", char)]
    BadCharacter {
        /// Character.
        char: char,
        /// Place in the trimmed tag, in bytes.
        at: usize,
    },
    /// The tag is `.` or `..`, which clients cannot write in a path.
    #[error("bad tag: dots alone are not allowed; choose another name")]
    Dots,
    /// The tag is too long.
    #[error("bad tag: it has {len} bytes, at most {MAX_TAG_LEN} are allowed; shorten it")]
    TooLong {
        /// Length of the trimmed tag, in bytes.
        len: usize,
    },
    /// There are too many known tags.
    #[error("cannot create the tag: there are {MAX_TAGS} already; remove some")]
    TooMany,
    /// The torrent has too many tags.
    #[error("cannot tag the torrent: it has {MAX_TORRENT_TAGS} tags already; remove some")]
    TorrentFull,
    /// A tag of this name exists.
    #[error("cannot rename the tag: `{tag}` exists; choose another name")]
    Exists {
        /// Name.
        tag: String,
    },
    /// No tag has this name.
    #[error("unknown tag `{tag}`: it may have been removed; read the list of tags again")]
    Unknown {
        /// Name.
        tag: String,
    },
    /// No torrent has this key.
    #[error("unknown torrent: it may have been removed; read the list of torrents again")]
    UnknownTorrent,
}

/// All known tags, with or without torrents. Names are trimmed and case-sensitive.
#[derive(Debug, Default)]
pub struct Tags {
    known: BTreeMap<String, BTreeSet<TorrentKey>>,
    by_torrent: BTreeMap<TorrentKey, BTreeSet<String>>,
}

impl Tags {
    /// Returns all known tags, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.known.keys().map(String::as_str)
    }

    /// Returns the number of known tags.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns true if no tag is known.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Returns the tags of a torrent, sorted.
    pub fn of(&self, torrent: TorrentKey) -> impl Iterator<Item = &str> {
        self.by_torrent.get(&torrent).into_iter().flatten().map(String::as_str)
    }

    /// Returns the torrents that have a tag.
    pub fn torrents(&self, tag: &str) -> impl Iterator<Item = TorrentKey> {
        self.known.get(tag).into_iter().flatten().copied()
    }

    /// Creates a tag. Returns false if it is known already.
    pub(crate) fn create(&mut self, tag: &str) -> Result<bool, TagError> {
        let tag = valid(tag)?;
        if self.known.contains_key(tag) {
            return Ok(false);
        }
        if self.known.len() >= MAX_TAGS {
            return Err(TagError::TooMany);
        }
        self.known.insert(tag.to_owned(), BTreeSet::new());
        Ok(true)
    }

    /// Adds a tag to a torrent, and creates it if it is unknown. Returns false if the torrent has it already.
    pub(crate) fn add(&mut self, torrent: TorrentKey, tag: &str) -> Result<bool, TagError> {
        let tag = valid(tag)?;
        let tags = self.by_torrent.get(&torrent);
        if tags.is_some_and(|tags| tags.contains(tag)) {
            return Ok(false);
        }
        if tags.is_some_and(|tags| tags.len() >= MAX_TORRENT_TAGS) {
            return Err(TagError::TorrentFull);
        }
        self.create(tag)?;
        self.known.entry(tag.to_owned()).or_default().insert(torrent);
        self.by_torrent.entry(torrent).or_default().insert(tag.to_owned());
        Ok(true)
    }

    /// Takes a tag from a torrent. Returns false if the torrent does not have it.
    pub(crate) fn take(&mut self, torrent: TorrentKey, tag: &str) -> bool {
        let tag = tag.trim();
        let Some(tags) = self.by_torrent.get_mut(&torrent).filter(|tags| tags.contains(tag)) else {
            return false;
        };
        tags.remove(tag);
        if tags.is_empty() {
            self.by_torrent.remove(&torrent);
        }
        if let Some(torrents) = self.known.get_mut(tag) {
            torrents.remove(&torrent);
        }
        true
    }

    /// Renames a tag at all torrents.
    pub(crate) fn rename(&mut self, tag: &str, new: &str) -> Result<(), TagError> {
        let (tag, new) = (tag.trim(), valid(new)?);
        if !self.known.contains_key(tag) {
            return Err(TagError::Unknown { tag: tag.to_owned() });
        }
        if tag == new {
            return Ok(());
        }
        if self.known.contains_key(new) {
            return Err(TagError::Exists { tag: new.to_owned() });
        }
        let torrents = self.known.remove(tag).unwrap_or_default();
        for torrent in &torrents {
            if let Some(tags) = self.by_torrent.get_mut(torrent) {
                tags.remove(tag);
                tags.insert(new.to_owned());
            }
        }
        self.known.insert(new.to_owned(), torrents);
        Ok(())
    }

    /// Removes a tag from the list and from all torrents. Returns false if it is unknown.
    pub(crate) fn remove(&mut self, tag: &str) -> bool {
        let tag = tag.trim();
        let torrents: Vec<TorrentKey> = self.torrents(tag).collect();
        for torrent in torrents {
            self.take(torrent, tag);
        }
        self.known.remove(tag).is_some()
    }

    pub(crate) fn forget(&mut self, torrent: TorrentKey) {
        for tag in self.by_torrent.remove(&torrent).unwrap_or_default() {
            if let Some(torrents) = self.known.get_mut(&tag) {
                torrents.remove(&torrent);
            }
        }
    }
}

/// Checks tags that a torrent is to get.
///
/// # Errors
/// If a tag is bad, or there are too many for one torrent.
pub fn check_tags<'t>(tags: impl IntoIterator<Item = &'t str>) -> Result<(), TagError> {
    let tags = tags.into_iter().map(valid).collect::<Result<BTreeSet<&str>, TagError>>()?;
    if tags.len() > MAX_TORRENT_TAGS { Err(TagError::TorrentFull) } else { Ok(()) }
}

/// Returns the tag without the spaces around it.
fn valid(tag: &str) -> Result<&str, TagError> {
    let tag = tag.trim();
    let is_bad = |char: char| char.is_control() || char == ',';
    if let Some((at, char)) = tag.char_indices().find(|(_, char)| is_bad(*char)) {
        return Err(TagError::BadCharacter { char, at });
    }
    if matches!(tag, "." | "..") {
        return Err(TagError::Dots);
    }
    match tag.len() {
        0 => Err(TagError::Empty),
        1..=MAX_TAG_LEN => Ok(tag),
        len => Err(TagError::TooLong { len }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const A: TorrentKey = TorrentKey::new(1);
    const B: TorrentKey = TorrentKey::new(2);

    fn of(tags: &Tags, torrent: TorrentKey) -> Vec<&str> {
        tags.of(torrent).collect()
    }

    #[test]
    fn valid_of_bad_tags_is_an_error() {
        assert_eq!(valid("  "), Err(TagError::Empty));
        assert_eq!(valid(" a,b"), Err(TagError::BadCharacter { char: ',', at: 1 }));
        assert_eq!(valid("a\u{7f}"), Err(TagError::BadCharacter { char: '\u{7f}', at: 1 }));
        assert_eq!(valid(&"é".repeat(128)), Err(TagError::TooLong { len: 256 }));
        assert_eq!((valid(" .."), valid("...")), (Err(TagError::Dots), Ok("...")));
        assert_eq!(valid(" two words\n"), Ok("two words"));
    }

    #[test]
    fn check_tags_counts_each_tag_once() {
        let many: Vec<String> = (0..=MAX_TORRENT_TAGS).map(|n| n.to_string()).collect();
        assert_eq!(check_tags(many.iter().map(String::as_str)), Err(TagError::TorrentFull));
        assert_eq!(check_tags(many[1..].iter().map(String::as_str).chain(["1", " 2 "])), Ok(()));
        assert_eq!(check_tags(["a", ""]), Err(TagError::Empty));
    }

    #[test]
    fn rename_and_remove_of_a_tag_change_all_torrents() {
        let mut tags = Tags::default();
        assert!(tags.add(A, "x").unwrap() && tags.add(B, " x ").unwrap() && tags.add(A, "X").unwrap());
        assert!(!tags.add(A, "x").unwrap());
        tags.rename("x", "y").unwrap();
        assert_eq!((of(&tags, A), of(&tags, B)), (vec!["X", "y"], vec!["y"]));
        assert_eq!(tags.rename("y", "X"), Err(TagError::Exists { tag: "X".to_owned() }));
        assert_eq!(tags.rename("x", "z"), Err(TagError::Unknown { tag: "x".to_owned() }));
        assert!(tags.remove("y") && !tags.remove("y"));
        assert_eq!((of(&tags, A), of(&tags, B)), (vec!["X"], vec![]));
        assert_eq!(tags.names().collect::<Vec<_>>(), ["X"]);
    }

    #[test]
    fn tags_without_torrents_stay_known() {
        let mut tags = Tags::default();
        tags.add(A, "x").unwrap();
        tags.forget(A);
        assert_eq!((tags.len(), tags.torrents("x").count(), tags.by_torrent.len()), (1, 0, 0));
        assert!(tags.add(A, "x").unwrap() && tags.take(A, "x") && !tags.take(A, "x"));
        assert!(tags.by_torrent.is_empty());
    }

    #[test]
    fn add_beyond_the_bounds_is_an_error() {
        let mut tags = Tags::default();
        for n in 0..MAX_TORRENT_TAGS {
            tags.add(A, &n.to_string()).unwrap();
        }
        assert_eq!(tags.add(A, "more"), Err(TagError::TorrentFull));
        assert_eq!(tags.len(), MAX_TORRENT_TAGS, "a refused tag is not created");
        for n in MAX_TORRENT_TAGS..MAX_TAGS {
            tags.create(&n.to_string()).unwrap();
        }
        assert_eq!(tags.create("more"), Err(TagError::TooMany));
        assert_eq!(tags.add(B, "more"), Err(TagError::TooMany));
        assert!(tags.add(B, "0").unwrap());
    }
}
