//! Events from the disk.

use super::Router;
use crate::bitfield::Bitfield;
use crate::event::{BlockDigest, DiskEvent, DiskFault, DiskFaultKind};
use crate::ids::TorrentId;
use crate::misbehaviour::Misbehaviour;
use crate::torrent_event::TorrentEvent;

impl Router<'_> {
    pub(super) fn on_disk(&mut self, id: TorrentId, event: DiskEvent) {
        let cx = &mut self.cx;
        if let DiskEvent::Written { bytes } = event {
            cx.backlog.written(cx.now, bytes);
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
            DiskEvent::Failed { fault } => self.stop_for(id, fault),
            DiskEvent::ReadFailed { message } => {
                self.stop_for(id, DiskFault { kind: DiskFaultKind::Io, message });
            }
        }
        self.cx.dirty.mark_torrent(id);
    }

    fn on_checked(&mut self, id: TorrentId, have: Bitfield) {
        let Some((cx, torrent, _)) = self.enter_torrent(id) else { return };
        if have.len() != torrent.exchange().piece_count() || !torrent.activate() {
            return;
        }
        torrent.exchange_mut().on_checked(cx, have);
        let (finished, have_bytes) = (torrent.is_finished(), torrent.exchange().have_bytes());
        cx.out.events.push(TorrentEvent::Started { torrent: id, finished, have_bytes });
        for key in torrent.peers().to_vec() {
            let Some((cx, torrent, peer)) = self.enter(key) else { continue };
            let (conn, trade) = peer.split_trade();
            if !torrent.exchange_mut().meet_again(cx, conn, trade) {
                self.close(key, "it will be told all pieces at once when it is called again");
            }
        }
        self.discover(id);
    }

    fn on_piece_ok(&mut self, id: TorrentId, piece: u32, digests: &[BlockDigest]) {
        let Some((cx, torrent, peers)) = self.enter_torrent(id) else { return };
        if !torrent.lifecycle().counts_pieces() {
            return;
        }
        let (exchange, keys) = torrent.exchange_and_peers();
        let Some(verified) = exchange.on_piece_ok(cx, (piece, digests), keys, peers) else { return };
        for guilty in verified.guilty {
            self.ban(id, guilty, &Misbehaviour::BadData { piece });
        }
        if verified.is_last
            && let Some((cx, torrent, _)) = self.enter_torrent(id)
        {
            torrent.trackers_mut().announcer_mut().completed();
            cx.out.events.push(TorrentEvent::Finished(id));
        }
    }

    fn on_piece_bad(&mut self, id: TorrentId, piece: u32, digests: &[BlockDigest]) {
        let Some((cx, torrent, _)) = self.enter_torrent(id) else { return };
        let Some(failed) = torrent.exchange_mut().on_piece_bad(cx, piece, digests) else { return };
        if let Some(author) = failed.author {
            self.ban(id, author, &Misbehaviour::BadData { piece });
        }
        if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
            torrent.exchange().wake_idle(cx, torrent.peers(), peers);
        }
    }

    /// The disk cannot go on: nothing moves for this torrent until it is resumed. Verified pieces stay ours; what was in
    /// progress will be fetched again.
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
