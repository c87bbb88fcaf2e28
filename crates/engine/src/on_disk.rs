//! What the disk says.

use crate::bitfield::Bitfield;
use crate::event::{BlockDigest, DiskEvent, DiskFault};
use crate::misbehaviour::Misbehaviour;
use crate::outbox::Outbox;
use crate::peer::Peer;
use crate::pieces::Pieces;
use crate::torrent::Phase;
use crate::torrent_event::TorrentEvent;
use crate::{Engine, TorrentId};
use ztor_base::Instant;
use ztor_metainfo::Layout;
use ztor_wire::Message;

/// Pieces that a peer is told of one by one, if it was here before they were; a bitfield may only come first.
const MAX_TOLD_ONE_BY_ONE: u32 = 4096;

impl Engine {
    pub(crate) fn on_disk(&mut self, now: Instant, id: TorrentId, event: DiskEvent, out: &mut Outbox) {
        if let DiskEvent::Written { bytes } = event {
            self.notes_first_write(id);
            return self.disk_wrote(now, bytes);
        }
        if !self.torrents.contains_key(id) {
            return;
        }
        match event {
            DiskEvent::Checked { have } => self.on_checked(now, id, have, out),
            DiskEvent::Unfinished { pieces } => {
                if let Some(torrent) = self.torrents.get_mut(id)
                    && torrent.is_live()
                {
                    pieces.iter().for_each(|(piece, blocks)| torrent.picker.restore(*piece, blocks));
                }
            }
            DiskEvent::CheckProgress { done, total } => {
                if let Some(torrent) = self.torrents.get_mut(id)
                    && matches!(torrent.phase, Phase::Checking { .. })
                {
                    torrent.phase = Phase::Checking { done, total };
                }
            }
            DiskEvent::Written { .. } => {}
            DiskEvent::PieceOk { piece, digests } => self.on_piece_ok(now, id, piece, &digests, out),
            DiskEvent::PieceBad { piece, digests } => self.on_piece_bad(now, id, piece, &digests, out),
            DiskEvent::Failed { fault } => self.stop_for(now, id, fault, out),
            DiskEvent::ReadFailed { message } => {
                let fault = DiskFault { kind: crate::DiskFaultKind::Io, message };
                self.stop_for(now, id, fault, out);
            }
        }
        self.mark_torrent(id);
    }

    /// Files have been made: the record is to say soon whose they are, or after a crash they are taken for the user's.
    fn notes_first_write(&mut self, id: TorrentId) {
        if let Some(torrent) = self.torrents.get_mut(id)
            && torrent.checked
            && !std::mem::replace(&mut torrent.has_written, true)
        {
            self.changes.unsaved.insert(id);
        }
    }

    fn on_checked(&mut self, now: Instant, id: TorrentId, have: Bitfield, out: &mut Outbox) {
        let torrent = &mut self.torrents[id];
        if !matches!(torrent.phase, Phase::Checking { .. }) || have.len() != torrent.layout.piece_count() {
            return;
        }
        torrent.have_bytes = have.iter().map(|p| data_len(&torrent.layout, p)).sum();
        torrent.picker.reset(have, torrent.priorities.clone(), &mut self.rng);
        let missing = (0..torrent.layout.piece_count()).filter(|p| torrent.picker.needs(*p));
        torrent.left_bytes = missing.map(|p| data_len(&torrent.layout, p)).sum();
        torrent.phase = Phase::Live;
        (torrent.checked, torrent.has_written) = (true, false);
        torrent.finished = torrent.picker.is_finished();
        self.changes.unsaved.insert(id);
        let (finished, have_bytes) = (torrent.finished, torrent.have_bytes);
        out.events.push(TorrentEvent::Started { torrent: id, finished, have_bytes });
        self.meet_again(now, id, out);
        self.plan_local(now, id);
        self.plan_dht(id);
    }

    /// Peers that were here before the pieces were: those that gave the metadata of a magnet link.
    fn meet_again(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let torrent = &mut self.torrents[id];
        let is_much = torrent.picker.have().count() > MAX_TOLD_ONE_BY_ONE;
        for key in torrent.peers.clone() {
            let torrent = &mut self.torrents[id];
            let Some(peer) = self.peers.get_mut(key) else { continue };
            if let Pieces::Some(set) = &peer.has {
                torrent.picker.peer_has_all_of(set, &mut self.rng);
            }
            peer.interesting = torrent.picker.interesting(&peer.has);
            if is_much && peer.is_live() {
                self.close(now, key, "it will be told all pieces at once when it is called again", out);
                continue;
            }
            if peer.is_live() {
                torrent.picker.have().iter().for_each(|piece| out.send(key, &Message::Have { piece }));
            }
            self.mark_peer(key);
        }
    }

