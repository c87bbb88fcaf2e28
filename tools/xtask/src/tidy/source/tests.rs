use super::*;

fn words(text: &str) -> Vec<String> {
    let source = Source::parse("crates/a/src/lib.rs", text);
    source.tokens.into_iter().filter(|token| token.kind == TokenKind::Word).map(|token| token.text).collect()
}

fn product_words(text: &str) -> Vec<String> {
    let source = Source::parse("crates/a/src/lib.rs", text);
    let product = source.tokens.into_iter().filter(|token| token.kind == TokenKind::Word && !token.test);
    product.map(|token| token.text).collect()
}

#[test]
fn comments_and_strings_are_not_code() {
    assert_eq!(words("a // b\nc /* d /* e */ f */ g"), ["a", "c", "g"]);
    assert_eq!(words(r##"a "b \" c" d r#"e " f"# g br"h" i b'j' k"##), ["a", "d", "g", "i", "k"]);
    assert_eq!(words("a 'b' c '\\'' d '\\u{1F600}' e"), ["a", "c", "d", "e"]);
    assert_eq!(words("fn f<'a>(x: &'a str) {}"), ["fn", "f", "x", "str"]);
    assert_eq!(words("r#type x"), ["type", "x"]);
}

#[test]
fn broken_input_ends() {
    for text in ["\"", "'", "/*", "r#\"", "b'", "#[cfg(test)]", "#[", "r#", "'\\", "#[cfg(test)] mod", "}"] {
        Source::parse("src/a.rs", text);
    }
}

#[test]
fn comments_keep_their_lines() {
    let source = Source::parse("src/a.rs", "// one\nx\n/* two\n three */");
    let lines: Vec<(usize, &str)> =
        source.comments.iter().map(|(line, text)| (*line, text.as_str())).collect();
    assert_eq!(lines, [(1, "// one"), (3, "/* two"), (4, " three */")]);
}

#[test]
fn items_for_tests_are_marked() {
    assert_eq!(product_words("a #[cfg(test)] mod tests { b fn c() { d } } e"), ["a", "e"]);
    assert_eq!(product_words("#[cfg(test)] use a::{b, c}; d"), ["d"]);
    assert_eq!(product_words("#[cfg(all(test, unix))] #[allow(x)] fn a() -> [u8; 2] { b } c"), ["c"]);
    assert_eq!(product_words("#[cfg(not(test))] a"), ["cfg", "not", "test", "a"]);
    assert_eq!(product_words("#![cfg(test)] a"), Vec::<String>::new());
    assert_eq!(product_words("struct S { #[cfg(test)] a: u8 } b"), ["struct", "S", "b"]);
}

#[test]
fn lines_of_tests_are_not_counted() {
    let source = Source::parse("src/a.rs", "a\nb\n#[cfg(test)]\nmod tests {\n}\n");
    assert_eq!((source.line_count, source.product_line_count()), (5, 2));
    assert_eq!(Source::parse("tests/a.rs", "a\nb").product_line_count(), 0);
    assert_eq!(Source::parse("src/a_tests.rs", "a\nb").product_line_count(), 0);
    assert_eq!(Source::parse("src/contests.rs", "a\nb").product_line_count(), 2);
}

#[test]
fn modules_for_tests_are_found() {
    let text = "#[cfg(test)]\nmod props;\n#[cfg(test)]\n#[path = \"b.rs\"]\npub(crate) mod c;\nmod d;";
    let files = |path: &str| Source::parse(path, text).test_modules();
    assert_eq!(files("src/a.rs"), ["src/a/props.rs", "src/a/props/mod.rs", "src/b.rs"]);
    assert_eq!(files("src/lib.rs"), ["src/props.rs", "src/props/mod.rs", "src/b.rs"]);
}
