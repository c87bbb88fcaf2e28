//! What the engine wants done.

use super::conn::{Conn, Link, Sent};
use super::crypt::Crypt;
use super::retry::Retry;
use super::suspects::Suspects;
use super::{Driver, Entry, sockets};
use crate::disk::{CheckJob, Looks, MAX_OPEN_SLICES};
use crate::message::{BlockLocation, BlockSource, NewTorrent};
use crate::snapshot::SessionEvent;
use std::io::ErrorKind;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use ztor_base::Instant;
use ztor_engine::{
    AddError, CloseCause, Command, Connect, DiskFaultKind, Event, PeerKey, SendBlock, StartTorrent,
    StartTorrentError, TorrentEvent, TorrentId, Transport,
};

impl Driver {
    pub(super) fn add(&mut self, now: Instant, new: NewTorrent) -> Result<TorrentId, AddError> {
        let id = self.engine.add(now, &new.add)?;
        self.open(now, id, new);
        Ok(id)
    }

    /// A magnet link's torrent, of which is now known what to do with it.
    pub(super) fn start_torrent(
        &mut self,
        now: Instant,
        id: TorrentId,
        new: NewTorrent,
    ) -> Result<(), StartTorrentError> {
        // What is checked and asked for goes by what the engine knows, where the files go by what was given.
        let known = self.engine.metainfo(id).map(|meta| meta.info_hashes);
        if known.is_some_and(|known| known != new.add.meta.info_hashes) {
            return Err(StartTorrentError::OtherTorrent);
        }
        let start = StartTorrent {
            priorities: new.add.priorities.clone(),
            sequential: new.add.sequential,
            uploaded: new.add.uploaded,
            downloaded: new.add.downloaded,
        };
        self.engine.start_torrent(id, start)?;
        let addrs = new.add.peers.clone();
        self.engine.handle(now, Event::Command(Command::AddPeers { torrent: id, addrs }), &mut self.out);
        self.open(now, id, new);
        Ok(())
    }

    fn open(&mut self, now: Instant, id: TorrentId, new: NewTorrent) {
        let meta = &new.add.meta;
        if !meta.private && !meta.nodes.is_empty() {
            self.control.resolve_torrent_nodes(meta.nodes.clone());
        }
        let NewTorrent { store, resume, resume_path, wanted, prepare, recheck, .. } = new;
        let entry = Entry {
            store,
            resume_path,
            wanted,
            prepare,
            saved: resume,
            looks: Looks::default(),
            recheck,
            stop: Arc::default(),
            is_saving: false,
            save_again: false,
            finish_pending: false,
            retry: Retry::default(),
            suspects: Suspects::default(),
            is_retry: false,
            changed_at: None,
            had_before_change: None,
            looks_again: false,
            in_doubt: false,
        };
        self.torrents.insert(id, entry);
        self.check(id);
        self.publish_at = now;
    }

    /// Has the disk looked at: what was known when it was last saved is believed where the files are as they
    /// were then.
    fn check(&mut self, id: TorrentId) {
        let Some(entry) = self.torrents.get_mut(id) else { return };
        let is_retry = std::mem::take(&mut entry.is_retry);
        // An earlier check that is still under way must not be taken for this one.
        entry.stop.store(true, Ordering::Relaxed);
        entry.stop = Arc::default();
        self.disk.check(CheckJob {
            torrent: id,
            store: Arc::clone(&entry.store),
            resume: entry.saved.clone(),
            distrust: entry.recheck,
            had_before_change: entry.had_before_change.clone(),
            is_retry,
            path: entry.resume_path.clone(),
            wanted: entry.wanted.clone(),
            looks: Arc::clone(&entry.looks),
            prepare: entry.prepare,
            stop: Arc::clone(&entry.stop),
        });
    }

