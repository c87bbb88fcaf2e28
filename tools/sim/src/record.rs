//! Numbers for the trace hash: the events of a world, and the effects that its engines request.
//!
//! Excludes handles that the engine makes up for its own use (request ids, the upper half of peer keys), and every text
//! that may be reworded.

use crate::action::Action;
use crate::core::Event;
use crate::disk::Job;
use crate::trace::{Subject, Trace, number_of};
use crate::verb::Verb;
use ztor_base::{Host, Instant};
use ztor_dht::krpc;
use ztor_engine::{Author, Outbox, PeerKey, TorrentEvent, Transport};

/// Returns the slot of a peer, which the trace shows as `#3`.
pub(crate) fn slot(peer: PeerKey) -> u64 {
    peer.as_u64() & 0xffff
}

impl Event {
    pub(crate) fn record(&self, now: Instant, trace: &mut Trace) {
        match self {
            Self::Syn { stream } => trace.record(now, Subject::Syn, &[stream.0]),
            Self::SynAck { stream } => trace.record(now, Subject::SynAck, &[stream.0]),
            Self::Refused { stream } => trace.record(now, Subject::Refused, &[stream.0]),
            Self::Pump { host } => trace.record(now, Subject::Pump, &[*host as u64]),
            Self::Arrive { stream, from } => trace.record(now, Subject::Arrive, &[stream.0, *from as u64]),
            Self::Ack { stream, to, len } => {
                trace.record(now, Subject::Ack, &[stream.0, *to as u64, *len as u64]);
            }
            Self::Fin { stream, from } => trace.record(now, Subject::Fin, &[stream.0, *from as u64]),
            Self::Datagram { host, from, data: _ } => {
                trace.record(now, Subject::Datagram, &[*host as u64, number_of(*from)]);
            }
            Self::Turn { node, life } => trace.record(now, Subject::Turn, &[*node as u64, u64::from(*life)]),
            Self::Disk { node, life, torrent: _, job } => {
                let [kind, a, b, c] = numbers_of(job);
                trace.record(now, Subject::Disk, &[*node as u64, u64::from(*life), kind, a, b, c]);
            }
            Self::Save { node, life } => trace.record(now, Subject::Save, &[*node as u64, u64::from(*life)]),
            Self::HttpAsk { node, url, .. } => {
                trace.record(now, Subject::HttpAsk, &[*node as u64]);
                trace.record_bytes(url.as_bytes());
            }
            Self::HttpAnswer { node, result, .. } => {
                let status = result.as_ref().map_or(0, |(status, _)| u64::from(*status));
                trace.record(now, Subject::HttpAnswer, &[*node as u64, status]);
            }
            Self::Resolve { node, host, .. } => {
                trace.record(now, Subject::Resolve, &[*node as u64]);
                trace.record_bytes(host.as_bytes());
            }
            Self::Web { node, id, .. } => trace.record(now, Subject::Web, &[*node as u64, id.number]),
            Self::Tick { actor } => trace.record(now, Subject::Tick, &[*actor as u64]),
            Self::Do(action) => action.record(now, trace),
        }
    }
}

impl Action {
    pub(crate) fn record(&self, now: Instant, trace: &mut Trace) {
        let (kind, a, b) = match *self {
            Self::Crash { node, power_cut } => (1, node, u64::from(power_cut)),
            Self::Restart { node } => (2, node, 0),
            Self::Leave { node } => (3, node, 0),
            Self::Disk { node, health } => (4, node, health as u64),
            Self::Resume { node } => (5, node, 0),
            Self::Group { host, group } => (6, host, u64::from(group)),
            Self::Heal => (7, 0, 0),
            Self::Reset { node } => (8, node, 0),
            Self::Tracker { tracker, down_for } => (9, tracker, down_for.as_micros() as u64),
            Self::Note => (10, 0, 0),
            Self::Healed => (11, 0, 0),
            Self::Woke { node, slept } => (12, node, slept.as_micros() as u64),
            Self::Verb { node, verb } => (13, node, number_of_verb(verb)),
            Self::Hang { node, lane, time } => (14, node, time.as_micros() as u64 * 2 + lane as u64),
            Self::Damage { node, pieces } => (15, node, u64::from(pieces)),
            Self::Repair { node } => (16, node, 0),
        };
        trace.record(now, Subject::Intervention, &[kind, a as u64, b]);
    }
}

