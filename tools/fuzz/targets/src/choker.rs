use std::net::SocketAddr;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use ztor_base::{Duration, PeerId};
use ztor_engine::testkit::Blueprint;
use ztor_engine::{AddTorrent, Bitfield, CloseCause, Config, DiskEvent, PeerKey};
use ztor_metainfo::BLOCK_LEN;
use ztor_wire::{Block, Message, Reserved};

use crate::machine::Machine;
use crate::world::World;

const PIECES: u32 = 30;
const MAX_PEERS: u8 = 24;
/// Time in which every peer gets a slot: the optimistic one moves every 30 seconds, a seed's turn is a minute.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Checks the choker of a live engine: upload slots are bounded, and no peer waits forever.
pub fn choker(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(scene) = Scene::new(&mut u) else { return };
    scene.play(&mut u);
}

struct Scene {
    world: World,
    peers: Vec<PeerKey>,
    slots: usize,
    next_addr: u8,
}

impl Machine for Scene {
    const MAX_OPERATIONS: usize = 300;

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        let operation = u.int_in_range(0..=9)?;
        if operation <= 1 {
            if self.peers.len() < usize::from(MAX_PEERS) {
                self.join();
            }
            return Ok(());
        }
        let Ok(&peer) = u.choose(&self.peers) else { return Ok(()) };
        match operation {
            2 => self.world.say(peer, &Message::Interested),
            3 => self.world.say(peer, &Message::NotInterested),
            4 => {
                for _ in 0..u.int_in_range(1..=20)? {
                    let piece = u.int_in_range(1..=PIECES - 1)?;
                    self.world.say(peer, &Message::Request(Block { piece, begin: 0, len: BLOCK_LEN }));
                }
            }
            5 | 6 => (0..u.int_in_range(1..=40)?).for_each(|_| self.world.sent(peer)),
            7 => self.give(peer),
            8 => {
                self.world.closed(peer, CloseCause::Remote);
                self.forget_gone();
            }
            _ => self.world.sleep(Duration::from_millis(u.int_in_range(1..=20_000)?)),
        }
        Ok(())
    }

    fn check(&mut self) {
        self.world.settle();
        self.check_places();
    }

    /// Makes all peers interested and waits: each of them must get a slot before long.
    fn finish(&mut self) {
        self.forget_gone();
        for peer in self.peers.clone() {
            while self.world.links.get(&peer).is_some_and(|link| !link.in_flight.is_empty()) {
                self.world.sent(peer);
            }
            self.world.say(peer, &Message::Interested);
        }
        self.world.settle();
        self.forget_gone();
        let had_a_place = |world: &World, peer: &PeerKey| {
            world.links.get(peer).is_none_or(|link| link.is_unchoked || link.unchokes > 0)
        };
        let until = self.world.rig.now + PATIENCE;
        while self.world.rig.now < until && !self.peers.iter().all(|peer| had_a_place(&self.world, peer)) {
            self.world.sleep(Duration::from_secs(5));
            for peer in self.peers.clone() {
                self.world.say(peer, &Message::KeepAlive);
                self.world.sent(peer);
            }
            self.world.settle();
            self.check_places();
        }
        let waiting = self.peers.iter().filter(|peer| !had_a_place(&self.world, peer)).count();
        assert_eq!(waiting, 0, "of {} peers, with {} slots", self.peers.len(), self.slots);
    }
}

impl Scene {
    fn new(u: &mut Unstructured<'_>) -> Result<Self> {
        let mut config = Config::new(PeerId::new([9; 20]), 6881);
        config.upload_slots = u.int_in_range(0..=10)?;
        if u.ratio(1, 4)? {
            config.limit_up = Some(u.int_in_range(1..=1_000_000)?);
        }
        let slots = config.upload_slots;
        let mut world = World::new(config, u.arbitrary()?);
        let meta = Blueprint::new("choker", BLOCK_LEN).made_up(u64::from(PIECES) * u64::from(BLOCK_LEN));
        world.add(&AddTorrent::new(meta));
        let mut have = Bitfield::full(PIECES);
        if u.arbitrary()? {
            have.remove(0);
        }
        world.disk_says(0, DiskEvent::Checked { have });
        world.settle();
        Ok(Self { world, peers: Vec::new(), slots, next_addr: 1 })
    }

    fn join(&mut self) {
        self.next_addr = self.next_addr.wrapping_add(1).max(1);
        let addr = SocketAddr::from(([10, 0, 1, self.next_addr], 6881));
        let Some(peer) = self.world.accept(addr) else { return };
        self.world.greet(peer, 0, Reserved::NONE.with_fast(), [self.next_addr; 20]);
        self.world.say(peer, &Message::Unchoke);
        self.peers.push(peer);
    }

    /// Has the peer send the missing piece.
    fn give(&mut self, peer: PeerKey) {
        self.world.say(peer, &Message::Have { piece: 0 });
        self.world.settle();
        let asked = self.world.links.get(&peer).and_then(|link| link.asked.first().copied());
        if let Some(block) = asked {
            let data = Bytes::from(vec![0; block.len as usize]);
            self.world.say(peer, &Message::Piece { piece: block.piece, begin: block.begin, data });
            self.world.settle();
            // Always wrong, so that the engine stays a leecher; the peer is banned for it.
            self.world.write_one(true);
        }
    }

    fn check_places(&mut self) {
        self.forget_gone();
        let unchoked = self.world.links.values().filter(|link| link.is_unchoked).count();
        let most = self.slots.max(unchoked_bound(self.world.links.len()));
        assert!(unchoked <= most.max(1), "{unchoked} slots for {} peers", self.world.links.len());
        // Without a single byte sent no peer is served well, and there are no more slots than configured.
        let status = self.world.rig.engine.status(self.world.rig.now);
        if status[0].session_uploaded_bytes == 0 {
            assert!(unchoked <= self.slots.max(1), "{unchoked} slots, {} configured", self.slots);
        }
    }

    fn forget_gone(&mut self) {
        self.peers.retain(|peer| self.world.links.contains_key(peer));
    }
}

/// Returns the largest number of slots when all peers are served well.
fn unchoked_bound(peers: usize) -> usize {
    peers + 1 + peers / 4
}
