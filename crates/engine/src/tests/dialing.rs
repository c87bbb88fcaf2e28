//! Transports and handshakes to reach a peer: raced, retried and remembered; and rendezvous through a relay (BEP 55).

use super::*;
use crate::CloseCause;
use crate::config::HEAD_START;
use ztor_wire::mse::Method;
use ztor_wire::{
    ExtendedHandshake, HolepunchError, HolepunchMessage, PexFlags, PexMessage, UT_HOLEPUNCH, UT_PEX,
};

const HIS_PUNCH: u8 = 9;
const HIS_PEX: u8 = 8;

/// An engine with one torrent and no peers.
struct Caller {
    rig: Rig,
    id: TorrentId,
    swarm: SwarmId,
}

fn at(a: u8, port: u16) -> SocketAddr {
    SocketAddr::from(([200, 1, 1, a], port))
}

impl Caller {
    fn new(tune: impl FnOnce(&mut Config)) -> Self {
        let meta = torrent(&noise(4 * 32768), 32768);
        let mut config = Config::new(PeerId::from_random([1; 12]), 6881);
        (config.transports, config.encryption) = (Transports::Both, Encryption::Allow);
        tune(&mut config);
        let mut rig = Rig::new(Instant::from_micros(1), config, 1);
        let swarm = meta.info_hashes.swarm_id();
        let id = rig.add(&AddTorrent::new(meta));
        rig.disk(id, DiskEvent::Checked { have: Bitfield::new(4) });
        Self { rig, id, swarm }
    }

    fn tell(&mut self, event: Event<'_>) {
        self.rig.handle(event);
    }

    fn know(&mut self, addr: SocketAddr) {
        let command = Command::AddPeers { torrent: self.id, addrs: vec![addr] };
        self.tell(Event::Command(command));
    }

    /// Runs for this time, with a turn at each timeout. Returns the connection attempts.
    fn pass(&mut self, time: Duration) -> Vec<Connect> {
        let end = self.rig.now + time;
        loop {
            self.rig.settle();
            match self.rig.engine.poll_timeout().filter(|next| *next <= end) {
                Some(next) => self.rig.now = self.rig.now.max(next),
                None => break,
            }
        }
        self.rig.now = end;
        self.rig.settle();
        std::mem::take(&mut self.rig.out.connects)
    }

    fn call(&mut self) -> Connect {
        let mut calls = self.pass(Duration::ZERO);
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }

    fn close(&mut self, peer: PeerKey) {
        self.tell(Event::Closed { peer, cause: CloseCause::Remote });
    }

    fn say(&mut self, peer: PeerKey, bytes: &[u8]) {
        self.rig.give(peer, &mut FarEnd::default(), bytes);
    }

    fn greet(&mut self, peer: PeerKey, id: u8) {
        let reserved = Reserved::NONE.with_extended();
        let hello = Handshake { reserved, info_hash: self.swarm, peer_id: PeerId::new([id; 20]) };
        self.say(peer, &hello.encode());
    }

    fn extended(&mut self, peer: PeerKey, id: u8, payload: Vec<u8>) {
        self.say(peer, &encode(&[Message::Extended { id, payload: payload.into() }]));
    }

    /// Connects a peer over µTP, which supports hole punching if `punches`.
    fn called_by(&mut self, addr: SocketAddr, id: u8, punches: bool) -> PeerKey {
        let key = self.rig.engine.accept(self.rig.now, addr, Transport::Utp).unwrap();
        self.greet(key, id);
        let mut messages = vec![(UT_PEX.to_owned(), HIS_PEX)];
        messages.extend(punches.then(|| (UT_HOLEPUNCH.to_owned(), HIS_PUNCH)));
        let hello = ExtendedHandshake { messages, ..ExtendedHandshake::default() };
        self.extended(key, 0, hello.encode());
        key
    }