/// Records the effects of one turn of a client, in the order of their lists.
pub(crate) fn record_effects(now: Instant, node: usize, out: &Outbox, trace: &mut Trace) {
    let node = node as u64;
    for send in &out.sends {
        trace.record(now, Subject::Send, &[node, slot(send.peer)]);
        trace.record_bytes(&out.bytes[send.range.clone()]);
    }
    for send in &out.replies {
        trace.record(now, Subject::Reply, &[node, slot(send.peer)]);
        trace.record_bytes(&out.bytes[send.range.clone()]);
    }
    for send in &out.blocks {
        let block = send.block;
        let place = [block.piece, block.begin, block.len].map(u64::from);
        trace.record(now, Subject::SendBlock, &[node, slot(send.peer), place[0], place[1], place[2]]);
    }
    for connect in &out.connects {
        let is_utp = u64::from(connect.transport == Transport::Utp);
        let offers = u64::from(connect.offer.is_some());
        let addr = number_of(connect.addr);
        trace.record(now, Subject::Connect, &[node, slot(connect.peer), addr, is_utp, offers]);
    }
    for close in &out.closes {
        trace.record(now, Subject::Close, &[node, slot(close.peer)]);
    }
    for write in &out.writes {
        let place = [write.piece, write.begin, write.data.len() as u32].map(u64::from);
        trace.record(now, Subject::Write, &[node, place[0], place[1], place[2]]);
    }
    out.forgets.iter().for_each(|_| trace.record(now, Subject::Forget, &[node]));
    out.checks.iter().for_each(|_| trace.record(now, Subject::Check, &[node]));
    for get in &out.https {
        trace.record(now, Subject::Announce, &[node, u64::from(get.url.contains("event=stopped"))]);
        trace.record_bytes(get.url.as_bytes());
    }
    for resolve in &out.resolves {
        trace.record(now, Subject::Lookup, &[node]);
        trace.record_bytes(resolve.host.as_bytes());
    }
    let datagrams = out.datagrams.iter().map(|datagram| (datagram.to, &datagram.data));
    for (to, datagram) in out.tracker_datagrams.iter().map(|(to, data)| (*to, data)).chain(datagrams) {
        trace.record(now, Subject::Transmit, &[node, number_of(to)]);
        let says_an_error = |message: krpc::Message| matches!(message.body, krpc::Body::Error(_));
        if !krpc::decode(datagram).is_ok_and(says_an_error) {
            trace.record_bytes(datagram);
        }
    }
    for announce in &out.local_announces {
        trace.record(now, Subject::LocalAnnounce, &[node, u64::from(announce.port)]);
        announce.info_hashes.iter().for_each(|hash| trace.record_bytes(hash.as_ref()));
    }
    for event in &out.events {
        let [kind, a, b] = numbers_of_event(event);
        trace.record(now, Subject::TorrentEvent, &[node, kind, a, b]);
    }
}

fn numbers_of(job: &Job) -> [u64; 4] {
    match job {
        Job::Write(write) => [1, write.piece.into(), write.begin.into(), write.data.len() as u64],
        Job::Read { peer, block } => [2, slot(*peer), block.piece.into(), block.begin.into()],
        Job::Check { trust } => [3, u64::from(*trust), 0, 0],
        Job::Forget => [4, 0, 0, 0],
        Job::Delete => [7, 0, 0, 0],
        Job::Keep { piece, blocks } => [8, (*piece).into(), blocks.count().into(), 0],
        Job::Leaves { piece } => [9, (*piece).into(), 0, 0],
        Job::Sync { resume, finished, .. } => [5, resume.downloaded, resume.uploaded, u64::from(*finished)],
        Job::Commit { resume, finished, .. } => [6, resume.downloaded, resume.uploaded, u64::from(*finished)],
    }
}

fn number_of_verb(verb: Verb) -> u64 {
    match verb {
        Verb::Pause => 1,
        Verb::Resume => 2,
        Verb::Recheck { .. } => 3,
        Verb::Reannounce => 4,
        Verb::Trackers(_) => 5,
        Verb::Priorities(_) => 6,
        Verb::Sequential(_) => 7,
        Verb::EndsFirst(_) => 8,
        Verb::Limits(_) => 9,
        Verb::TorrentLimits(_) => 10,
        Verb::GroupLimits { .. } => 11,
        Verb::RemoveGroup(_) => 12,
        Verb::Join(_) => 13,
        Verb::PeerLimits { .. } => 14,
        Verb::AddPeers => 15,
        Verb::LiftBans => 16,
        Verb::Remove { .. } => 17,
        Verb::Add => 18,
        Verb::Retry => 19,
        Verb::Move { .. } => 20,
        Verb::SuperSeeding(_) => 21,
    }
}

fn number_of_author(author: Author) -> u64 {
    match author {
        Author::Host(Host::V4(octets)) => u64::from(u32::from_be_bytes(octets)),
        Author::Host(Host::V6(octets)) => u64::from_be_bytes(octets),
        Author::Peer(ip, _) => number_of((ip, 0).into()),
    }
}

fn numbers_of_event(event: &TorrentEvent) -> [u64; 3] {
    match event {
        TorrentEvent::Metadata { .. } => [1, 0, 0],
        TorrentEvent::Unusable { .. } => [2, 0, 0],
        TorrentEvent::Started { finished, have_bytes, .. } => [3, u64::from(*finished), *have_bytes],
        TorrentEvent::Finished { .. } => [4, 0, 0],
        TorrentEvent::Stopped { .. } => [5, 0, 0],
        TorrentEvent::Removed { .. } => [6, 0, 0],
        TorrentEvent::PieceFailed { piece, .. } => [7, u64::from(*piece), 0],
        TorrentEvent::Banned { author, ends_in, .. } => [8, number_of_author(*author), ends_in.as_secs()],
        TorrentEvent::Tracker { issue, .. } => [9, u64::from(issue.is_error()), 0],
        TorrentEvent::MetadataTooLong { len, .. } => [10, u64::from(*len), 0],
        TorrentEvent::PeerUnreachable { addr, .. } => [11, number_of(*addr), 0],
        TorrentEvent::NoSource { .. } => [12, 0, 0],
        TorrentEvent::WebSeed { .. } => [13, 0, 0],
    }
}
