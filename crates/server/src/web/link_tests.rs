use super::bundle::{Files, PAGE};
use super::link::{link, without_comments};
use std::collections::BTreeMap;

fn files(entries: &[(&str, &str)]) -> Files {
    let files = entries.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec()));
    let page = [(PAGE.to_owned(), Vec::new())];
    page.into_iter().chain(files).collect()
}

fn linked(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut files = files(entries);
    link(&mut files).unwrap();
    files.into_iter().map(|(path, bytes)| (path, String::from_utf8(bytes).unwrap())).collect()
}

fn refusal(entries: &[(&str, &str)]) -> String {
    link(&mut files(entries)).unwrap_err().to_string()
}

#[test]
fn modules_become_functions_behind_those_that_they_import() {
    let out = linked(&[
        (
            "main.js",
            "/** Start. */\nimport { a as b,\n  c } from './sub/c.js';\nimport './sub/side.js';\nb(c);\n",
        ),
        ("sub/c.js", "import d from '../d.js';\nexport const a = d;\nexport async function c() {\n}\n"),
        (
            "sub/side.js",
            "import { a } from './c.js';\nexport { a as z };\nexport { c } from './c.js';\na();\n",
        ),
        ("d.js", "export default {\n  x: 1,\n};\n"),
    ]);
    let expected = "const $m0 = (() => {\nconst $default = {\n  x: 1,\n};\nreturn { default: $default };\n})();\n\
        const $m1 = (() => {\nconst { default: d } = $m0;\nconst a = d;\nasync function c() {\n}\nreturn { a, c };\n})();\n\
        const $m2 = (() => {\nconst { a } = $m1;\na();\nreturn { z: a, c: $m1.c };\n})();\n\
        const $m3 = (() => {\nconst { a: b, c } = $m1;\nb(c);\nreturn {  };\n})();\n\
        export { $m0, $m1, $m2, $m3 };\n";
    assert_eq!(out["main.js"], expected);
    assert_eq!(out.keys().collect::<Vec<_>>(), ["index.html", "main.js"]);
}

#[test]
fn modules_that_are_loaded_later_use_the_linked_ones() {
    let out = linked(&[
        ("main.js", "import { f } from './views/f.js';\nf();\n"),
        ("views/f.js", "export const f = () => [import('./later.js'), import('../main.js')];\n"),
        (
            "views/later.js",
            "import { f } from './f.js';\nimport { f as g } from './f.js';\nimport { h } from './h.js';\n\
             export { f as e } from './f.js';\nimport('./f.js');\nimport('./h.js');\n",
        ),
        ("views/h.js", "export const h = 1;\n"),
    ]);
    let main = &out["main.js"];
    assert!(
        main.contains("[import('./views/later.js'), import('./main.js').then(({ $m1 }) => $m1)]"),
        "{main}"
    );
    let expected = "import { $m0 } from '../main.js';\nconst { f } = $m0;\nconst { f: g } = $m0;\n\
        import { h } from './h.js';\nexport const { f: e } = $m0;\n\
        import('../main.js').then(({ $m0 }) => $m0);\nimport('./h.js');\n";
    assert_eq!(out["views/later.js"], expected);
    assert_eq!(out["views/h.js"], "export const h = 1;\n");
}

#[test]
fn comments_that_fill_their_lines_are_left_out() {
    let source = "/** A. */\n/* b\n * c\n */ d();\n\n  // e\n  f(/** @type {any} */ (g)); // h\n/** @type {i} */ (j);\n";
    let expected = " d();\n  f(/** @type {any} */ (g)); // h\n/** @type {i} */ (j);\n";
    assert_eq!(without_comments(source), expected);
}

#[test]
fn what_is_not_in_the_grammar_is_refused() {
    for line in [
        "export let a = 1;",
        "export * from './b.js';",
        "import * as b from './b.js';",
        "import b, { c } from './b.js';",
        "import { b } from \"./b.js\";",
        "import { b } from './b.js'",
        "export const { a } = b;",
        "export function () {",
    ] {
        assert!(refusal(&[("main.js", line), ("b.js", "")]).contains("main.js"), "{line}");
    }
    let cycle = refusal(&[("main.js", "import './b.js';\n"), ("b.js", "import './main.js';\n")]);
    assert_eq!(cycle, "main.js imports itself, through main.js, b.js");
    assert!(refusal(&[("main.js", "import './b.js';\n")]).contains("there is no b.js"));
    let moved = [("main.js", "import './sub/b.js';\n"), ("sub/b.js", "f(import.meta.url);\n")];
    assert!(refusal(&moved).contains("its URL changes"));
}

#[test]
fn style_sheets_of_the_page_are_joined_in_their_order() {
    let page = "<link rel=\"stylesheet\" href=\"assets/b.css\">\n<link rel=\"stylesheet\" href=\"assets/a.css\">\n<p>";
    let sheets =
        [("a.css", "a {}\n"), ("b.css", "b {}\n"), ("later.css", "c {}\n"), ("main.js", ""), (PAGE, page)];
    let out = linked(&sheets);
    assert_eq!(out["first.css"], "b {}\na {}\n");
    assert_eq!(out[PAGE], "<link rel=\"stylesheet\" href=\"assets/first.css\">\n\n<p>");
    assert!(out.contains_key("later.css") && !out.contains_key("a.css"));
    let with_url = [
        ("main.js", ""),
        ("a.css", "a { b: url(c) }"),
        (PAGE, "<link rel=\"stylesheet\" href=\"assets/a.css\">"),
    ];
    assert!(refusal(&with_url).contains("it has URLs"));
}
