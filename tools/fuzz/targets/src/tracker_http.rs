use std::collections::BTreeSet;
use ztor_base::{SwarmId, addr::is_dialable};

use ztor_tracker::http::{
    PeerForm, encode_announce, encode_scrape, parse_announce, parse_response, parse_scrape,
};
use ztor_tracker::{AnnounceReply, MAX_PEERS, TrackerError};

/// Checks a tracker's body, as the answer to an announce and to a scrape.
pub fn tracker_http(data: &[u8]) {
    for status in [200, 500] {
        if let Err(error) = parse_response(status, data) {
            check_error(&error);
        }
    }
    match parse_announce(data) {
        Ok(reply) => {
            check_reply(&reply);
            round_trip(&reply);
        }
        Err(error) => check_error(&error),
    }
    let hash = |at: usize| {
        data.get(at..at + 20).and_then(|hash| hash.try_into().ok()).unwrap_or(SwarmId::new([at as u8; 20]))
    };
    // A body of one swarm begins `d5:filesd20:`.
    let hashes = [hash(12), hash(40)];
    match parse_scrape(data, &hashes) {
        Ok(entries) => {
            assert_eq!(entries.len(), hashes.len());
            let body = encode_scrape(&[(hashes[0], entries[0]), (hashes[1], entries[1])]);
            if hashes[0] != hashes[1] {
                assert_eq!(parse_scrape(&body, &hashes).as_deref(), Ok(entries.as_slice()));
            }
        }
        Err(error) => check_error(&error),
    }
}

fn check_reply(reply: &AnnounceReply) {
    assert!(reply.interval_s > 0 && reply.min_interval_s != Some(0));
    assert!(reply.peers.len() <= MAX_PEERS);
    let distinct: BTreeSet<_> = reply.peers.iter().map(|peer| peer.addr).collect();
    assert_eq!(distinct.len(), reply.peers.len());
    assert!(distinct.into_iter().all(is_dialable));
    reply.warning.iter().for_each(|warning| crate::assert_plain(warning));
}

/// Checks that a reply is the same after it is written in any form.
fn round_trip(reply: &AnnounceReply) {
    for form in [PeerForm::Compact, PeerForm::Dictionaries, PeerForm::WithoutIds] {
        let again = parse_announce(&encode_announce(reply, form)).expect("what we write can be read");
        let key = |reply: &AnnounceReply| {
            let mut peers: Vec<_> = reply.peers.iter().map(|p| (p.addr, p.peer_id)).collect();
            if form != PeerForm::Dictionaries {
                peers.iter_mut().for_each(|(_, id)| *id = None);
            }
            peers.sort();
            (AnnounceReply { peers: Vec::new(), ..reply.clone() }, peers)
        };
        assert_eq!(key(&again), key(reply));
    }
}

fn check_error(error: &TrackerError) {
    let text = error.to_string();
    crate::assert_plain(&text);
    assert!(text.chars().count() <= 600, "an error of {} characters", text.chars().count());
}
