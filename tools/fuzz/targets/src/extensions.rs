use std::collections::BTreeMap;

use bytes::Bytes;
use ztor_wire::{
    HolepunchMessage, LocalAnnounce, MAX_LOCAL_HASHES, METADATA_BLOCK_LEN, MetadataMessage, PexMessage,
    decode_dont_have, decode_upload_only, encode_dont_have, encode_upload_only,
};

/// Checks messages of `ut_metadata` (BEP 9).
pub fn ut_metadata(data: &[u8]) {
    let Ok(message) = MetadataMessage::decode(&Bytes::copy_from_slice(data)) else { return };
    if let MetadataMessage::Data { data, .. } = &message {
        assert!((1..=METADATA_BLOCK_LEN as usize).contains(&data.len()));
    }
    assert_eq!(MetadataMessage::decode(&message.encode().into()), Ok(message));
}

/// Checks messages of `ut_pex` (BEP 11). Each family has a list of its own on the wire, so that only an IPv4 address
/// written as IPv6 changes its place when it is written again.
pub fn ut_pex(data: &[u8]) {
    let Ok(message) = PexMessage::decode(data) else { return };
    assert!(message.added.len() <= 200 && message.dropped.len() <= 200);
    let written = message.encode();
    let again = PexMessage::decode(&written).expect("what we write can be read");
    let count = |message: &PexMessage| {
        let mut counts = BTreeMap::new();
        let contacts = message.added.iter().map(|(addr, flags)| (*addr, Some(flags.0)));
        for (addr, flags) in contacts.chain(message.dropped.iter().map(|addr| (*addr, None))) {
            let addr = (addr.ip().to_canonical(), addr.port());
            *counts.entry((addr, flags)).or_insert(0) += 1;
        }
        counts
    };
    assert_eq!(count(&again), count(&message));
    assert_eq!(again.encode(), written);
    assert_eq!(message.is_empty(), again.is_empty());
}

/// Checks messages of `ut_holepunch` (BEP 55).
pub fn ut_holepunch(data: &[u8]) {
    let Ok(message) = HolepunchMessage::decode(data) else { return };
    let written = message.encode();
    assert_eq!(HolepunchMessage::decode(&written), Ok(message));
    // Trailing bytes are ignored.
    assert_eq!(HolepunchMessage::decode(&[&written[..], b"x"].concat()), Ok(message));
}

/// Checks messages of `upload_only` (BEP 21) and `lt_donthave` (BEP 54).
pub fn short_extensions(data: &[u8]) {
    assert_eq!(decode_upload_only(data).is_ok(), !data.is_empty());
    if let Ok(upload_only) = decode_upload_only(data) {
        assert_eq!(decode_upload_only(&encode_upload_only(upload_only)), Ok(upload_only));
    }
    assert_eq!(decode_dont_have(data).is_ok(), data.len() >= 4);
    if let Ok(piece) = decode_dont_have(data) {
        assert_eq!(encode_dont_have(piece), data[..4]);
    }
}

/// Checks announces to the local network (BEP 14).
pub fn local_announce(data: &[u8]) {
    let Some(announce) = LocalAnnounce::decode(data) else { return };
    assert!(announce.port != 0 && (1..=MAX_LOCAL_HASHES).contains(&announce.info_hashes.len()));
    let written = announce.encode("239.192.152.143:6771");
    assert_eq!(LocalAnnounce::decode(&written), Some(announce));
}
