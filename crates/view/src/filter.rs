//! Filters and sort order of a list: what the user has chosen, and the query that follows.

use serde::{Deserialize, Serialize};
use ztor_api::{Counts, ListQuery, Sort, SortKey, State, StateGroup};

/// A kind of filter, of which several values can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// State, or group of states.
    State,
    /// Category, with those below it.
    Category,
    /// Tag.
    Tag,
    /// Host of the tracker.
    Tracker,
    /// Download folder.
    Dir,
}

impl Field {
    /// All kinds, in the order in which front ends list them.
    pub const ALL: [Self; 5] = [Self::State, Self::Category, Self::Tag, Self::Tracker, Self::Dir];

    /// Returns the label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::State => "State",
            Self::Category => "Category",
            Self::Tag => "Tag",
            Self::Tracker => "Tracker",
            Self::Dir => "Folder",
        }
    }
}

/// Filters, search and sort order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Chosen values by [`Field`].
    states: Vec<String>,
    categories: Vec<String>,
    tags: Vec<String>,
    trackers: Vec<String>,
    dirs: Vec<String>,
    /// Words, or a regular expression.
    pub search: String,
    /// True if `search` is a regular expression.
    pub is_regex: bool,
    /// True if one of the filters is enough.
    pub is_any: bool,
    /// Sort order; later keys count where earlier ones are equal.
    sort: Vec<Sort>,
}

impl Default for View {
    fn default() -> Self {
        Self {
            states: Vec::new(),
            categories: Vec::new(),
            tags: Vec::new(),
            trackers: Vec::new(),
            dirs: Vec::new(),
            search: String::new(),
            is_regex: false,
            is_any: false,
            sort: vec![Sort { key: SortKey::Added, is_descending: true }],
        }
    }
}

/// A value that can be chosen, with the number of torrents that have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Value in queries; the empty string is none.
    pub value: String,
    /// Label.
    pub label: String,
    /// Number of torrents.
    pub count: usize,
    /// Depth in a tree, from 0.
    pub depth: usize,
}

impl View {
    /// Returns the chosen values of a field.
    pub fn chosen(&self, field: Field) -> &[String] {
        match field {
            Field::State => &self.states,
            Field::Category => &self.categories,
            Field::Tag => &self.tags,
            Field::Tracker => &self.trackers,
            Field::Dir => &self.dirs,
        }
    }

    fn chosen_mut(&mut self, field: Field) -> &mut Vec<String> {
        match field {
            Field::State => &mut self.states,
            Field::Category => &mut self.categories,
            Field::Tag => &mut self.tags,
            Field::Tracker => &mut self.trackers,
            Field::Dir => &mut self.dirs,
        }
    }

    /// Chooses a value, or gives it up. `adds` keeps the others of the field.
    pub fn toggle(&mut self, field: Field, value: &str, adds: bool) {
        let chosen = self.chosen_mut(field);
        let was_chosen = chosen.iter().any(|known| known == value);
        let was_only = was_chosen && chosen.len() == 1;
        if adds {
            chosen.retain(|known| known != value);
        } else {
            chosen.clear();
        }
        if !was_chosen || !(adds || was_only) {
            chosen.push(value.to_owned());
        }
    }

    /// Gives up all values of a field.
    pub fn clear(&mut self, field: Field) {
        self.chosen_mut(field).clear();
    }

    /// Returns true if not all torrents are listed.
    pub fn is_filtered(&self) -> bool {
        !self.search.trim().is_empty() || Field::ALL.iter().any(|field| !self.chosen(*field).is_empty())
    }

    /// Lists all torrents, in the same order.
    pub fn clear_all(&mut self) {
        *self = Self { sort: std::mem::take(&mut self.sort), ..Self::default() };
    }

    /// Returns the sort order.
    pub fn sort(&self) -> &[Sort] {
        &self.sort
    }

