//! Peers that behave oddly, or cause work on purpose.

use super::*;
use crate::DiskId;
use ztor_metainfo::{InfoHashV1, InfoHashV2, InfoHashes};

#[test]
fn limit_of_a_torrent_does_not_keep_the_loop_busy() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    let limit = Command::SetTorrentLimits { torrent: scripted.id, down: Some(8_000), up: None };
    scripted.rig.handle(Event::Command(limit));
    scripted.say(&Message::HaveAll);
    scripted.say(&Message::Unchoke);
    let (end, mut wakes) = (scripted.rig.now + Duration::from_secs(5), 0);
    while let Some(at) = scripted.rig.engine.poll_timeout().filter(|at| *at < end) {
        scripted.rig.now = scripted.rig.now.max(at);
        scripted.settle();
        wakes += 1;
    }
    assert!(wakes <= 100, "{wakes} wakes in 5 s");
    let asked = scripted.rig.engine.peer(scripted.key).trade().download().outstanding();
    assert!((2..=4).contains(&asked), "{asked} blocks of 16 KiB asked for in 5 s at 8 kB/s");
}

#[test]
fn flood_of_ports_adds_one_node() {
    let mut scripted = Scripted::new(true, Reserved::NONE.with_dht());
    scripted.rig.engine.start_dht(scripted.rig.now, ztor_dht::Config::default(), None);
    let flood: Vec<Message> = (1000..3000).map(Message::Port).collect();
    scripted.say_raw(&encode(&flood));
    let port = |to: &SocketAddr| to.ip() == addr(99).ip();
    let asked = scripted.rig.out.datagrams.iter().filter(|datagram| port(&datagram.to)).count();
    assert_eq!(asked, 1);
}

#[test]
fn port_of_a_private_torrents_peer_is_ignored() {
    let meta = private_torrent(&noise(4 * 32768), 32768);
    let mut scripted = Scripted::of(meta, true, Reserved::NONE.with_dht(), |_| {});
    scripted.rig.engine.start_dht(scripted.rig.now, ztor_dht::Config::default(), None);
    scripted.say(&Message::Port(1000));
    assert!(scripted.rig.out.datagrams.is_empty());
}

/// libtorrent uses another id for each connection. Trackers with dictionary replies name the one in its announce.
#[test]
fn peer_id_other_than_the_trackers_is_shown_and_accepted() {
    for (id, as_named) in [(7, true), (8, false)] {
        let mut scripted = Scripted::new(true, Reserved::NONE);
        let (id_of_torrent, now) = (scripted.id, scripted.rig.now);
        let named = Some(PeerId::new([7; 20]));
        scripted.rig.engine.name_by_tracker(now, id_of_torrent, addr(50), named);
        scripted.settle();
        let connect = scripted.rig.out.connects.pop().expect("a call");
        scripted.rig.handle(Event::Connected { peer: connect.peer });
        let info_hash = scripted.meta.info_hashes.swarm_id();
        let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id: PeerId::new([id; 20]) };
        scripted.rig.give(connect.peer, &mut FarEnd::default(), &hello.encode());
        scripted.rig.settle();
        let status = scripted.rig.engine.peer_status(scripted.rig.now, scripted.id);
        let called = status.iter().find(|peer| peer.addr == addr(50)).expect("it is connected");
        assert_eq!(called.id_as_named, Some(as_named));
    }
}

#[test]
fn super_seeding_seed_gets_a_have_for_its_own_piece() {
    let mut scripted = Scripted::new(false, Reserved::NONE);
    scripted.say(&Message::Have { piece: 3 });
    let asked = scripted.say(&Message::Unchoke);
    let blocks: Vec<Block> =
        asked.iter().filter_map(|m| if let Message::Request(b) = m { Some(*b) } else { None }).collect();
    assert_eq!(blocks.len(), 2);
    let data = noise(SCRIPTED_LEN);
    let mut said = Vec::new();
    for block in blocks {
        let start = (block.piece * 32768 + block.begin) as usize;
        let data = Bytes::copy_from_slice(&data[start..start + block.len as usize]);
        said.extend(scripted.say(&Message::Piece { piece: block.piece, begin: block.begin, data }));
    }
    let id = scripted.id;
    let writes = std::mem::take(&mut scripted.rig.out.writes);
    assert_eq!(writes.len(), 2);
    for write in writes {
        scripted.rig.disk(id, DiskEvent::Written { disk: DiskId::default(), bytes: write.data.len() as u32 });
    }
    scripted.rig.disk(id, DiskEvent::PieceOk { piece: 3, digests: Vec::new() });
    said.extend(scripted.settle());
    assert!(said.contains(&Message::Have { piece: 3 }), "{said:?}");
}

