//! The defence against peers that take without end, at a seed with few slots.

use super::*;
use crate::CloseCause;
use std::collections::{BTreeMap, BTreeSet};
use ztor_metainfo::BLOCK_LEN;

const PIECE: u32 = 64 * 1024;
const LENGTH: u64 = 64 << 20;
/// Interval of the choker's rounds.
const ROUND: Duration = Duration::from_secs(10);
const LEECH: [u8; 4] = [198, 51, 100, 7];
const OTHER: [u8; 4] = [203, 0, 113, 7];

struct Seed {
    rig: Rig,
    meta: Arc<Metainfo>,
    far_ends: BTreeMap<PeerKey, FarEnd>,
    unchoked: BTreeSet<PeerKey>,
    calls: u8,
}

impl Seed {
    fn new(leech_defence: LeechDefence, slots: usize) -> Self {
        let config = Config {
            leech_defence,
            upload_slots: slots,
            session_upload_slots: slots,
            ..Config::new(PeerId::from_random([0; 12]), 6881)
        };
        let mut rig = Rig::new(Instant::from_micros(1), config, 1);
        let meta = Blueprint::new("torrent", PIECE).made_up(LENGTH);
        let id = rig.add(&AddTorrent::new(Arc::clone(&meta)));
        rig.disk(id, DiskEvent::Checked { have: Bitfield::full(meta.layout.piece_count()) });
        Self { rig, meta, far_ends: BTreeMap::new(), unchoked: BTreeSet::new(), calls: 0 }
    }

    /// Connects a peer, which sends these messages after its handshake. The turn does not end.
    fn call(&mut self, ip: [u8; 4], messages: &[Message]) -> PeerKey {
        self.calls += 1;
        let from = (ip, 7000 + u16::from(self.calls)).into();
        let key = self.rig.engine.accept(self.rig.now, from, Transport::Tcp).unwrap();
        let info_hash = self.meta.info_hashes.swarm_id();
        let peer_id = PeerId::from_random([self.calls; 12]);
        let hello = Handshake { reserved: Reserved::NONE, info_hash, peer_id }.encode();
        self.far_ends.insert(key, FarEnd::default());
        self.give(key, &hello);
        self.give(key, &encode(messages));
        key
    }

    fn give(&mut self, key: PeerKey, bytes: &[u8]) {
        let far_end = self.far_ends.get_mut(&key).unwrap();
        self.rig.give(key, far_end, bytes);
    }

    /// Ends the turn. Returns the blocks that are to be sent.
    fn settle(&mut self) -> Vec<Block> {
        self.rig.settle();
        let out = self.rig.take_out();
        for send in &out.sends {
            let heard = &mut self.far_ends.get_mut(&send.peer).unwrap().heard;
            for message in heard.take(&out.bytes[send.range.clone()]).unwrap() {
                match message {
                    Message::Unchoke => _ = self.unchoked.insert(send.peer),
                    Message::Choke => _ = self.unchoked.remove(&send.peer),
                    _ => {}
                }
            }
        }
        out.blocks.iter().map(|send| send.block).collect()
    }

    fn sent(&mut self, peer: PeerKey, block_bytes: u32) {
        self.rig.handle(Event::Sent { peer, block_bytes, reply_bytes: 0 });
    }

    fn hang_up(&mut self, peer: PeerKey) {
        self.rig.handle(Event::Closed { peer, cause: CloseCause::Remote });
        self.settle();
        self.rig.now += ROUND;
    }

    /// Connects a peer of the leech's host and then one of another host, and runs a round. Returns true if the first one
    /// is served.
    fn serves_leech_first(&mut self, messages: &[Message]) -> bool {
        let leech = self.call(LEECH, messages);
        let other = self.call(OTHER, &[Message::Interested]);
        self.settle();
        let has_slot = [leech, other].map(|key| self.unchoked.contains(&key));
        assert_eq!(has_slot.iter().filter(|has| **has).count(), 1, "there is one slot");
        has_slot[0]
    }
}

