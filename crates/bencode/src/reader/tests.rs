#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]
use proptest::prelude::*;

use super::*;
use crate::{Encoder, decode_prefix};

/// Reads all tokens and encodes them again.
fn copy<R: Read>(mut reader: Reader<R>) -> Result<(Vec<u8>, usize), ReadError> {
    let mut encoder = Encoder::new(Vec::new());
    while let Some(token) = reader.next_token()? {
        match token {
            Token::Int(value) => encoder.int(value),
            Token::Bytes(bytes) => encoder.bytes(&bytes),
            Token::Key(key) => encoder.key(&key),
            Token::BeginList => encoder.begin_list(),
            Token::BeginDict => encoder.begin_dict(),
            Token::End => encoder.end(),
        }
        .unwrap();
    }
    assert!(reader.next_token().unwrap().is_none());
    Ok((encoder.finish().unwrap(), reader.offset()))
}

#[test]
fn reader_leaves_the_bytes_after_the_value() {
    let mut reader = Reader::new(&b"d1:ali-5e0:eerest"[..]);
    while reader.next_token().unwrap().is_some() {}
    assert_eq!(reader.into_inner(), b"rest");
}

#[test]
fn string_beyond_the_input_or_the_limit_is_an_error() {
    let mut reader = Reader::new(&b"60000000:abc"[..]);
    assert!(matches!(
        reader.next_token(),
        Err(ReadError::Malformed(Error { offset: 12, kind: ErrorKind::End { .. } }))
    ));
    let mut reader = Reader::with(&b"11:hello world"[..], Mode::Strict, Limits::default(), 10);
    assert!(matches!(
        reader.next_token(),
        Err(ReadError::Malformed(Error { kind: ErrorKind::StringTooLong { len: 11, left: 10 }, .. }))
    ));
    assert!(reader.next_token().is_err(), "no token after an error");
}

#[test]
fn sign_of_an_integer_does_not_count_as_a_digit() {
    let number = |digits: usize| format!("i-{}1e", "0".repeat(digits - 1));
    for (digits, is_taken) in [(MAX_INT_DIGITS, true), (MAX_INT_DIGITS + 1, false)] {
        let text = number(digits);
        let mut reader = Reader::with(text.as_bytes(), Mode::Lenient, Limits::default(), 9);
        assert_eq!(reader.next_token().is_ok(), is_taken, "{digits} digits");
        assert_eq!(crate::decode_with(text.as_bytes(), Mode::Lenient, Limits::default()).is_ok(), is_taken);
    }
}

#[test]
fn nesting_or_tokens_beyond_the_limit_are_an_error() {
    let deep = [b'l'; 300];
    let mut reader = Reader::with(&deep[..], Mode::Strict, Limits { depth: 1000, tokens: 1000 }, 10);
    let error = loop {
        match reader.next_token() {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.to_string(), "byte 256: found nesting deeper than 256");
    let mut reader = Reader::with(&b"l0:0:e"[..], Mode::Strict, Limits { depth: 9, tokens: 2 }, 10);
    assert!(reader.next_token().is_ok() && reader.next_token().is_ok() && reader.next_token().is_err());
}

#[test]
fn failing_source_is_an_io_error() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let mut reader = Reader::new((&b"l"[..]).chain(Broken));
    reader.next_token().unwrap();
    assert_eq!(reader.next_token().unwrap_err().to_string(), "cannot read at byte 1: gone");
}

#[test]
fn next_token_of_a_container_with_as_many_values_as_allowed_reads_its_end() {
    let read = |input: &'static [u8]| {
        let limits = Limits { depth: 10, tokens: 3 };
        copy(Reader::with(input, Mode::Strict, limits, 1 << 20)).map(|(copied, _)| copied)
    };
    assert_eq!(read(b"li1ei2ee").unwrap(), b"li1ei2ee");
    let error = read(b"li1ei2ei3ee").unwrap_err();
    assert!(
        matches!(&error, ReadError::Malformed(Error { offset: 7, kind: ErrorKind::TooMany { max: 3 } })),
        "{error}"
    );
}

proptest! {
    #[test]
    fn reader_of_any_bytes_agrees_with_the_decoder(bytes in prop::collection::vec(
        prop_oneof![4 => prop::sample::select(&b"ilde:-0123"[..]), 1 => any::<u8>()], 0..60),
        tokens in prop_oneof![1..6_usize, Just(1000)],
    ) {
        let limits = Limits { depth: 10, tokens };
        let whole = decode_prefix(&bytes, Mode::Strict, limits);
        let streamed = copy(Reader::with(&bytes[..], Mode::Strict, limits, 1 << 20));
        match (whole, streamed) {
            (Ok((_, used)), Ok((copied, read))) => {
                prop_assert_eq!(&copied[..], &bytes[..used]);
                prop_assert_eq!(read, used);
            }
            (Err(_), Err(_)) => {}
            // Only the integers differ: the reader's must fit 64 bits.
            (Ok(_), Err(ReadError::Malformed(e))) => prop_assert_eq!(e.kind, ErrorKind::NumberTooLong { max: 18 }),
            (a, b) => prop_assert!(false, "{:?} {:?}", a.map(|_| ()), b),
        }
    }
}
