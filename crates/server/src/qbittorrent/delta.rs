//! Updates of the whole: what differs between two states, as JSON.

use super::cells::{Cells, quoted};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// Bytes of a torrent in a full update, about.
const ITEM: usize = 2048;

/// A torrent in updates.
pub(crate) trait Item {
    /// Returns the info-hash by which clients know it.
    fn hash(&self) -> &str;
    /// Returns its cells.
    fn cells(&self) -> &Cells;
    /// Returns its announce URLs, each once.
    fn trackers(&self) -> &[String];
    /// Appends all its cells, with the times at present.
    fn write_cells(&self, now: Instant, into: &mut String);
}

/// Everything that a client may know.
#[derive(Debug)]
pub(crate) struct Whole<L> {
    /// Torrents by their ids.
    pub(crate) torrents: Arc<BTreeMap<u64, Arc<L>>>,
    pub(crate) rest: Arc<Rest>,
}

impl<L> Clone for Whole<L> {
    fn clone(&self) -> Self {
        Self { torrents: Arc::clone(&self.torrents), rest: Arc::clone(&self.rest) }
    }
}

/// What is no torrent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Categories by name, in JSON.
    pub(crate) categories: BTreeMap<String, String>,
    pub(crate) tags: BTreeSet<String>,
    /// State of the server.
    pub(crate) server: Cells,
}

/// Members of an object in JSON.
struct Members(String);

impl Members {
    fn new(rid: u32, capacity: usize) -> Self {
        let mut text = String::with_capacity(capacity + 64);
        // Writing to a text does not fail.
        let _ = write!(text, "{{\"rid\":{rid}");
        Self(text)
    }

    /// Appends an object or a list, whose members `fill` appends, each with [`comma`] before it.
    fn add(&mut self, key: &str, brackets: (char, char), fill: impl FnOnce(&mut String)) {
        let _ = write!(self.0, ",\"{key}\":{}", brackets.0);
        fill(&mut self.0);
        self.0.push(brackets.1);
    }

    fn add_list<'t>(&mut self, key: &str, texts: impl Iterator<Item = &'t str>) {
        let mut texts = texts.peekable();
        if texts.peek().is_some() {
            self.add(key, ('[', ']'), |into| write_texts(texts, into));
        }
    }

    fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// Appends a comma, unless the text begins an object or a list.
fn comma(into: &mut String) {
    if !into.ends_with(['{', '[']) {
        into.push(',');
    }
}

fn write_texts<'t>(texts: impl Iterator<Item = &'t str>, into: &mut String) {
    for text in texts {
        comma(into);
        into.push_str(&quoted(text));
    }
}

fn write_torrent<L: Item>(torrent: &L, now: Instant, into: &mut String) {
    comma(into);
    let _ = write!(into, "\"{}\":{{", torrent.hash());
    torrent.write_cells(now, into);
    into.push('}');
}

fn write_trackers(trackers: &BTreeMap<&str, Vec<&str>>, into: &mut String) {
    for (url, hashes) in trackers {
        comma(into);
        let _ = write!(into, "{}:[", quoted(url));
        write_texts(hashes.iter().copied(), into);
        into.push(']');
    }
}

/// Returns the torrents of all trackers, or of those in `wanted`.
fn trackers_of<'w, L: Item>(
    whole: &'w Whole<L>,
    wanted: Option<&BTreeSet<&str>>,
) -> BTreeMap<&'w str, Vec<&'w str>> {
    let mut trackers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for torrent in whole.torrents.values() {
        for url in torrent.trackers() {
            if wanted.is_none_or(|wanted| wanted.contains(url.as_str())) {
                trackers.entry(url).or_default().push(torrent.hash());
            }
        }
    }
    trackers
}

/// Returns everything.
pub(crate) fn full<L: Item>(whole: &Whole<L>, rid: u32, now: Instant) -> String {
    let mut members = Members::new(rid, whole.torrents.len() * ITEM);
    members.0.push_str(",\"full_update\":true");
    members.add("torrents", ('{', '}'), |into| {
        whole.torrents.values().for_each(|torrent| write_torrent(&**torrent, now, into));
    });
    members.add("categories", ('{', '}'), |into| {
        for (name, category) in &whole.rest.categories {
            comma(into);
            let _ = write!(into, "{}:{category}", quoted(name));
        }
    });
    members.add("tags", ('[', ']'), |into| write_texts(whole.rest.tags.iter().map(String::as_str), into));
    members.add("trackers", ('{', '}'), |into| write_trackers(&trackers_of(whole, None), into));
    members.add("server_state", ('{', '}'), |into| {
        whole.rest.server.write_changes(&Cells::default(), into);
    });
    members.end()
}