    /// Sorts by a key, or by it after the others; a second time the other way round.
    pub fn sort_by(&mut self, key: SortKey, adds: bool) {
        let known = self.sort.iter().position(|sort| sort.key == key);
        // The largest figures first, but texts from A.
        let first = !matches!(
            key,
            SortKey::Name
                | SortKey::Category
                | SortKey::Tracker
                | SortKey::Dir
                | SortKey::State
                | SortKey::Queue
                | SortKey::Eta
                | SortKey::Id
        );
        match known {
            Some(at) if adds || at == 0 => self.sort[at].is_descending ^= true,
            _ if adds => self.sort.push(Sort { key, is_descending: first }),
            _ => self.sort = vec![Sort { key, is_descending: first }],
        }
    }

    /// Returns the query of the list, without a window.
    pub fn query(&self) -> ListQuery {
        let search = self.search.trim();
        ListQuery {
            state: self.states.clone(),
            category: self.categories.clone(),
            tag: self.tags.clone(),
            tracker: self.trackers.clone(),
            dir: self.dirs.clone(),
            any: self.is_any,
            search: (!search.is_empty()).then(|| search.to_owned()),
            is_regex: self.is_regex && !search.is_empty(),
            sort: self.sort.clone(),
            ..ListQuery::default()
        }
    }
}

/// Returns the values of a field that torrents have, and those that are chosen.
pub fn choices(field: Field, counts: &Counts, view: &View) -> Vec<Choice> {
    let chosen = view.chosen(field);
    if field == Field::State {
        return state_choices(counts, chosen);
    }
    let (counted, none) = match field {
        Field::State | Field::Category => (&counts.categories, "No category"),
        Field::Tag => (&counts.tags, "No tags"),
        Field::Tracker => (&counts.trackers, "No tracker"),
        Field::Dir => (&counts.dirs, ""),
    };
    let mut all = counted.clone();
    for value in chosen {
        all.entry(value.clone()).or_default();
    }
    if field == Field::Category {
        // A torrent is in the categories above its own as well.
        for (path, count) in counted {
            for (end, _) in path.match_indices('/') {
                *all.entry(path[..end].to_owned()).or_default() += count;
            }
        }
    }
    let choice = |(value, count): (String, usize)| {
        let is_tree = field == Field::Category;
        let name = if is_tree { value.rsplit('/').next().unwrap_or(&value) } else { &value };
        let label = if value.is_empty() { none.to_owned() } else { crate::text::cleaned(name).into_owned() };
        Choice { label, count, depth: if is_tree { value.matches('/').count() } else { 0 }, value }
    };
    all.into_iter().map(choice).collect()
}

fn state_choices(counts: &Counts, chosen: &[String]) -> Vec<Choice> {
    let group = |group: StateGroup, label: &str, count: usize| Choice {
        value: group.name().to_owned(),
        label: label.to_owned(),
        count,
        depth: 0,
    };
    let mut choices = vec![
        group(StateGroup::Active, "Active", counts.active),
        group(StateGroup::Inactive, "Inactive", counts.all.saturating_sub(counts.active)),
        group(StateGroup::Complete, "Complete", counts.complete),
        group(StateGroup::Incomplete, "Incomplete", counts.all.saturating_sub(counts.complete)),
    ];
    choices.extend(State::ALL.into_iter().map(|state| Choice {
        value: state.name().to_owned(),
        label: crate::state::label(state).to_owned(),
        count: counts.states.get(state.name()).copied().unwrap_or(0),
        depth: 0,
    }));
    choices.push(group(StateGroup::TrackerError, "Tracker error", counts.tracker_errors));
    let groups = 2;
    let is_shown =
        |at: usize, choice: &Choice| at < groups || choice.count > 0 || chosen.contains(&choice.value);
    choices
        .into_iter()
        .enumerate()
        .filter(|(at, choice)| is_shown(*at, choice))
        .map(|(_, choice)| choice)
        .collect()
}
