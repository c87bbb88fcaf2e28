//! Filters, sort order, selection and search.

use crate::driver::Window;
use eframe::egui::{Key, Modifiers};

/// Opens a window with stopped torrents.
pub(crate) fn with_torrents(names: &[&str]) -> Window {
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    let links: Vec<String> = names
        .iter()
        .enumerate()
        .map(|(index, name)| format!("magnet:?xt=urn:btih:{index:040x}&dn={}", name.replace(' ', "%20")))
        .collect();
    window.paste(&links.join("\n"));
    window.click("Leave stopped");
    window.click(&format!("Add {} torrents", names.len()));
    let all = format!("{} torrents", names.len());
    window.wait("the rows", |window| window.has(&all) && window.rows().len() >= names.len().min(20));
    window
}

#[test]
fn rows_are_sorted_filtered_and_selected() {
    let mut window = with_torrents(&["cherry", "apple", "banana split", "date"]);
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows() == ["apple", "banana split", "cherry", "date"]);
    window.click("Sort by name");
    window.wait("Z to A", |window| window.rows() == ["date", "cherry", "banana split", "apple"]);
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows().first().is_some_and(|first| first == "apple"));

    // Mouse and keyboard select.
    window.click_row("apple", Modifiers::NONE);
    window.click_row("cherry", Modifiers::SHIFT);
    assert_eq!(window.selected(), ["apple", "banana split", "cherry"]);
    window.click_row("banana split", Modifiers::COMMAND);
    assert_eq!(window.selected(), ["apple", "cherry"]);
    window.press(Key::Home);
    assert_eq!(window.selected(), ["apple"]);
    window.press_with(Key::ArrowDown, Modifiers::SHIFT);
    assert_eq!(window.selected(), ["apple", "banana split"]);
    window.press(Key::End);
    assert_eq!(window.selected(), ["date"]);
    window.press(Key::Space);
    assert!(window.selected().is_empty());
    window.press_with(Key::A, Modifiers::COMMAND);
    window.wait("all are selected", |window| window.selected().len() == 4);
    window.press(Key::Escape);
    assert!(window.selected().is_empty());

    // A filter by state.
    window.click_row("cherry", Modifiers::NONE);
    window.press(Key::F3);
    window.wait("it starts", |window| !window.state_of("cherry").starts_with("Stopped"));
    window.click("Stopped");
    window.wait("the stopped ones", |window| window.rows() == ["apple", "banana split", "date"]);
    assert!(window.selected().is_empty(), "nothing is selected unseen");
    window.click("All torrents");
    window.wait("all", |window| window.rows().len() == 4);

    // The search, and the way back.
    window.write("/");
    window.write("an sp");
    window.wait("the words match", |window| window.rows() == ["banana split"]);
    window.fill("Search torrents", "nothing");
    window.wait_for("No torrent matches");
    window.click("Show all torrents");
    window.wait("all", |window| window.rows().len() == 4);
    window.click("Regular expression");
    window.fill("Search torrents", "^(a|d)");
    window.wait("the expression matches", |window| window.rows() == ["apple", "date"]);
    window.fill("Search torrents", "(");
    window.wait_for("Clear the search");
}

#[test]
fn details_follow_the_cursor_and_keys_are_listed() {
    let mut window = with_torrents(&["first", "second"]);
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows() == ["first", "second"]);
    window.click_row("first", Modifiers::NONE);
    window.press(Key::Enter);
    window.wait_for("Overview");
    window.wait_for("Info-hash");
    window.press(Key::ArrowDown);
    window.wait("the other hash", |window| window.has(&format!("{:040x}", 1)));
    window.click("Trackers");
    window.fill("Announce URL", "http://127.0.0.1:9/announce");
    window.click("Add trackers");
    window.wait("the tracker", |window| window.has_part("127.0.0.1:9/announce"));
    for tab in ["Files", "Peers", "Speed", "Log", "Overview"] {
        window.click(tab);
    }
    window.press(Key::Escape);
    assert!(!window.has("Overview"));

    window.write("?");
    window.wait_for("Keyboard shortcuts");
    window.press(Key::Escape);
    window.wait("the sheet closes", |window| !window.has("Keyboard shortcuts"));
    // Rows have the keys again.
    window.press(Key::Home);
    assert_eq!(window.selected(), ["first"]);
}