    /// Carries out the outbox. Connections that fail at once are told to the engine before the turn ends.
    pub(super) fn apply(&mut self, now: Instant) {
        let mut out = std::mem::take(&mut self.out);
        for send in &out.sends {
            if let Some(conn) = self.conns.get_mut(send.peer) {
                conn.push_bytes(&out.bytes[send.range.clone()]);
                self.want_flush(send.peer);
            }
        }
        for send in &out.replies {
            if let Some(conn) = self.conns.get_mut(send.peer) {
                conn.push_reply(&out.bytes[send.range.clone()]);
                self.want_flush(send.peer);
            }
        }
        for send in out.blocks.drain(..) {
            self.send_block(send);
        }
        for write in out.writes.drain(..) {
            match self.torrents.get(write.torrent) {
                Some(entry) => self.disk.write(write, Arc::clone(&entry.store)),
                None => tracing::debug!("a block of a removed torrent is dropped"),
            }
        }
        out.checks.drain(..).for_each(|id| self.check(id));
        out.forgets.drain(..).for_each(|id| self.disk.forget(id));
        out.https.drain(..).for_each(|get| self.control.get(get));
        out.resolves.drain(..).for_each(|resolve| self.control.resolve(resolve));
        for (to, datagram) in out.datagrams.drain(..) {
            let Some(to) = sockets::sendable(self.listening.addr, to) else { continue };
            // A datagram that cannot be sent is a lost one; its transaction is repeated.
            if let Err(error) = self.udp.socket.send_to(&datagram, to) {
                tracing::debug!(%error, "UDP send");
            }
        }
        for announce in out.local_announces.drain(..) {
            if let Some(local) = &mut self.local {
                local.announce(&announce);
            }
        }
        for event in out.events.drain(..) {
            self.on_torrent_event(now, event);
        }
        // What is called and given up in one turn is not called at all.
        out.connects.retain(|connect| !out.closes.iter().any(|close| close.peer == connect.peer));
        for close in out.closes.drain(..) {
            if let Some(conn) = self.conns.get_mut(close.peer) {
                tracing::debug!(peer = close.peer.as_u64(), reason = close.reason, "connection closed");
                // What is queued gets its one try; an error changes nothing now.
                let _ = conn.flush(now, &mut self.utp.endpoint, &mut self.scratch);
            }
            self.drop_conn(now, close.peer);
        }
        let connects = std::mem::take(&mut out.connects);
        out.clear();
        self.out = out;
        connects.into_iter().for_each(|connect| self.connect(now, connect));
    }

    fn connect(&mut self, now: Instant, connect: Connect) {
        let Connect { peer, addr, transport, offer } = connect;
        let Ok(crypt) = Crypt::calling(offer) else {
            return self.closed(now, peer, "there is no randomness to be had", CloseCause::Local);
        };
        match transport {
            Transport::Tcp => match sockets::connect(&self.bind, addr) {
                Ok(stream) => self.insert(now, peer, stream, true, crypt),
                Err(error) => self.failed(now, peer, &error),
            },
            Transport::Utp => match self.utp.call(now, peer, addr) {
                Ok(conn) => {
                    self.conns.insert(peer, Conn::new(Link::Utp(conn), true, crypt));
                }
                Err(reason) => self.closed(now, peer, &reason, CloseCause::Local),
            },
        }
    }

