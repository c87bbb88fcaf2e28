use ztor_bencode::{
    Document, Encoder, ErrorKind, Kind, Limits, Mode, ReadError, Reader, Token, Tree, Value, decode,
    decode_prefix, decode_with,
};

/// Checks both modes of the decoder, the streaming reader against them, and both encoders.
pub fn bencode(data: &[u8]) {
    let limits = Limits { depth: 100, tokens: 10_000 };
    for mode in [Mode::Strict, Mode::Lenient] {
        let decoded = decode_prefix(data, mode, limits);
        if let Ok((document, used)) = &decoded {
            check_spans(document, data, *used);
            check_tree(document, mode);
        }
        match &decoded {
            Err(error) => assert!(error.offset <= data.len(), "{error} lies outside {} bytes", data.len()),
            Ok((_, used)) => assert_eq!(
                decode_with(data, mode, limits).is_ok(),
                mode == Mode::Lenient || *used == data.len(),
                "only the strict mode refuses trailing bytes"
            ),
        }
        check_reader(data, mode, limits, decoded.as_ref().map(|(document, used)| (document, *used)).ok());
    }
}

/// Checks that spans nest, follow each other, and start and end with the root.
fn check_spans(document: &Document<'_>, data: &[u8], used: usize) {
    let root = document.root();
    assert_eq!(root.span(), 0..used);
    let mut rest = vec![root];
    while let Some(value) = rest.pop() {
        let span = value.span();
        assert_eq!(value.raw(), &data[span.clone()]);
        let mut at = span.start + 1;
        let mut inside = |child: Value<'_>| {
            let child = child.span();
            assert!(at <= child.start && child.end < span.end, "{child:?} in {span:?}");
            at = child.end;
        };
        match value.kind() {
            Kind::Int => drop((value.as_int(), value.as_uint())),
            Kind::Bytes => assert!(value.raw().ends_with(value.as_bytes().unwrap())),
            Kind::List => value.items().for_each(&mut inside),
            Kind::Dict => value.entries().for_each(|(_, value)| inside(value)),
        }
        for (key, _) in value.entries().take(8) {
            let first = value.entries().find(|(k, _)| *k == key).unwrap().1;
            assert_eq!(value.get(key).unwrap().span(), first.span(), "of equal keys the first counts");
        }
        rest.extend(value.items().chain(value.entries().map(|(_, value)| value)));
    }
}

/// Checks that a decoded value is written canonically, and after a strict decoding as it was.
fn check_tree(document: &Document<'_>, mode: Mode) {
    let root = document.root();
    let tree = Tree::from(root);
    let written = tree.to_vec();
    if mode == Mode::Strict && !has_huge_int(root) {
        assert_eq!(written, root.raw(), "canonical bytes have one encoding");
    }
    let again = decode(&written).expect("what is written is strict");
    assert_eq!(Tree::from(again.root()), tree);

    let mut encoder = Encoder::new(Vec::new());
    encode(&tree, &mut encoder).expect("sorted keys");
    assert_eq!(encoder.finish().expect("a whole value"), written);
}

fn has_huge_int(value: Value<'_>) -> bool {
    let huge = value.kind() == Kind::Int && value.as_int().is_none();
    huge || value.items().chain(value.entries().map(|(_, v)| v)).any(has_huge_int)
}

fn encode(tree: &Tree, out: &mut Encoder<Vec<u8>>) -> std::io::Result<()> {
    match tree {
        Tree::Int(value) => drop(out.int(*value)?),
        Tree::Bytes(bytes) => drop(out.bytes(bytes)?),
        Tree::List(items) => {
            out.begin_list()?;
            items.iter().try_for_each(|item| encode(item, out))?;
            out.end()?;
        }
        Tree::Dict(entries) => {
            out.begin_dict()?;
            for (key, value) in entries {
                out.key(key)?;
                encode(value, out)?;
            }
            out.end()?;
        }
    }
    Ok(())
}

/// Checks that the reader accepts what the decoder accepts, stops at the same place, and gives the same tokens.
fn check_reader(data: &[u8], mode: Mode, limits: Limits, decoded: Option<(&Document<'_>, usize)>) {
    let mut reader = Reader::with(
        data,
        mode,
        Limits { tokens: usize::MAX, ..limits },
        Reader::<&[u8]>::DEFAULT_MAX_STRING,
    );
    let mut tokens = Vec::new();
    let error = loop {
        match reader.next_token() {
            Ok(Some(token)) => tokens.push(token),
            Ok(None) => break None,
            Err(error) => break Some(error),
        }
        assert!(tokens.len() <= data.len() + 1, "more tokens than bytes");
    };
    let offset = reader.offset();
    match (error, decoded) {
        (None, Some((document, used))) => {
            assert_eq!(offset, used);
            let mut expected = Vec::new();
            flatten(document.root(), &mut expected);
            assert_eq!(tokens, expected);
        }
        // The reader gives integers as `i64`; the decoder leaves them as digits.
        (Some(ReadError::Malformed(error)), Some((document, _))) => {
            let too_long = matches!(error.kind, ErrorKind::NumberTooLong { .. });
            assert!(too_long && has_huge_int(document.root()), "only the reader refuses: {error}");
        }
        (Some(ReadError::Io { source, .. }), _) => panic!("a slice cannot fail: {source}"),
        (Some(ReadError::Malformed(_)), None) => {}
        (Some(_), _) => {}
        (None, None) => {
            let tokens = decode_prefix(data, mode, Limits { tokens: usize::MAX, ..limits });
            assert!(tokens.is_ok(), "only the decoder refuses: {:?}", tokens.err());
        }
    }
}

fn flatten(value: Value<'_>, out: &mut Vec<Token>) {
    match value.kind() {
        Kind::Int => out.push(Token::Int(value.as_int().unwrap_or_default())),
        Kind::Bytes => out.push(Token::Bytes(value.as_bytes().unwrap().to_vec())),
        Kind::List => {
            out.push(Token::BeginList);
            value.items().for_each(|item| flatten(item, out));
            out.push(Token::End);
        }
        Kind::Dict => {
            out.push(Token::BeginDict);
            for (key, value) in value.entries() {
                out.push(Token::Key(key.to_vec()));
                flatten(value, out);
            }
            out.push(Token::End);
        }
    }
}