const OWNER: u8 = 0xff;

/// Returns an engine connected to the owner of an id above its own. With `is_proved`, the owner has sent it a block.
fn called_owner(is_proved: bool) -> (Scripted, PeerKey) {
    let mut scripted = Scripted::new(false, Reserved::NONE);
    let owner: SocketAddr = ([198, 51, 100, 1], 6881).into();
    scripted.rig.handle(Event::Command(Command::AddPeers { torrent: scripted.id, addrs: vec![owner] }));
    scripted.rig.settle();
    let called = scripted.rig.out.connects.pop().expect("a call").peer;
    scripted.rig.handle(Event::Connected { peer: called });
    greet(&mut scripted, called);
    if is_proved {
        scripted.rig.engine.pretend_totals(called, 16384, 0);
    }
    (scripted, called)
}

fn greet(scripted: &mut Scripted, key: PeerKey) {
    let info_hash = scripted.meta.info_hashes.swarm_id();
    let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id: PeerId::new([OWNER; 20]) };
    scripted.rig.give(key, &mut FarEnd::default(), &hello.encode());
    scripted.rig.settle();
}

/// Connects a peer with the owner's id. Returns true for it if it is connected then, and true for the owner likewise.
fn repeats_id(scripted: &mut Scripted, owner: PeerKey, from: [u8; 4]) -> (bool, bool) {
    let key = scripted.rig.engine.accept(scripted.rig.now, (from, 7000).into(), Transport::Tcp).unwrap();
    greet(scripted, key);
    let is_there = |key| scripted.rig.engine.has_peer(key);
    (is_there(key), is_there(owner))
}

#[test]
fn copied_peer_id_from_another_host_neither_closes_its_owner_nor_keeps_it_out() {
    let thief = [203, 0, 113, 9];
    // By the rule for crossed connections the owner would be closed.
    let (mut scripted, owner) = called_owner(false);
    assert_eq!(repeats_id(&mut scripted, owner, thief), (true, true));
    let (mut scripted, owner) = called_owner(true);
    assert_eq!(repeats_id(&mut scripted, owner, thief), (false, true));
    // An idle owner may be silent for two minutes.
    scripted.rig.now += Duration::from_secs(60);
    assert_eq!(repeats_id(&mut scripted, owner, thief), (true, true));
    // An owner that takes data and gives none keeps no other peer out.
    let (mut scripted, owner) = called_owner(false);
    scripted.rig.engine.pretend_totals(owner, 0, 16384);
    assert_eq!(repeats_id(&mut scripted, owner, thief), (true, true));
    // The other peer is first, and gives nothing: the owner is accepted.
    let mut scripted = Scripted::new(false, Reserved::NONE);
    let first = scripted.rig.engine.accept(scripted.rig.now, (thief, 7000).into(), Transport::Tcp).unwrap();
    greet(&mut scripted, first);
    assert_eq!(repeats_id(&mut scripted, first, [198, 51, 100, 1]), (true, true));
}

#[test]
fn crossed_connections_of_one_address_leave_one() {
    let (mut scripted, owner) = called_owner(false);
    assert_eq!(repeats_id(&mut scripted, owner, [198, 51, 100, 1]), (true, false), "that of the higher id");
}

