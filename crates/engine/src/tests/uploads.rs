//! Upload to many peers of many torrents, from a slow disk.

use super::*;
use crate::testkit::{Blueprint, FarEnd, encode};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use ztor_metainfo::BLOCK_LEN;

/// Upload limit over all torrents, in bytes per second.
const LIMIT: u64 = 2_000_000;
const PIECE_LENGTH: u32 = 1 << 20;
const LENGTH: u64 = 16 << 20;
/// Time from the effect that reads a block until it is sent.
const DELAY: Duration = Duration::from_millis(50);
/// Number of outstanding requests of a leecher.
const AHEAD: usize = 16;

/// A peer that wants everything.
struct Leecher {
    far_end: FarEnd,
    is_choked: bool,
    /// Blocks requested and not sent.
    asked: BTreeSet<u64>,
    next: u64,
    got: u64,
    /// True if it announces the pieces that it gets.
    announces: bool,
}

struct Uploads {
    rig: Rig,
    leechers: BTreeMap<PeerKey, Leecher>,
    /// Blocks that were read, by the time at which they are sent.
    going: BTreeMap<(Instant, u64), (PeerKey, Block)>,
    read_bytes: u64,
    sent_bytes: u64,
    number: u64,
    most_unchoked: usize,
}

impl Uploads {
    /// Creates torrents with peers that announce nothing, for which there is no defence.
    fn new(torrents: usize, peers_of_each: usize) -> Self {
        Self::with_defence(LeechDefence::Off, torrents, peers_of_each).0
    }

    fn with_defence(
        leech_defence: LeechDefence,
        torrents: usize,
        peers_of_each: usize,
    ) -> (Self, Vec<Arc<Metainfo>>) {
        let config = Config {
            limit_up: Some(LIMIT),
            max_peers: 2000,
            local_discovery: false,
            peer_exchange: false,
            leech_defence,
            ..Config::new(PeerId::from_random([0; 12]), 6881)
        };
        let rig = Rig::new(Instant::from_micros(1_000_000), config, 1);
        let mut uploads = Self {
            rig,
            leechers: BTreeMap::new(),
            going: BTreeMap::new(),
            read_bytes: 0,
            sent_bytes: 0,
            number: 0,
            most_unchoked: 0,
        };
        let mut metas = Vec::new();
        for torrent in 0..torrents {
            let name = format!("torrent {torrent}");
            let meta = Blueprint::new(&name, PIECE_LENGTH).made_up(LENGTH);
            let id = uploads.rig.add(&AddTorrent::new(Arc::clone(&meta)));
            uploads.rig.disk(id, DiskEvent::Checked { have: Bitfield::full(meta.layout.piece_count()) });
            (0..peers_of_each).for_each(|_| uploads.connect(&meta, false));
            metas.push(meta);
        }
        (uploads, metas)
    }

    fn connect(&mut self, meta: &Metainfo, announces: bool) {
        let number = self.leechers.len() as u32;
        let from = SocketAddr::new(Ipv4Addr::from(0x0808_0000 + number * 256).into(), 6881);
        let key = self.rig.engine.accept(self.rig.now, from, Transport::Tcp).unwrap();
        let mut id = [9; 20];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let hello = Handshake {
            reserved: Reserved::NONE,
            info_hash: meta.info_hashes.swarm_id(),
            peer_id: PeerId::new(id),
        };
        let mut far_end = FarEnd::default();
        self.rig.give(key, &mut far_end, &hello.encode());
        self.rig.give(key, &mut far_end, &encode(&[Message::Interested]));
        let leecher =
            Leecher { far_end, is_choked: true, asked: BTreeSet::new(), next: 0, got: 0, announces };
        self.leechers.insert(key, leecher);
    }

    fn turn(&mut self) {
        self.rig.settle();
        let out = self.rig.take_out();
        assert!(out.closes.is_empty(), "{:?}", out.closes[0]);
        for send in &out.sends {
            let leecher = self.leechers.get_mut(&send.peer).unwrap();
            for message in leecher.far_end.heard.take(&out.bytes[send.range.clone()]).unwrap() {
                match message {
                    Message::Unchoke => leecher.is_choked = false,
                    Message::Choke => {
                        leecher.is_choked = true;
                        leecher.asked.clear();
                    }
                    _ => {}
                }
            }
        }
        for send in &out.blocks {
            self.number += 1;
            self.read_bytes += u64::from(send.block.len);
            self.going.insert((self.rig.now + DELAY, self.number), (send.peer, send.block));
        }
        let keys: Vec<PeerKey> = self.leechers.keys().copied().collect();
        self.most_unchoked = self.most_unchoked.max(self.leechers.values().filter(|l| !l.is_choked).count());
        for key in keys {
            self.ask(key);
        }
    }

