//! Conditions of list queries.

use super::View;
use crate::select::{SelectError, StateTerm, Terms};
use regex::{Regex, RegexBuilder};
use std::time::{Duration, Instant};
use thiserror::Error;
use ztor_api::ListQuery;

/// Maximum size of a compiled regular expression in bytes. Matching takes a time that is linear in the length of the name,
/// and in this size.
const MAX_REGEX: usize = 256 << 10;
/// Maximum length of a search in bytes.
const MAX_SEARCH: usize = 1024;
/// Maximum time for matching all names, during which nothing else uses the list.
const PATIENCE: Duration = Duration::from_millis(250);
/// Number of names between two looks at the clock.
const LOOK_EVERY: usize = 16;

/// Reason why a query cannot be answered.
#[derive(Debug, Error)]
pub(crate) enum ListError {
    /// A state has an unknown name.
    #[error("unknown state {found:?}; use one of {known}")]
    State {
        /// Name that was given.
        found: String,
        /// Names of the states and of groups.
        known: String,
    },
    /// The search is too long.
    #[error("cannot search: the text is longer than {MAX_SEARCH} bytes")]
    LongSearch,
    /// The search is not a regular expression.
    #[error("cannot use the regular expression: {0}")]
    Regex(String),
    /// The search takes too long.
    #[error("the regular expression takes too long: use a simpler one, without large repetitions")]
    Slow,
    /// A term of the selection cannot be used.
    #[error(transparent)]
    Select(#[from] SelectError),
}

/// Conditions of a query, parsed.
pub(super) struct Filter<'q> {
    terms: Option<Terms>,
    states: Vec<StateTerm>,
    search: Search,
    query: &'q ListQuery,
}

/// Condition on the name.
enum Search {
    Words(Vec<String>),
    Regex(Regex),
}

impl<'q> Filter<'q> {
    pub(super) fn of(query: &'q ListQuery) -> Result<Self, ListError> {
        let states = query.state.iter().map(|name| {
            StateTerm::from_name(name)
                .map_err(|known| ListError::State { found: name.chars().take(40).collect(), known })
        });
        let states = states.collect::<Result<_, _>>()?;
        let terms = match query.select.is_empty() {
            true => None,
            false => Some(Terms::parse(&query.select)?),
        };
        Ok(Self { terms, states, search: Search::of(query)?, query })
    }

    /// Returns the torrents that match.
    pub(super) fn select<'a>(
        &self,
        views: impl Iterator<Item = View<'a>>,
    ) -> Result<Vec<View<'a>>, ListError> {
        let is_regex = matches!(self.search, Search::Regex(_));
        let began = Instant::now();
        let mut found = Vec::new();
        for (n, view) in views.enumerate() {
            if is_regex && n % LOOK_EVERY == 0 && began.elapsed() > PATIENCE {
                return Err(ListError::Slow);
            }
            if self.matches(&view) {
                found.push(view);
            }
        }
        Ok(found)
    }

    fn matches(&self, view: &View<'_>) -> bool {
        self.terms.as_ref().is_none_or(|terms| terms.matches(view))
            && self.search.matches(view.name())
            && self.has_fields(view)
    }

    fn has_fields(&self, view: &View<'_>) -> bool {
        let query = self.query;
        let dir = || view.entry().record().dir.to_string_lossy();
        let has_tags = || match query.all_tags {
            true => query.tag.iter().all(|tag| view.has_tag(tag)),
            false => query.tag.iter().any(|tag| view.has_tag(tag)),
        };
        let conditions: [(&[String], &dyn Fn() -> bool); 5] = [
            (&query.state, &|| self.states.iter().any(|state| state.matches(view))),
            (&query.category, &|| query.category.iter().any(|path| view.is_in_category(path))),
            (&query.tag, &has_tags),
            (&query.tracker, &|| query.tracker.iter().any(|host| view.tracker().unwrap_or_default() == host)),
            (&query.dir, &|| query.dir.iter().any(|wanted| *wanted == dir())),
        ];
        let mut present = conditions.iter().filter(|(values, _)| !values.is_empty()).peekable();
        match query.any && present.peek().is_some() {
            true => present.any(|(_, holds)| holds()),
            false => present.all(|(_, holds)| holds()),
        }
    }
}

impl Search {
    fn of(query: &ListQuery) -> Result<Self, ListError> {
        let text = query.search.as_deref().unwrap_or_default();
        if text.len() > MAX_SEARCH {
            return Err(ListError::LongSearch);
        }
        if query.is_regex && !text.is_empty() {
            // A capital letter asks for exact case, as in editors and in ripgrep.
            let ignores_case = !text.chars().any(char::is_uppercase);
            let built = RegexBuilder::new(text).case_insensitive(ignores_case).size_limit(MAX_REGEX).build();
            return built.map(Self::Regex).map_err(|error| ListError::Regex(reason(&error)));
        }
        let words = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
        Ok(Self::Words(words))
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::Regex(regex) => regex.is_match(name),
            Self::Words(words) if words.is_empty() => true,
            Self::Words(words) => {
                let name = name.to_lowercase();
                words.iter().all(|word| name.contains(word.as_str()))
            }
        }
    }
}

/// Returns the reason in one line, without the drawing of the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn search(text: &str, is_regex: bool) -> Result<Search, ListError> {
        Search::of(&ListQuery { search: Some(text.to_owned()), is_regex, ..ListQuery::default() })
    }

    #[test]
    fn words_match_in_any_order_and_case() {
        let words = search("  iso DEBIAN", false).unwrap();
        assert!(words.matches("debian-13.iso") && !words.matches("debian.img"));
        assert!(search("", true).unwrap().matches("x"));
    }

    #[test]
    fn regex_ignores_case_unless_it_has_a_capital() {
        assert!(search(r"^deb.*\.iso$", true).unwrap().matches("Debian.ISO"));
        assert!(!search("^Deb", true).unwrap().matches("debian"));
    }

    #[test]
    fn bad_or_large_regex_is_an_error_in_one_line() {
        for text in ["(", "[z-a]", r"\w{500}{500}", "*"] {
            let error = search(text, true).err().unwrap().to_string();
            assert!(
                error.starts_with("cannot use the regular expression: ") && !error.contains('\n'),
                "{error}"
            );
        }
        assert!(search(&"x".repeat(5000), false).is_err());
    }
}