/// Returns what has changed since a state that a client knows.
pub(crate) fn delta<L: Item>(old: &Whole<L>, new: &Whole<L>, rid: u32, now: Instant) -> String {
    let mut members = Members::new(rid, 0);
    if !Arc::ptr_eq(&old.torrents, &new.torrents) {
        add_torrents(old, new, now, &mut members);
    }
    if !Arc::ptr_eq(&old.rest, &new.rest) {
        add_rest(&old.rest, &new.rest, &mut members);
    }
    members.end()
}

fn add_torrents<L: Item>(old: &Whole<L>, new: &Whole<L>, now: Instant, members: &mut Members) {
    let changed: Vec<(Option<&L>, &L)> = new
        .torrents
        .iter()
        .map(|(id, torrent)| (old.torrents.get(id), torrent))
        .filter(|(known, torrent)| known.is_none_or(|known| !Arc::ptr_eq(known, torrent)))
        .map(|(known, torrent)| (known.map(|known| &**known), &**torrent))
        .collect();
    let gone: Vec<&L> = old
        .torrents
        .iter()
        .filter(|(id, _)| !new.torrents.contains_key(id))
        .map(|(_, torrent)| &**torrent)
        .collect();
    let mut text = String::new();
    for (known, torrent) in &changed {
        // A torrent may become known under another hash, once its metadata has arrived.
        match known.filter(|known| known.hash() == torrent.hash()) {
            None => {
                comma_between(&mut text);
                let _ = write!(text, "\"{}\":{{", torrent.hash());
                torrent.write_cells(now, &mut text);
                text.push('}');
            }
            Some(known) => {
                let before = text.len();
                comma_between(&mut text);
                let _ = write!(text, "\"{}\":{{", torrent.hash());
                let start = text.len();
                torrent.cells().write_changes(known.cells(), &mut text);
                if text.len() == start {
                    text.truncate(before);
                } else {
                    text.push('}');
                }
            }
        }
    }
    if !text.is_empty() {
        members.add("torrents", ('{', '}'), |into| into.push_str(&text));
    }
    let renamed =
        changed.iter().filter_map(|(known, torrent)| known.filter(|known| known.hash() != torrent.hash()));
    let left: BTreeSet<&str> = gone.iter().copied().chain(renamed).map(Item::hash).collect();
    if !left.is_empty() {
        // One that was removed and added again is not gone.
        let present: BTreeSet<&str> = new.torrents.values().map(|torrent| torrent.hash()).collect();
        members.add_list("torrents_removed", left.difference(&present).copied());
    }
    add_trackers(old, new, &changed, &gone, members);
}

/// Appends a comma, unless the text is empty.
fn comma_between(into: &mut String) {
    if !into.is_empty() {
        into.push(',');
    }
}

fn add_trackers<L: Item>(
    old: &Whole<L>,
    new: &Whole<L>,
    changed: &[(Option<&L>, &L)],
    gone: &[&L],
    members: &mut Members,
) {
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    for (known, torrent) in changed {
        let (before, after) = (known.map(Item::trackers).unwrap_or_default(), torrent.trackers());
        let is_renamed = known.is_some_and(|known| known.hash() != torrent.hash());
        if before != after || is_renamed {
            touched.extend(before.iter().chain(after).map(String::as_str));
        }
    }
    touched.extend(gone.iter().flat_map(|torrent| torrent.trackers()).map(String::as_str));
    if touched.is_empty() {
        return;
    }
    let (before, after) = (trackers_of(old, Some(&touched)), trackers_of(new, Some(&touched)));
    let news: BTreeMap<&str, Vec<&str>> = after
        .iter()
        .filter(|(url, hashes)| before.get(*url) != Some(hashes))
        .map(|(url, all)| (*url, all.clone()))
        .collect();
    if !news.is_empty() {
        members.add("trackers", ('{', '}'), |into| write_trackers(&news, into));
    }
    members.add_list("trackers_removed", before.keys().filter(|url| !after.contains_key(*url)).copied());
}

fn add_rest(old: &Rest, new: &Rest, members: &mut Members) {
    let is_new = |(name, category): &(&String, &String)| old.categories.get(*name) != Some(category);
    let mut categories = new.categories.iter().filter(is_new).peekable();
    if categories.peek().is_some() {
        members.add("categories", ('{', '}'), |into| {
            for (name, category) in categories {
                comma(into);
                let _ = write!(into, "{}:{category}", quoted(name));
            }
        });
    }
    let left = old.categories.keys().filter(|name| !new.categories.contains_key(*name));
    members.add_list("categories_removed", left.map(String::as_str));
    members.add_list("tags", new.tags.difference(&old.tags).map(String::as_str));
    members.add_list("tags_removed", old.tags.difference(&new.tags).map(String::as_str));
    if old.server != new.server {
        members.add("server_state", ('{', '}'), |into| new.server.write_changes(&old.server, into));
    }
}
