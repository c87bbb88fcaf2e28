//! Lists of torrents: filter, search, sort and window.

use crate::torrent::Torrent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Query of a list. Conditions on different fields must all hold, unless `any` is set; of several values of one field, one
/// must.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(default, deny_unknown_fields)]
pub struct ListQuery {
    /// Selection by terms, of which one must match; see [`ActionRequest::torrents`](crate::ActionRequest). Empty
    /// selects all.
    pub select: Vec<String>,
    /// States by name, and groups of torrents: `active`, which transfer data, and `inactive`; `complete`, with all wanted
    /// data, and `incomplete`; `tracker_error`, of which no tracker works.
    pub state: Vec<String>,
    /// Categories, with those below them; the empty string is no category.
    pub category: Vec<String>,
    /// Tags; the empty string is no tag.
    pub tag: Vec<String>,
    /// Hosts of trackers; the empty string is no tracker.
    pub tracker: Vec<String>,
    /// Download folders, as the torrents have them.
    pub dir: Vec<String>,
    /// True for torrents with all of the tags, rather than one of them.
    pub all_tags: bool,
    /// True if one of the conditions on state, category, tag, tracker and folder is enough. The search must match always.
    pub any: bool,
    /// Words that the name contains, in any order and case.
    pub search: Option<String>,
    /// True if `search` is a regular expression. It ignores case unless it has a capital letter.
    pub is_regex: bool,
    /// Sort order; later keys count where earlier ones are equal. By id at the end.
    pub sort: Vec<Sort>,
    /// Number of torrents to skip.
    pub offset: usize,
    /// Maximum number of torrents; `null` for all.
    pub limit: Option<usize>,
    /// Leaves out torrents that have not changed since this revision. The answer then lists what was removed.
    pub since: Option<u64>,
    /// True to count the torrents of each state, category, tag and tracker.
    pub counts: bool,
    /// True for the ids of the torrents instead of the torrents.
    pub ids_only: bool,
}

impl ListQuery {
    /// Returns the query as names and values for a URL, not escaped yet. Leaves out what is the default.
    pub fn to_pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        let lists = [
            ("select", &self.select),
            ("state", &self.state),
            ("category", &self.category),
            ("tag", &self.tag),
            ("tracker", &self.tracker),
            ("dir", &self.dir),
        ];
        for (name, values) in lists {
            pairs.extend(values.iter().map(|value| (name, value.clone())));
        }
        pairs.extend(self.search.iter().map(|words| ("search", words.clone())));
        pairs.extend(self.sort.iter().map(|sort| ("sort", String::from(*sort))));
        if self.offset > 0 {
            pairs.push(("offset", self.offset.to_string()));
        }
        pairs.extend(self.limit.iter().map(|limit| ("limit", limit.to_string())));
        pairs.extend(self.since.iter().map(|since| ("since", since.to_string())));
        let flags = [
            ("all_tags", self.all_tags),
            ("any", self.any),
            ("is_regex", self.is_regex),
            ("counts", self.counts),
            ("ids_only", self.ids_only),
        ];
        pairs.extend(
            flags.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| (name, "true".to_owned())),
        );
        pairs
    }
}

/// A key of a sort order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sort {
    /// Field.
    pub key: SortKey,
    /// True to begin with the largest value.
    pub is_descending: bool,
}

/// Field to sort by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SortKey {
    /// Id.
    Id,
    /// Name, regardless of case.
    Name,
    /// State, in the order of [`State::ALL`](crate::State::ALL).
    State,
    /// Progress.
    Progress,
    /// Size of the wanted pieces.
    Size,
    /// Rate of incoming data.
    Down,
    /// Rate of outgoing data.
    Up,
    /// Bytes received.
    Downloaded,
    /// Bytes sent.
    Uploaded,
    /// Ratio.
    Ratio,
    /// Time until the download is complete.
    Eta,
    /// Connected peers.
    Peers,
    /// Connected seeds.
    Seeds,
    /// Position in the queue.
    Queue,
    /// Category.
    Category,
    /// Time at which it was added.
    Added,
    /// Time at which it was finished.
    Finished,
    /// Host of the tracker.
    Tracker,
    /// Download folder.
    Dir,
}