    fn ask(&mut self, key: PeerKey) {
        let leecher = self.leechers.get_mut(&key).unwrap();
        let mut requests = Vec::new();
        while !leecher.is_choked && leecher.asked.len() < AHEAD {
            let at = leecher.next % (LENGTH / u64::from(BLOCK_LEN)) * u64::from(BLOCK_LEN);
            leecher.asked.insert(leecher.next);
            leecher.next += 1;
            let (piece, begin) =
                ((at / u64::from(PIECE_LENGTH)) as u32, (at % u64::from(PIECE_LENGTH)) as u32);
            requests.push(Message::Request(Block { piece, begin, len: BLOCK_LEN }));
        }
        if !requests.is_empty() {
            self.rig.give(key, &mut leecher.far_end, &encode(&requests));
        }
    }

    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds / 30 {
            for (key, leecher) in &mut self.leechers {
                self.rig.give(*key, &mut leecher.far_end, &encode(&[Message::KeepAlive]));
            }
            self.run_until(self.rig.now + Duration::from_secs(30));
        }
    }

    fn run_until(&mut self, until: Instant) {
        loop {
            self.turn();
            let gone_at = self.going.first_key_value().map(|((at, _), _)| *at);
            let next = gone_at.into_iter().chain(self.rig.engine.poll_timeout()).min().unwrap();
            if next > until {
                self.rig.now = until;
                return;
            }
            self.rig.now = self.rig.now.max(next);
            while let Some(entry) = self.going.first_entry()
                && entry.key().0 <= self.rig.now
            {
                let (peer, block) = entry.remove();
                let leecher = self.leechers.get_mut(&peer).unwrap();
                leecher.asked.pop_first();
                leecher.got += u64::from(block.len);
                self.sent_bytes += u64::from(block.len);
                let is_whole = leecher.got.is_multiple_of(PIECE_LENGTH.into());
                if leecher.announces && is_whole {
                    let have = Message::Have { piece: block.piece };
                    self.rig.give(peer, &mut leecher.far_end, &encode(&[have]));
                }
                self.rig.handle(Event::Sent { peer, block_bytes: block.len, reply_bytes: 0 });
            }
        }
    }
}

#[test]
fn upload_is_as_fast_from_a_thousand_torrents_as_from_one() {
    const SECONDS: u64 = 120;
    let mut rates = Vec::new();
    for (torrents, peers) in [(1, 20), (1000, 1)] {
        let mut uploads = Uploads::new(torrents, peers);
        // Time for the first round, and for the slots to grow.
        uploads.run(30);
        let before = uploads.sent_bytes;
        uploads.run(SECONDS);
        rates.push((uploads.sent_bytes - before) / SECONDS);
        let (read, sent) = (uploads.read_bytes, uploads.sent_bytes);
        assert!(read as f64 <= sent as f64 * 1.05, "{torrents} torrents: {read} bytes read, {sent} sent");
        assert!(uploads.most_unchoked <= 60, "{} slots of {torrents} torrents", uploads.most_unchoked);
    }
    let ratio = rates[1] as f64 / rates[0] as f64;
    assert!((0.95..=1.05).contains(&ratio), "{rates:?}");
    assert!(rates[0] * 100 >= LIMIT * 95, "{rates:?}");
}

#[test]
fn upload_slots_of_many_torrents_serve_all_peers_in_turn() {
    let mut uploads = Uploads::new(100, 1);
    uploads.run(1200);
    let unserved = uploads.leechers.values().filter(|leecher| leecher.got == 0).count();
    assert_eq!(unserved, 0, "of 100 peers got nothing in twenty minutes");
}

#[test]
fn limit_of_a_group_holds_for_all_its_torrents_from_the_change_on() {
    let mut uploads = Uploads::new(10, 2);
    let (outer, inner) = (LimitGroup(1), LimitGroup(2));
    let ids: Vec<TorrentId> = uploads.rig.engine.status(uploads.rig.now).iter().map(|t| t.id).collect();
    for id in &ids {
        uploads.rig.handle(Event::Command(Command::SetTorrentGroup { torrent: *id, group: Some(inner) }));
    }
    let limits = GroupLimits { parent: Some(outer), ..GroupLimits::default() };
    uploads.rig.handle(Event::Command(Command::SetGroupLimits { group: inner, limits }));
    uploads.run(60);
    let rate = |uploads: &mut Uploads, seconds: u64| {
        let before = uploads.sent_bytes;
        uploads.run_until(uploads.rig.now + Duration::from_secs(seconds));
        (uploads.sent_bytes - before) / seconds
    };
    assert!(rate(&mut uploads, 10) * 100 >= LIMIT * 95, "a group without a limit changes nothing");
    let limits = GroupLimits { up: Some(LIMIT / 5), ..GroupLimits::default() };
    uploads.rig.handle(Event::Command(Command::SetGroupLimits { group: outer, limits }));
    // Blocks on the way, and a burst.
    let first = rate(&mut uploads, 1);
    assert!(first <= LIMIT / 5 + LIMIT / 4, "{first} bytes in the first second");
    let limited = rate(&mut uploads, 20);
    assert!((LIMIT / 5 * 90 / 100..=LIMIT / 5 * 101 / 100).contains(&limited), "{limited}");
    uploads.rig.handle(Event::Command(Command::SetTorrentGroup { torrent: ids[0], group: None }));
    let freed = rate(&mut uploads, 20);
    assert!(freed > LIMIT / 2, "{freed}");
    uploads.rig.handle(Event::Command(Command::RemoveGroup(outer)));
    rate(&mut uploads, 1);
    let free = rate(&mut uploads, 10);
    assert!(free * 100 >= LIMIT * 95, "{free}");
}

