//! Routing of events to the parts of the engine.
//!
//! A [`Router`] is the engine during one call. It looks up the torrent and the peer of an event once and passes them to
//! the part that owns the state. It decides only what concerns several parts: the admission of peers, and the
//! consequences when a connection, a torrent or a turn ends.

mod calls;
mod commands;
mod connections;
mod disk;
mod handshake;
mod messages;
mod metadata;
mod network;
mod next;
mod sharing;
mod turn;
mod web;

use crate::bans::Bans;
use crate::cx::Cx;
use crate::dial::{Dialer, Places};
use crate::discovery::{DhtDriver, LocalDiscovery};
use crate::event::Event;
use crate::ids::{PeerKey, TorrentId};
use crate::peer::{Peer, Peers};
use crate::sharing::Sharing;
use crate::timers::Timers;
use crate::torrent::{Torrent, Torrents};
use crate::trackers::Trackers;
use crate::web::WebSeeds;
use std::net::SocketAddr;

/// The engine during one call.
pub(crate) struct Router<'a> {
    pub(crate) cx: Cx<'a>,
    pub(crate) torrents: &'a mut Torrents,
    pub(crate) peers: &'a mut Peers,
    pub(crate) timers: &'a mut Timers,
    pub(crate) bans: &'a mut Bans,
    pub(crate) dialer: &'a mut Dialer,
    pub(crate) places: &'a mut Places,
    pub(crate) trackers: &'a mut Trackers,
    pub(crate) sharing: &'a mut Sharing,
    pub(crate) web: &'a mut WebSeeds,
    pub(crate) lsd: &'a mut LocalDiscovery,
    /// `None` if the engine takes no part in the DHT.
    pub(crate) dht: Option<&'a mut DhtDriver>,
}

impl<'a> Router<'a> {
    /// Returns a peer and its torrent; `None` if the peer is gone or has not named a torrent.
    fn enter(&mut self, key: PeerKey) -> Option<(&mut Cx<'a>, &mut Torrent, &mut Peer)> {
        let peer = self.peers.get_mut(key)?;
        let torrent = self.torrents.get_mut(peer.conn().torrent()?)?;
        Some((&mut self.cx, torrent, peer))
    }

    /// Returns a torrent, and the table of peers.
    fn enter_torrent(&mut self, id: TorrentId) -> Option<(&mut Cx<'a>, &mut Torrent, &mut Peers)> {
        Some((&mut self.cx, self.torrents.get_mut(id)?, self.peers))
    }

    /// Handles an event.
    pub(crate) fn handle(&mut self, event: Event<'_>) {
        match event {
            Event::Connected { peer } => self.on_connected(peer),
            Event::Secured { peer, info_hash, method } => self.on_secured(peer, info_hash, method),
            Event::CalledPlainly { peer, info_hash } => self.call_back(peer, info_hash),
            Event::Received { peer, data } => self.on_received(peer, data),
            Event::Sent { peer, block_bytes, reply_bytes } => self.on_sent(peer, block_bytes, reply_bytes),
            Event::Closed { peer, cause } => self.on_closed(peer, cause),
            Event::Disk { torrent, event } => self.on_disk(torrent, event),
            Event::Http { id, from, result } => {
                self.trackers.on_http(&mut self.cx, self.torrents, (id, from), result);
            }
            Event::Web { id, event } => self.on_web(id, event),
            Event::Resolved { id, result } => {
                self.trackers.on_resolved(&mut self.cx, id, result);
            }
            Event::TrackerPort { id, port } => self.trackers.on_port(id, port),
            Event::Datagram { from, node, data } => self.on_datagram(from, node, data),
            Event::LocalAnnounce { from, data } => {
                self.lsd.handle(&mut self.cx, self.torrents, from, data);
            }
            Event::Network(change) => self.on_network_change(change),
            Event::Command(command) => self.on_command(command),
        }
    }

    /// Handles a datagram of the DHT or of a UDP tracker. DHT messages are dictionaries.
    fn on_datagram(&mut self, from: SocketAddr, node: u8, data: &[u8]) {
        let now = self.cx.now;
        let is_of_dht = data.first() == Some(&b'd');
        if is_of_dht && self.bans.drops_datagram(now, from.ip()) {
            return;
        }
        let dht = self.dht.as_mut().filter(|_| is_of_dht);
        if dht.is_some_and(|dht| dht.handle(now, node, from, data)) {
            self.cx.network.heard(now, from.ip());
        } else {
            self.trackers.handle_datagram(&mut self.cx, self.torrents, from, data);
        }
    }
}
