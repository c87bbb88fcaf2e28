//! The outputs of a turn: the engine's effects, and the queues of connections.

use super::Driver;
use super::cipher::StreamCipher;
use super::close::CloseReason;
use super::queue::Sent;
use super::sockets;
use crate::aliases::is_alias;
use crate::disk::Occasion;
use crate::message::{NetEvent, NewTorrent};
use crate::snapshot::SessionEvent;
use crate::web_fetch::named_web_seeds;
use std::sync::Arc;
use ztor_engine::{
    AddError, AddMagnet, Command, Connect, DiskEvent, Event, StartTorrent, StartTorrentError, TorrentEvent,
    TorrentId, Transport, WebSource,
};
use ztor_socks::Way;

impl Driver {
    pub(super) fn add(&mut self, new: NewTorrent) -> Result<TorrentId, AddError> {
        let now = self.cx.now();
        let id = self.cx.engine_mut().add(now, &new.add)?;
        self.open(id, new);
        Ok(id)
    }

    /// Adds a magnet link. `names` are its peers to resolve, `seeds` its web seeds.
    pub(super) fn add_magnet(
        &mut self,
        request: &AddMagnet,
        names: Vec<String>,
        seeds: Vec<WebSource>,
    ) -> Result<TorrentId, AddError> {
        let now = self.cx.now();
        let torrent = self.cx.engine_mut().add_magnet(now, request)?;
        self.cx.command(Command::SetWebSeeds { torrent, seeds });
        if !request.paused {
            names.into_iter().for_each(|name| self.control.resolve_peer(torrent, name));
        } else if !names.is_empty() {
            // Whoever is asked for the address of a name hears of the torrent.
            self.named_peers.insert(torrent, names);
        }
        self.cx.publish();
        Ok(torrent)
    }

    /// Starts the torrent of a magnet link with the given files.
    pub(super) fn start_torrent(&mut self, id: TorrentId, new: NewTorrent) -> Result<(), StartTorrentError> {
        // Checks and requests follow the engine's metadata, the files that of the caller.
        let known = self.cx.engine().metainfo(id).map(|meta| meta.info_hashes);
        if known.is_some_and(|known| known != new.add.meta.info_hashes) {
            return Err(StartTorrentError::OtherTorrent);
        }
        let start = StartTorrent {
            meta: Some(Arc::clone(&new.add.meta)),
            priorities: new.add.priorities.clone(),
            sequential: new.add.sequential,
            ends_first: new.add.ends_first,
            uploaded: new.add.uploaded,
            downloaded: new.add.downloaded,
            statistics: new.add.statistics.clone(),
            super_seeding: new.add.super_seeding,
        };
        self.cx.engine_mut().start_torrent(id, start)?;
        if let Some(tiers) = new.add.trackers.clone() {
            self.cx.command(Command::SetTrackers { torrent: id, tiers });
        }
        if new.add.paused {
            self.cx.command(Command::Pause(id));
        }
        let addrs = new.add.peers.clone();
        self.cx.command(Command::AddPeers { torrent: id, addrs });
        self.open(id, new);
        Ok(())
    }

    fn open(&mut self, id: TorrentId, mut new: NewTorrent) {
        let meta = &new.add.meta;
        if !meta.private && !meta.nodes.is_empty() {
            self.control.resolve_torrent_nodes(meta.nodes.clone());
        }
        let named = || Some(named_web_seeds(meta)).filter(|seeds| !seeds.is_empty());
        if let Some(seeds) = new.web_seeds.take().or_else(named) {
            self.cx.command(Command::SetWebSeeds { torrent: id, seeds });
        }
        let links = std::mem::take(&mut new.links);
        let member = self.disks.join(Arc::clone(&new.store), new.device);
        self.cx.engine_mut().set_disk(id, member.disk());
        self.torrents.insert(id, new, member, &self.disks);
        let common = self.torrents.link(id, links);
        if !common.is_empty() {
            self.cx.share_pieces(&common);
        }
        self.cx.publish_soon();
    }

    /// Carries out the outbox. The engine learns of connections that fail at once before the turn ends.
    pub(super) fn apply(&mut self) {
        let mut out = self.cx.take_out();
        for send in &out.sends {
            self.conns.push_bytes(send.peer, &out.bytes[send.range.clone()]);
        }
        for send in &out.replies {
            self.conns.push_reply(send.peer, &out.bytes[send.range.clone()]);
        }
        for send in out.blocks.drain(..) {
            if let Some(entry) = self.torrents.get(send.torrent)
                && !self.conns.push_cached_block(self.cx.now(), send, entry.store())
            {
                self.torrents.locate(send, &self.disks);
            }
        }
        out.writes.drain(..).for_each(|write| self.torrents.write(write, &mut self.disks));
        out.checks.drain(..).for_each(|id| self.torrents.check(id, &self.disks));
        out.looks.drain(..).for_each(|(id, piece)| self.torrents.look(id, piece, &self.disks));
        out.keeps.drain(..).for_each(|keep| self.torrents.keep(keep, &self.disks));
        out.leaves.drain(..).for_each(|(id, piece)| self.torrents.hash_leaves(id, piece, &self.disks));
        for id in out.bulks.drain(..).filter(|id| !self.torrents.load_bulk(*id, &self.disks)) {
            self.inbox.push(NetEvent::disk(id, DiskEvent::BulkLoaded { is_there: false }));
        }
        out.forgets.drain(..).for_each(|id| self.torrents.forget(id, &mut self.disks));
        out.https.drain(..).for_each(|get| self.control.get(get));
        out.web.drain(..).for_each(|effect| self.on_web_effect(effect));
        out.resolves.drain(..).for_each(|resolve| self.control.resolve(resolve));
        let datagrams = &mut self.datagrams;
        out.tracker_datagrams.drain(..).for_each(|(to, datagram)| datagrams.send_to_tracker(to, &datagram));
        out.datagrams.drain(..).for_each(|datagram| datagrams.send(&datagram));
        datagrams.end_turn();
        out.local_announces.drain(..).for_each(|announce| datagrams.announce(&announce));
        out.events.drain(..).for_each(|event| self.on_torrent_event(event));
        // A connection that is closed in the turn in which it is requested is not made at all.
        out.connects.retain(|connect| !out.closes.iter().any(|close| close.peer == connect.peer));
        for close in out.closes.drain(..) {
            if self.conns.contains(close.peer) {
                tracing::debug!(peer = close.peer.as_u64(), reason = close.reason, "connection closed");
                self.conns.flush_last(self.cx.now(), self.datagrams.endpoint_mut(), close.peer);
            }
            self.drop_conn(close.peer);
        }
        let connects = std::mem::take(&mut out.connects);
        self.cx.return_out(out);
        connects.into_iter().for_each(|connect| self.connect(connect));
    }

