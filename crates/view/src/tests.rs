//! Tests of the parts together.

#![allow(clippy::unwrap_used, reason = "tests")]

use crate::column::{COLUMNS, Column, DEFAULT, fitting};
use crate::command::{Command, GROUPS, Summary, terms};
use crate::filter::{Field, View, choices};
use crate::pieces::segments;
use crate::selection::{Mode, Selection};
use crate::state::{self, Tone};
use crate::tree::Tree;
use crate::window::Window;
use std::collections::BTreeSet;
use ztor_api::{Action, Counts, Fault, FaultKind, Moving, Pieces, Sort, SortKey, State, Torrent};

fn torrent(state: State) -> Torrent {
    let row = serde_json::json!({
        "id": 7, "hash": "0123456789abcdef0123456789abcdef01234567", "name": "a\u{202e}b", "state": state.name(),
        "progress": 0.5, "size_bytes": 2048, "total_bytes": 4096, "left_bytes": 1024, "down_per_s": 1024,
        "up_per_s": 0, "downloaded_bytes": 0, "uploaded_bytes": 0, "peers": 3, "seeds": 1, "swarm_seeds": 9,
        "is_forced": false, "category": "tv/hd", "tags": ["x", "y"], "dir": "/srv", "added_unix_s": 0,
        "active_s": 0, "seeding_s": 0, "limits": {}, "is_sequential": true, "is_ends_first": false, "is_super_seeding": false, "revision": 1,
    });
    serde_json::from_value(row).unwrap()
}

#[test]
fn every_column_is_listed_once() {
    let keys: BTreeSet<&str> = COLUMNS.iter().map(|definition| definition.key).collect();
    assert_eq!(keys.len(), COLUMNS.len());
    for definition in COLUMNS {
        assert_eq!(definition.column.definition().key, definition.key);
        assert_eq!(Column::from_key(definition.key), Some(definition.column));
    }
    assert_eq!(Column::from_key("colour"), None);
}

#[test]
fn cells_have_harmless_texts() {
    let row = torrent(State::Downloading);
    let texts = |columns: &[Column]| columns.iter().map(|column| column.text(&row)).collect::<Vec<_>>();
    let columns = [
        Column::Name,
        Column::Progress,
        Column::Size,
        Column::Down,
        Column::Up,
        Column::Seeds,
        Column::Peers,
    ];
    assert_eq!(texts(&columns), ["a\u{fffd}b", "50.0%", "2.00 KiB", "1.00 KiB/s", "", "1 (9)", "3"]);
    assert_eq!(texts(&[Column::Tags, Column::Category, Column::Private]), ["x, y", "tv/hd", ""]);
}

#[test]
fn narrow_windows_leave_out_columns_in_turn() {
    assert_eq!(fitting(1000.0, |_| 10.0), DEFAULT);
    assert_eq!(fitting(90.0, |_| 10.0).len(), 9);
    assert!(!fitting(90.0, |_| 10.0).contains(&Column::Added));
    assert!(fitting(0.0, |_| 10.0).contains(&Column::Name));
}

#[test]
fn state_says_what_hinders_a_torrent() {
    let mut row = torrent(State::Downloading);
    assert_eq!((state::text(&row).as_str(), state::tone(&row)), ("Downloading", Tone::Down));
    row.tracker_error = Some("no route\u{7}".into());
    let expected = "Tracker error · Downloading · no route\u{fffd}";
    assert_eq!((state::text(&row).as_str(), state::tone(&row)), (expected, Tone::Warn));
    row.moving = Some(Moving { done_bytes: 1, total_bytes: 4 });
    row.tracker_error = None;
    assert_eq!((state::text(&row).as_str(), state::tone(&row)), ("Moving files 25.0%", Tone::Busy));
    row.state = State::Error;
    row.fault = Some(Fault { kind: FaultKind::Full, message: "the disk is full".into() });
    assert_eq!((state::text(&row).as_str(), state::tone(&row)), ("Error · the disk is full", Tone::Error));
    let mut queued = torrent(State::Queued);
    queued.queue_position = Some(4);
    assert_eq!(state::short(&queued), "Queued 4");
}

