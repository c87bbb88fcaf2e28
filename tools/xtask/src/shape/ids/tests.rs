use super::*;
use crate::workspace::testing::package;

fn items(text: &str) -> Vec<String> {
    bare_ids(&package("a", &[("lib.rs", text)])).into_iter().map(|id| id.item).collect()
}

#[test]
fn nested_types_are_searched() {
    for of in ["[u8; 20]", "&[u8; 20]", "Option<&'a [u8; 20]>", "Vec<([u8; 20], u8)>", "&[[u8; 20]]"] {
        assert_eq!(items(&format!("pub fn f(x: {of}) {{}}")), ["fn f"], "{of}");
        assert_eq!(items(&format!("pub struct S {{ pub x: {of}, y: {of} }}")), ["field S.x"], "{of}");
    }
    assert_eq!(items("pub fn f(x: impl Fn([u8; 20])) -> u8 { 0 }"), ["fn f"]);
    assert_eq!(items("pub fn f<T>(x: T) where T: Into<[u8; 20]> {}"), ["fn f"]);
    assert_eq!(
        items("pub fn f(x: [u8; 32], y: [u16; 20], z: [u8; N]) { let a: [u8; 20]; }"),
        Vec::<String>::new()
    );
}

#[test]
fn all_kinds_of_public_items_are_searched() {
    let text = "pub const C: [u8; 20] = [0; 20];\npub static S: [u8; 20] = C;\npub type T = [u8; 20];\n\
                pub enum E { A([u8; 20]), B { id: [u8; 20] } }\npub struct P(pub [u8; 20]);\n\
                pub trait Q { fn f(&self, id: [u8; 20]); }\nimpl E { pub fn g() -> [u8; 20] { C } }";
    let expected = [
        "const C",
        "static S",
        "type T",
        "variant field E::A.0",
        "variant field E::B.id",
        "field P.0",
        "fn Q::f",
        "fn E::g",
    ];
    assert_eq!(items(text), expected);
}

#[test]
fn private_items_and_tests_do_not_count() {
    let text = "fn f(x: [u8; 20]) {}\npub(crate) fn g(x: [u8; 20]) {}\nstruct S { pub x: [u8; 20] }\n\
                impl S { pub fn h(x: [u8; 20]) {} }\n#[cfg(test)]\npub fn t(x: [u8; 20]) {}";
    assert_eq!(items(text), Vec::<String>::new());
    let mut tool = package("a", &[("lib.rs", "pub fn f(x: [u8; 20]) {}")]);
    tool.manifest = "tools/a/Cargo.toml".to_owned();
    assert_eq!(bare_ids(&tool), []);
}

#[test]
fn conversions_of_a_newtype_do_not_count() {
    let text = "pub struct Id([u8; 20]);\nimpl Id { pub fn new(x: [u8; 20]) -> Self { Self(x) }\n\
                pub fn as_bytes(&self) -> &[u8; 20] { &self.0 }\npub fn xor(&self, x: [u8; 20]) {} }\n\
                impl From<[u8; 20]> for Id { fn from(x: [u8; 20]) -> Self { Self(x) } }\n\
                pub struct Two(u8, [u8; 20]);\nimpl Two { pub fn new(x: [u8; 20]) -> Self { Self(0, x) } }";
    assert_eq!(items(text), ["fn Id::xor", "fn Two::new"]);
}
