//! Settings, categories and tags.

use crate::driver::Window;
use eframe::egui::{Key, Modifiers};

#[test]
fn settings_are_changed_refused_and_reset() {
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    window.press_with(Key::Comma, Modifiers::COMMAND);
    window.click("Speed limits");
    window.wait_for("Download limit");
    window.fill("Download limit", "2 MiB/s");
    window.press(Key::Enter);
    window.wait_for("Reset Download limit");
    assert_eq!(window.value("Download limit"), "2MiB/s");
    assert!(window.has_part("Changed here"));

    // What the daemon refuses is told beside the field.
    window.fill("Download limit", "many");
    window.press(Key::Enter);
    window.wait("the reason", |window| window.has_part("unknown unit") || window.has_part("expected"));
    window.click_field("Download limit");
    window.press(Key::Escape);
    window.wait("the value is as before", |window| window.value("Download limit") == "2MiB/s");
    window.click("Reset Download limit");
    window.wait("the default", |window| !window.has("Reset Download limit"));
    assert_eq!(window.value("Download limit"), "");

    // A search over all sections.
    window.fill("Search settings", "encryption");
    window.wait_for("Encryption");
    assert!(!window.has("Upload limit"));
    window.press(Key::Escape);
    window.click("Back to the torrents");
    window.wait_for("No torrents yet");
}

#[test]
fn categories_and_tags_are_created_and_removed() {
    let mut window = Window::open();
    window.wait_for("No torrents yet");
    window.press_with(Key::Comma, Modifiers::COMMAND);
    window.click("Categories and tags");
    window.click("New category");
    window.fill("Path", "video/series");
    window.fill("Upload limit of all its torrents", "100 KiB/s");
    window.click("Save category");
    window.wait_for("Edit video/series");
    assert!(window.has_part("up 100KiB/s"));
    window.fill("New tag", "keep");
    window.press(Key::Enter);
    window.wait_for("Rename the tag keep");

    window.click("Remove video/series");
    window.wait_for("Remove the category video/series?");
    window.click("Remove");
    window.wait("the category goes", |window| !window.has("Edit video/series"));
}