    fn connect(&mut self, connect: Connect) {
        let peer = connect.peer;
        if let Err(reason) = self.call(connect) {
            self.close_by_proxy(peer, reason);
        }
    }

    fn call(&mut self, connect: Connect) -> Result<(), CloseReason> {
        let Connect { peer, addr, transport, offer } = connect;
        let cipher = StreamCipher::calling(offer)?;
        match transport {
            // It stands for a name that only a proxy resolves, and is no peer's.
            _ if is_alias(addr.ip()) => Err(CloseReason::NoRoute),
            Transport::Tcp => match self.egress.way_of_calls() {
                Way::Through(proxy) => self.call_through_proxy(peer, addr, proxy, cipher),
                Way::Nowhere => Err(CloseReason::ProxyDown),
                Way::Direct => {
                    let turn = self.turns.next(addr);
                    let stream =
                        sockets::connect(self.device.bind(), addr, turn).map_err(CloseReason::Socket)?;
                    let inserted = self.conns.insert_tcp(self.poll.registry(), peer, stream, true, cipher);
                    inserted.map_err(CloseReason::Socket)
                }
            },
            Transport::Utp => {
                let conn = self.datagrams.call(self.cx.now(), peer, addr)?;
                self.conns.insert_utp(peer, conn, true, cipher);
                Ok(())
            }
        }
    }

    fn on_torrent_event(&mut self, event: TorrentEvent) {
        // A finished torrent is reported once it is saved.
        if !matches!(event, TorrentEvent::Finished { .. }) {
            self.waiters.on_event(&mut self.cx, &event);
        }
        match event {
            TorrentEvent::Started { torrent, finished, .. } => {
                self.torrents.on_started(&mut self.cx, torrent);
                if finished && let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.set_start_pending();
                }
                let occasion = Occasion::Start;
                self.saver.save(&mut self.cx, &mut self.torrents, &self.disks, torrent, occasion);
            }
            // Reported once it is saved.
            TorrentEvent::Finished { torrent } => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.set_finish_pending();
                }
                let occasion = Occasion::Full;
                return self.saver.save(&mut self.cx, &mut self.torrents, &self.disks, torrent, occasion);
            }
            TorrentEvent::Stopped { torrent, ref fault } => {
                if !self.torrents.on_stopped(&mut self.cx, torrent, fault) {
                    return;
                }
                if let Some((dir, mount)) = self.torrents.gone_folder(torrent, fault.kind) {
                    self.drives.is_gone(self.cx.now(), dir, mount);
                }
            }
            TorrentEvent::Removed { torrent } => {
                self.named_peers.remove(&torrent);
                self.torrents.remove(torrent, &mut self.disks);
            }
            TorrentEvent::Metadata { .. }
            | TorrentEvent::Unusable { .. }
            | TorrentEvent::PieceFailed { .. }
            | TorrentEvent::Banned { .. }
            | TorrentEvent::MetadataTooLong { .. }
            | TorrentEvent::PeerUnreachable { .. }
            | TorrentEvent::NoSource { .. }
            | TorrentEvent::WebSeed { .. }
            | TorrentEvent::Tracker { .. } => {}
        }
        let torrent = event.torrent();
        self.cx.emit(SessionEvent::Torrent(event));
        self.advance_moves(torrent);
    }

    /// Flushes the connections. The engine learns how much was sent, and sends more in the next turn.
    pub(super) fn flush(&mut self) {
        let mut keys = self.conns.take_flushes();
        for key in keys.drain(..) {
            let flushed = self.conns.flush(self.cx.now(), self.datagrams.endpoint_mut(), key);
            let Some(flushed) = flushed else { continue };
            if flushed.sent != Sent::default() {
                let Sent { block_bytes, reply_bytes } = flushed.sent;
                self.cx.handle(Event::Sent { peer: key, block_bytes, reply_bytes });
            }
            if let Some(send) = flushed.cut_short {
                // A file that ended before the block did concerns the torrent: a disk thread finds the cause.
                self.torrents.locate(send, &self.disks);
            }
            if let Some(send) = flushed.cold {
                self.torrents.warm(send, &self.disks);
            }
            if let Err(reason) = flushed.result {
                self.close(key, reason);
            }
        }
        self.conns.return_flushes(keys);
    }

    /// Sends the datagrams of µTP. Connection attempts that fail for local reasons end at once, which does not count
    /// against the peer.
    pub(super) fn transmit(&mut self) {
        for key in self.datagrams.transmit(&self.cx) {
            self.close(key, CloseReason::NoRoute);
        }
    }
}