#[test]
fn flood_of_messages_without_effect_closes_the_connection() {
    let far = HashRequest { pieces_root: [1; 32], base_layer: 0, index: 0, length: 2, proof_layers: 0 };
    for message in [
        Message::KeepAlive,
        Message::Unknown { id: 200 },
        Message::Choke,
        Message::Interested,
        Message::Have { piece: 1 },
        Message::HaveNone,
        Message::Suggest { piece: 1 },
        Message::Reject(Block { piece: 0, begin: 0, len: 16384 }),
        Message::Cancel(Block { piece: 0, begin: 0, len: 16384 }),
        Message::Port(6881),
        Message::Extended { id: 0, payload: Bytes::from_static(b"de") },
        Message::Extended { id: 77, payload: Bytes::from_static(b"?") },
        Message::HashReject(far),
        Message::Hashes { request: far, hashes: Bytes::from_static(&[0; 32]) },
    ] {
        let mut scripted = Scripted::new(false, Reserved::NONE.with_fast().with_extended());
        let some = encode(&vec![message.clone(); 100]);
        let mut rounds = 0;
        while scripted.closed().is_none() && rounds < 100 {
            scripted.say_raw(&some);
            rounds += 1;
        }
        assert!(rounds < 100, "a flood of {message:?}");
        // An honest pace is accepted.
        let mut scripted = Scripted::new(false, Reserved::NONE.with_fast().with_extended());
        if matches!(message, Message::HaveNone) {
            continue;
        }
        for _ in 0..1000 {
            scripted.rig.now += Duration::from_secs(1);
            scripted.say_raw(&encode(&vec![message.clone(); 10]));
        }
        assert_eq!(scripted.closed(), None, "{message:?}");
    }
}

#[test]
fn peer_that_refuses_everything_is_asked_less_and_less() {
    let mut scripted = Scripted::new(false, Reserved::NONE.with_fast());
    scripted.say(&Message::HaveAll);
    let mut asked = scripted.say(&Message::Unchoke);
    let mut count = 0;
    let end = scripted.rig.now + Duration::from_secs(60);
    while scripted.rig.now < end {
        let blocks = asked.iter().filter_map(|m| if let Message::Request(b) = m { Some(*b) } else { None });
        let refusals: Vec<Message> = blocks.map(Message::Reject).collect();
        count += refusals.len();
        scripted.rig.now += Duration::from_millis(1);
        asked = scripted.say_raw(&encode(&refusals));
    }
    assert!(count < 600, "{count} requests that were refused at once");
    // After a pause the peer is asked again.
    scripted.rig.now += Duration::from_secs(10);
    asked.extend(scripted.settle());
    assert!(asked.iter().any(|m| matches!(m, Message::Request(_))), "{asked:?}");
    assert_eq!(scripted.closed(), None);
}

fn blocks_for(
    meta: Arc<Metainfo>,
    configure: impl FnOnce(&mut Config),
    ask: &[Block],
) -> (Vec<Block>, Vec<Message>) {
    let mut scripted = Scripted::of(meta, true, Reserved::NONE.with_fast(), configure);
    scripted.say(&Message::Interested);
    scripted.rig.now += Duration::from_secs(20);
    scripted.settle();
    let requests: Vec<Message> = ask.iter().map(|block| Message::Request(*block)).collect();
    scripted.rig.out.blocks.clear();
    let mut said = scripted.say_raw(&encode(&requests));
    let mut served = Vec::new();
    let end = scripted.rig.now + Duration::from_secs(60);
    while let Some(at) = scripted.rig.engine.poll_timeout().filter(|at| *at < end) {
        for sent in std::mem::take(&mut scripted.rig.out.blocks) {
            served.push(sent.block);
            let block_bytes = sent.block.len;
            scripted.rig.handle(Event::Sent { peer: scripted.key, block_bytes, reply_bytes: 0 });
        }
        scripted.rig.now = scripted.rig.now.max(at);
        said.extend(scripted.settle());
    }
    (served, said)
}

/// libtorrent 2.0 requests whole blocks at the end of a file of a v2 torrent.
#[test]
fn tail_of_a_v2_file_is_served_as_a_whole_block() {
    const LEN: u32 = 16384;
    let tail = |begin, len| Block { piece: 4, begin, len };
    let good = [tail(0, LEN), tail(0, LEN - SHORT_BY), tail(1, 5)];
    let bad = [tail(0, LEN - 1), tail(LEN, LEN), tail(0, 2 * LEN), tail(1, LEN), tail(LEN - SHORT_BY, 1)];
    let (served, said) = blocks_for(v2_made_up("v2", 5), |_| {}, &[&good[..], &bad].concat());
    assert_eq!(served, good);
    assert!(bad.iter().all(|block| said.contains(&Message::Reject(*block))), "{said:?}");
    // In a v1 torrent a whole block is invalid there.
    let v1 = torrent(&noise(5 * LEN as usize - SHORT_BY as usize), LEN);
    let (served, _) = blocks_for(v1, |_| {}, &good);
    assert_eq!(served, &good[1..]);
}

