//! What is asked of a tracker and what it answers, whichever protocol carries it.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{PeerId, SwarmId, addr::is_dialable};

/// The most peers kept of one reply. Trackers give 50 to 200; the rest of a larger list is dropped.
pub const MAX_PEERS: usize = 1000;

/// One announce (BEP 3, 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The swarm.
    pub info_hash: SwarmId,
    /// Who announces.
    pub peer_id: PeerId,
    /// The TCP port it listens on.
    pub port: u16,
    /// Payload bytes sent since the `started` event.
    pub uploaded: u64,
    /// Payload bytes received since the `started` event.
    pub downloaded: u64,
    /// Bytes still to get; 0 makes it a seed.
    pub left: u64,
    /// What has happened.
    pub event: AnnounceEvent,
    /// How many peers are wanted; `None` leaves it to the tracker.
    pub num_want: Option<u32>,
    /// Random, the same for all announces of a torrent in a session, so that the tracker knows a client again
    /// that has changed its address (BEP 7).
    pub key: u32,
    /// What this tracker said in its last reply, to be given back to it. HTTP only.
    pub tracker_id: Option<Vec<u8>>,
    /// The address to be announced in place of the one the request comes from. Most trackers ignore it.
    pub ip: Option<IpAddr>,
}

impl AnnounceRequest {
    /// A regular announce of a client that has moved nothing and lacks nothing.
    pub fn new(info_hash: SwarmId, peer_id: PeerId, port: u16) -> Self {
        Self {
            info_hash,
            peer_id,
            port,
            uploaded: 0,
            downloaded: 0,
            left: 0,
            event: AnnounceEvent::None,
            num_want: None,
            key: 0,
            tracker_id: None,
            ip: None,
        }
    }
}

/// What has happened since the last announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AnnounceEvent {
    /// Nothing; the interval is over.
    #[default]
    None,
    /// First announce to this tracker.
    Started,
    /// The torrent is being stopped.
    Stopped,
    /// The download has just been completed.
    Completed,
}

/// A tracker's answer to an announce.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnounceReply {
    /// Seconds to wait before the next regular announce, as the tracker said.
    pub interval_s: u32,
    /// Seconds before which no announce is welcome at all.
    pub min_interval_s: Option<u32>,
    /// How many have the whole torrent.
    pub seeders: Option<u32>,
    /// How many are still downloading.
    pub leechers: Option<u32>,
    /// How many downloads have been completed in the tracker's memory.
    pub downloads: Option<u32>,
    /// Distinct, plausible peers; at most [`MAX_PEERS`].
    pub peers: Vec<TrackerPeer>,
    /// A message to the user, though the announce succeeded.
    pub warning: Option<String>,
    /// To be sent with the next announce to this tracker.
    pub tracker_id: Option<Vec<u8>>,
    /// How the tracker sees our address (BEP 24).
    pub external_ip: Option<IpAddr>,
}

/// A peer as a tracker names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackerPeer {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its id, if the list was not compact.
    pub peer_id: Option<PeerId>,
}

/// The state of one swarm as a scrape tells it (BEP 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScrapeEntry {
    /// How many have the whole torrent.
    pub seeders: u32,
    /// How many are still downloading.
    pub leechers: u32,
    /// How many downloads have been completed in the tracker's memory.
    pub downloads: u32,
}

/// The answer to either kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// To an announce.
    Announce(AnnounceReply),
    /// To a scrape: one entry for every info-hash asked for, in the order of the question.
    Scrape(Vec<ScrapeEntry>),
}

/// Gathers the peers of a reply: plausible ones, each once, [`MAX_PEERS`] at most.
#[derive(Debug, Default)]
pub(crate) struct PeerList {
    peers: Vec<TrackerPeer>,
    seen: BTreeSet<SocketAddr>,
}

impl PeerList {
    pub(crate) fn push(&mut self, ip: IpAddr, port: u16, peer_id: Option<PeerId>) {
        let addr = SocketAddr::new(ip.to_canonical(), port);
        if self.peers.len() < MAX_PEERS && is_dialable(addr) && self.seen.insert(addr) {
            self.peers.push(TrackerPeer { addr, peer_id });
        }
    }

    /// Compact IPv4 peers (BEP 23); an incomplete last entry is dropped.
    pub(crate) fn push_compact_v4(&mut self, bytes: &[u8]) {
        for &[a, b, c, d, hi, lo] in bytes.as_chunks::<6>().0 {
            self.push(IpAddr::from([a, b, c, d]), u16::from_be_bytes([hi, lo]), None);
        }
    }

    /// Compact IPv6 peers (BEP 7); an incomplete last entry is dropped.
    pub(crate) fn push_compact_v6(&mut self, bytes: &[u8]) {
        for [ip @ .., hi, lo] in bytes.as_chunks::<18>().0 {
            let Some(&ip) = ip.first_chunk::<16>() else { continue };
            self.push(IpAddr::from(ip), u16::from_be_bytes([*hi, *lo]), None);
        }
    }

    pub(crate) fn into_peers(self) -> Vec<TrackerPeer> {
        self.peers
    }
}

/// Appends an address in compact form: 6 bytes for IPv4, 18 for IPv6.
pub(crate) fn write_compact(addr: SocketAddr, out: &mut Vec<u8>) {
    match addr.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets()),
        IpAddr::V6(ip) => out.extend(ip.octets()),
    }
    out.extend(addr.port().to_be_bytes());
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use proptest::prelude::*;

    /// Announces that differ in all that both protocols carry in the same way.
    pub(crate) fn any_announce() -> impl Strategy<Value = AnnounceRequest> {
        let event = prop_oneof![
            Just(AnnounceEvent::None),
            Just(AnnounceEvent::Started),
            Just(AnnounceEvent::Stopped),
            Just(AnnounceEvent::Completed)
        ];
        let ids = any::<([u8; 20], [u8; 20])>();
        let numbers = any::<(u16, u64, u64, u64, u32)>();
        (ids, numbers, event).prop_map(
            |((info_hash, peer_id), (port, uploaded, downloaded, left, key), event)| AnnounceRequest {
                uploaded,
                downloaded,
                left,
                event,
                key,
                ..AnnounceRequest::new(info_hash.into(), peer_id.into(), port)
            },
        )
    }
}
