#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;
use crate::{Tree, Value};

fn kind_of(input: &[u8]) -> ErrorKind {
    decode(input).unwrap_err().kind
}

fn lenient(input: &[u8]) -> Result<Document<'_>, Error> {
    decode_with(input, Mode::Lenient, Limits::default())
}

#[test]
fn decode_of_nested_values_gives_contents_and_spans() {
    let input = b"d3:agei-7e4:listl0:i18446744073709551615eli0eee4:spam4:eggse";
    let doc = decode(input).unwrap();
    let root = doc.root();
    assert_eq!(root.kind(), Kind::Dict);
    assert_eq!(root.span(), 0..input.len());
    assert_eq!(root.get(b"age").unwrap().as_int(), Some(-7));
    assert_eq!(root.get(b"age").unwrap().as_uint(), None);
    assert_eq!(root.get(b"age").unwrap().raw(), b"i-7e");
    assert_eq!(root.get(b"spam").unwrap().as_str(), Some("eggs"));
    assert_eq!(root.get(b"spam").unwrap().raw(), b"4:eggs");
    assert!(root.get(b"absent").is_none());
    let items: Vec<Value<'_>> = root.get(b"list").unwrap().items().collect();
    assert_eq!(items.len(), 3);
    assert_eq!(items[0].as_bytes(), Some(&b""[..]));
    assert_eq!((items[1].as_uint(), items[1].as_int()), (Some(u64::MAX), None));
    assert_eq!(items[2].items().next().unwrap().as_int(), Some(0));
    assert_eq!(root.items().count() + items[0].items().count() + items[1].entries().count(), 0);
    assert_eq!(
        format!("{root:?}"),
        r#"{"age": -7, "list": ["", 18446744073709551615, [0]], "spam": "eggs"}"#
    );
}

#[test]
fn decode_of_invalid_bencoding_names_the_error() {
    assert_eq!(kind_of(b""), ErrorKind::End { expected: "a value" });
    assert_eq!(kind_of(b"e"), ErrorKind::Unexpected { found: b'e', expected: "a value" });
    assert_eq!(kind_of(b"x"), ErrorKind::Unexpected { found: b'x', expected: "a value" });
    assert_eq!(kind_of(b"l"), ErrorKind::End { expected: "a list item or `e`" });
    assert_eq!(
        kind_of(b"d1:ae"),
        ErrorKind::Unexpected { found: b'e', expected: "the value of a dictionary key" }
    );
    assert_eq!(
        kind_of(b"di1ei2ee"),
        ErrorKind::Unexpected { found: b'i', expected: "a dictionary key or `e`" }
    );
    assert_eq!(kind_of(b"ie"), ErrorKind::Unexpected { found: b'e', expected: "a digit" });
    assert_eq!(kind_of(b"i-e"), ErrorKind::Unexpected { found: b'e', expected: "a digit" });
    assert_eq!(kind_of(b"i1-2e"), ErrorKind::Unexpected { found: b'-', expected: "a digit or `e`" });
    assert_eq!(kind_of(b"i12"), ErrorKind::End { expected: "a digit or `e`" });
    assert_eq!(kind_of(b"5:abcd"), ErrorKind::StringTooLong { len: 5, left: 4 });
    assert_eq!(
        kind_of(b"9999999999999999999:"),
        ErrorKind::StringTooLong { len: 9_999_999_999_999_999_999, left: 0 }
    );
    assert_eq!(kind_of(b"99999999999999999999:"), ErrorKind::NumberTooLong { max: 19 });
    let error = decode(b"l4:spam?e").unwrap_err();
    assert_eq!(error.to_string(), "byte 7: found `?`, expected a list item or `e`");
}