impl SortKey {
    /// All keys with their names.
    pub const NAMES: [(Self, &'static str); 19] = [
        (Self::Id, "id"),
        (Self::Name, "name"),
        (Self::State, "state"),
        (Self::Progress, "progress"),
        (Self::Size, "size"),
        (Self::Down, "down"),
        (Self::Up, "up"),
        (Self::Downloaded, "downloaded"),
        (Self::Uploaded, "uploaded"),
        (Self::Ratio, "ratio"),
        (Self::Eta, "eta"),
        (Self::Peers, "peers"),
        (Self::Seeds, "seeds"),
        (Self::Queue, "queue"),
        (Self::Category, "category"),
        (Self::Added, "added"),
        (Self::Finished, "finished"),
        (Self::Tracker, "tracker"),
        (Self::Dir, "dir"),
    ];
}

impl TryFrom<String> for Sort {
    type Error = String;

    /// Parses a name, after `-` to begin with the largest value.
    fn try_from(text: String) -> Result<Self, String> {
        let (name, is_descending) =
            text.strip_prefix('-').map_or((text.as_str(), false), |name| (name, true));
        let found = SortKey::NAMES.into_iter().find(|(_, known)| *known == name);
        let (key, _) = found.ok_or_else(|| {
            let names: Vec<&str> = SortKey::NAMES.iter().map(|(_, name)| *name).collect();
            let shown: String = name.chars().take(40).collect();
            format!("unknown sort key {shown:?}; use one of {}", names.join(", "))
        })?;
        Ok(Self { key, is_descending })
    }
}

impl From<Sort> for String {
    fn from(sort: Sort) -> Self {
        let name =
            SortKey::NAMES.into_iter().find(|(key, _)| *key == sort.key).map_or("id", |(_, name)| name);
        let minus = if sort.is_descending { "-" } else { "" };
        format!("{minus}{name}")
    }
}

/// The schema of the text form.
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for Sort {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let names = SortKey::NAMES.iter().flat_map(|(_, name)| [(*name).to_owned(), format!("-{name}")]);
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .enum_values(Some(names))
            .description(Some("Field to sort by, after `-` to begin with the largest value."))
            .into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for Sort {}

/// Answer to a [`ListQuery`].
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct List {
    /// Revision of the daemon's state in this answer.
    pub revision: u64,
    /// Number of torrents that match, in and outside of the window.
    pub total: usize,
    /// Torrents of the window, in order.
    pub torrents: Vec<Torrent>,
    /// Torrents that were removed since `since`; `null` without `since`. If it is `null` although `since` was given, the
    /// revision is too old, and the answer has all torrents.
    pub removed: Option<Vec<Removed>>,
    /// Counts of all torrents; `null` unless requested.
    pub counts: Option<Counts>,
    /// Ids of the window, in order; `null` unless requested. `torrents` is empty then.
    pub ids: Option<Vec<u64>>,
}

/// A torrent that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Removed {
    /// Its id.
    pub id: u64,
    /// Its info-hash.
    pub hash: String,
    /// Revision of the removal.
    pub revision: u64,
}

/// Numbers of torrents, for filters.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Counts {
    /// All torrents.
    pub all: usize,
    /// Torrents that transfer data.
    pub active: usize,
    /// Torrents with all wanted data.
    pub complete: usize,
    /// Torrents of which no tracker works.
    pub tracker_errors: usize,
    /// By state.
    pub states: BTreeMap<String, usize>,
    /// By category; the empty string is no category.
    pub categories: BTreeMap<String, usize>,
    /// By tag; the empty string is no tag.
    pub tags: BTreeMap<String, usize>,
    /// By host of the tracker; the empty string is no tracker.
    pub trackers: BTreeMap<String, usize>,
    /// By download folder.
    pub dirs: BTreeMap<String, usize>,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_round_trip_through_their_names() {
        for (key, name) in SortKey::NAMES {
            for (is_descending, text) in [(false, name.to_owned()), (true, format!("-{name}"))] {
                let sort = Sort::try_from(text.clone()).unwrap();
                assert_eq!(sort, Sort { key, is_descending });
                assert_eq!(String::from(sort), text);
            }
        }
        assert!(Sort::try_from("colour".to_owned()).unwrap_err().contains("unknown sort key \"colour\""));
    }
}