    /// Takes the hole punch messages that were sent, with their receivers.
    fn punches(&mut self) -> Vec<(PeerKey, HolepunchMessage)> {
        let mut found = Vec::new();
        for send in std::mem::take(&mut self.rig.out.sends) {
            let bytes = &self.rig.out.bytes[send.range];
            let is_first = bytes.first() == Some(&0x13);
            let mut heard = if is_first { Transcript::default() } else { Transcript::after_handshake() };
            for message in heard.take(bytes).unwrap() {
                if let Message::Extended { id: HIS_PUNCH, payload } = message {
                    found.push((send.peer, HolepunchMessage::decode(&payload).unwrap()));
                }
            }
        }
        found
    }
}

fn way(connect: &Connect) -> (Transport, bool) {
    (connect.transport, connect.offer.is_some())
}

#[test]
fn other_transport_joins_after_a_head_start_and_the_loser_is_closed() {
    let mut caller = Caller::new(|_| {});
    caller.know(at(1, 1));
    let utp = caller.call();
    assert_eq!(way(&utp), (Transport::Utp, false));
    assert!(caller.pass(Duration::from_millis(400)).is_empty(), "a head start");
    let calls = caller.pass(Duration::from_millis(200));
    assert_eq!(calls.iter().map(way).collect::<Vec<_>>(), [(Transport::Tcp, false)]);
    caller.tell(Event::Connected { peer: calls[0].peer });
    let closed: Vec<PeerKey> = caller.rig.out.closes.drain(..).map(|close| close.peer).collect();
    assert_eq!(closed, [utp.peer]);
    caller.greet(calls[0].peer, 7);
    assert_eq!(caller.rig.engine.status(caller.rig.now)[0].peers, 1);
    // It is dialed over the transport that reached it.
    caller.close(calls[0].peer);
    let calls = caller.pass(Duration::from_secs(60));
    assert_eq!(way(&calls[0]), (Transport::Tcp, false));
    assert!(calls.len() > 1 && way(&calls[1]) == (Transport::Utp, false), "the other joins later: {calls:?}");
}

#[test]
fn local_address_is_dialed_over_tcp_first() {
    let mut caller = Caller::new(|_| {});
    caller.know(addr(9));
    assert_eq!(way(&caller.call()), (Transport::Tcp, false));
}

#[test]
fn address_counts_as_failed_once_after_the_last_plan() {
    let mut caller = Caller::new(|_| {});
    caller.know(at(1, 1));
    let first = caller.call();
    caller.close(first.peer);
    let second = caller.call();
    assert_eq!(way(&second), (Transport::Tcp, false));
    let known = &caller.rig.engine.torrent(caller.id).known();
    assert_eq!(known.next_due(), None, "it is still being called");
    caller.close(second.peer);
    assert!(caller.pass(Duration::from_secs(29)).is_empty(), "one failure, not two");
    assert_eq!(caller.pass(Duration::from_secs(3)).len(), 2);
}

#[test]
fn peer_that_closes_on_a_plain_handshake_is_dialed_encrypted_from_then_on() {
    let mut caller = Caller::new(|config| config.transports = Transports::Tcp);
    caller.know(at(1, 1));
    let plain = caller.call();
    caller.tell(Event::Connected { peer: plain.peer });
    caller.close(plain.peer);
    let encrypted = caller.call();
    assert_eq!(way(&encrypted), (Transport::Tcp, true));
    caller.rig.out.sends.clear();
    caller.tell(Event::Connected { peer: encrypted.peer });
    let info_hash = caller.swarm;
    let offer = encrypted.offer.unwrap();
    let handshake = Handshake::decode(&offer.handshake).unwrap().unwrap();
    assert_eq!((offer.info_hash, handshake.info_hash), (info_hash, info_hash));
    caller.tell(Event::Secured { peer: encrypted.peer, info_hash, method: Method::Rc4 });
    assert!(caller.rig.out.sends.is_empty(), "the handshake went out with the encrypted one");
    caller.greet(encrypted.peer, 7);
    caller.close(encrypted.peer);
    let again = caller.pass(Duration::from_secs(60));
    assert_eq!(way(&again[0]), (Transport::Tcp, true));
}