#[test]
fn deviations_are_accepted_in_lenient_mode_only() {
    for (input, kind) in [
        (&b"d1:b0:1:a0:e"[..], ErrorKind::KeyOrder),
        (b"d1:a0:1:a1:xe", ErrorKind::KeyTwice),
        (b"i03e", ErrorKind::NotCanonical),
        (b"i-0e", ErrorKind::NotCanonical),
        (b"i-03e", ErrorKind::NotCanonical),
        (b"03:abc", ErrorKind::NotCanonical),
        (b"i1ex", ErrorKind::Trailing),
    ] {
        assert_eq!(kind_of(input), kind, "{}", input.escape_ascii());
        assert!(lenient(input).is_ok(), "{}", input.escape_ascii());
    }
    let doc = lenient(b"d1:b0:1:ai-0e1:a1:xe").unwrap();
    assert_eq!(doc.root().get(b"a").unwrap().as_uint(), Some(0), "the first of two wins");
    assert_eq!(Tree::from(doc.root()).to_vec(), b"d1:ai0e1:b0:e");
    assert_eq!(lenient(b"i-03e").unwrap().root().as_int(), Some(-3));
    assert_eq!(lenient(b"03:abc").unwrap().root().as_bytes(), Some(&b"abc"[..]));
}

#[test]
fn decode_beyond_the_depth_or_token_limit_is_an_error() {
    let nested = |depth: usize| [vec![b'l'; depth], vec![b'e'; depth]].concat();
    assert!(decode(&nested(100)).is_ok());
    assert_eq!(kind_of(&nested(101)), ErrorKind::TooDeep { max: 100 });
    let generous = Limits { depth: usize::MAX, tokens: 10 };
    let error =
        decode_with(&nested(1_000_000), Mode::Strict, Limits { tokens: 1000, ..generous }).unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooDeep { max: Limits::MAX_DEPTH });
    let error = decode_with(b"l0:0:0:0:0:0:0:0:0:0:e", Mode::Strict, generous).unwrap_err();
    assert_eq!(error, Error { offset: 19, kind: ErrorKind::TooMany { max: 10 } });
}

#[test]
fn decode_prefix_leaves_the_bytes_after_the_value() {
    let (doc, used) = decode_prefix(b"d8:msg_typei1eeDATA", Mode::Strict, Limits::default()).unwrap();
    assert_eq!((doc.root().raw().len(), used), (15, 15));
}

fn tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![any::<i64>().prop_map(Tree::Int), any::<Vec<u8>>().prop_map(Tree::Bytes)];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Tree::List),
            prop::collection::btree_map(any::<Vec<u8>>(), inner, 0..8).prop_map(Tree::Dict),
        ]
    })
}

/// Reads every value, and checks that children lie inside their parent's span, in order.
fn walk(value: Value<'_>) {
    let mut at = value.span().start;
    let mut inside = |child: Value<'_>| {
        assert!(child.span().start > at && child.span().end < value.span().end);
        at = child.span().end - 1;
        walk(child);
    };
    value.items().for_each(&mut inside);
    value.entries().for_each(|(_, child)| inside(child));
    let _ = (value.as_int(), value.as_uint(), value.as_str(), Tree::from(value));
}

proptest! {
    #[test]
    fn encoded_tree_decodes_to_the_same_tree(tree in tree()) {
        let bytes = tree.to_vec();
        let doc = decode(&bytes).unwrap();
        prop_assert_eq!(doc.root().raw(), &bytes[..]);
        prop_assert_eq!(Tree::from(doc.root()), tree);
        walk(doc.root());
    }

    #[test]
    fn decode_of_a_truncated_tree_is_an_error(tree in tree(), cut in any::<prop::sample::Index>()) {
        let bytes = tree.to_vec();
        prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
    }

    #[test]
    fn any_bytes_end_in_a_value_or_an_error(bytes in prop::collection::vec(
        prop_oneof![prop::sample::select(&b"ilde:-0123456789"[..]), any::<u8>()], 0..200)) {
        for mode in [Mode::Strict, Mode::Lenient] {
            if let Ok((doc, used)) = decode_prefix(&bytes, mode, Limits::default()) {
                prop_assert_eq!(doc.root().span(), 0..used);
                walk(doc.root());
            }
        }
    }

    #[test]
    fn decode_after_a_changed_byte_does_not_panic(
        tree in tree(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = tree.to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(doc) = decode(&bytes) {
            walk(doc.root());
            prop_assert_eq!(Tree::from(doc.root()).to_vec().len() <= bytes.len() + 20, true);
        }
        if let Ok(doc) = lenient(&bytes) {
            walk(doc.root());
        }
    }
}
