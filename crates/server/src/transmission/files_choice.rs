//! The choice of files in `torrent-add` and `torrent-set`.

use super::dialect::{Args, int_of};
use super::extras::{name, priority_of_unwanted};
use super::failure::{Code, Failure};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use ztor_api::{FileChoice, FilePriority};
use ztor_daemon::Row;

/// A file as this API sees it: its priority is apart from whether it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wish {
    is_wanted: bool,
    priority: i64,
}

/// The choice of files of a torrent.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Choice {
    /// Priorities of files that differ from the present ones, by their index in the torrent.
    pub(crate) files: Vec<FileChoice>,
    /// Priorities that unwanted files get once they are wanted: a value of the torrent.
    pub(crate) unwanted: Value,
}

/// Returns true if a request chooses files.
pub(crate) fn is_any(args: &Args) -> bool {
    KEYS.iter().any(|(key, _)| args.list(key).is_some())
}

/// Arguments, with what they change. The genuine server applies them in this order.
const KEYS: [(&str, Change); 5] = [
    ("files_unwanted", Change::Wanted(false)),
    ("files_wanted", Change::Wanted(true)),
    ("priority_high", Change::Priority(1)),
    ("priority_low", Change::Priority(-1)),
    ("priority_normal", Change::Priority(0)),
];

#[derive(Debug, Clone, Copy)]
enum Change {
    Wanted(bool),
    Priority(i64),
}

/// Returns the choice in a request. `indexes` has the index in the torrent of each file; an empty list in the request means all
/// of them. `row` has the present choice; `None` for a new torrent.
pub(crate) fn choose(args: &Args, indexes: &[usize], row: Option<&Row>) -> Result<Choice, Failure> {
    let present = |index: usize| {
        let Some(row) = row else { return Wish { is_wanted: true, priority: 0 } };
        match row.priority(index) {
            FilePriority::Skip => Wish { is_wanted: false, priority: priority_of_unwanted(row, index) },
            FilePriority::Low => Wish { is_wanted: true, priority: -1 },
            FilePriority::Normal => Wish { is_wanted: true, priority: 0 },
            FilePriority::High => Wish { is_wanted: true, priority: 1 },
        }
    };
    let before: BTreeMap<usize, Wish> = indexes.iter().map(|index| (*index, present(*index))).collect();
    let mut after = before.clone();
    for (key, change) in KEYS {
        let Some(places) = args.list(key) else { continue };
        let chosen: Vec<usize> = match places {
            [] => indexes.to_vec(),
            places => places.iter().map(|place| index_of(place, indexes)).collect::<Result<_, _>>()?,
        };
        for index in chosen {
            let Some(wish) = after.get_mut(&index) else { continue };
            match change {
                Change::Wanted(is_wanted) => wish.is_wanted = is_wanted,
                Change::Priority(priority) => wish.priority = priority,
            }
        }
    }
    let is_new = |(index, wish): &(&usize, &Wish)| {
        before.get(*index).copied().map(priority_of) != Some(priority_of(**wish))
    };
    let files = after.iter().filter(is_new);
    let files =
        files.map(|(index, wish)| FileChoice { index: *index, priority: priority_of(*wish) }).collect();
    let kept = after.iter().filter(|(_, wish)| !wish.is_wanted && wish.priority != 0);
    let kept: Map<String, Value> =
        kept.map(|(index, wish)| (index.to_string(), wish.priority.into())).collect();
    let unwanted = if kept.is_empty() { Value::Null } else { Value::Object(kept) };
    Ok(Choice { files, unwanted })
}

impl Choice {
    /// Returns the values of the torrent that only this API has.
    pub(crate) fn values(&self) -> (String, Value) {
        (name::UNWANTED.to_owned(), self.unwanted.clone())
    }
}

fn priority_of(wish: Wish) -> FilePriority {
    match (wish.is_wanted, wish.priority) {
        (false, _) => FilePriority::Skip,
        (true, -1) => FilePriority::Low,
        (true, 1) => FilePriority::High,
        (true, _) => FilePriority::Normal,
    }
}

fn index_of(place: &Value, indexes: &[usize]) -> Result<usize, Failure> {
    let place = int_of(place).and_then(|place| usize::try_from(place).ok());
    let index = place.and_then(|place| indexes.get(place)).copied();
    index.ok_or_else(|| Failure::from(Code::FileIndex))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;
    use serde_json::json;

    fn choice(args: &Value) -> Result<Choice, Failure> {
        let args = Args::new(args.as_object().cloned().unwrap(), Dialect::Legacy);
        // The second file of the torrent is a pad.
        choose(&args, &[0, 2, 3], None)
    }

    fn file(index: usize, priority: FilePriority) -> FileChoice {
        FileChoice { index, priority }
    }

    #[test]
    fn files_are_counted_without_pads_and_an_empty_list_means_all() {
        let found = choice(&json!({"files-unwanted": [1], "priority-high": [0]})).unwrap();
        assert_eq!(found.files, [file(0, FilePriority::High), file(2, FilePriority::Skip)]);
        assert_eq!(found.unwanted, Value::Null);
        let found = choice(&json!({"files-unwanted": []})).unwrap();
        assert_eq!(found.files.len(), 3);
        let found = choice(&json!({"files-wanted": [], "priority-low": [2]})).unwrap();
        assert_eq!(found.files, [file(3, FilePriority::Low)]);
    }

    #[test]
    fn an_unwanted_file_keeps_its_priority_for_later() {
        let found = choice(&json!({"files-unwanted": [2], "priority-high": [2]})).unwrap();
        assert_eq!(found.files, [file(3, FilePriority::Skip)]);
        assert_eq!(found.unwanted, json!({"3": 1}));
    }

    #[test]
    fn files_that_do_not_exist_are_an_error() {
        for places in [json!([3]), json!([-1]), json!(["x"]), json!([1e300])] {
            let failed = choice(&json!({ "files-wanted": places })).unwrap_err();
            assert_eq!(failed.legacy_text(), "file index out of range");
        }
    }
}