#[test]
fn handshake_after_an_encrypted_one_for_another_torrent_is_refused() {
    let mut caller = Caller::new(|_| {});
    let key = caller.rig.engine.accept(caller.rig.now, at(5, 5), Transport::Tcp).unwrap();
    caller.tell(Event::Secured { peer: key, info_hash: [9; 20].into(), method: Method::Rc4 });
    caller.greet(key, 5);
    assert!(caller.rig.out.closes[0].reason.contains("another torrent"), "{:?}", caller.rig.out.closes);
}

#[test]
fn second_connection_of_a_peer_replaces_the_first_only_if_that_is_silent() {
    let mut caller = Caller::new(|_| {});
    let first = caller.called_by(at(5, 5), 5, false);
    caller.pass(Duration::from_secs(4));
    let early = caller.rig.engine.accept(caller.rig.now, at(5, 6), Transport::Tcp).unwrap();
    caller.greet(early, 5);
    let closed: Vec<PeerKey> = caller.rig.out.closes.drain(..).map(|close| close.peer).collect();
    assert_eq!(closed, [early], "it is connected already");
    caller.pass(Duration::from_secs(7));
    let again = caller.rig.engine.accept(caller.rig.now, at(5, 7), Transport::Tcp).unwrap();
    caller.greet(again, 5);
    let closed: Vec<PeerKey> = caller.rig.out.closes.drain(..).map(|close| close.peer).collect();
    assert_eq!(closed, [first]);
    assert_eq!(caller.rig.engine.status(caller.rig.now)[0].peers, 1);
}

#[test]
fn removed_torrent_ends_its_connection_attempts() {
    let mut caller = Caller::new(|_| {});
    caller.know(at(1, 1));
    let first = caller.call();
    caller.pass(Duration::from_millis(600));
    caller.close(first.peer);
    let id = caller.id;
    caller.tell(Event::Command(Command::Remove(id)));
    assert!(caller.pass(Duration::from_secs(60)).is_empty());
    assert_eq!((caller.rig.engine.peers.len(), caller.rig.engine.dialer.half_open()), (0, 0));
}

#[test]
fn rendezvous_request_is_relayed_or_answered_with_an_error() {
    let mut caller = Caller::new(|_| {});
    let (asker, target) = (caller.called_by(at(1, 11), 1, true), caller.called_by(at(2, 22), 2, true));
    let deaf = caller.called_by(at(3, 33), 3, false);
    caller.rig.out.sends.clear();
    let ask = |addr| HolepunchMessage::Rendezvous(addr).encode();
    caller.extended(asker, config::OUR_UT_HOLEPUNCH, ask(at(2, 22)));
    let mut told = caller.punches();
    told.sort_by_key(|(key, _)| *key != asker);
    let connect = HolepunchMessage::Connect;
    assert_eq!(told, [(asker, connect(at(2, 22))), (target, connect(at(1, 11)))]);
    for (addr, error) in [
        (at(3, 33), HolepunchError::NO_SUPPORT),
        (at(4, 44), HolepunchError::NOT_CONNECTED),
        (at(1, 11), HolepunchError::NOT_CONNECTED),
        (at(4, 0), HolepunchError::NO_SUCH_PEER),
    ] {
        caller.extended(asker, config::OUR_UT_HOLEPUNCH, ask(addr));
        assert_eq!(caller.punches(), [(asker, HolepunchMessage::Error(addr, error))]);
    }
    caller.extended(deaf, config::OUR_UT_HOLEPUNCH, ask(at(2, 22)));
    assert!(caller.punches().is_empty(), "a peer without support gets no answer (BEP 55)");
    for _ in 0..100 {
        caller.extended(asker, config::OUR_UT_HOLEPUNCH, ask(at(2, 22)));
    }
    assert!(caller.punches().len() < 50, "the number of relayed messages is bounded");
}

