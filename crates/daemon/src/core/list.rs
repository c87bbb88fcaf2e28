//! Lists: sort, window and counts.

use super::filter::{Filter, ListError};
use super::{Core, View};
use std::cmp::{Ordering, Reverse};
use std::collections::HashSet;
use ztor_api::{Counts, List, ListQuery, Sort, SortKey, State};

/// A value to sort by.
#[derive(PartialEq, PartialOrd)]
enum Value<'a> {
    Number(u64),
    Real(f64),
    Text(&'a str),
    Owned(String),
    /// Behind all numbers, in either direction.
    Missing,
}

impl<'a> Value<'a> {
    fn of(key: SortKey, view: &View<'a>) -> Self {
        let number = |value: Option<u64>| value.map_or(Self::Missing, Self::Number);
        let record = view.entry().record();
        let status = view.status();
        match key {
            SortKey::Name => Self::Owned(view.name().to_lowercase()),
            SortKey::State => {
                let state = view.state();
                Self::Number(State::ALL.iter().position(|known| *known == state).unwrap_or(99) as u64)
            }
            SortKey::Progress => Self::Real(view.progress()),
            SortKey::Size => Self::Number(view.size_bytes()),
            SortKey::Down => Self::Number(status.map_or(0, |status| status.down_per_s)),
            SortKey::Up => Self::Number(status.map_or(0, |status| status.up_per_s)),
            SortKey::Downloaded => Self::Number(status.map_or(0, |status| status.downloaded_bytes)),
            SortKey::Uploaded => Self::Number(status.map_or(0, |status| status.uploaded_bytes)),
            SortKey::Ratio => number(view.ratio().map(|ratio| u64::from(ratio.as_thousandths()))),
            SortKey::Eta => number(view.eta_s()),
            SortKey::Peers => Self::Number(status.map_or(0, |status| u64::from(status.peers))),
            SortKey::Seeds => Self::Number(status.map_or(0, |status| u64::from(status.seeds))),
            SortKey::Queue => number(view.queue_position().map(|position| position as u64)),
            SortKey::Category => view.category().map_or(Self::Missing, Self::Owned),
            SortKey::Added => Self::Number(record.added_unix_s),
            SortKey::Finished => number(record.finished_unix_s),
            SortKey::Tracker => view.tracker().map_or(Self::Missing, Self::Text),
            SortKey::Dir => Self::Owned(record.dir.to_string_lossy().into_owned()),
            _ => Self::Number(view.key().as_u64()),
        }
    }

    fn cmp(&self, other: &Self, is_descending: bool) -> Ordering {
        match (self, other) {
            (Self::Missing, Self::Missing) => Ordering::Equal,
            (Self::Missing, _) => Ordering::Greater,
            (_, Self::Missing) => Ordering::Less,
            _ => {
                let order = self.partial_cmp(other).unwrap_or(Ordering::Equal);
                if is_descending { order.reverse() } else { order }
            }
        }
    }
}

impl Core {
    /// Answers a query.
    pub(crate) fn list(&self, query: &ListQuery) -> Result<List, ListError> {
        self.answer(query, |_| true).map(|(list, _)| list)
    }

    /// Answers a query of a front end that has the rows of some torrents: rows that it does not have are sent, changed or
    /// not. Also returns the ids of the window, in order.
    pub(crate) fn follow(
        &self,
        query: &ListQuery,
        known: &HashSet<u64>,
    ) -> Result<(List, Vec<u64>), ListError> {
        self.answer(query, |id| known.contains(&id))
    }

    fn answer(
        &self,
        query: &ListQuery,
        is_known: impl Fn(u64) -> bool,
    ) -> Result<(List, Vec<u64>), ListError> {
        let filter = Filter::of(query)?;
        let removed = query.since.and_then(|since| self.removed_after(since));
        // A revision that is too old, or of another run, gets everything.
        let since = removed.is_some().then_some(query.since).flatten();
        let matching = filter.select(self.views())?;
        let total = matching.len();
        let window = window_of(matching, query);
        let order: Vec<u64> = window.iter().map(|view| view.key().as_u64()).collect();
        let is_news = |view: &View<'_>| {
            let has_changed = since.is_none_or(|since| view.entry().revision() > since);
            has_changed || !is_known(view.key().as_u64())
        };
        let list = List {
            revision: self.revision,
            total,
            torrents: match query.ids_only {
                true => Vec::new(),
                false => window.into_iter().filter(is_news).map(View::to_row).collect(),
            },
            removed,
            counts: query.counts.then(|| self.counts()),
            ids: query.ids_only.then(|| order.clone()),
        };
        Ok((list, order))
    }

    /// Counts all torrents.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        let add = |map: &mut std::collections::BTreeMap<String, usize>, key: &str| match map.get_mut(key) {
            Some(count) => *count += 1,
            None => drop(map.insert(key.to_owned(), 1)),
        };
        for view in self.views() {
            counts.all += 1;
            counts.active += usize::from(view.is_active());
            counts.complete += usize::from(view.is_complete());
            counts.tracker_errors += usize::from(view.has_tracker_error());
            add(&mut counts.states, view.state().name());
            add(&mut counts.categories, view.category().as_deref().unwrap_or_default());
            add(&mut counts.trackers, view.tracker().unwrap_or_default());
            add(&mut counts.dirs, &view.entry().record().dir.to_string_lossy());
            let mut tags = view.tags().peekable();
            if tags.peek().is_none() {
                add(&mut counts.tags, "");
            }
            tags.for_each(|tag| add(&mut counts.tags, tag));
        }
        counts
    }
}

/// Sorts, and returns the window.
fn window_of<'a>(views: Vec<View<'a>>, query: &ListQuery) -> Vec<View<'a>> {
    let sorted = sort(views, &query.sort);
    let limit = query.limit.unwrap_or(usize::MAX);
    sorted.into_iter().skip(query.offset).take(limit).collect()
}

fn sort<'a>(views: Vec<View<'a>>, order: &[Sort]) -> Vec<View<'a>> {
    match order {
        // They are in order of their ids already.
        [] => views,
        [Sort { key: SortKey::Id, is_descending: true }, ..] => {
            let mut views = views;
            views.sort_by_key(|view| Reverse(view.key()));
            views
        }
        _ => {
            let keys =
                |view: &View<'a>| order.iter().map(|sort| Value::of(sort.key, view)).collect::<Vec<_>>();
            let mut keyed: Vec<(Vec<Value<'a>>, View<'a>)> =
                views.into_iter().map(|view| (keys(&view), view)).collect();
            keyed.sort_by(|(a, _), (b, _)| {
                let pairs = a.iter().zip(b).zip(order);
                let orders = pairs.map(|((a, b), sort)| a.cmp(b, sort.is_descending));
                orders.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            });
            keyed.into_iter().map(|(_, view)| view).collect()
        }
    }
}
