#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;

fn parse(path: &str, text: &str) -> Source {
    Source::parse(path, text).unwrap()
}

/// The names of the functions outside tests.
fn product(text: &str) -> Vec<String> {
    let items = parse("crates/a/src/lib.rs", text).product.items.into_iter();
    let names = items.filter_map(|item| match item {
        syn::Item::Fn(item) => Some(item.sig.ident.to_string()),
        syn::Item::Struct(item) => Some(item.ident.to_string()),
        _ => None,
    });
    names.collect()
}

#[test]
fn text_that_is_not_rust_is_an_error_with_its_place() {
    for text in ["fn f() {\n    \"\n}", "fn f( {\n", "fn f() {}\nfn\n"] {
        let error = Source::parse("src/a.rs", text).map(|source| source.path).unwrap_err();
        assert!(format!("{error:#}").starts_with("src/a.rs:"), "{error:#}");
    }
}

#[test]
fn items_for_tests_are_left_out() {
    assert_eq!(product("fn a() {} #[cfg(test)] mod tests { fn b() {} } fn c() {}"), ["a", "c"]);
    assert_eq!(product("#[cfg(all(test, unix))] #[allow(x)] fn a() -> [u8; 2] { b } fn c() {}"), ["c"]);
    assert_eq!(product("#[test] fn a() {} #[cfg(any(test, unix))] fn b() {}"), ["b"]);
    assert_eq!(product("#[cfg(not(test))] fn a() {} #[cfg(unix)] fn b() {}"), ["a", "b"]);
    assert_eq!(product("#![cfg(test)] fn a() {}"), Vec::<String>::new());
    let source = parse("src/a.rs", "struct S { #[cfg(test)]\na: u8 }\nimpl S {\n#[cfg(test)]\nfn b() {}\n}");
    let lines: Vec<usize> = (1..=6).filter(|&line| source.is_test_line(line)).collect();
    assert_eq!(lines, [1, 2, 4, 5]);
}

#[test]
fn items_in_the_arguments_of_macros_are_items() {
    assert_eq!(product("new_key_type! {\n    /// A key.\n    pub struct Key;\n}\nother! { a, b }"), ["Key"]);
}

#[test]
fn lines_of_tests_are_not_counted() {
    let source = parse("src/a.rs", "fn a() {\n}\n#[cfg(test)]\nmod tests {\n}\n");
    assert_eq!((source.lines.len(), source.product_line_count()), (5, 2));
    let count = |path| parse(path, "fn a() {\n}").product_line_count();
    assert_eq!(count("tests/a.rs"), 0);
    assert_eq!(count("src/a_tests.rs"), 0);
    assert_eq!(count("src/contests.rs"), 2);
}

#[test]
fn files_of_modules_are_found() {
    let text = "#[cfg(test)]\nmod props;\n#[cfg(test)]\n#[path = \"b.rs\"]\npub(crate) mod c;\nmod d;\nmod e { mod f; }";
    let files = |path: &str, test: bool| {
        let declared = parse(path, text).declared.into_iter().filter(|declared| declared.test == test);
        declared.flat_map(|declared| declared.files).collect::<Vec<_>>()
    };
    assert_eq!(files("src/a.rs", true), ["src/a/props.rs", "src/a/props/mod.rs", "src/b.rs"]);
    assert_eq!(files("src/lib.rs", true), ["src/props.rs", "src/props/mod.rs", "src/b.rs"]);
    assert_eq!(files("src/lib.rs", false), ["src/d.rs", "src/d/mod.rs", "src/e/f.rs", "src/e/f/mod.rs"]);
}

#[test]
fn tokens_include_those_of_tests_and_macros() {
    let source = parse("src/a.rs", "#[cfg(test)]\nfn f() { m!(unsafe\n{ 1 }) }");
    let found: Vec<usize> =
        source.tokens().iter().filter(|token| token.text == "unsafe").map(|token| token.line).collect();
    assert_eq!(found, [2]);
}