#[test]
fn unreachable_peer_is_dialed_through_the_relay_that_named_it() {
    let mut caller = Caller::new(|_| {});
    let relay = caller.called_by(at(1, 11), 1, true);
    let flags = PexFlags::UTP.and(PexFlags::HOLEPUNCH);
    let added = vec![(at(2, 22), flags), (at(3, 33), PexFlags::UTP)];
    let message = PexMessage { added, dropped: Vec::new() };
    caller.extended(relay, config::OUR_UT_PEX, message.encode());
    let calls = caller.pass(Duration::from_millis(600));
    assert_eq!(calls.len(), 2, "{calls:?}");
    caller.rig.out.sends.clear();
    let mut calls: Vec<Connect> = calls;
    while let Some(call) = calls.pop() {
        caller.close(call.peer);
        calls.extend(caller.pass(Duration::from_millis(100)));
    }
    let asked = caller.punches();
    assert_eq!(asked, [(relay, HolepunchMessage::Rendezvous(at(2, 22)))]);
    caller.extended(relay, config::OUR_UT_HOLEPUNCH, HolepunchMessage::Connect(at(2, 22)).encode());
    let call = caller.call();
    assert_eq!((call.addr, way(&call)), (at(2, 22), (Transport::Utp, false)));
    caller.extended(relay, config::OUR_UT_HOLEPUNCH, HolepunchMessage::Connect(at(2, 22)).encode());
    assert!(caller.pass(Duration::ZERO).is_empty(), "an attempt is under way");
}

#[test]
fn relayed_connects_to_local_addresses_are_ignored_and_others_bounded() {
    let mut caller = Caller::new(|config| config.max_peers_per_torrent = 1000);
    let relay = caller.called_by(at(1, 11), 1, true);
    caller.extended(relay, config::OUR_UT_HOLEPUNCH, HolepunchMessage::Connect(addr(7)).encode());
    assert!(caller.pass(Duration::ZERO).is_empty());
    let mut calls = 0;
    for port in 1..200 {
        caller.extended(relay, config::OUR_UT_HOLEPUNCH, HolepunchMessage::Connect(at(9, port)).encode());
        calls += std::mem::take(&mut caller.rig.out.connects).len();
    }
    assert!((1..=20).contains(&calls), "{calls}");
}

/// A race may be queued for long, if too many attempts are under way.
#[test]
fn late_rival_does_not_replace_an_established_connection() {
    let mut caller = Caller::new(|_| {});
    caller.know(at(1, 1));
    let first = caller.call();
    caller.rig.now += HEAD_START;
    // The other transport is due, and the first one connects in the same turn.
    caller.rig.settle();
    caller.tell(Event::Connected { peer: first.peer });
    caller.greet(first.peer, 7);
    let calls = caller.pass(Duration::from_secs(5));
    assert!(calls.is_empty(), "{calls:?}");
    assert!(caller.rig.out.closes.is_empty(), "{:?}", caller.rig.out.closes);
    assert_eq!(caller.rig.engine.status(caller.rig.now)[0].peers, 1);
}

#[test]
fn rendezvous_that_fails_is_requested_only_once() {
    let mut caller = Caller::new(|config| config.transports = Transports::Utp);
    let relay = caller.called_by(at(1, 11), 1, true);
    let flags = PexFlags::UTP.and(PexFlags::HOLEPUNCH);
    let message = PexMessage { added: vec![(at(2, 22), flags)], dropped: Vec::new() };
    caller.extended(relay, config::OUR_UT_PEX, message.encode());
    let mut asked = 0;
    for _ in 0..20 {
        for call in caller.pass(Duration::from_secs(10)) {
            caller.close(call.peer);
        }
        caller.pass(Duration::ZERO);
        let rendezvous = caller.punches().len();
        asked += rendezvous;
        for _ in 0..rendezvous {
            let connect = HolepunchMessage::Connect(at(2, 22)).encode();
            caller.extended(relay, config::OUR_UT_HOLEPUNCH, connect);
        }
        caller.say(relay, &[0, 0, 0, 0]);
    }
    assert_eq!(asked, 1);
}

#[test]
fn queued_retry_of_a_forgotten_address_is_dropped() {
    let mut caller = Caller::new(|_| {});
    caller.know(at(1, 1));
    let first = caller.call();
    caller.close(first.peer);
    caller.rig.engine.torrent_mut(caller.id).known_mut().forget(at(1, 1));
    assert!(caller.pass(Duration::from_secs(60)).is_empty());
}