#[test]
fn filters_are_chosen_and_given_up() {
    let mut view = View::default();
    assert!(!view.is_filtered());
    view.toggle(Field::State, "active", false);
    view.toggle(Field::State, "seeding", false);
    assert_eq!(view.chosen(Field::State), ["seeding"]);
    view.toggle(Field::State, "error", true);
    assert_eq!(view.chosen(Field::State), ["seeding", "error"]);
    view.toggle(Field::State, "seeding", false);
    assert_eq!(view.chosen(Field::State), ["seeding"]);
    view.toggle(Field::State, "seeding", false);
    assert!(view.chosen(Field::State).is_empty());
    view.search = " two words ".into();
    view.toggle(Field::Tag, "", false);
    let query = view.query();
    assert_eq!(
        (query.search.as_deref(), query.tag.as_slice()),
        (Some("two words"), [String::new()].as_slice())
    );
    view.clear_all();
    assert!(!view.is_filtered());
}

#[test]
fn sort_order_turns_round_and_grows() {
    let mut view = View::default();
    let order =
        |view: &View| view.sort().iter().map(|sort| String::from(*sort)).collect::<Vec<_>>().join(" ");
    view.sort_by(SortKey::Name, false);
    assert_eq!(order(&view), "name");
    view.sort_by(SortKey::Name, false);
    assert_eq!(order(&view), "-name");
    view.sort_by(SortKey::Size, true);
    assert_eq!(order(&view), "-name -size");
    view.sort_by(SortKey::Size, true);
    assert_eq!(order(&view), "-name size");
    view.sort_by(SortKey::Ratio, false);
    assert_eq!(view.sort(), [Sort { key: SortKey::Ratio, is_descending: true }]);
    let text = serde_json::to_string(&view).unwrap();
    assert_eq!(serde_json::from_str::<View>(&text).unwrap(), view);
}

#[test]
fn choices_count_torrents_below_a_category() {
    let mut counts = Counts { all: 6, active: 2, complete: 3, ..Counts::default() };
    counts.categories = [(String::new(), 1), ("tv/hd".into(), 2), ("tv".into(), 3)].into();
    counts.states = [("seeding".into(), 4)].into();
    let mut view = View::default();
    let category = choices(Field::Category, &counts, &view);
    let found: Vec<_> =
        category.iter().map(|choice| (choice.label.as_str(), choice.count, choice.depth)).collect();
    assert_eq!(found, [("No category", 1, 0), ("tv", 5, 0), ("hd", 2, 1)]);
    view.toggle(Field::State, "error", false);
    let states = choices(Field::State, &counts, &view);
    let found: Vec<_> = states.iter().map(|choice| (choice.label.as_str(), choice.count)).collect();
    let expected =
        [("Active", 2), ("Inactive", 4), ("Complete", 3), ("Incomplete", 3), ("Seeding", 4), ("Error", 0)];
    assert_eq!(found, expected);
}

#[test]
fn selection_follows_clicks_and_ranges() {
    let order = [5, 3, 9, 1];
    let mut selection = Selection::default();
    selection.put(3, Mode::Only, &order);
    selection.put(1, Mode::Range, &order);
    assert_eq!(selection.ids().collect::<Vec<_>>(), [1, 3, 9]);
    selection.put(5, Mode::Range, &order);
    assert_eq!(selection.ids().collect::<Vec<_>>(), [3, 5]);
    selection.put(3, Mode::Toggle, &order);
    assert_eq!((selection.ids().collect::<Vec<_>>(), selection.cursor()), (vec![5], Some(3)));
    selection.put(9, Mode::Cursor, &order);
    assert_eq!(selection.targets(), [5]);
    selection.clear();
    assert_eq!(selection.targets(), [9]);
    selection.put(4, Mode::Range, &order);
    assert_eq!(selection.targets(), [4], "a range to a row that is not loaded adds that row");
    selection.put(1, Mode::Range, &[1, 2]);
    assert_eq!(selection.targets(), [1, 4], "what is selected remains");
    selection.clear();
    selection.leave();
    assert!(selection.targets().is_empty());
    selection.set(order);
    selection.keep(&BTreeSet::from([1, 2]));
    assert_eq!((selection.len(), selection.cursor()), (1, None));
}

