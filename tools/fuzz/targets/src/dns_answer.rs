use ztor_tracker::dns::{RecordKind, TrackerPorts, decode_addresses, decode_answer, encode_query};

/// Checks an answer of a name server, to the query with the id of its first bytes.
pub fn dns_answer(data: &[u8]) {
    let Some(id) = data.first_chunk().map(|id| u16::from_be_bytes(*id)) else { return };
    if let Ok(texts) = decode_answer(id, data) {
        assert!(texts.len() <= 64);
        assert!(texts.iter().map(String::len).sum::<usize>() <= data.len() * 3);
        for text in texts {
            let _ = TrackerPorts::of_text(&text);
            assert!(
                encode_query(id, &text, RecordKind::Txt).is_none_or(|query| query.len() <= 18 + text.len())
            );
        }
    }
    assert!(decode_answer(!id, data).is_err());
    for (kind, len) in [(RecordKind::A, 4), (RecordKind::Aaaa, 16)] {
        if let Ok(addrs) = decode_addresses(id, data, kind) {
            assert!(addrs.len() <= 64 && addrs.len() * len <= data.len());
            assert!(addrs.iter().all(|ip| ip.is_ipv4() == (len == 4)));
        }
    }
}
