//! Announces and messages of torrents of which only a part is wanted.

use super::*;
use ztor_wire::{ExtendedHandshake, LT_DONTHAVE, UPLOAD_ONLY, encode_dont_have, encode_upload_only};

const TRACKER: &str = "http://tracker.example/announce";

/// Returns an engine with a torrent of eight pieces and a tracker. The first `wanted` pieces are wanted, and we have
/// the first `have`.
fn partial(wanted: usize, have: u32) -> (Rig, TorrentId) {
    let mut meta = Metainfo::clone(&torrent(&noise(SCRIPTED_LEN), 32768));
    meta.trackers = vec![vec![TRACKER.to_owned()]];
    let priorities = (0..8).map(|n| if n < wanted { Priority::Normal } else { Priority::Skip }).collect();
    let add = AddTorrent { priorities: Some(priorities), ..AddTorrent::new(Arc::new(meta)) };
    let mut rig = Rig::new(Instant::from_micros(1), Config::new(PeerId::from_random([0; 12]), 6881), 1);
    let id = rig.add(&add);
    let mut on_disk = Bitfield::new(8);
    for piece in 0..have {
        on_disk.insert(piece);
    }
    rig.disk(id, DiskEvent::Checked { have: on_disk });
    rig.settle();
    rig.answer_lookups([192, 0, 2, 1].into());
    (rig, id)
}

/// Takes the pending announces. Returns the value of this parameter in each.
fn announced(rig: &mut Rig, parameter: &str) -> Vec<Option<String>> {
    let value = |get: HttpGet| {
        let query = get.url.split_once('?')?.1.to_owned();
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.filter(|(name, _)| *name == parameter).map(|(_, value)| value.to_owned()).next()
    };
    rig.out.https.drain(..).map(value).collect()
}

fn answer(rig: &mut Rig, id: RequestId) {
    let body = b"d8:intervali60e5:peers0:e".to_vec();
    rig.handle(Event::Http { id, from: None, result: Ok((200, body)) });
    rig.settle();
}

#[test]
fn left_counts_pieces_that_are_not_wanted() {
    for (wanted, have, left) in [(4, 4, SCRIPTED_LEN - 4 * 32768), (8, 8, 0), (4, 0, SCRIPTED_LEN)] {
        let (mut rig, id) = partial(wanted, have);
        assert_eq!(announced(&mut rig, "left"), [Some(left.to_string())], "{wanted} wanted, {have} there");
        let status = rig.engine.status(rig.now)[0].clone();
        assert_eq!(status.left_bytes == 0, have >= wanted as u32, "{id:?}");
    }
}

#[test]
fn completed_is_sent_for_the_whole_torrent_only() {
    for (wanted, completed) in [(4, false), (8, true)] {
        let (mut rig, id) = partial(wanted, wanted as u32 - 1);
        let started = rig.out.https[0].id;
        assert_eq!(announced(&mut rig, "event"), [Some("started".to_owned())]);
        answer(&mut rig, started);
        rig.disk(id, DiskEvent::PieceOk { piece: wanted as u32 - 1, digests: Vec::new() });
        rig.settle();
        assert!(rig.out.events.contains(&TorrentEvent::Finished { torrent: id }));
        let events = announced(&mut rig, "event");
        assert_eq!(events.contains(&Some("completed".to_owned())), completed, "{events:?}");
    }
}

#[test]
fn num_want_of_a_seed_is_bounded_by_free_places() {
    for (have, num_want) in [(0, "100"), (8, "7")] {
        let mut config = Config::new(PeerId::from_random([0; 12]), 6881);
        config.max_peers_per_torrent = 7;
        let mut meta = Metainfo::clone(&torrent(&noise(SCRIPTED_LEN), 32768));
        meta.trackers = vec![vec![TRACKER.to_owned()]];
        let mut rig = Rig::new(Instant::from_micros(1), config, 1);
        let id = rig.add(&AddTorrent::new(Arc::new(meta)));
        let on_disk = if have == 8 { Bitfield::full(8) } else { Bitfield::new(8) };
        rig.disk(id, DiskEvent::Checked { have: on_disk });
        rig.settle();
        rig.answer_lookups([192, 0, 2, 1].into());
        assert_eq!(announced(&mut rig, "numwant"), [Some(num_want.to_owned())]);
    }
}