    fn on_torrent_event(&mut self, now: Instant, event: TorrentEvent) {
        match event {
            TorrentEvent::Started { torrent, .. } => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    (entry.in_doubt, entry.recheck) = (false, false);
                    entry.had_before_change = None;
                    entry.retry.started(now);
                    let look = entry.looks.lock().unwrap_or_else(PoisonError::into_inner);
                    let (hashed_bytes, believed_bytes) =
                        look.as_ref().map_or((0, 0), |look| (look.hashed_bytes, look.believed_bytes));
                    drop(look);
                    self.tell(SessionEvent::Checked { torrent, hashed_bytes, believed_bytes });
                }
                self.save(torrent, true);
            }
            // It is passed on once it is saved.
            TorrentEvent::Finished(torrent) => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    entry.finish_pending = true;
                }
                return self.save(torrent, true);
            }
            TorrentEvent::Stopped { torrent, ref fault } => {
                if let Some(entry) = self.torrents.get_mut(torrent) {
                    if std::mem::take(&mut entry.looks_again) {
                        return self.tell(SessionEvent::ChangedByOthers { torrent, fault: fault.clone() });
                    }
                    // After a look that could not be finished the next one must still spare what the user has changed. After
                    // one that has found it, going on is for the user to say.
                    if matches!(fault.kind, DiskFaultKind::Changed | DiskFaultKind::InTheWay) {
                        entry.had_before_change = None;
                    }
                }
                self.plan_retry(now, torrent, fault);
            }
            TorrentEvent::Removed(torrent) => {
                if let Some(entry) = self.torrents.remove(torrent) {
                    entry.stop.store(true, Ordering::Relaxed);
                }
            }
            TorrentEvent::Metadata { .. }
            | TorrentEvent::Unusable { .. }
            | TorrentEvent::PieceFailed { .. }
            | TorrentEvent::Banned { .. }
            | TorrentEvent::MetadataTooLong { .. }
            | TorrentEvent::Tracker { .. } => {}
        }
        self.tell(SessionEvent::Torrent(event));
    }

    /// Queues a block: at once if its bytes are in memory, through a worker otherwise.
    fn send_block(&mut self, send: SendBlock) {
        let Some(entry) = self.torrents.get(send.torrent) else { return };
        let SendBlock { peer, block, .. } = send;
        let Some(conn) = self.conns.get_mut(peer) else { return };
        conn.note_served(send);
        let is_ready = entry.store.locate_at_once(block.piece, block.begin, block.len, &mut self.slices);
        if is_ready && self.slices.len() <= MAX_OPEN_SLICES {
            conn.push_block(send, self.slices.drain(..));
            self.want_flush(peer);
        } else {
            self.slices.clear();
            self.disk.locate(send, Arc::clone(&entry.store));
        }
    }

    pub(super) fn on_located(&mut self, located: BlockLocation) {
        let BlockLocation { send, source } = located;
        let Some(conn) = self.conns.get_mut(send.peer) else { return };
        match source {
            BlockSource::Files(slices) => conn.push_block(send, slices),
            BlockSource::Bytes(bytes) => conn.push_read_block(send, bytes),
        }
        self.want_flush(send.peer);
    }

    pub(super) fn want_flush(&mut self, key: PeerKey) {
        if let Some(conn) = self.conns.get_mut(key)
            && !conn.wants_flush
        {
            conn.wants_flush = true;
            self.to_flush.push(key);
        }
    }

    /// Writes what can be written. What went is told to the engine, which hands over more in the next turn.
    pub(super) fn flush(&mut self, now: Instant) {
        let mut keys = std::mem::take(&mut self.to_flush);
        for key in keys.drain(..) {
            let Some(conn) = self.conns.get_mut(key) else { continue };
            conn.wants_flush = false;
            let (sent, result) = conn.flush(now, &mut self.utp.endpoint, &mut self.scratch);
            if sent != Sent::default() {
                let Sent { block_bytes, reply_bytes } = sent;
                self.engine.handle(now, Event::Sent { peer: key, block_bytes, reply_bytes }, &mut self.out);
            }
            if self.conns.get_mut(key).is_some_and(Conn::wants_turn) {
                self.want_flush(key);
            }
            let flooded = self.conns.get(key).is_some_and(Conn::is_flooded);
            match result {
                Err(error) => {
                    self.look_at_unsent(key, &error);
                    self.failed(now, key, &error);
                }
                Ok(()) if flooded => self.lost(now, key, "it does not read the answers to what it asks"),
                Ok(()) => {}
            }
        }
        keys.append(&mut self.to_flush);
        self.to_flush = keys;
    }

    /// A file that ended before the block did is the torrent's trouble, not only the connection's: a worker finds
    /// out what happened to it.
    fn look_at_unsent(&mut self, key: PeerKey, error: &std::io::Error) {
        if error.kind() == ErrorKind::UnexpectedEof
            && let Some(send) = self.conns.get(key).and_then(Conn::unsent_block)
            && let Some(entry) = self.torrents.get(send.torrent)
        {
            self.disk.locate(send, Arc::clone(&entry.store));
        }
    }
}