#[test]
fn request_of_up_to_128_kib_is_served_within_the_limit() {
    let meta = torrent(&noise(3 << 20), 1 << 18);
    let block = |n: u32| Block { piece: n, begin: 1 << 17, len: 1 << 17 };
    let ask: Vec<Block> = (0..12).map(block).collect();
    let (served, _) = blocks_for(Arc::clone(&meta), |_| {}, &ask[..2]);
    assert_eq!(served, ask[..2]);
    let (served, _) = blocks_for(Arc::clone(&meta), |c| c.limit_up = Some(20_000), &ask);
    assert!((9..=11).contains(&served.len()), "{} blocks of 131 kB in 60 s at 20 kB/s", served.len());
    let larger = Block { piece: 0, begin: 0, len: (1 << 17) + 1 };
    let (served, said) = blocks_for(meta, |_| {}, &[larger]);
    assert!(served.is_empty() && said.contains(&Message::Reject(larger)));
}

#[test]
fn first_write_after_a_check_marks_the_torrent_as_unsaved() {
    let mut scripted = Scripted::new(false, Reserved::NONE);
    let id = scripted.id;
    let saved = |scripted: &mut Scripted| {
        let ids = scripted.rig.engine.unsaved(Unsaved::Pieces);
        let now = scripted.rig.now;
        ids.iter().for_each(|id| drop(scripted.rig.engine.resume_data(now, *id)));
        ids.contains(&id)
    };
    saved(&mut scripted);
    scripted.rig.disk(id, DiskEvent::Written { disk: DiskId::default(), bytes: 16384 });
    assert!(saved(&mut scripted), "the record says that the new files are ours");
    scripted.rig.disk(id, DiskEvent::Written { disk: DiskId::default(), bytes: 16384 });
    assert!(!saved(&mut scripted), "not for each block");
}

/// libtorrent refuses a v1 answer to its v1 handshake if a tracker has named us in the v2 swarm meanwhile, and accepts a
/// v2 answer at any time.
#[test]
fn handshake_of_a_hybrid_torrent_is_upgraded_to_v2_for_those_that_offer_it() {
    let (v1, v2) = (InfoHashV1::new([1; 20]), InfoHashV2::new([2; 32]));
    let (first, second) = (SwarmId::from(v1), v2.truncated());
    let upgradable = Reserved::NONE.with_v2();
    for (info_hashes, reserved, asked, answered) in [
        (InfoHashes::Hybrid(v1, v2), upgradable, first, second),
        (InfoHashes::Hybrid(v1, v2), Reserved::NONE, first, first),
        (InfoHashes::Hybrid(v1, v2), Reserved::NONE, second, second),
        (InfoHashes::V1(v1), upgradable, first, first),
        (InfoHashes::V2(v2), upgradable, second, second),
    ] {
        let config = Config { local_discovery: false, ..Config::new(PeerId::from_random([1; 12]), 6881) };
        let mut rig = Rig::new(Instant::from_micros(1), config, 1);
        let add =
            AddMagnet { info_hashes, trackers: Vec::new(), peers: Vec::new(), known: None, paused: false };
        rig.engine.add_magnet(rig.now, &add).unwrap();
        let key = rig.engine.accept(rig.now, addr(50), Transport::Tcp).unwrap();
        let hello = Handshake { reserved, info_hash: asked, peer_id: PeerId::new([7; 20]) };
        rig.give(key, &mut FarEnd::default(), &hello.encode());
        rig.settle();
        let answer = Handshake::decode(&rig.out.bytes).unwrap().unwrap();
        assert_eq!(answer.info_hash, answered, "{info_hashes:?}, asked for {asked}");
    }
}
