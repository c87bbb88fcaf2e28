//! A seed that hides its pieces (BEP 16).

use super::*;
use std::collections::BTreeSet;

const FAST: Reserved = Reserved::NONE.with_extended().with_fast();

/// Returns an engine that hides the eight pieces of its torrent, and a peer that has sent its handshake and no pieces.
fn hiding() -> (Scripted, Vec<Message>) {
    let mut scripted = Scripted::new(true, FAST);
    let id = scripted.id;
    scripted.rig.handle(Event::Command(Command::SetSuperSeeding { torrent: id, super_seeding: true }));
    assert_eq!(scripted.closed(), Some("super-seeding starts, and the peer knows our pieces"));
    scripted.rig.out.closes.clear();
    scripted.settle();
    let said = call(&mut scripted, 98);
    (scripted, said)
}

/// Makes another peer call, which becomes the scripted one. Returns what it is told.
fn call(scripted: &mut Scripted, number: u8) -> Vec<Message> {
    scripted.key = scripted.rig.engine.accept(scripted.rig.now, addr(number), Transport::Tcp).unwrap();
    scripted.far_end = FarEnd::default();
    let info_hash = scripted.meta.info_hashes.swarm_id();
    let hello = Handshake { reserved: FAST, info_hash, peer_id: PeerId::new([number; 20]) };
    let mut said = scripted.say_raw(&hello.encode());
    said.extend(scripted.say(&Message::HaveNone));
    said.extend(scripted.say(&Message::Interested));
    said
}

fn offered(said: &[Message]) -> Vec<u32> {
    let piece = |message: &Message| if let Message::Have { piece } = message { Some(*piece) } else { None };
    said.iter().filter_map(piece).collect()
}

#[test]
fn only_peer_of_a_hiding_seed_is_offered_all_pieces_and_may_request_only_those() {
    let (mut scripted, said) = hiding();
    assert!(said.contains(&Message::HaveNone) && said.contains(&Message::Unchoke), "{said:?}");
    assert!(!said.contains(&Message::HaveAll));
    assert_eq!(offered(&said).into_iter().collect::<BTreeSet<_>>(), (0..8).collect());
    let said = scripted.say(&Message::Request(Block { piece: 3, begin: 0, len: 16384 }));
    assert_eq!((scripted.rig.out.blocks.len(), said.len()), (1, 0));
}