    fn on_piece_ok(
        &mut self,
        now: Instant,
        id: TorrentId,
        piece: u32,
        digests: &[BlockDigest],
        out: &mut Outbox,
    ) {
        let torrent = &mut self.torrents[id];
        // After a fault it still counts; during a check, the check says what is there.
        let counts = torrent.checked && !matches!(torrent.phase, Phase::Checking { .. });
        if !counts || piece >= torrent.layout.piece_count() || !torrent.picker.verified(piece) {
            return;
        }
        let bytes = data_len(&torrent.layout, piece);
        torrent.have_bytes += bytes;
        torrent.left_bytes = torrent.left_bytes.saturating_sub(bytes);
        self.changes.unsaved.insert(id);
        torrent.new_pieces.push(piece);
        let finished = torrent.picker.is_finished() && !torrent.finished;
        for key in torrent.peers.clone() {
            let Some(peer) = self.peers.get_mut(key) else { continue };
            if peer.has.contains(piece) {
                peer.interesting = peer.interesting.saturating_sub(1);
                if peer.interesting == 0 && !peer.is_dirty {
                    peer.is_dirty = true;
                    self.dirty_peers.push(key);
                }
            }
        }
        for guilty in torrent.blame.piece_ok(piece, digests) {
            self.ban(now, id, guilty, &Misbehaviour::BadData { piece }, out);
        }
        if finished {
            let torrent = &mut self.torrents[id];
            torrent.finished = true;
            torrent.announcer.completed();
            out.events.push(TorrentEvent::Finished(id));
        }
    }

    fn on_piece_bad(
        &mut self,
        now: Instant,
        id: TorrentId,
        piece: u32,
        digests: &[BlockDigest],
        out: &mut Outbox,
    ) {
        let torrent = &mut self.torrents[id];
        if piece >= torrent.layout.piece_count() {
            return;
        }
        let Some(sources) = torrent.picker.failed(piece) else { return };
        torrent.wasted += u64::from(torrent.layout.piece_len(piece));
        out.events.push(TorrentEvent::PieceFailed { torrent: id, piece });
        let author = torrent.blame.piece_failed(piece, digests, &sources);
        if let Some(author) = author {
            self.ban(now, id, author, &Misbehaviour::BadData { piece }, out);
        }
        self.wake_idle(id);
    }

    /// The disk cannot go on: nothing moves for this torrent until it is taken up again. Verified pieces
    /// stay ours; what was in progress will be fetched anew.
    fn stop_for(&mut self, now: Instant, id: TorrentId, fault: DiskFault, out: &mut Outbox) {
        let torrent = &mut self.torrents[id];
        if !matches!(torrent.phase, Phase::Live | Phase::Checking { .. }) {
            return;
        }
        torrent.phase = Phase::Stopped(fault.clone());
        for key in torrent.peers.clone() {
            self.close(now, key, "the torrent is stopped by a disk fault", out);
        }
        let torrent = &mut self.torrents[id];
        torrent.picker.drop_partials(&mut self.rng);
        out.forgets.push(id);
        out.events.push(TorrentEvent::Stopped { torrent: id, fault });
    }

    /// Peers that had nothing left to ask for may have again: first those that have not let us wait, or a few
    /// that never give could hand the last blocks to each other for ever.
    pub(crate) fn wake_idle(&mut self, id: TorrentId) {
        for snubbed in [false, true] {
            for at in 0..self.torrents[id].peers.len() {
                let key = self.torrents[id].peers[at];
                let is_idle = |p: &Peer| p.download.snubbed == snubbed && p.is_out_of_work();
                if self.peers.get(key).is_some_and(is_idle) {
                    self.mark_peer(key);
                }
            }
        }
    }
}

/// Bytes of files in a piece: its length without pads (BEP 47).
fn data_len(layout: &Layout, piece: u32) -> u64 {
    layout.ranges(piece, 0, layout.piece_len(piece)).filter(|r| !r.pad).map(|r| u64::from(r.len)).sum()
}
