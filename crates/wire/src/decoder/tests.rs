#![allow(clippy::unwrap_used, reason = "tests")]

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;

use super::*;

fn decode(bytes: &[u8]) -> Result<Option<Message>, WireError> {
    Decoder::default().decode(&mut BytesMut::from(bytes))
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

fn a_block() -> impl Strategy<Value = Block> {
    any::<(u32, u32, u32)>().prop_map(|(piece, begin, len)| Block { piece, begin, len })
}

fn a_hash_request() -> impl Strategy<Value = HashRequest> {
    any::<([u8; 32], [u32; 4])>().prop_map(|(pieces_root, [base_layer, index, length, proof_layers])| {
        HashRequest { pieces_root, base_layer, index, length, proof_layers }
    })
}

fn some_bytes(max: usize) -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..max).prop_map(Bytes::from)
}

fn a_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        Just(Message::KeepAlive),
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        any::<u32>().prop_map(|piece| Message::Have { piece }),
        some_bytes(300).prop_map(Message::Bitfield),
        a_block().prop_map(Message::Request),
        (any::<(u32, u32)>(), some_bytes(300)).prop_map(|((piece, begin), data)| Message::Piece {
            piece,
            begin,
            data
        }),
        a_block().prop_map(Message::Cancel),
        any::<u16>().prop_map(Message::Port),
        any::<u32>().prop_map(|piece| Message::Suggest { piece }),
        Just(Message::HaveAll),
        Just(Message::HaveNone),
        a_block().prop_map(Message::Reject),
        any::<u32>().prop_map(|piece| Message::AllowedFast { piece }),
        (any::<u8>(), some_bytes(100)).prop_map(|(id, payload)| Message::Extended { id, payload }),
        a_hash_request().prop_map(Message::HashRequest),
        (a_hash_request(), 0..5_usize).prop_map(|(request, count)| Message::Hashes {
            request,
            hashes: Bytes::from(vec![0xab; count * 32])
        }),
        a_hash_request().prop_map(Message::HashReject),
        (24..=255_u8).prop_map(|id| Message::Unknown { id }),
    ]
}

proptest! {
    #[test]
    fn messages_cut_anywhere_are_decoded(
        messages in proptest::collection::vec(a_message(), 0..8), chunk in 1..40_usize
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(encoded).collect();
        let (mut decoder, mut buf, mut seen) = (Decoder::default(), BytesMut::new(), Vec::new());
        for part in stream.chunks(chunk) {
            buf.extend_from_slice(part);
            while let Some(message) = decoder.decode(&mut buf).unwrap() {
                seen.push(message);
            }
        }
        prop_assert_eq!(seen, messages);
        prop_assert!(buf.is_empty());
    }

    #[test]
    fn decode_that_returns_a_message_consumes_bytes(bytes: Vec<u8>, max in 0..100_usize) {
        let (mut decoder, mut buf) = (Decoder::new(max), BytesMut::from(&bytes[..]));
        loop {
            let before = buf.len();
            match decoder.decode(&mut buf) {
                Ok(Some(_)) => prop_assert!(buf.len() < before),
                Ok(None) | Err(_) => break,
            }
        }
    }

    #[test]
    fn decode_of_a_mutated_message_does_not_panic(message in a_message(), at: prop::sample::Index, to: u8) {
        let mut bytes = encoded(&message);
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = decode(&bytes);
    }
}

#[test]
fn invalid_length_is_an_error_once_the_id_is_there() {
    for (bytes, text) in [
        (&[0, 0, 0, 2, 0][..], "choke message of 2 bytes, expected exactly 1"),
        (&[0, 0, 0, 4, 4], "have message of 4 bytes, expected exactly 5"),
        (&[0, 0, 0, 8, 7], "piece message of 8 bytes, expected at least 9"),
        (&[0, 2, 0, 10, 7], "piece message of 131082 bytes, expected at most 131081"),
        (&[0, 16, 0, 1, 5], "bitfield message of 1048577 bytes, expected at most 1048576"),
        (&[255, 255, 255, 255, 99], "unknown message of 4294967295 bytes, expected at most 1048576"),
        (&[0, 0, 0, 1, 20], "extended message of 1 bytes, expected at least 2"),
        (&[0, 0, 0, 50, 22], "hashes message of 50 bytes, expected 49 plus a multiple of 32"),
        (&[0, 0, 0, 5, 9], "port message of 5 bytes, expected exactly 3"),
    ] {
        assert_eq!(decode(bytes).unwrap_err().to_string(), text);
        assert_eq!(decode(&bytes[..4]), Ok(None));
    }
}

#[test]
fn the_largest_block_passes_under_a_small_bound() {
    let data = Bytes::from(vec![7; MAX_PIECE_DATA_LEN]);
    let message = Message::Piece { piece: 1, begin: 2, data };
    let mut buf = BytesMut::from(&encoded(&message)[..]);
    assert_eq!(Decoder::new(64).decode(&mut buf), Ok(Some(message)));
}

#[test]
fn an_unknown_message_is_skipped_whole() {
    let mut buf = BytesMut::from(&[0, 0, 0, 4, 200, 1, 2, 3, 0, 0, 0, 1, 1][..]);
    let mut decoder = Decoder::default();
    assert_eq!(decoder.decode(&mut buf), Ok(Some(Message::Unknown { id: 200 })));
    assert_eq!(decoder.decode(&mut buf), Ok(Some(Message::Unchoke)));
}

#[test]
fn payloads_are_not_copied() {
    let mut buf = BytesMut::from(&encoded(&Message::Bitfield(Bytes::from_static(&[1, 2, 3])))[..]);
    let at = buf[5..].as_ptr();
    let Ok(Some(Message::Bitfield(bits))) = Decoder::default().decode(&mut buf) else { unreachable!() };
    assert_eq!(bits.as_ptr(), at);
}

#[test]
fn the_piece_header_is_what_encode_writes() {
    let whole = encoded(&Message::Piece { piece: 3, begin: 0x4000, data: Bytes::from_static(b"data") });
    assert_eq!(whole[..13], crate::piece_header(3, 0x4000, 4));
    assert_eq!(&whole[13..], b"data");
}