#[test]
fn several_peers_are_offered_different_pieces_and_the_next_one_once_it_has_spread() {
    let (mut scripted, _) = hiding();
    // The first is alone and gets all. So look at the second and the third.
    scripted.rig.handle(Event::Closed { peer: scripted.key, cause: CloseCause::Remote });
    scripted.settle();
    let id = scripted.id;
    scripted.rig.handle(Event::Command(Command::SetSuperSeeding { torrent: id, super_seeding: false }));
    scripted.settle();
    // Two peers wait before it starts, so that none is alone.
    let mut rig = scripted.rig;
    rig.handle(Event::Command(Command::SetSuperSeeding { torrent: id, super_seeding: true }));
    rig.settle();
    rig.out.bytes.clear();
    let mut ends: Vec<(PeerKey, FarEnd)> = Vec::new();
    let info_hash = scripted.meta.info_hashes.swarm_id();
    for number in [50, 51] {
        let key = rig.engine.accept(rig.now, addr(number), Transport::Tcp).unwrap();
        let mut end = FarEnd::default();
        let hello = Handshake { reserved: FAST, info_hash, peer_id: PeerId::new([number; 20]) };
        let bytes = [&hello.encode()[..], &encode(&[Message::HaveNone, Message::Interested])].concat();
        rig.give(key, &mut end, &bytes);
        ends.push((key, end));
    }
    let turn = |rig: &mut Rig, ends: &mut Vec<(PeerKey, FarEnd)>| -> Vec<Vec<u32>> {
        rig.settle();
        let bytes = std::mem::take(&mut rig.out.bytes);
        let sends: Vec<_> = rig.out.sends.drain(..).collect();
        let of = |(key, end): &mut (PeerKey, FarEnd)| {
            let mine = sends.iter().filter(|send| send.peer == *key);
            let mine: Vec<u8> = mine.flat_map(|send| bytes[send.range.clone()].to_vec()).collect();
            offered(&end.heard.take(&mine).unwrap())
        };
        ends.iter_mut().map(of).collect()
    };
    let first = turn(&mut rig, &mut ends);
    assert_eq!(first.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
    let all: BTreeSet<u32> = first.iter().flatten().copied().collect();
    assert_eq!(all.len(), 4, "no piece is offered twice: {first:?}");
    // It has a piece, which no other peer has yet.
    let say = |rig: &mut Rig, ends: &mut Vec<(PeerKey, FarEnd)>, at: usize, piece| {
        let (key, end) = &mut ends[at];
        let key = *key;
        rig.give(key, end, &encode(&[Message::Have { piece }]));
    };
    say(&mut rig, &mut ends, 0, first[0][0]);
    assert_eq!(turn(&mut rig, &mut ends), [vec![], vec![]]);
    // The other one has it now.
    say(&mut rig, &mut ends, 1, first[0][0]);
    let second = turn(&mut rig, &mut ends);
    assert_eq!((second[0].len(), second[1].len()), (1, 0));
    assert!(!all.contains(&second[0][0]));
    // Nothing moves for a minute: offers are closed, and others are made.
    rig.now += Duration::from_secs(61);
    let third = turn(&mut rig, &mut ends);
    assert!(third.iter().all(|offers| offers.len() == 2), "{third:?}");
    // A seed comes: nothing is hidden any more.
    let seed = rig.engine.accept(rig.now, addr(52), Transport::Tcp).unwrap();
    let hello = Handshake { reserved: FAST, info_hash, peer_id: PeerId::new([52; 20]) };
    let bytes = [&hello.encode()[..], &encode(&[Message::HaveAll])].concat();
    rig.give(seed, &mut FarEnd::default(), &bytes);
    let last = turn(&mut rig, &mut ends);
    for (at, end) in last.iter().enumerate() {
        let mut known: BTreeSet<u32> =
            [&first, &second, &third].into_iter().flat_map(|turn| turn[at].clone()).collect();
        known.extend(end);
        known.insert(first[0][0]);
        assert_eq!(known, (0..8).collect(), "peer {at}");
    }
}

#[test]
fn request_for_a_hidden_piece_is_rejected() {
    let (mut scripted, said) = hiding();
    assert_eq!(offered(&said).len(), 8);
    // A second peer: the seed has offered all pieces to the first, so that none is left for now.
    let said = call(&mut scripted, 97);
    assert_eq!(offered(&said), [0; 0], "{said:?}");
    let block = Block { piece: 3, begin: 0, len: 16384 };
    let said = scripted.say(&Message::Request(block));
    assert!(said.contains(&Message::Reject(block)), "{said:?}");
    assert!(scripted.rig.out.blocks.is_empty());
}

#[test]
fn swarm_of_a_hiding_seed_completes() {
    let (mut world, data) = World::new(40 * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(400_000));
    let torrent = world.nodes[seed].id;
    world.nodes[seed].rig.handle(Event::Command(Command::SetSuperSeeding { torrent, super_seeding: true }));
    let all: Vec<usize> = (1..=5).collect();
    for n in &all {
        let peers: Vec<usize> = (0..*n).collect();
        world.add(None, &peers, |_| {});
    }
    world.run(LIMIT, |w| all.iter().all(|n| w.finished(*n)));
    assert!(all.iter().all(|n| world.finished(*n)));
    let blocks = world.nodes[seed].blocks_sent;
    assert!(blocks < 80 * 3 / 2, "{blocks} blocks for a torrent of 80");
}

/// Peers that want the same few pieces and do not know each other: one may have what the other wants, and nobody wants the
/// rest, so that the first copy never ends.
#[test]
fn peers_that_want_few_pieces_of_a_hiding_seed_get_them_although_others_have_them() {
    // At two pieces in five seconds, all of them would take almost two hours.
    const PIECES: usize = 2500;
    let (mut world, data) = World::new(PIECES * 32768, 32768);
    let seed = world.add(Some(&data), &[], |c| c.limit_up = Some(400_000));
    let torrent = world.nodes[seed].id;
    world.nodes[seed].rig.handle(Event::Command(Command::SetSuperSeeding { torrent, super_seeding: true }));
    let all: Vec<usize> = (0..4).map(|_| world.add(None, &[seed], |c| c.peer_exchange = false)).collect();
    for n in &all {
        let torrent = world.nodes[*n].id;
        let wanted = |piece| if (20..32).contains(&piece) { Priority::Normal } else { Priority::Skip };
        let priorities = (0..PIECES).map(wanted).collect();
        world.nodes[*n].rig.handle(Event::Command(Command::SetPriorities { torrent, priorities }));
    }
    world.run(Duration::from_secs(20 * 60), |w| all.iter().all(|n| w.finished(*n)));
    assert!(all.iter().all(|n| world.finished(*n)), "{:#?}", world.describe());
    assert!(world.nodes[seed].blocks_sent >= 4 * 12 * 2, "each has got them from the seed");
}

#[test]
fn piece_read_lately_is_suggested_to_the_next_peer_if_the_settings_say_so() {
    for suggests in [true, false] {
        let meta = torrent(&noise(SCRIPTED_LEN), 32768);
        let mut scripted = Scripted::of(meta, true, FAST, |config| config.suggest_pieces = suggests);
        scripted.say(&Message::HaveNone);
        scripted.say(&Message::Interested);
        scripted.say(&Message::Request(Block { piece: 3, begin: 0, len: 16384 }));
        let said = call(&mut scripted, 97);
        assert_eq!(said.contains(&Message::Suggest { piece: 3 }), suggests, "{said:?}");
    }
}
