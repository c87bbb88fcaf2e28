use super::*;
use crate::workspace::testing::package;

/// The files of each cycle, separated by spaces.
fn circles(files: &[(&str, &str)]) -> Vec<String> {
    circles_with(files, Ancestors::Counted)
}

fn circles_with(files: &[(&str, &str)], ancestors: Ancestors) -> Vec<String> {
    let package = package("a", files);
    let short = |file: &String| file.trim_start_matches("crates/a/src/").to_owned();
    let join = |cycle: Cycle| cycle.files.iter().map(short).collect::<Vec<_>>().join(" ");
    cycles(&package, ancestors).into_iter().map(join).collect()
}

#[test]
fn files_that_use_one_another_are_a_cycle() {
    let root = ("lib.rs", "mod b;\nmod c;");
    let b = ("b.rs", "use crate::c::C;\npub struct B(C);");
    assert_eq!(circles(&[root, b, ("c.rs", "pub struct C(super::b::B);")]), ["b.rs c.rs"]);
    assert_eq!(circles(&[root, b, ("c.rs", "pub struct C;")]), Vec::<String>::new());
}

#[test]
fn items_of_the_modules_around_count_only_where_asked() {
    let root = ("lib.rs", "mod b;\npub struct Root(b::inner::I);\npub struct Other;");
    let b = ("b.rs", "pub mod inner;\npub struct B;");
    let inner = ("b/inner.rs", "use crate::Root;\npub struct I(Option<Box<Root>>);");
    let files = [root, b, inner];
    assert_eq!(circles_with(&files, Ancestors::Counted), ["b/inner.rs lib.rs"]);
    assert_eq!(circles_with(&files, Ancestors::LeftOut), Vec::<String>::new());
    let siblings = [
        ("lib.rs", "mod b;\nmod c;"),
        ("b.rs", "use crate::c::C;\npub struct B(C);"),
        ("c.rs", "pub struct C(super::b::B);"),
    ];
    assert_eq!(circles_with(&siblings, Ancestors::LeftOut), ["b.rs c.rs"]);
}

#[test]
fn declarations_and_modules_by_themselves_are_no_edges() {
    let root = ("lib.rs", "mod b;\npub struct Root;");
    assert_eq!(circles(&[root, ("b.rs", "use super::Root;\nstruct B(Root);")]), Vec::<String>::new());
    let root = ("lib.rs", "mod b;\npub mod c;\nuse b as d;\nfn f() { d::g() }");
    let used = [("b.rs", "use crate::c;\npub fn g() {}"), ("c.rs", "use super::b;")];
    assert_eq!(circles(&[root, used[0], used[1]]), Vec::<String>::new());
}

#[test]
fn an_item_reached_through_a_module_is_an_edge_to_its_file() {
    let root = ("lib.rs", "mod b;\nmod c;");
    let c = ("c.rs", "pub fn f() { super::b::g() }");
    assert_eq!(circles(&[root, ("b.rs", "use super::c as d;\npub fn g() { d::f() }"), c]), ["b.rs c.rs"]);
    assert_eq!(circles(&[root, ("b.rs", "use super::c::*;\npub fn g() { f() }"), c]), ["b.rs c.rs"]);
    assert_eq!(circles(&[root, ("b.rs", "pub fn g() { assert!(crate::c::f()) }"), c]), ["b.rs c.rs"]);
    assert_eq!(
        circles(&[root, ("b.rs", "pub fn g() { warn!(x = %crate::c::f(), \"y\") }"), c]),
        ["b.rs c.rs"]
    );
}

#[test]
fn reexports_lead_to_the_file_of_the_definition() {
    let root = ("lib.rs", "mod b;\nmod c;\npub use c::C as Renamed;\npub struct Root;");
    let b = ("b.rs", "use crate::Renamed;\npub struct B(Renamed);");
    let c = ("c.rs", "use super::b::B;\npub struct C(B);");
    let edges: Vec<String> = cycles(&package("a", &[root, b, c]), Ancestors::Counted)
        .into_iter()
        .flat_map(|cycle| cycle.edges)
        .map(|edge| format!("{} {} {}", edge.from, edge.to, edge.names.join(" ")))
        .collect();
    let (b, c) = ("crates/a/src/b.rs", "crates/a/src/c.rs");
    assert_eq!(edges, [format!("{b} {c} C"), format!("{c} {b} B")]);
}

#[test]
fn globs_and_circular_reexports_end() {
    let root = ("lib.rs", "mod b;\nmod c;\npub use b::*;\npub use c::*;");
    let b = ("b.rs", "pub use crate::*;\npub struct B(C);");
    assert_eq!(circles(&[root, b, ("c.rs", "use crate::*;\npub struct C(B);")]), ["b.rs c.rs"]);
}

#[test]
fn test_code_makes_no_cycle() {
    let root = ("lib.rs", "mod b;\nmod c;");
    let c = ("c.rs", "use super::b::B;\npub struct C(B);");
    let b = "pub struct B;\n#[cfg(test)]\nmod tests {\n    use crate::c::C;\n    fn f(c: C) {}\n}";
    assert_eq!(circles(&[root, ("b.rs", b), c]), Vec::<String>::new());
    let declared = "pub struct B;\n#[cfg(test)]\nmod inner;";
    let inner = ("b/inner.rs", "use crate::c::C;\npub struct I(super::B, C);");
    assert_eq!(circles(&[root, ("b.rs", declared), inner, c]), Vec::<String>::new());
}

#[test]
fn items_of_inline_modules_and_macros_belong_to_their_file() {
    let root = ("lib.rs", "mod b;\nmod c;");
    let b = ("b.rs", "pub mod inner {\n    pub struct B(super::super::c::Key);\n}");
    let c = ("c.rs", "new_key_type! { pub struct Key; }\nfn f(b: crate::b::inner::B) {}");
    assert_eq!(circles(&[root, b, c]), ["b.rs c.rs"]);
    let rules = ("b.rs", "macro_rules! add { () => { $crate::c::f() } }\npub(crate) use add;");
    assert_eq!(circles(&[root, rules, ("c.rs", "pub fn f() { crate::b::add!() }")]), ["b.rs c.rs"]);
}
