//! Torrents are added, changed and removed.

use crate::driver::Window;
use eframe::egui::{Key, Modifiers};

const LINK: &str = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=Big+Buck%20Bunny";
const NAME: &str = "Big Buck Bunny";

#[test]
fn a_magnet_link_is_added_renamed_stopped_and_removed_by_keyboard() {
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    window.press_with(Key::O, Modifiers::COMMAND);
    window.wait_for("Add torrents");
    // The field has the focus.
    window.paste(LINK);
    window.wait_for(NAME);
    window.click("Add torrent");
    window.wait("the row", |window| window.rows() == [NAME]);
    window.wait("the metadata is fetched", |window| window.state_of(NAME).starts_with("Metadata"));

    window.press(Key::ArrowDown);
    assert_eq!(window.selected(), [NAME]);
    window.press(Key::F4);
    window.wait("the torrent stops", |window| window.state_of(NAME).starts_with("Stopped"));
    window.press(Key::F3);
    window.wait("the torrent starts", |window| window.state_of(NAME).starts_with("Metadata"));

    window.press(Key::F2);
    window.wait_for("Rename");
    assert_eq!(window.value("Name"), NAME);
    window.fill("Name", "Rabbit\u{202e}");
    window.press(Key::Enter);
    // What would reorder text is replaced.
    window.wait("the new name", |window| window.rows() == ["Rabbit\u{fffd}"]);

    window.press(Key::Delete);
    window.wait_for("Remove the torrent");
    window.press(Key::Escape);
    assert!(!window.has("Remove the torrent"));
    assert_eq!(window.rows().len(), 1);
    window.press(Key::Delete);
    window.wait_for("Remove the torrent");
    window.press(Key::Enter);
    window.wait_for("No torrents yet");
    assert!(window.has_part("Remove: done for 1 torrent"));
}

#[test]
fn pasted_links_and_arguments_open_the_dialog() {
    let bad = "/nonexistent/a.torrent".to_owned();
    let mut window = Window::open_with(vec![LINK.to_owned(), bad]);
    window.wait_for("Add torrents");
    window.wait_for(NAME);
    assert!(window.has_part("cannot read a.torrent"));
    window.press(Key::Escape);
    window.wait("the dialog closes", |window| !window.has("Add torrents"));

    window.paste(&format!("{LINK}\nhello"));
    window.wait_for(NAME);
    window.click("Leave stopped");
    window.fill("Tags", "films, free");
    window.fill("Category", "video/free");
    window.wait_for("This category is created.");
    window.click("Add torrent");
    window.wait("the row", |window| window.rows() == [NAME]);
    window.wait("the torrent is stopped", |window| window.state_of(NAME).starts_with("Stopped"));
    window.wait("the filters list the labels", |window| window.has("films") && window.has("video"));

    // The same again changes nothing.
    window.paste(LINK);
    window.click("Add torrent");
    window.wait("a notice", |window| window.has_part("was there already"));
    assert_eq!(window.rows(), [NAME]);

    // A new window shows what the daemon has kept.
    let mut window = window.reopen();
    window.wait("the row", |window| window.rows() == [NAME]);
}
