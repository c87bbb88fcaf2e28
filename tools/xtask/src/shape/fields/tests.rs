use super::*;
use crate::workspace::testing::package;

/// The touched fields with the short names of the files, and the number of unresolved touches.
fn touched(files: &[(&str, &str)]) -> (Vec<String>, usize) {
    let fields = measure(&package("a", files));
    let mut touched = Vec::new();
    for of in &fields.structs {
        for (field, files) in of.fields.iter().filter(|(_, files)| !files.is_empty()) {
            let files: Vec<&str> =
                files.iter().map(|file| file.trim_start_matches("crates/a/src/")).collect();
            touched.push(format!("{}.{field} {}", of.name, files.join(" ")));
        }
    }
    (touched, fields.unresolved)
}

#[test]
fn state_is_private_and_borrows_nothing() {
    let structs =
        "pub struct Data { pub d: u8 }\nstruct Cx<'a> { c: &'a u8 }\nstruct Part { pub(crate) p: u8 }";
    let users: Vec<(String, String)> =
        (0..4).map(|n| (format!("f{n}.rs"), "fn f() { a().d; b().c; g().p; }".to_owned())).collect();
    let mut files = vec![("lib.rs", structs)];
    files.extend(users.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let fields = measure(&package("a", &files));
    let wide: Vec<(&str, usize)> =
        fields.structs.iter().map(|of| (of.name.as_str(), of.wide_state())).collect();
    assert_eq!(wide, [("Data", 0), ("Cx", 0), ("Part", 1)]);
}

const TWO: (&str, &str) = ("lib.rs", "struct DhtPart { x: u8, y: u8 }\nstruct Entry { x: u8 }");

#[test]
fn self_belongs_to_the_type_of_the_block() {
    let b =
        ("b.rs", "impl Entry { fn f(&self) { self.x; } }\nimpl Clone for DhtPart { fn f(&self) { self.x } }");
    assert_eq!(touched(&[TWO, b]), (vec!["DhtPart.x b.rs".to_owned(), "Entry.x b.rs".to_owned()], 0));
}

#[test]
fn a_field_of_one_struct_only_belongs_to_it() {
    assert_eq!(touched(&[TWO, ("b.rs", "fn f() { g().y + q.z }")]), (vec!["DhtPart.y b.rs".to_owned()], 0));
}

#[test]
fn the_receiver_names_the_struct() {
    for receiver in ["entry", "self.entry", "run.entries[id]", "(&mut entries[0])"] {
        let text = format!("fn f() {{ {receiver}.x; }}");
        assert_eq!(touched(&[TWO, ("b.rs", &text)]), (vec!["Entry.x b.rs".to_owned()], 0), "{receiver}");
    }
    let b = ("b.rs", "fn f() { dht_part.x; other.x; g().x; assert!(self.dht_part.x) }");
    assert_eq!(touched(&[TWO, b]), (vec!["DhtPart.x b.rs".to_owned()], 2));
}

#[test]
fn literals_patterns_and_macros_count_but_variants_and_tests_do_not() {
    let b = ("b.rs", "fn f(DhtPart { y, .. }: DhtPart) { crate::Entry { x: y }; }");
    let c = ("c.rs", "fn f() { Event::Entry { x: 1 }; }\n#[cfg(test)]\nfn g() { entry.x }");
    let d = ("d.rs", "fn f() { debug!(y = %part.y, \"…\"); }");
    let expected = vec!["DhtPart.y b.rs d.rs".to_owned(), "Entry.x b.rs".to_owned()];
    assert_eq!(touched(&[TWO, b, c, d]), (expected, 0));
}