#[test]
fn transport_that_connects_and_carries_nothing_is_not_first_the_next_time() {
    let mut caller = Caller::new(|config| config.encryption = Encryption::Off);
    caller.know(at(1, 1));
    let first = caller.call();
    assert_eq!(way(&first), (Transport::Utp, false));
    caller.tell(Event::Connected { peer: first.peer });
    caller.close(first.peer);
    let calls = caller.pass(Duration::from_secs(31));
    assert_eq!(way(&calls[0]), (Transport::Tcp, false), "{calls:?}");
}

#[test]
fn peer_with_a_plain_handshake_is_dialed_back_encrypted_if_required() {
    let called_plainly = |caller: &mut Caller, from: SocketAddr, transport| {
        let key = caller.rig.engine.accept(caller.rig.now, from, transport).unwrap();
        caller.tell(Event::CalledPlainly { peer: key, info_hash: caller.swarm });
        caller.close(key);
    };
    let mut caller = Caller::new(|c| c.encryption = Encryption::Require);
    called_plainly(&mut caller, at(1, 5555), Transport::Utp);
    let call = caller.call();
    assert_eq!((call.addr, way(&call)), (at(1, 5555), (Transport::Utp, true)));
    // Over TCP it is dialed only at a known address, and not again and again.
    let mut caller = Caller::new(|c| c.encryption = Encryption::Require);
    called_plainly(&mut caller, at(2, 5555), Transport::Tcp);
    assert!(caller.pass(Duration::from_secs(1)).is_empty());
    caller.know(at(2, 6881));
    let call = caller.call();
    caller.tell(Event::Connected { peer: call.peer });
    caller.close(call.peer);
    assert!(caller.pass(Duration::from_secs(1)).is_empty(), "it has failed, and rests");
    called_plainly(&mut caller, at(2, 5556), Transport::Tcp);
    assert!(caller.pass(Duration::from_secs(1)).is_empty());
    // An address that waits for its turn is dialed at once.
    let mut caller = Caller::new(|c| c.encryption = Encryption::Require);
    let (id, now) = (caller.id, caller.rig.now);
    caller.rig.engine.meet(now, id, at(3, 6881));
    assert!(caller.pass(Duration::from_secs(1)).is_empty());
    called_plainly(&mut caller, at(3, 5557), Transport::Tcp);
    assert_eq!(caller.call().addr, at(3, 6881));
}

/// Hundreds of torrents have an address to dial, and the session has no place left.
#[test]
fn torrents_of_a_full_session_wait_for_a_place_without_a_timer_each() {
    let config =
        Config { max_peers: 1, local_discovery: false, ..Config::new(PeerId::from_random([0; 12]), 6881) };
    let mut rig = Rig::new(Instant::from_micros(1_000_000), config, 1);
    for number in 0..500_u16 {
        let mut hash = [7; 20];
        hash[..2].copy_from_slice(&number.to_be_bytes());
        let info_hashes = ztor_metainfo::InfoHashes::V1(ztor_metainfo::InfoHashV1::new(hash));
        let peers = vec![at(number as u8, number + 1)];
        let add = AddMagnet { info_hashes, trackers: Vec::new(), peers, known: None, paused: false };
        rig.engine.add_magnet(rig.now, &add).unwrap();
    }
    rig.settle();
    assert_eq!(rig.out.connects.len(), 1, "there is one place");
    let called = rig.out.connects[0].peer;
    rig.handle(Event::Connected { peer: called });
    rig.settle();
    rig.engine.status_changes(rig.now);
    let until = rig.now + Duration::from_secs(15);
    while let Some(next) = rig.engine.poll_timeout().filter(|next| *next <= until) {
        rig.now = rig.now.max(next);
        rig.settle();
    }
    let changed = rig.engine.status_changes(rig.now).len();
    assert!(changed < 10, "{changed} torrents were settled without need");
    assert_eq!(rig.out.connects.len(), 1);
    rig.handle(Event::Closed { peer: called, cause: CloseCause::Remote });
    rig.settle();
    assert_eq!(rig.out.connects.len(), 2, "the next is dialed as soon as there is a place");
}
