//! Requests to trackers and their replies, independent of the protocol.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use ztor_base::{PeerId, SwarmId, addr::is_dialable};

/// Maximum number of peers kept of one reply. Trackers send 50 to 200; the rest of a longer list is dropped.
pub const MAX_PEERS: usize = 1000;

/// One announce (BEP 3, 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// The swarm.
    pub info_hash: SwarmId,
    /// The id of the client.
    pub peer_id: PeerId,
    /// The TCP port that the client listens on.
    pub port: u16,
    /// Payload bytes sent since the `started` event.
    pub uploaded: u64,
    /// Payload bytes received since the `started` event.
    pub downloaded: u64,
    /// Bytes that are still missing; 0 for a seed.
    pub left: u64,
    /// The event since the last announce.
    pub event: AnnounceEvent,
    /// Number of wanted peers; `None` leaves it to the tracker.
    pub num_want: Option<u32>,
    /// A random number, the same for all announces of a torrent in a session. It lets the tracker recognise a client
    /// whose address has changed (BEP 7).
    pub key: u32,
    /// The id in this tracker's last reply, which is sent back to it; `None` if there was none. HTTP only.
    pub tracker_id: Option<Vec<u8>>,
    /// The address to announce; `None` for the source of the request. Most trackers ignore it.
    pub ip: Option<IpAddr>,
}

impl AnnounceRequest {
    /// Creates a regular announce of a client that has transferred nothing and lacks nothing.
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

/// The event since the last announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum AnnounceEvent {
    /// No event; the interval is over.
    #[default]
    None,
    /// First announce to this tracker.
    Started,
    /// The torrent is being stopped.
    Stopped,
    /// The download has just been completed.
    Completed,
    /// No event, of a peer that has all it wants but not the whole torrent (BEP 21). UDP trackers get [`None`](Self::None).
    Paused,
}

/// A tracker's answer to an announce.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnnounceReply {
    /// Seconds until the next regular announce, as the tracker asks for.
    pub interval_s: u32,
    /// Least number of seconds until any announce; `None` if the tracker names none.
    pub min_interval_s: Option<u32>,
    /// Number of peers that have the whole torrent; `None` if unknown.
    pub seeders: Option<u32>,
    /// Number of peers that are still downloading; `None` if unknown.
    pub leechers: Option<u32>,
    /// Number of completed downloads that the tracker has counted; `None` if unknown.
    pub downloads: Option<u32>,
    /// Distinct, plausible peers; at most [`MAX_PEERS`].
    pub peers: Vec<TrackerPeer>,
    /// A message to the user, although the announce succeeded.
    pub warning: Option<String>,
    /// The id to send with the next announce to this tracker.
    pub tracker_id: Option<Vec<u8>>,
    /// Our address, as the tracker sees it (BEP 24).
    pub external_ip: Option<IpAddr>,
}

/// A peer in a tracker's reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TrackerPeer {
    /// The address that it listens on.
    pub addr: SocketAddr,
    /// Its id; `None` in a compact list.
    pub peer_id: Option<PeerId>,
}

/// The state of one swarm in a scrape (BEP 48).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ScrapeEntry {
    /// Number of peers that have the whole torrent.
    pub seeders: u32,
    /// Number of peers that lack a part of the torrent, partial seeds included.
    pub leechers: u32,
    /// Number of completed downloads that the tracker has counted.
    pub downloads: u32,
    /// Number of leechers that still want something, without partial seeds (BEP 21); `None` if unknown, as over UDP.
    pub downloaders: Option<u32>,
}

/// The answer to either kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// The answer to an announce.
    Announce(AnnounceReply),
    /// The answer to a scrape: one entry for each requested info-hash, in the same order.
    Scrape(Vec<ScrapeEntry>),
}

/// The peers of a reply: plausible ones, each once, at most [`MAX_PEERS`].
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

    /// Adds compact IPv4 peers (BEP 23). An incomplete last entry is dropped.
    pub(crate) fn push_compact_v4(&mut self, bytes: &[u8]) {
        for &[a, b, c, d, hi, lo] in bytes.as_chunks::<6>().0 {
            self.push(IpAddr::from([a, b, c, d]), u16::from_be_bytes([hi, lo]), None);
        }
    }

    /// Adds compact IPv6 peers (BEP 7). An incomplete last entry is dropped.
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

    /// Generates announces that differ in all fields that both protocols carry alike.
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
