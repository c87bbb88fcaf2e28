//! Lines of text.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::tui::input::Input;
use crate::tui::status::fit;

fn typed(text: &str, keys: &[(KeyCode, KeyModifiers)]) -> (String, usize) {
    let mut input = Input::new(text);
    for (code, modifiers) in keys {
        input.handle(KeyEvent::new(*code, *modifiers));
    }
    (input.text().to_owned(), input.before().len())
}

#[test]
fn line_is_edited_by_characters_and_words() {
    let (none, control) = (KeyModifiers::NONE, KeyModifiers::CONTROL);
    assert_eq!(typed("aé", &[(KeyCode::Backspace, none)]), ("a".into(), 1));
    assert_eq!(typed("aéb", &[(KeyCode::Left, none), (KeyCode::Backspace, none)]), ("ab".into(), 1));
    assert_eq!(
        typed("ab", &[(KeyCode::Home, none), (KeyCode::Delete, none), (KeyCode::Char('日'), none)]),
        ("日b".into(), 3)
    );
    assert_eq!(typed("one two  ", &[(KeyCode::Char('w'), control)]), ("one ".into(), 4));
    assert_eq!(typed("/srv/日本", &[(KeyCode::Char('w'), control)]), ("/srv/".into(), 5));
    assert_eq!(typed("abc", &[(KeyCode::Left, none), (KeyCode::Char('u'), control)]), ("c".into(), 0));
    assert_eq!(typed("abc", &[(KeyCode::Left, none), (KeyCode::Char('k'), control)]), ("ab".into(), 2));
    // At the edges nothing happens.
    let edges = [
        (KeyCode::Left, none),
        (KeyCode::Backspace, none),
        (KeyCode::Delete, none),
        (KeyCode::Char('w'), control),
    ];
    assert_eq!(typed("", &edges), (String::new(), 0));
}

#[test]
fn line_takes_no_control_characters_and_is_bounded() {
    let mut input = Input::default();
    assert!(input.insert("a\nb\u{1b}c"));
    assert_eq!(input.text(), "a b c");
    assert!(!input.insert(&"x".repeat(1 << 20)));
    assert_eq!(input.text(), "a b c");
    input.handle(KeyEvent::new(KeyCode::Left, KeyModifiers::NONE));
    input.replace_before("new ");
    assert_eq!((input.text(), input.before()), ("new c", "new "));
}

#[test]
fn fit_counts_columns_and_not_characters() {
    assert_eq!(fit("abcdef", 6), "abcdef");
    assert_eq!(fit("abcdefg", 6), "abcde…");
    assert_eq!(fit("日本語", 6), "日本語");
    assert_eq!(fit("日本語", 5), "日本…");
    assert_eq!(fit("日本語", 4), "日…");
    assert_eq!((fit("ab", 1).as_str(), fit("ab", 0).as_str()), ("…", ""));
}