#[test]
fn limit_of_one_peer_leaves_the_rest_to_the_others() {
    let mut uploads = Uploads::new(1, 4);
    let id = uploads.rig.engine.status(uploads.rig.now)[0].id;
    let addr = uploads.rig.engine.peer_status(uploads.rig.now, id)[0].addr;
    uploads.rig.handle(Event::Command(Command::SetPeerLimits {
        torrent: id,
        addr,
        down: None,
        up: Some(50_000),
    }));
    uploads.run(30);
    let got = |uploads: &Uploads| -> Vec<u64> { uploads.leechers.values().map(|l| l.got).collect() };
    let before = got(&uploads);
    uploads.run_until(uploads.rig.now + Duration::from_secs(20));
    let rates: Vec<u64> = got(&uploads).iter().zip(before).map(|(now, before)| (now - before) / 20).collect();
    assert_eq!(rates.iter().filter(|rate| **rate <= 51_000).count(), 1, "{rates:?}");
    assert!(rates.iter().sum::<u64>() * 100 >= LIMIT * 95, "{rates:?}");
}

#[test]
fn bytes_reported_to_a_tracker_are_counted_when_it_answers() {
    let mut uploads = Uploads::new(1, 2);
    let id = uploads.rig.engine.status(uploads.rig.now)[0].id;
    uploads.run(120);
    let tiers = vec![vec!["http://tracker.example/announce".to_owned()]];
    uploads.rig.handle(Event::Command(Command::SetTrackers { torrent: id, tiers }));
    let announce = |uploads: &mut Uploads, body: &[u8]| {
        uploads.rig.handle(Event::Command(Command::Reannounce(id)));
        uploads.rig.settle();
        uploads.rig.answer_lookups([192, 0, 2, 1].into());
        let asked = uploads.rig.out.https.pop().expect("it is asked");
        let sent = uploads.sent_bytes;
        uploads.rig.handle(Event::Http { id: asked.id, from: None, result: Ok((200, body.to_vec())) });
        uploads.rig.settle();
        let reported = uploads.rig.engine.status(uploads.rig.now)[0].trackers[0].reported.uploaded;
        uploads.run(120);
        (sent, reported)
    };
    let good = b"d8:intervali7200e12:min intervali1e5:peers0:e";
    let (sent, first) = announce(&mut uploads, good);
    assert!(sent > 0 && first == sent, "{first} of {sent}");
    let (sent, last) = announce(&mut uploads, good);
    assert!(last == sent && last > first, "{last} of {sent}");
    let (_, refused) = announce(&mut uploads, b"d14:failure reason4:busye");
    assert_eq!(refused, last, "a refused announce is reported again");
    let now = uploads.rig.now;
    let resumed = uploads.rig.engine.resume_data(now, id).unwrap().statistics;
    assert_eq!(resumed.trackers.values().map(|bytes| bytes.uploaded).collect::<Vec<_>>(), [last]);
}

#[test]
fn debtors_get_free_slots_only_while_no_other_peer_waits_for_tokens() {
    const LEECHES: usize = 4;
    let (mut uploads, metas) = Uploads::with_defence(LeechDefence::Normal, 1, LEECHES);
    let leeches: Vec<PeerKey> = uploads.leechers.keys().copied().collect();
    let got = |uploads: &Uploads| leeches.iter().map(|key| uploads.leechers[key].got).sum::<u64>();
    // All are debtors by then, and get what nobody else wants.
    uploads.run_until(uploads.rig.now + Duration::from_secs(12));
    let alone = got(&uploads);
    assert!(alone > 8 * LIMIT, "{alone} bytes");
    (0..2).for_each(|_| uploads.connect(&metas[0], true));
    let before = uploads.sent_bytes;
    // Before the others have everything.
    uploads.run_until(uploads.rig.now + Duration::from_secs(10));
    let (taken, sent) = (got(&uploads) - alone, uploads.sent_bytes - before);
    assert!(taken < sent / 5, "{taken} of {sent} bytes");
    assert!(sent > 8 * LIMIT, "{sent} bytes");
}
