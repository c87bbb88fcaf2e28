//! Questions with long answers, from peers that do not read them.

use super::*;
use crate::CloseCause;
use ztor_metainfo::merkle;
use ztor_wire::{ExtendedHandshake, HashRequest, MetadataMessage, UT_METADATA};

/// Number of pieces, which is more than the hashes of one answer.
const PIECES: u32 = 4096;
/// Bound of the unread answers, a few more than the engine makes at a time.
const MAX_UNREAD_BYTES: usize = 40 * 1024;
/// Bits of a peer that supports all extensions in these tests.
const SPEAKING: Reserved = Reserved::NONE.with_extended().with_v2();
const THEIR_UT_METADATA: u8 = 5;

fn asked(hashes: u32) -> (Scripted, Message) {
    let meta = v2_made_up("v2", PIECES);
    let root = meta.layout.files()[0].pieces_root().unwrap();
    let scripted = Scripted::of(meta, true, SPEAKING, |_| {});
    let request =
        HashRequest { pieces_root: root, base_layer: 0, index: 0, length: hashes, proof_layers: 12 };
    (scripted, Message::HashRequest(request))
}

/// Encodes an extended handshake with `ut_metadata`, and `count` requests for metadata.
fn metadata_questions(count: u32, pieces: u32) -> Vec<u8> {
    let ours =
        ExtendedHandshake { messages: vec![(UT_METADATA.into(), THEIR_UT_METADATA)], ..Default::default() };
    let hello = Message::Extended { id: 0, payload: ours.encode().into() };
    let question = |n| {
        let payload = MetadataMessage::Request { piece: n % pieces }.encode().into();
        Message::Extended { id: 2, payload }
    };
    encode(&std::iter::once(hello).chain((0..count).map(question)).collect::<Vec<_>>())
}

#[test]
fn hash_answers_wait_for_the_socket() {
    let (mut scripted, question) = asked(512);
    let flood = encode(&vec![question; 5000]);
    scripted.rig.give(scripted.key, &mut scripted.far_end, &flood);
    let (_, unread) = scripted.settle_unread();
    assert!(unread > 0 && (unread as usize) < MAX_UNREAD_BYTES, "{unread} bytes");
    let (said, more) = scripted.settle_unread();
    assert_eq!((said.len(), more), (0, 0), "nothing more before that is read");
    scripted.read(unread);
    let (said, more) = scripted.settle_unread();
    assert!(matches!(said[..], [Message::Hashes { .. }]), "the next once it is read");
    scripted.read(more);
    let answers = 2 + scripted.settle().len();
    assert!(answers <= 256, "{answers} answers: the rest of the questions is dropped");
    assert_eq!(scripted.closed(), None);
}

#[test]
fn metadata_answers_wait_for_the_socket() {
    let meta = Blueprint::new("big", 16384).made_up(16384 * 50_000);
    let blocks = meta.bulk().unwrap().info().len().div_ceil(16384) as u32;
    let mut scripted = Scripted::of(meta, true, SPEAKING, |_| {});
    let flood = metadata_questions(3000, blocks);
    scripted.rig.give(scripted.key, &mut scripted.far_end, &flood);
    let (_, unread) = scripted.settle_unread();
    assert!(unread > 0 && (unread as usize) < MAX_UNREAD_BYTES, "{unread} bytes");
    assert_eq!(scripted.settle_unread().1, 0);
    scripted.read(unread);
    assert!(scripted.settle().len() >= 250, "those that waited are answered");
}

/// A source whose bulk enters memory when the test says so.
#[derive(Debug, Default)]
struct Elsewhere(std::sync::Mutex<Option<Arc<ztor_metainfo::Bulk>>>);

impl ztor_metainfo::BulkSource for Elsewhere {
    fn load(&self) -> Result<Arc<ztor_metainfo::Bulk>, ztor_metainfo::BulkError> {
        unreachable!("the engine never waits for a disk")
    }

    fn in_memory(&self) -> Option<Arc<ztor_metainfo::Bulk>> {
        self.0.lock().unwrap().clone()
    }
}

