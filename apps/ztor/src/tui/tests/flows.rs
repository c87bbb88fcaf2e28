//! Flows of a user.

use ratatui::crossterm::event::{Event, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};

use super::harness::Harness;
use crate::tui::app::Effect;

const NAMES: [&str; 3] = ["alpha linux iso", "beta films", "gamma books"];

fn names(screen: &str) -> Vec<&str> {
    let rows = screen.lines().filter(|line| NAMES.iter().any(|name| line.contains(name)));
    rows.filter_map(|line| NAMES.iter().find(|name| line.contains(**name)).copied()).collect()
}

#[test]
fn list_and_details_look_as_they_should() {
    let mut harness = Harness::start(80, 24, &NAMES);
    insta::assert_snapshot!("list", harness.stable_screen());
    harness.settle();
    harness.press("Enter");
    harness.until("Time left");
    insta::assert_snapshot!("details", harness.stable_screen());
    harness.press("Esc ?");
    insta::assert_snapshot!("keys", harness.stable_screen());
    harness.press("Esc f");
    insta::assert_snapshot!("filters", harness.stable_screen());
    harness.press("x");
    insta::assert_snapshot!("commands", harness.stable_screen());
    harness.press("Esc 2");
    harness.until("download_dir");
    insta::assert_snapshot!("settings", harness.stable_screen());
}

#[test]
fn torrents_are_sorted_searched_and_filtered() {
    let mut harness = Harness::start(100, 24, &NAMES);
    // Sort by name, then the other way round.
    harness.press("s Home Enter");
    harness.until_screen("the order of names", |screen| names(screen) == NAMES);
    harness.press("S");
    harness.until("Name↓");
    harness.until_screen("the other order", |screen| names(screen).first() == Some(&"gamma books"));
    harness.press("/");
    harness.write("films");
    harness.until_screen("what is searched for", |screen| names(screen) == ["beta films"]);
    harness.press("Esc");
    harness.until("3 torrents");
    harness.press("/");
    harness.write("nothing at all");
    harness.until("No torrent matches the filters");
    harness.press("Enter Esc");
    harness.until("3 torrents");
    // An expression that cannot be read is refused, and says so.
    harness.press("/ ^r (");
    harness.until("Cannot show the list");
    harness.press("Esc");
    harness.until("3 torrents");
}

#[test]
fn torrents_are_renamed_tagged_and_removed() {
    let mut harness = Harness::start(100, 30, &NAMES);
    harness.press("s Home Enter");
    harness.until("Name↑");
    harness.settle();
    harness.press("r ^u");
    harness.write("zeta");
    harness.press("Enter");
    harness.until_gone("alpha linux iso");
    harness.until("zeta");
    // All but one get a tag and a new category.
    harness.press("Home Space Space");
    harness.until("2 of 3 selected");
    harness.press("t");
    harness.write("linux, iso");
    harness.press("Enter");
    harness.until("Edit tags: done for 2 torrents");
    harness.press("c");
    harness.write("data/new");
    harness.press("Enter");
    harness.until("Set category: done for 2 torrents");
    harness.press("f");
    let screen = harness.until("data");
    assert!(screen.contains("linux") && screen.contains("iso"), "{screen}");
    harness.press("Tab d");
    harness.until("The torrents leave the list");
    harness.press("Enter");
    harness.until("1 torrent");
    assert_eq!(harness.press("q"), Effect::Quit);
}

