//! Access to the parts of an engine, and changes that no event makes.

use crate::Engine;
use crate::discovery::known::Origin;
use crate::ids::{PeerKey, TorrentId};
use crate::peer::Peer;
use crate::torrent::Torrent;
use std::net::SocketAddr;
use ztor_base::{Instant, PeerId};

impl Engine {
    pub(crate) fn torrent(&self, id: TorrentId) -> &Torrent {
        self.torrents.get(id).expect("the torrent is there")
    }

    pub(crate) fn torrent_mut(&mut self, id: TorrentId) -> &mut Torrent {
        self.torrents.get_mut(id).expect("the torrent is there")
    }

    pub(crate) fn peer(&self, key: PeerKey) -> &Peer {
        self.peers.get(key).expect("the peer is there")
    }

    pub(crate) fn has_peer(&self, key: PeerKey) -> bool {
        self.peers.get(key).is_some()
    }

    /// Pretends that a peer has sent and received these numbers of bytes.
    pub(crate) fn pretend_totals(&mut self, key: PeerKey, down: u64, up: u64) {
        let peer = self.peers.get_mut(key).expect("the peer is there");
        peer.trade_mut().pretend_totals(down, up);
    }

    /// Pretends that a peer of a tracker has connected and named its listening address.
    pub(crate) fn meet(&mut self, now: Instant, id: TorrentId, addr: SocketAddr) {
        let torrent = self.torrents.get_mut(id).expect("the torrent is there");
        torrent.known_mut().met(now, addr, Origin::Tracker(0), self.core.rng());
    }

    /// Pretends that a tracker has named an address.
    pub(crate) fn name_by_tracker(
        &mut self,
        now: Instant,
        id: TorrentId,
        addr: SocketAddr,
        peer_id: Option<PeerId>,
    ) {
        let torrent = self.torrents.get_mut(id).expect("the torrent is there");
        torrent.known_mut().add(now, addr, Origin::Tracker(0), peer_id, self.core.rng());
        self.core.dirty_mut().mark_torrent(id);
    }
}