#[test]
fn question_about_metadata_outside_memory_is_answered_once_it_is_loaded_or_lost() {
    let made_up = Blueprint::new("small", 16384).made_up(16384 * 5);
    let bulk = made_up.bulk().unwrap();
    let source = Arc::new(Elsewhere::default());
    let meta = Arc::new(Metainfo::clone(&made_up).with_source(Arc::clone(&source) as Arc<_>));
    let mut scripted = Scripted::of(meta, true, SPEAKING, |_| {});
    let torrent = scripted.id;
    let ask = metadata_questions(1, 1);
    let loaded = |is_there| Event::Disk { torrent, event: DiskEvent::BulkLoaded { is_there } };
    let answers = |said: Vec<Message>| {
        let kind = |message: &Message| match message {
            Message::Extended { payload, .. } => match MetadataMessage::decode(payload) {
                Ok(MetadataMessage::Data { .. }) => Some(true),
                Ok(MetadataMessage::Reject { .. }) => Some(false),
                _ => None,
            },
            _ => None,
        };
        said.iter().filter_map(kind).collect::<Vec<_>>()
    };
    scripted.rig.give(scripted.key, &mut scripted.far_end, &ask);
    assert_eq!(answers(scripted.settle()), []);
    scripted.rig.handle(loaded(false));
    assert_eq!(answers(scripted.settle()), [false], "lost");
    scripted.rig.give(scripted.key, &mut scripted.far_end, &ask);
    assert_eq!(answers(scripted.settle()), [false], "and not tried again at once");
    scripted.rig.now += Duration::from_secs(61);
    scripted.rig.give(scripted.key, &mut scripted.far_end, &ask);
    assert_eq!(answers(scripted.settle()), []);
    *source.0.lock().unwrap() = Some(bulk);
    scripted.rig.handle(loaded(true));
    assert_eq!(answers(scripted.settle()), [true]);
}

#[test]
fn hash_request_in_a_long_layer_is_proved_and_invalid_ones_rejected() {
    let (mut scripted, question) = asked(512);
    let Message::HashRequest(first) = question else { unreachable!("a question") };
    for index in (0..PIECES).step_by(512) {
        let request = HashRequest { index, ..first };
        let said = scripted.say(&Message::HashRequest(request));
        let [Message::Hashes { hashes, .. }] = &said[..] else { panic!("an answer, not {said:?}") };
        let range = merkle::Range { base_layer: 0, index, length: 512, proof_layers: 12 };
        let hashes: Vec<merkle::Hash> = hashes.chunks(32).map(|hash| hash.try_into().unwrap()).collect();
        let checked = merkle::check(&first.pieces_root, 12, range, &hashes).expect("a proof");
        assert_eq!(checked.first(), Some(&[index as u8; 32]));
    }
    for bad in [
        HashRequest { length: 1024, ..first },
        HashRequest { length: PIECES, ..first },
        HashRequest { base_layer: 1, ..first },
        HashRequest { pieces_root: [7; 32], ..first },
    ] {
        assert_eq!(scripted.say(&Message::HashRequest(bad)), [Message::HashReject(bad)]);
    }
}

/// A flood must leave no debt.
#[test]
fn answers_that_were_not_sent_cost_no_upload() {
    let meta = Blueprint::new("big", 16384).made_up(16384 * 50_000);
    let mut scripted = Scripted::of(meta, true, SPEAKING, |config| config.limit_up = Some(50_000));
    let flood = metadata_questions(500, 10);
    scripted.rig.give(scripted.key, &mut scripted.far_end, &flood);
    for _ in 0..20 {
        scripted.rig.now += Duration::from_secs(1);
        let (_, unread) = scripted.settle_unread();
        assert!((unread as usize) < MAX_UNREAD_BYTES);
    }
    let gone = Event::Closed { peer: scripted.key, cause: CloseCause::Remote };
    scripted.rig.handle(gone);
    scripted.rig.settle();
    scripted.rig.take_out();

    let other = scripted.rig.engine.accept(scripted.rig.now, addr(98), Transport::Tcp).unwrap();
    let info_hash = scripted.meta.info_hashes.swarm_id();
    let hello = Handshake { reserved: SPEAKING, info_hash, peer_id: PeerId::new([8; 20]) }.encode();
    let mut far_end = FarEnd::default();
    scripted.rig.give(other, &mut far_end, &[&hello[..], &metadata_questions(1, 10)].concat());
    for _ in 0..2 {
        scripted.rig.settle();
        scripted.rig.now += Duration::from_millis(500);
    }
    assert_eq!(scripted.rig.out.replies.len(), 1, "an honest peer is answered at once");
}

#[test]
fn metadata_request_under_the_lowest_limit_is_answered() {
    let meta = Blueprint::new("big", 16384).made_up(16384 * 50_000);
    let mut scripted = Scripted::of(meta, true, SPEAKING, |config| config.limit_up = Some(1));
    scripted.rig.give(scripted.key, &mut scripted.far_end, &metadata_questions(3, 10));
    let (_, unread) = scripted.settle_unread();
    assert!(unread > 16_000, "one answer is sent");
    scripted.read(unread);
    scripted.rig.now += Duration::from_secs(60);
    assert_eq!(scripted.settle_unread().1, 0, "the next waits until that is paid");
}
