//! Tokens for programs.

use super::secret::Digest;
use std::collections::BTreeMap;
use ztor_api::Token;
use ztor_daemon::StoredToken;

/// Beginning of all tokens, by which scanners for leaked secrets know them.
pub(crate) const PREFIX: &str = "ztor_";
/// Maximum number of tokens.
pub(crate) const MAX_TOKENS: usize = 100;
/// Maximum length of a name, in characters.
pub(crate) const MAX_NAME: usize = 64;
/// Accuracy of the time of last use, in seconds.
const USE_STEP_S: u64 = 3600;

/// The tokens, by name.
#[derive(Debug, Default)]
pub(crate) struct Tokens(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    digest: Digest,
    created_unix_s: u64,
    last_used_unix_s: Option<u64>,
}

/// Reason why a token cannot be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AddError {
    Exists,
    TooMany,
}

impl Tokens {
    /// Returns the tokens of the state database. One with a malformed digest is left out.
    pub(crate) fn from_stored(rows: Vec<(String, StoredToken)>) -> Self {
        let entry = |(name, row): (String, StoredToken)| {
            let Some(digest) = Digest::from_hex(&row.sha256) else {
                tracing::error!(name, "leaving out a token with a malformed digest");
                return None;
            };
            let StoredToken { created_unix_s, last_used_unix_s, .. } = row;
            Some((name, Entry { digest, created_unix_s, last_used_unix_s }))
        };
        Self(rows.into_iter().filter_map(entry).collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns all tokens, sorted by name.
    pub(crate) fn list(&self) -> Vec<Token> {
        let token = |(name, entry): (&String, &Entry)| Token {
            name: name.clone(),
            created_unix_s: entry.created_unix_s,
            last_used_unix_s: entry.last_used_unix_s,
        };
        self.0.iter().map(token).collect()
    }

    /// Adds a token, and returns its row.
    pub(crate) fn add(&mut self, name: &str, token: &str, now_unix_s: u64) -> Result<StoredToken, AddError> {
        if self.0.contains_key(name) {
            return Err(AddError::Exists);
        }
        if self.0.len() >= MAX_TOKENS {
            return Err(AddError::TooMany);
        }
        let digest = Digest::of(token);
        let entry = Entry { digest, created_unix_s: now_unix_s, last_used_unix_s: None };
        let row = entry.to_stored();
        self.0.insert(name.to_owned(), entry);
        Ok(row)
    }

    /// Removes a token. Returns false if it does not exist.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.0.remove(name).is_some()
    }

    /// Returns the name of a token, and its row if the time of its last use has changed.
    pub(crate) fn find(&mut self, token: &str, now_unix_s: u64) -> Option<(String, Option<StoredToken>)> {
        if !token.starts_with(PREFIX) {
            return None;
        }
        let digest = Digest::of(token);
        // All are compared, each in constant time.
        let found = self.0.iter_mut().fold(None, |found, (name, entry)| {
            if entry.digest.is_same(&digest) { Some((name, entry)) } else { found }
        });
        let (name, entry) = found?;
        let is_news = entry.last_used_unix_s.is_none_or(|last| last.abs_diff(now_unix_s) >= USE_STEP_S);
        if is_news {
            entry.last_used_unix_s = Some(now_unix_s);
        }
        Some((name.clone(), is_news.then(|| entry.to_stored())))
    }
}

impl Entry {
    fn to_stored(&self) -> StoredToken {
        StoredToken {
            sha256: self.digest.to_hex(),
            created_unix_s: self.created_unix_s,
            last_used_unix_s: self.last_used_unix_s,
        }
    }
}

/// Returns true if a text can be the name of a token. Clients cannot write a name of dots in a path.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=MAX_NAME).contains(&text.chars().count())
        && text.trim() == text
        && !matches!(text, "." | "..")
        && !text.contains(|c: char| c.is_control() || c == '/')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn token_is_found_by_its_text_until_it_is_removed() {
        let mut tokens = Tokens::default();
        let row = tokens.add("sonarr", "ztor_a", 1000).unwrap();
        assert_eq!(row.sha256, Digest::of("ztor_a").to_hex());
        assert_eq!(tokens.add("sonarr", "ztor_b", 1000).err(), Some(AddError::Exists));
        tokens.add("radarr", "ztor_b", 1000).unwrap();
        assert_eq!(tokens.find("ztor_b", 1000).unwrap().0, "radarr");
        for text in ["", "ztor_", "ztor_c", "sonarr", &row.sha256] {
            assert!(tokens.find(text, 1000).is_none(), "{text}");
        }
        let mut loaded = Tokens::from_stored(vec![
            ("sonarr".into(), row),
            ("bad".into(), StoredToken { sha256: "x".into(), created_unix_s: 0, last_used_unix_s: None }),
        ]);
        assert_eq!(loaded.list().len(), 1);
        assert_eq!(loaded.find("ztor_a", 2000).unwrap().0, "sonarr");
        assert!(loaded.remove("sonarr") && !loaded.remove("sonarr"));
        assert!(loaded.find("ztor_a", 2000).is_none());
    }

    #[test]
    fn last_use_is_stored_once_an_hour() {
        let mut tokens = Tokens::default();
        tokens.add("a", "ztor_a", 0).unwrap();
        let mut stored = |now| tokens.find("ztor_a", now).unwrap().1.and_then(|row| row.last_used_unix_s);
        assert_eq!([stored(10), stored(11), stored(3609), stored(3610)], [Some(10), None, None, Some(3610)]);
    }

    #[test]
    fn tokens_are_bounded() {
        let mut tokens = Tokens::default();
        for n in 0..MAX_TOKENS {
            tokens.add(&n.to_string(), &format!("ztor_{n}"), 0).unwrap();
        }
        assert_eq!(tokens.add("x", "ztor_x", 0).err(), Some(AddError::TooMany));
    }

    #[test]
    fn is_name_refuses_control_characters_and_slashes() {
        assert!(is_name("a") && is_name("Home Assistant"));
        for name in ["", " a", "a\n", "a/b", ".", "..", &"a".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }
}
