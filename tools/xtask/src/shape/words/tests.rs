use super::*;
use crate::workspace::testing::package;

fn language(text: &str) -> Language {
    measure(&package("a", &[("lib.rs", text)]), &listed("# idiom\ntold\nso long\nhand\n"))
}

fn found(text: &str) -> Vec<(String, usize)> {
    language(text).found.into_iter().collect()
}

#[test]
fn the_list_in_use_is_read() {
    let listed = listed(WORDS);
    assert!(listed.contains(&vec!["taken".to_owned(), "in".to_owned()]));
    assert!(listed.iter().flatten().all(|word| !word.contains('#')));
}

#[test]
fn phrases_are_found_over_line_breaks_of_one_comment() {
    assert_eq!(
        found("/// It waits so\n/// Long, and is Told.\nfn f() {}"),
        [("so long".to_owned(), 1), ("told".to_owned(), 1)]
    );
    assert_eq!(found("/// It waits so\nfn f() {}\n/// long\nfn g() {}"), []);
    assert_eq!(found("//! So\n/// long.\nfn f() {}"), []);
    assert_eq!(found("/** It waits so\n * long. */\nfn f() {}"), [("so long".to_owned(), 1)]);
}

#[test]
fn only_whole_words_count() {
    assert_eq!(found("/// Untold handling of second-hand hands.\nfn f() {}"), []);
}

#[test]
fn code_tests_and_plain_comments_do_not_count() {
    let text = "/// One `told` and ``hand``, `a\n/// hand`.\n/// ```\n/// told\n/// ```\n/// two.\nfn f() {}";
    assert_eq!((found(text), language(text).words), (vec![], 3));
    assert_eq!(found("// told\nfn f() { \"told\" }\n#[cfg(test)]\nmod tests {\n    //! told\n}"), []);
    assert_eq!(found("/// so `x` long\nfn f() {}"), []);
}

#[test]
fn the_first_word_of_each_comment_is_judged() {
    let text = "//! What it is.\n\n/// Which.\n///\n/// Who.\nstruct S {\n    /// `of` x.\n    a: u8,\n    /// A field.\n    b: u8,\n}";
    let language = language(text);
    assert_eq!(language.docs, 4);
    let openers: Vec<&str> = language.openers.keys().map(String::as_str).collect();
    assert_eq!(openers, ["what", "which"]);
}