/// Returns `upload_only` of the last extended handshake among messages of the engine.
fn upload_only(messages: &[Message]) -> Option<bool> {
    let handshakes = messages.iter().filter_map(|message| match message {
        Message::Extended { id: 0, payload } => ExtendedHandshake::decode(payload).ok(),
        _ => None,
    });
    handshakes.map(|hello| hello.upload_only).last()
}

fn says_extended(scripted: &mut Scripted, upload_only: bool) -> Vec<Message> {
    let hello = ExtendedHandshake { upload_only, ..ExtendedHandshake::default() };
    scripted.say(&Message::Extended { id: 0, payload: hello.encode().into() })
}

#[test]
fn finished_torrent_says_upload_only_to_its_peers() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_extended());
    says_extended(&mut scripted, false);
    for piece in 0..8 {
        scripted.rig.disk(scripted.id, DiskEvent::PieceOk { piece, digests: Vec::new() });
    }
    assert_eq!(upload_only(&scripted.settle()), Some(true));
    assert!(scripted.closed().is_none(), "it may still want something");
}

#[test]
fn finished_torrent_closes_a_peer_that_only_uploads() {
    let mut scripted = Scripted::new(true, Reserved::NONE.with_extended());
    says_extended(&mut scripted, true);
    assert_eq!(scripted.closed(), Some("both sides have everything"));
    // An interested peer still wants something.
    let mut scripted = Scripted::new(true, Reserved::NONE.with_extended());
    scripted.say(&Message::Interested);
    says_extended(&mut scripted, true);
    assert!(scripted.closed().is_none());
}

#[test]
fn announces_of_a_partial_seed_are_paused() {
    for (wanted, have, event) in [(4, 4, Some("paused")), (8, 8, None), (8, 4, None)] {
        let (mut rig, _) = partial(wanted, have);
        let started = rig.out.https[0].id;
        assert_eq!(announced(&mut rig, "event"), [Some("started".to_owned())]);
        answer(&mut rig, started);
        rig.now += Duration::from_secs(61);
        rig.settle();
        assert_eq!(announced(&mut rig, "event"), [event.map(str::to_owned)], "{wanted} wanted, {have} there");
    }
}

/// Number that the scripted peer gives to its two extensions.
const THEIR_UPLOAD_ONLY: u8 = 11;
const THEIR_DONTHAVE: u8 = 12;

fn says_extensions(scripted: &mut Scripted) {
    let messages =
        vec![(UPLOAD_ONLY.to_owned(), THEIR_UPLOAD_ONLY), (LT_DONTHAVE.to_owned(), THEIR_DONTHAVE)];
    let hello = ExtendedHandshake { messages, ..ExtendedHandshake::default() };
    scripted.say(&Message::Extended { id: 0, payload: hello.encode().into() });
}

fn extended(id: u8, payload: &[u8]) -> Message {
    Message::Extended { id, payload: payload.to_vec().into() }
}

#[test]
fn finished_torrent_says_upload_only_by_message_to_peers_that_know_it() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_extended());
    says_extensions(&mut scripted);
    for piece in 0..8 {
        scripted.rig.disk(scripted.id, DiskEvent::PieceOk { piece, digests: Vec::new() });
    }
    let said = scripted.settle();
    assert!(said.contains(&extended(THEIR_UPLOAD_ONLY, &[1])), "{said:?}");
    assert_eq!(upload_only(&said), None);
}

