//! The torrents that terms select.

use super::{Core, View};
use crate::select::{SelectError, Terms, shorten};
use std::collections::BTreeSet;
use ztor_policy::TorrentKey;

/// Maximum number of names in an error.
const MAX_NAMED: usize = 5;

impl Core {
    /// Returns the torrents that terms select, in order of their ids, without those that are leaving.
    pub(crate) fn select(&self, terms: &[String]) -> Result<Vec<TorrentKey>, SelectError> {
        if terms.is_empty() {
            return Err(SelectError::None);
        }
        let terms = Terms::parse(terms)?;
        let mut selected = BTreeSet::new();
        for id in terms.ids() {
            let key = TorrentKey::new(id);
            if self.entry(key).is_none_or(|entry| entry.is_hidden()) {
                return Err(SelectError::NoMatch { term: format!("id:{id}") });
            }
            selected.insert(key);
        }
        for (text, term) in terms.others() {
            let mut found: Vec<View<'_>> = self.views().filter(|view| term.matches(view)).collect();
            // A name that looks like a glob, perhaps on purpose, selects its torrent alone.
            if let Some(name) = term.exact()
                && found.iter().any(|view| view.name() == name)
            {
                found.retain(|view| view.name() == name);
            }
            if found.is_empty() && !term.may_be_empty() {
                return Err(SelectError::NoMatch { term: shorten(text) });
            }
            if found.len() > 1 && term.is_single() {
                let names: Vec<String> =
                    found.iter().take(MAX_NAMED).map(|view| shorten(view.name())).collect();
                return Err(SelectError::Ambiguous {
                    term: shorten(text),
                    count: found.len(),
                    names: names.join(", "),
                });
            }
            selected.extend(found.iter().map(View::key));
        }
        Ok(selected.into_iter().collect())
    }
}