#[test]
fn torrents_are_added_with_completed_paths() {
    let mut harness = Harness::start(100, 30, &[]);
    harness.until("No torrents yet");
    let folder = harness.folder.path().join("some folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::create_dir_all(harness.folder.path().join("downloads/inner place")).unwrap();
    // A torrent of one byte.
    let torrent = b"d4:infod6:lengthi1e4:name3:one12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee";
    std::fs::write(folder.join("my first.torrent"), torrent).unwrap();
    let place = harness.folder.path().display().to_string();
    harness.press("a");
    harness.write(&format!("{place}/some"));
    harness.press("Tab Tab");
    harness.until("my first.torrent");
    // The folder of the daemon is completed by its API.
    harness.press("Down");
    harness.write(&format!("{place}/downloads/in"));
    harness.press("Tab");
    harness.until("inner place/");
    harness.press("Down Down Down Right");
    harness.press("Enter");
    harness.until("Added one");
    let screen = harness.until("Stopped");
    assert!(screen.contains("1 torrent"), "{screen}");
    harness.settle();
    // The details have its file, which is skipped at the press of a key.
    harness.press("Enter l Enter");
    harness.until_screen("the file", |screen| screen.matches(" one ").count() == 2);
    harness.press("Space Space");
    harness.until("skip");
    harness.app.handle(Event::Paste("magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567".into()));
    harness.until("urn:btih:0123456789");
    harness.press("Enter");
    harness.until("2 torrents");
    harness.press("Esc a");
    harness.write("/no/such/file.torrent");
    harness.press("Enter");
    harness.until("cannot open /no/such/file.torrent");
}

#[test]
fn commands_act_on_nothing_that_is_not_in_view() {
    let mut harness = Harness::start(100, 24, &NAMES);
    harness.press("/");
    harness.write("zzzz");
    harness.press("Enter d");
    let screen = harness.until("No torrent matches the filters");
    assert!(!screen.contains("The torrents leave the list"), "{screen}");
    harness.press("d");
    assert!(!harness.screen().contains("The torrents leave the list"));
    harness.press("Esc / ^r (");
    harness.until("Cannot show the list");
    harness.press("Enter d");
    assert!(!harness.screen().contains("The torrents leave the list"));
    harness.press("Esc");
    harness.until("3 torrents");
    // Rows that a jump goes to are acted on once they are there.
    harness.add_synthetic(500);
    harness.until("503 torrents");
    assert!(harness.jump_and_remove_is_refused(), "a command acts on a row that is not loaded");
    // Another order begins at its start.
    harness.press("Esc s Home Enter");
    harness.until("Name↑");
    harness.settle();
    harness.press("S");
    harness.until("Name↓");
    harness.until_screen("the start of the other order", |screen| {
        screen.lines().nth(2).is_some_and(|line| line.trim_start().starts_with("Проект"))
    });
    // The cursor is on the first line, and not where its torrent of before is now.
    let screen = {
        harness.settle();
        harness.press("Enter");
        harness.until("Time left")
    };
    let first =
        screen.lines().nth(2).map(|line| line.trim_start().chars().take(10).collect::<String>()).unwrap();
    assert!(screen.lines().skip(12).any(|line| line.starts_with(&first)), "{screen}");
}

#[test]
fn categories_and_tags_are_completed() {
    let mut harness = Harness::start(100, 24, &NAMES);
    harness.press("s Home Enter");
    harness.until("Name↑");
    harness.settle();
    harness.press("c");
    harness.write("linux/distributions");
    harness.press("Enter");
    harness.until("Set category: done for 1 torrent");
    harness.press("Down c");
    harness.write("lin");
    harness.until_typed("Tab", "linux/distributions");
    harness.press("Esc t");
    harness.write("one, two");
    harness.press("Enter");
    harness.until("Edit tags: done");
    harness.press("Down t");
    harness.write("one, tw");
    harness.until_typed("Tab", "one, two");
    // Text behind the cursor stays.
    harness.press("^a Tab");
    harness.until("one, two");
}

#[test]
fn settings_are_changed_and_reset() {
    let mut harness = Harness::start(100, 30, &[]);
    harness.press("2");
    harness.until("download_dir");
    harness.press("/");
    harness.write("upload_slots");
    harness.press("Enter");
    harness.until_gone("download_dir");
    harness.press("Enter ^u");
    harness.write("7");
    harness.press("Enter");
    harness.until("upload_slots is 7");
    harness.until("● upload_slots");
    harness.press("Enter ^u");
    harness.write("many");
    harness.press("Enter");
    harness.until("is not a whole number");
    harness.press("Esc d");
    harness.until_gone("● upload_slots");
}

#[test]
fn daemon_that_goes_and_comes_back_is_found_again() {
    let mut harness = Harness::start(100, 20, &NAMES);
    harness.end_daemon();
    let screen = harness.until("Offline");
    assert_eq!(names(&screen).len(), 3, "the rows remain: {screen}");
    harness.start_daemon();
    harness.app.handle(Event::Key(ratatui::crossterm::event::KeyEvent::new(
        ratatui::crossterm::event::KeyCode::F(5),
        KeyModifiers::NONE,
    )));
    harness.until_gone("Offline");
    harness.until("3 torrents");
}

#[test]
fn mouse_selects_sorts_and_opens() {
    let mut harness = Harness::start(100, 20, &NAMES);
    harness.press("s Home Enter");
    harness.until("Name↑");
    harness.settle();
    let mouse = |kind, column, row, modifiers| Event::Mouse(MouseEvent { kind, column, row, modifiers });
    let click = MouseEventKind::Down(MouseButton::Left);
    harness.app.handle(mouse(click, 10, 3, KeyModifiers::CONTROL));
    harness.app.handle(mouse(click, 10, 4, KeyModifiers::CONTROL));
    harness.until("2 of 3 selected");
    harness.app.handle(mouse(click, 10, 2, KeyModifiers::NONE));
    harness.until("3 torrents");
    // A double click opens the details, a click on a tab that tab.
    harness.app.handle(mouse(click, 10, 2, KeyModifiers::NONE));
    let screen = harness.until("Overview");
    let row = screen.lines().position(|line| line.contains("Overview")).unwrap();
    let column = screen.lines().nth(row).unwrap().find("Trackers").unwrap();
    let columns_before = screen.lines().nth(row).unwrap()[..column].chars().count();
    harness.app.handle(mouse(
        click,
        u16::try_from(columns_before).unwrap(),
        u16::try_from(row).unwrap(),
        KeyModifiers::NONE,
    ));
    harness.until("No trackers");
    harness.app.handle(mouse(click, 10, 1, KeyModifiers::NONE));
    harness.until("Name↓");
    harness.settle();
    harness.app.handle(mouse(MouseEventKind::Down(MouseButton::Right), 10, 2, KeyModifiers::NONE));
    harness.until("Force start");
}

#[test]
fn screen_of_any_size_is_drawn() {
    let mut harness = Harness::start(80, 24, &NAMES);
    harness.settle();
    harness.press("f Tab Enter Enter");
    for (width, height) in [(1, 1), (19, 4), (20, 5), (25, 6), (40, 10), (80, 12), (300, 100)] {
        for view in ["1", "2", "3", "4", "?", "a", "x"] {
            harness.press(view);
            harness.resize(width, height);
            let screen = harness.screen();
            assert_eq!(screen.split('\n').count(), usize::from(height), "{width}x{height}");
            harness.press("Esc");
        }
    }
}

/// `cargo test --release -p ztor --bin ztor frames_of -- --ignored --nocapture`
#[test]
#[ignore = "a measurement, which asserts nothing"]
fn frames_of_10000_torrents_are_measured() {
    let mut harness = Harness::start(200, 60, &[]);
    harness.add_synthetic(10_000);
    harness.until("10000 torrents");
    harness.press("f Enter");
    let mut times: Vec<std::time::Duration> = (0..1000)
        .map(|at| {
            let begin = std::time::Instant::now();
            harness.frame();
            let time = begin.elapsed();
            harness.press(if at % 50 == 0 { "^f" } else { "Down" });
            time
        })
        .collect();
    times.sort();
    println!("frame: median {:?}, 99th percentile {:?}, worst {:?}", times[500], times[990], times[999]);
}