#[test]
fn debtor_that_connects_again_is_not_served_before_others() {
    for (taken, is_served) in [(256 << 10, true), (4 << 20, false)] {
        let mut seed = Seed::new(LeechDefence::Normal, 1);
        let leech = seed.call(LEECH, &[Message::Interested]);
        seed.settle();
        assert!(seed.unchoked.contains(&leech));
        seed.sent(leech, taken);
        seed.hang_up(leech);
        assert_eq!(seed.serves_leech_first(&[Message::Interested]), is_served, "after {taken} bytes");
    }
}

#[test]
fn debtors_share_one_free_slot_in_turns() {
    let mut seed = Seed::new(LeechDefence::Normal, 4);
    let leeches = [1, 2, 3].map(|n| seed.call([198, 51, n, 7], &[Message::Interested]));
    let other = seed.call(OTHER, &[Message::Interested]);
    seed.settle();
    assert_eq!(seed.unchoked.len(), 4);
    leeches.iter().for_each(|leech| seed.sent(*leech, 4 << 20));
    // They may be slow to announce what has just come.
    seed.rig.now += ROUND * 2;
    let mut served = BTreeSet::new();
    for round in 0..60 {
        seed.settle();
        assert!(seed.unchoked.contains(&other), "round {round}");
        let debtors: Vec<PeerKey> = seed.unchoked.iter().copied().filter(|key| *key != other).collect();
        assert_eq!(debtors.len(), 1, "round {round}");
        served.extend(debtors);
        seed.rig.now += ROUND;
    }
    assert_eq!(served.len(), 3, "each has its turn");
}

#[test]
fn pieces_that_are_announced_one_by_one_after_a_reconnect_are_continued() {
    let mut seed = Seed::new(LeechDefence::Normal, 1);
    let haves = |count: u32| (0..count).map(|piece| Message::Have { piece }).collect::<Vec<_>>();
    for visit in 0..6 {
        let first = [haves(visit * 20), vec![Message::Interested]].concat();
        let leech = seed.call(LEECH, &first);
        seed.settle();
        for block in 0..20 * PIECE / BLOCK_LEN {
            let place = visit * 20 * PIECE / BLOCK_LEN + block;
            let (piece, begin) = (place / 4, place % 4 * BLOCK_LEN);
            let block = Block { piece, begin, len: BLOCK_LEN };
            seed.give(leech, &encode(&[Message::Request(block)]));
            assert_eq!(seed.settle(), [block]);
            seed.sent(leech, BLOCK_LEN);
        }
        let new = &haves(visit * 20 + 20)[visit as usize * 20..];
        seed.give(leech, &encode(new));
        seed.hang_up(leech);
    }
    let first = [haves(120), vec![Message::Interested]].concat();
    assert!(seed.serves_leech_first(&first));
}

#[test]
fn strict_defence_bans_a_peer_that_requests_what_it_claims_to_have() {
    for (defence, claimed, is_banned) in [
        (LeechDefence::Strict, true, true),
        (LeechDefence::Strict, false, false),
        (LeechDefence::Normal, true, false),
    ] {
        let mut seed = Seed::new(defence, 1);
        let leech = seed.call(LEECH, &[Message::Interested]);
        seed.settle();
        if claimed {
            seed.give(leech, &encode(&[Message::Have { piece: 3 }]));
        }
        for n in 0..=(16 << 20) / BLOCK_LEN {
            let block = Block { piece: 3, begin: n % 4 * BLOCK_LEN, len: BLOCK_LEN };
            seed.give(leech, &encode(&[Message::Request(block)]));
            assert_eq!(seed.settle(), [block]);
            seed.sent(leech, BLOCK_LEN);
        }
        assert_eq!(!seed.rig.engine.has_peer(leech), is_banned, "{defence:?}, {claimed}");
        assert_eq!(seed.rig.engine.bans(seed.rig.now).len(), usize::from(is_banned));
    }
}
