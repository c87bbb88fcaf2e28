//! Targets of commands, and links that arrive while a dialog is open.

use crate::driver::Window;
use crate::filters::with_torrents;
use eframe::egui::{Key, Modifiers};

#[test]
fn commands_act_on_what_is_in_sight_only() {
    let mut window = with_torrents(&["apple", "banana"]);
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows() == ["apple", "banana"]);
    window.copy();
    assert!(window.copied().is_empty(), "nothing is selected");

    // The cursor leaves the row with the selection.
    window.click_row("apple", Modifiers::NONE);
    window.press(Key::Escape);
    window.press(Key::Delete);
    assert!(!window.has("Remove the torrent"));

    // The rows before a query that is refused cannot be chosen.
    window.click("Regular expression");
    window.fill("Search torrents", "(");
    window.wait_for("Clear the search");
    assert!(window.rows().is_empty());
    window.press(Key::Enter);
    window.press(Key::Home);
    window.press(Key::Delete);
    assert!(!window.has("Remove the torrent"));
    window.click("Clear the search");
    window.wait("all", |window| window.rows() == ["apple", "banana"]);

    window.press(Key::Home);
    window.copy();
    window.wait("the magnet link", |window| !window.copied().is_empty());
    assert!(window.copied()[0].contains(&format!("{:040x}", 0)), "{:?}", window.copied());
    assert!(window.copied()[0].contains("dn=apple"), "that of the daemon has the name");
    window.press_with(Key::A, Modifiers::COMMAND);
    window.wait("all are selected", |window| window.selected().len() == 2);
    window.copy();
    assert_eq!(window.copied().last().unwrap().lines().count(), 2);
}

#[test]
fn limits_that_differ_stay_unless_they_are_edited() {
    let mut window = with_torrents(&["apple", "banana"]);
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows() == ["apple", "banana"]);
    window.click_row("apple", Modifiers::NONE);
    open_limits(&mut window);
    window.fill("Upload limit", "100 KiB/s");
    window.press(Key::Enter);
    wait_for_limits(&mut window, "apple", ["", "100KiB/s"]);

    window.press_with(Key::A, Modifiers::COMMAND);
    window.wait("all are selected", |window| window.selected().len() == 2);
    open_limits(&mut window);
    assert_eq!(window.value("Upload limit"), "");
    window.fill("Download limit", "2 MiB/s");
    window.click("Set");
    wait_for_limits(&mut window, "apple", ["2MiB/s", "100KiB/s"]);
    wait_for_limits(&mut window, "banana", ["2MiB/s", ""]);
}

fn open_limits(window: &mut Window) {
    window.press_with(Key::F10, Modifiers::SHIFT);
    window.click("Set limits…");
    window.wait_for("Upload limit");
}

/// Opens the dialog until it shows the limits of a torrent: the rows follow a change a little later.
fn wait_for_limits(window: &mut Window, name: &str, limits: [&str; 2]) {
    for _ in 0..200 {
        window.click_row(name, Modifiers::NONE);
        open_limits(window);
        let shown = ["Download limit", "Upload limit"].map(|label| window.value(label));
        window.press(Key::Escape);
        window.wait("the dialog closes", |window| !window.has("Upload limit"));
        if shown == limits {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("waited in vain for the limits of {name}: {limits:?}");
}

#[test]
fn enter_on_a_button_of_a_dialog_is_that_of_the_button() {
    let mut window = with_torrents(&["apple", "banana"]);
    window.click_row("apple", Modifiers::NONE);
    window.press(Key::F2);
    window.fill("Name", "other");
    window.focus("Cancel");
    window.press(Key::Enter);
    window.wait("the dialog closes", |window| !window.has("Cancel"));
    window.press(Key::F2);
    window.fill("Name", "another");
    window.focus("Close");
    window.press(Key::Enter);
    window.wait("the dialog closes", |window| !window.has("Cancel"));
    assert!(window.rows().contains(&"apple".to_owned()), "{:?}", window.rows());
    assert!(!window.has_part("Rename: done"));
}

#[test]
fn a_link_waits_until_another_dialog_is_closed() {
    let mut window = Window::open_shared();
    window.wait_for("No torrents yet");
    window.write("?");
    window.wait_for("Keyboard shortcuts");
    window.start_again(&["magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=later"]);
    for _ in 0..20 {
        window.step();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(window.has("Keyboard shortcuts") && !window.has("Choose torrent files…"));
    window.press(Key::Escape);
    window.wait_for("Choose torrent files…");
    window.wait_for("later");
}

#[test]
fn a_jump_and_another_order_show_their_rows() {
    let names: Vec<String> = (0..600).map(|index| format!("torrent {index:03}")).collect();
    let mut window = with_torrents(&names.iter().map(String::as_str).collect::<Vec<_>>());
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows().first().is_some_and(|first| first == "torrent 000"));
    window.press(Key::Home);
    window.press(Key::End);
    window.wait("the last row", |window| window.selected() == ["torrent 599"]);
    // Another order is shown from its start.
    window.click("Sort by name");
    window.wait("Z to A", |window| window.rows().first().is_some_and(|first| first == "torrent 599"));
    window.click("Sort by name");
    window.wait("A to Z", |window| window.rows().first().is_some_and(|first| first == "torrent 000"));
}
