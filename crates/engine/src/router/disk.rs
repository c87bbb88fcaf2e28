//! Events from the disk.

use super::Router;
use crate::bans::BanReason;
use crate::bitfield::Bitfield;
use crate::cx::Cx;
use crate::event::{BlockDigest, DiskEvent, DiskFault, DiskFaultKind};
use crate::ids::{PeerKey, TorrentId};
use crate::peer::Peers;
use crate::sender::Sender;
use crate::torrent::Torrent;
use crate::torrent_event::TorrentEvent;

impl Router<'_> {
    pub(super) fn on_disk(&mut self, id: TorrentId, event: DiskEvent) {
        let cx = &mut self.cx;
        if let DiskEvent::Written { disk, bytes } = event {
            cx.backlog.written(cx.now, disk, bytes);
        }
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        match event {
            DiskEvent::Written { .. } => {
                if torrent.lifecycle().is_checked() {
                    torrent.exchange_mut().on_written(cx);
                }
                return;
            }
            DiskEvent::Checked { have } => self.on_checked(id, have),
            DiskEvent::Unfinished { pieces } => {
                if torrent.is_active() {
                    torrent.exchange_mut().on_unfinished(&pieces);
                }
            }
            DiskEvent::CheckProgress { done, total } => torrent.check_progress(done, total),
            DiskEvent::PieceOk { piece, digests } => self.on_piece_ok(id, piece, &digests),
            DiskEvent::PieceBad { piece, digests } => self.on_piece_bad(id, piece, &digests),
            DiskEvent::Looked { piece, is_there } => self.on_looked(id, piece, is_there),
            DiskEvent::Kept { piece, is_kept } => torrent.exchange_mut().on_kept(cx, piece, is_kept),
            DiskEvent::Leaves { piece, leaves } => {
                torrent.exchange_mut().on_leaves(piece, leaves);
                torrent.peers().iter().for_each(|key| cx.dirty.mark_peer(*key));
            }
            DiskEvent::BulkLoaded { is_there } => {
                torrent.exchange_mut().on_bulk_loaded(cx.now, is_there);
                torrent.peers().iter().for_each(|key| cx.dirty.mark_peer(*key));
            }
            DiskEvent::Failed { fault } => self.stop_for(id, fault),
            DiskEvent::ReadFailed { message } => {
                self.stop_for(id, DiskFault { kind: DiskFaultKind::Io, message });
            }
        }
        self.tell_others(id);
        self.cx.dirty.mark_torrent(id);
    }

    fn on_checked(&mut self, id: TorrentId, have: Bitfield) {
        if let Some((cx, torrent, peers)) = self.enter_torrent(id)
            && have.len() == torrent.exchange().piece_count()
            && let was_finished = torrent.is_finished()
            && torrent.activate()
        {
            let announced = torrent.exchange().have().clone();
            torrent.exchange_mut().on_checked(cx, have);
            let (exchange, keys) = torrent.exchange_and_peers();
            exchange.hide_pieces(keys, peers);
            let (finished, have_bytes) = (torrent.is_finished(), torrent.exchange().have_bytes());
            cx.out.events.push(TorrentEvent::Started { torrent: id, finished, have_bytes });
            for key in torrent.peers().to_vec() {
                self.meet_again(key, &announced);
            }
            if let Some((cx, torrent, peers)) = self.enter_torrent(id)
                && was_finished != finished
            {
                greet_again(cx, torrent, peers);
            }
            self.discover(id);
            self.compare_common(id);
        }
    }

    /// Plans the local announces and DHT lookups of a torrent that has opened.
    pub(super) fn discover(&mut self, id: TorrentId) {
        if let Some(torrent) = self.torrents.get_mut(id).filter(|torrent| torrent.is_open()) {
            self.lsd.plan(self.cx.now, self.cx.config, torrent);
            self.dht.iter_mut().for_each(|dht| dht.plan(torrent));
        }
    }

    /// Announces to a peer that connected before the check the pieces that we have and those that we have lost since they
    /// were `announced` (BEP 54), or closes the connection if they are too many.
    fn meet_again(&mut self, key: PeerKey, announced: &Bitfield) {
        if let Some((cx, torrent, peer)) = self.enter(key) {
            let can_lose = peer.extensions().takes_dont_have();
            let (conn, trade) = peer.split_trade();
            match torrent.exchange_mut().meet_again(cx, conn, trade, announced) {
                Some(lost) if lost.is_empty() || can_lose => {
                    lost.iter().for_each(|piece| peer.extensions().send_dont_have(cx, peer.conn(), *piece));
                }
                Some(_) | None => self.close(key, "our pieces are too many to announce one by one"),
            }
        }
    }

    /// Keeps the connections of a torrent that is checked again, as far as their peers can hear of lost pieces (BEP 54).
    /// Nothing is exchanged with them before the end of the check.
    pub(super) fn rest_peers(&mut self, id: TorrentId) {
        let keys = self.torrents.get(id).map_or_else(Vec::new, |torrent| torrent.peers().to_vec());
        for key in keys {
            let Some((cx, torrent, peer)) = self.enter(key) else { continue };
            let can_lose = peer.is_live() && peer.extensions().takes_dont_have();
            let (conn, trade) = peer.split_trade();
            if !can_lose || !torrent.exchange_mut().rest(cx, conn, trade) {
                self.close(key, "the torrent is checked again");
            }
        }
    }

    pub(super) fn on_piece_ok(&mut self, id: TorrentId, piece: u32, digests: &[BlockDigest]) {
        let counting = self.enter_torrent(id).filter(|(_, torrent, _)| torrent.lifecycle().counts_pieces());
        let verified = counting.and_then(|(cx, torrent, peers)| {
            let (exchange, keys) = torrent.exchange_and_peers();
            exchange.on_piece_ok(cx, (piece, digests), keys, peers)
        });
        let verified = verified.unwrap_or_default();
        for guilty in verified.guilty {
            self.blame(id, guilty, piece);
        }
        if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
            if verified.is_last_of_all {
                torrent.trackers_mut().announcer_mut().completed();
            }
            if verified.is_last {
                on_finished(cx, torrent, peers);
            }
        }
    }

    fn on_piece_bad(&mut self, id: TorrentId, piece: u32, digests: &[BlockDigest]) {
        let failed = self.enter_torrent(id).and_then(|(cx, torrent, peers)| {
            let (exchange, keys) = torrent.exchange_and_peers();
            exchange.on_piece_bad(cx, (piece, digests), keys, peers)
        });
        if let Some(sender) = failed.as_ref().and_then(|failed| failed.sender) {
            self.blame(id, sender, piece);
        }
        if failed.is_some() {
            self.wake_idle(id);
        }
    }

    /// Draws the consequence of bad data for its sender.
    pub(super) fn blame(&mut self, id: TorrentId, sender: Sender, piece: u32) {
        match sender {
            Sender::Disk => {}
            Sender::Peer(author) => self.ban(id, author, BanReason::BadData { piece }),
            Sender::Web(key) => self.discard_web_seed(key, piece),
        }
    }

    /// Stops a torrent after a disk fault, until it is resumed. Verified pieces are kept; pieces in progress are
    /// downloaded again.
    fn stop_for(&mut self, id: TorrentId, fault: DiskFault) {
        if !self.torrents.get_mut(id).is_some_and(|torrent| torrent.stop(fault.clone())) {
            return;
        }
        self.close_all_of(id, "the torrent is stopped by a disk fault");
        if let Some((cx, torrent, _)) = self.enter_torrent(id) {
            torrent.exchange_mut().on_stopped(cx);
            cx.out.forgets.push(id);
            cx.out.events.push(TorrentEvent::Stopped { torrent: id, fault });
        }
    }
}

/// Reports that the last wanted piece is verified, and announces to the peers that we only upload (BEP 21).
pub(super) fn on_finished(cx: &mut Cx<'_>, torrent: &Torrent, peers: &Peers) {
    cx.out.events.push(TorrentEvent::Finished { torrent: torrent.id() });
    greet_again(cx, torrent, peers);
}

/// Announces to the peers whether we only upload (BEP 21).
pub(super) fn greet_again(cx: &mut Cx<'_>, torrent: &Torrent, peers: &Peers) {
    for peer in peers.of(torrent.peers()).filter(|peer| peer.is_live()) {
        peer.extensions().send_upload_only(cx, peer.conn(), torrent.about());
        cx.dirty.mark_peer(peer.key());
    }
}
