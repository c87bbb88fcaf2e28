use ztor_tracker::dns::{TrackerPorts, decode_answer, encode_query};

/// Checks an answer of a name server, to the query with the id of its first bytes.
pub fn dns_answer(data: &[u8]) {
    let Some(id) = data.first_chunk().map(|id| u16::from_be_bytes(*id)) else { return };
    if let Ok(texts) = decode_answer(id, data) {
        assert!(texts.len() <= 64);
        assert!(texts.iter().map(String::len).sum::<usize>() <= data.len() * 3);
        for text in texts {
            let _ = TrackerPorts::of_text(&text);
            assert!(encode_query(id, &text).is_none_or(|query| query.len() <= 18 + text.len()));
        }
    }
    assert!(decode_answer(!id, data).is_err());
}