#[test]
fn message_upload_only_counts_like_the_handshake_and_can_be_taken_back() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_extended());
    scripted.say(&extended(4, &encode_upload_only(true)));
    scripted.say(&extended(4, &encode_upload_only(false)));
    for piece in 0..8 {
        scripted.rig.disk(scripted.id, DiskEvent::PieceOk { piece, digests: Vec::new() });
    }
    scripted.settle();
    assert_eq!(scripted.closed(), None);
    scripted.say(&extended(4, &encode_upload_only(true)));
    assert_eq!(scripted.closed(), Some("both sides have everything"));
}

/// Returns the pieces that a message says are lost, or have come.
fn changes(said: &[Message]) -> (Vec<u32>, Vec<u32>) {
    let lost = said.iter().filter_map(|message| match message {
        Message::Extended { id: THEIR_DONTHAVE, payload } => ztor_wire::decode_dont_have(payload).ok(),
        _ => None,
    });
    let come = said.iter().filter_map(|message| match message {
        Message::Have { piece } => Some(*piece),
        _ => None,
    });
    (lost.collect(), come.collect())
}

#[test]
fn recheck_keeps_a_peer_that_can_hear_of_lost_pieces_and_closes_others() {
    for knows in [true, false] {
        let mut scripted = Scripted::new(true, Reserved::NONE.with_extended().with_fast());
        if knows {
            says_extensions(&mut scripted);
        }
        scripted.say(&Message::Interested);
        let block = Block { piece: 2, begin: 0, len: 16384 };
        scripted.say(&Message::Request(block));
        scripted.rig.out.blocks.clear();
        scripted.rig.handle(Event::Command(Command::Recheck(scripted.id)));
        let said = scripted.settle();
        assert_eq!(scripted.closed().is_none(), knows);
        if !knows {
            continue;
        }
        assert!(said.contains(&Message::Choke), "{said:?}");
        let said = scripted.say(&Message::Request(block));
        assert!(said.contains(&Message::Reject(block)) && scripted.rig.out.blocks.is_empty());
        let mut have = Bitfield::full(8);
        have.remove(2);
        have.remove(5);
        scripted.rig.disk(scripted.id, DiskEvent::Checked { have });
        let said = scripted.settle();
        assert_eq!(changes(&said), (vec![2, 5], vec![]));
        assert!(said.contains(&extended(THEIR_UPLOAD_ONLY, &[0])), "it wants them back: {said:?}");
        assert!(scripted.closed().is_none());
    }
}

#[test]
fn lost_piece_is_not_requested_any_more_and_its_requests_are_released() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_extended().with_fast());
    scripted.say(&Message::HaveAll);
    let said = scripted.say(&Message::Unchoke);
    let asked: Vec<u32> = said
        .iter()
        .filter_map(|message| match message {
            Message::Request(block) => Some(block.piece),
            _ => None,
        })
        .collect();
    let lost = asked[0];
    let view = |scripted: &Scripted| scripted.rig.engine.inspect(scripted.id).unwrap();
    assert_eq!(view(&scripted).seeds, 1);
    let said = scripted.say(&extended(5, &encode_dont_have(lost)));
    assert!(!said.iter().any(|message| matches!(message, Message::Request(block) if block.piece == lost)));
    let after = view(&scripted);
    assert_eq!((after.seeds, after.availability[lost as usize], after.peers[0].interesting), (0, 0, 7));
    assert!(after.peers[0].asked.iter().all(|(block, is_released)| block.piece != lost || *is_released));
    // It may come back.
    scripted.say(&Message::Have { piece: lost });
    assert_eq!(view(&scripted).seeds, 1);
    // A peer that goes back and forth costs a pass over all pieces each time.
    for _ in 0..8 {
        scripted.say(&extended(5, &encode_dont_have(lost)));
        scripted.say(&Message::Have { piece: lost });
    }
    assert_eq!(scripted.closed(), Some("too many bitfields with few new pieces"));
}