#[test]
fn commands_are_each_in_one_group_and_fit_to_their_torrents() {
    let all: Vec<Command> = GROUPS.iter().flat_map(|group| group.iter().copied()).collect();
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
    let row = torrent(State::Downloading);
    let one = Summary::of([&row], 1);
    assert!(!Command::Start.can_run(&one) && Command::Stop.can_run(&one) && Command::Rename.can_run(&one));
    assert_eq!(Command::Sequential.is_checked(&one), Some(true));
    assert_eq!(Command::Sequential.action(&one), Some(Action::SetSequential { on: false }));
    let more = Summary::of([&row], 2);
    assert!(Command::Start.can_run(&more), "one is not loaded");
    assert_eq!(Command::Sequential.is_checked(&more), Some(false));
    assert!(all.iter().all(|command| !command.can_run(&Summary::default())));
    for command in all {
        let opens = command.label().ends_with('…') || command.label().starts_with("Copy");
        assert_eq!(command.action(&one).is_none(), opens, "{command:?}");
    }
    assert_eq!(terms([1, 2]), ["id:1", "id:2"]);
}

#[test]
fn windows_cover_what_is_in_view_with_a_margin() {
    assert_eq!(Window::around(0, 20), Window { offset: 0, limit: 60 });
    let window = Window::around(500, 30);
    assert_eq!(window, Window { offset: 460, limit: 100 });
    assert!(window.covers(500, 30, 10_000) && window.covers(480, 30, 10_000));
    assert!(!window.covers(470, 30, 10_000) && !window.covers(540, 30, 10_000));
    assert!(window.covers(540, 30, 560), "the list ends there");
    assert!(!Window::default().covers(0, 1, 1));
    // Figures from outside do not overflow.
    Window::around(usize::MAX, usize::MAX).covers(usize::MAX, usize::MAX, usize::MAX);
}

#[test]
fn map_of_pieces_joins_those_of_a_segment() {
    let encode = |bytes: &[u8]| data_encoding::BASE64.encode(bytes);
    let pieces = Pieces {
        count: 10,
        have: encode(&[0b1111_1010, 0]),
        availability: encode(&[9, 8, 7, 6, 5, 4, 3, 2, 1]),
        partial: vec![5, 9, 10, u32::MAX],
    };
    let found = segments(&pieces, 5);
    assert_eq!(found.iter().map(|segment| segment.have).collect::<Vec<_>>(), [1.0, 1.0, 0.5, 0.5, 0.0]);
    assert_eq!(found.iter().map(|segment| segment.availability).collect::<Vec<_>>(), [8, 6, 4, 2, 0]);
    let partial: Vec<usize> = (0..5).filter(|at| found[*at].is_partial).collect();
    assert_eq!(partial, [2, 4]);
    assert_eq!(segments(&pieces, 100).len(), 10);
    assert!(
        segments(&Pieces { count: 0, have: "%".into(), availability: String::new(), partial: vec![0] }, 9)
            .is_empty()
    );
    // Each piece is in the segment of its place, for all widths.
    for width in 1..=10 {
        for piece in 0..10 {
            let one = Pieces { partial: vec![piece], ..pieces.clone() };
            let at = segments(&one, width).iter().position(|segment| segment.is_partial).unwrap();
            let piece = piece as usize;
            assert!(at * 10 / width <= piece && piece < (at + 1) * 10 / width, "{width} {piece} {at}");
        }
    }
}

#[test]
fn tree_has_folders_with_sums_before_files() {
    let tree = Tree::new([("t/b.txt", 1), ("t/sub/c", 2), ("t/a.txt", 3), ("t/sub/deep/d", 4), ("alone", 5)]);
    let lines: Vec<_> = tree
        .nodes()
        .iter()
        .map(|node| format!("{}{} {} {:?}", "-".repeat(node.depth), node.name, node.size_bytes, node.files))
        .collect();
    let expected = [
        "t 10 [3, 1, 2, 0]",
        "-sub 6 [3, 1]",
        "--deep 4 [3]",
        "---d 4 [3]",
        "--c 2 [1]",
        "-a.txt 3 [2]",
        "-b.txt 1 [0]",
        "alone 5 [4]",
    ];
    assert_eq!(lines, expected);
    let shown = tree.shown(|node| node.path == "t/sub");
    let names: Vec<&str> = shown.iter().map(|at| tree.nodes()[*at].name.as_str()).collect();
    assert_eq!(names, ["t", "sub", "a.txt", "b.txt", "alone"]);
}
