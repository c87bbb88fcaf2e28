//! The list of torrents, filtered and sorted.

use super::Call;
use super::answer::{Outcome, Reply};
use super::cells::{is_complete, state_of};
use super::delta::Item as _;
use super::lines::Line;
use super::params::Params;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use ztor_api::Torrent;

/// Bytes of an item, about.
const ITEM: usize = 2048;

/// A filter of torrents.
#[derive(Debug)]
struct Filter<'p> {
    state: &'p str,
    category: Option<&'p str>,
    tag: Option<&'p str>,
    is_private: Option<bool>,
}

impl<'p> Filter<'p> {
    fn of(params: &'p Params) -> Self {
        Self {
            state: params.text("filter").unwrap_or("all"),
            category: params.get("category"),
            tag: params.get("tag"),
            is_private: params.boolean("private"),
        }
    }

    fn takes(&self, torrent: &Torrent) -> bool {
        let category = torrent.category.as_deref().unwrap_or_default();
        has_state(self.state, torrent)
            && self.category.is_none_or(|wanted| wanted == category)
            && self.tag.is_none_or(|wanted| match wanted {
                "" => torrent.tags.is_empty(),
                _ => torrent.tags.iter().any(|tag| tag == wanted),
            })
            && self.is_private.is_none_or(|wanted| torrent.is_private == Some(wanted))
    }
}

/// Returns true if a torrent belongs to a filter by state. An unknown filter has all.
fn has_state(filter: &str, torrent: &Torrent) -> bool {
    if filter == "all" {
        return true;
    }
    let state = state_of(torrent);
    let is_stopped = matches!(state, "stoppedUP" | "stoppedDL");
    let is_active = torrent.down_per_s > 0 || torrent.up_per_s > 0;
    match filter {
        "downloading" => {
            matches!(
                state,
                "downloading" | "metaDL" | "forcedMetaDL" | "stoppedDL" | "queuedDL" | "stalledDL"
            ) || matches!(state, "checkingDL" | "forcedDL")
        }
        "seeding" => matches!(state, "uploading" | "queuedUP" | "stalledUP" | "checkingUP" | "forcedUP"),
        "completed" => is_complete(torrent) || state == "checkingUP",
        "stopped" | "paused" => is_stopped,
        "running" | "resumed" => !is_stopped,
        "active" => is_active,
        "inactive" => !is_active,
        "stalled" => matches!(state, "stalledUP" | "stalledDL"),
        "stalled_uploading" => state == "stalledUP",
        "stalled_downloading" => state == "stalledDL",
        "checking" => matches!(state, "checkingUP" | "checkingDL" | "checkingResumeData"),
        "moving" => state == "moving",
        "errored" => matches!(state, "error" | "missingFiles"),
        _ => true,
    }
}

/// Key of a sort, as the value is in JSON.
#[derive(Debug, PartialEq)]
enum SortKey<'l> {
    None,
    Number(f64),
    Text(&'l str),
}

impl<'l> SortKey<'l> {
    /// Takes the value of a key from a line, where it is at a place of its own.
    fn of(line: &'l Line, key: &str, place: Option<usize>) -> Self {
        if key == "hash" {
            return Self::Text(line.hash());
        }
        let value = place.and_then(|place| line.cells().value_at(place, key));
        match value {
            None | Some("null") => Self::None,
            Some("false") => Self::Number(0.0),
            Some("true") => Self::Number(1.0),
            Some(value) => value.parse().map_or(Self::Text(value), Self::Number),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::Number(_) => 1,
            Self::Text(_) => 2,
        }
    }
}

fn sort(lines: &mut [&Arc<Line>], key: &str, is_reverse: bool) {
    let place = lines.first().and_then(|line| line.cells().place_of(key));
    let mut keyed: Vec<(SortKey<'_>, &Arc<Line>)> =
        lines.iter().map(|line| (SortKey::of(line, key, place), *line)).collect();
    keyed.sort_by(|(a, _), (b, _)| if is_reverse { b.compare(a) } else { a.compare(b) });
    lines.iter_mut().zip(keyed).for_each(|(place, (_, line))| *place = line);
}

/// Returns the part of a list that is asked for. A negative offset counts from the end.
fn window<T>(all: &[T], limit: Option<i64>, offset: Option<i64>) -> &[T] {
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let offset = offset.unwrap_or(0);
    let start = match offset {
        0.. if offset > count => 0,
        0.. => offset,
        _ => (count + offset.max(-count)).max(0),
    };
    let rest = all.get(usize::try_from(start).unwrap_or(0)..).unwrap_or_default();
    let limit = limit.filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
    rest.get(..limit.unwrap_or(rest.len())).unwrap_or(rest)
}

/// Answers `torrents/info`.
pub(super) fn info(call: &Call) -> Outcome {
    let params = &call.params;
    let lines = call.qb.lines();
    let filter = Filter::of(params);
    let wanted = params.text("hashes").map(|_| params.list("hashes", '|'));
    let mut found: Vec<&Arc<Line>> = match &wanted {
        Some(hashes) if hashes.first().is_none_or(|first| first != "all") => {
            let table = call.qb.foreign().table();
            let ids: HashSet<u64> =
                hashes.iter().filter_map(|hash| table.find(hash)).map(|row| row.torrent.id).collect();
            let mut ids: Vec<u64> = ids.into_iter().collect();
            ids.sort_unstable();
            ids.into_iter().filter_map(|id| lines.get(id)).collect()
        }
        _ => lines.iter().collect(),
    };
    found.retain(|line| filter.takes(&line.row().torrent));
    if let Some(key) = params.text("sort") {
        sort(&mut found, key, params.boolean("reverse").unwrap_or(false));
    } else if params.boolean("reverse").unwrap_or(false) {
        found.reverse();
    }
    let shown = window(&found, params.integer("limit"), params.integer("offset"));
    let now = Instant::now();
    let mut text = String::with_capacity(shown.len() * ITEM + 2);
    text.push('[');
    for (at, line) in shown.iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        line.write_item(now, &mut text);
    }
    text.push(']');
    Ok(Reply::Json(text.into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_takes_a_limit_and_an_offset_from_either_end() {
        let all = [0, 1, 2, 3, 4];
        for (limit, offset, expected) in [
            (None, None, &all[..]),
            (Some(2), None, &[0, 1]),
            (Some(2), Some(3), &[3, 4]),
            (Some(9), Some(4), &[4]),
            (Some(0), Some(1), &[1, 2, 3, 4]),
            (Some(-1), Some(-2), &[3, 4]),
            (Some(1), Some(-9), &[0]),
            (None, Some(5), &[]),
            (None, Some(6), &all),
            (Some(i64::MAX), Some(i64::MIN), &all),
        ] {
            assert_eq!(window(&all, limit, offset), expected, "{limit:?} {offset:?}");
        }
        assert!(window::<u8>(&[], Some(1), Some(-1)).is_empty());
    }

    #[test]
    fn sort_keys_order_nothing_numbers_and_texts() {
        let keys = [SortKey::None, SortKey::Number(-1.0), SortKey::Number(2.0), SortKey::Text("\"a\"")];
        for pair in keys.windows(2) {
            assert_eq!(pair[0].compare(&pair[1]), Ordering::Less);
        }
    }
}
