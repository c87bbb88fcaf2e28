use bytes::BytesMut;
use ztor_wire::{
    Decoder, ExtendedHandshake, HANDSHAKE_LEN, Handshake, MAX_PIECE_DATA_LEN, Message, PIECE_HEADER_LEN,
    WireError,
};

/// Checks a stream of messages: any cuts give the same messages, and a written message is read as it was.
///
/// The first byte bounds messages, the next two make the cuts, the rest is the stream.
pub fn messages(data: &[u8]) {
    let Some((&[bound, first_cut, step], stream)) = data.split_first_chunk::<3>() else { return };
    let decoder = Decoder::new(usize::from(bound) * 1024);
    let whole = read(decoder.clone(), [stream]);

    let mut cuts = Vec::new();
    let (mut rest, mut cut) = (stream, usize::from(first_cut));
    while !rest.is_empty() {
        let (head, tail) = rest.split_at(cut.clamp(1, rest.len()));
        cuts.push(head);
        rest = tail;
        cut = (cut * 5 + usize::from(step)) % 97;
    }
    let pieces = read(decoder, cuts);
    assert_eq!((&whole.messages, &whole.error), (&pieces.messages, &pieces.error));
    if whole.error.is_none() {
        assert_eq!(whole.left, pieces.left);
    }

    for message in &whole.messages {
        if let Message::Piece { data, .. } = message {
            assert!(data.len() <= MAX_PIECE_DATA_LEN);
        }
        let mut written = Vec::new();
        message.encode(&mut written);
        let again = read(Decoder::new(usize::MAX), [written.as_slice()]);
        assert_eq!(
            (again.messages.as_slice(), again.error, again.left),
            ([message.clone()].as_slice(), None, 0)
        );
        if let Message::Piece { piece, begin, data } = message {
            let header = ztor_wire::piece_header(*piece, *begin, data.len() as u32);
            assert_eq!(written[..PIECE_HEADER_LEN], header);
        }
    }
}

struct Read {
    messages: Vec<Message>,
    error: Option<WireError>,
    left: usize,
}

fn read<'a>(mut decoder: Decoder, parts: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut buf = BytesMut::new();
    let mut messages = Vec::new();
    for part in parts {
        buf.extend_from_slice(part);
        loop {
            match decoder.decode(&mut buf) {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(error) => return Read { messages, error: Some(error), left: buf.len() },
            }
        }
    }
    Read { messages, error: None, left: buf.len() }
}

/// Checks the handshake, and the extended handshake of BEP 10.
pub fn handshake(data: &[u8]) {
    match Handshake::decode(data) {
        Ok(Some(handshake)) => {
            assert_eq!(handshake.encode(), data[..HANDSHAKE_LEN]);
            assert_eq!(Handshake::peek_info_hash(data), Ok(Some(handshake.info_hash)));
            crate::assert_plain(&handshake.peer_id.to_string());
        }
        Ok(None) => {
            assert!(data.len() < HANDSHAKE_LEN);
            let known = Handshake::peek_info_hash(data).expect("a good prefix").is_some();
            assert_eq!(known, data.len() >= 48);
        }
        Err(WireError::NotBitTorrent { offset, found, .. }) => assert_eq!(data[offset], found),
        Err(error) => panic!("no error of a handshake: {error}"),
    }
    let Ok(hello) = ExtendedHandshake::decode(data) else { return };
    if let Some(client) = &hello.client {
        crate::assert_plain(client);
        assert!(!client.is_empty() && client.chars().count() <= 64);
    }
    assert!(hello.port != Some(0));
    let written = hello.encode();
    let again = ExtendedHandshake::decode(&written).expect("what we write can be read");
    // Extensions that are named twice are written once.
    let rest = |hello: &ExtendedHandshake| ExtendedHandshake { messages: Vec::new(), ..hello.clone() };
    assert_eq!(rest(&again), rest(&hello));
    assert_eq!(again.encode(), written);
}
