//! Invariants of every step, checked by recounting.
//!
//! The checkers see only the input and output of a client. To compare a number inside the engine with their own, they
//! read it through [`ztor_engine::inspect`].

mod bucket;
mod ledger;
mod limits;
mod recount;
mod user;

use crate::content::Content;
use crate::settings::Settings;
use crate::verb::Rates;
pub(crate) use ledger::Ledger;
pub(crate) use limits::Limits;
use limits::Way;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
pub(crate) use user::Will;
use ztor_base::Instant;
use ztor_engine::{Bitfield, Engine, TorrentId, WriteBlock};

/// Checkers of one process.
pub(crate) struct Audit {
    content: Arc<Content>,
    /// Pieces that the disk has verified.
    pub(crate) verified: Bitfield,
    /// Addresses that it may connect to.
    pub(crate) sources: BTreeSet<SocketAddr>,
    /// Bytes of piece data written to sockets.
    pub(crate) sent_bytes: u64,
    /// Number of connections that the engine has closed.
    pub(crate) closes: u64,
    /// Bytes of piece data received, wanted or not.
    pub(crate) received_bytes: u64,
    /// Bytes that earlier processes had downloaded and uploaded.
    before: (u64, u64),
    /// Bytes of the pieces that it had at the start.
    had_bytes: u64,
    limits: Limits,
    /// The user's commands so far.
    pub(crate) will: Will,
    /// Bytes received or outstanding at the last check.
    claimed: u64,
    /// Bytes requested since the last check.
    asked_bytes: u64,
    turns: u64,
    /// Pieces in the order in which the disk has verified them.
    pub(crate) order: Vec<u32>,
    /// Bytes that web seeds were allowed to send.
    pub(crate) web_bytes: u64,
}

impl Audit {
    pub(crate) fn new(now: Instant, content: &Arc<Content>, settings: &Settings, before: (u64, u64)) -> Self {
        Self {
            content: Arc::clone(content),
            verified: Bitfield::new(content.pieces()),
            sources: settings.peers.iter().copied().collect(),
            sent_bytes: 0,
            closes: 0,
            received_bytes: 0,
            before,
            had_bytes: 0,
            limits: Limits::new(now, Rates { down: settings.limit_down, up: settings.limit_up }),
            will: Will::new(content.pieces()),
            claimed: 0,
            asked_bytes: 0,
            turns: 0,
            order: Vec::new(),
            web_bytes: 0,
        }
    }

    /// Returns checkers for the torrent that is added after this one was removed. The DHT still knows peers of it.
    pub(crate) fn of_next_torrent(self, now: Instant, content: &Arc<Content>, settings: &Settings) -> Self {
        let mut next = Self::new(now, content, settings, (0, 0));
        next.sources.extend(self.sources);
        Self { limits: self.limits.of_next_torrent(now), ..next }
    }

    /// Returns the limits to change. Bytes requested so far count for the limits before.
    pub(crate) fn limits_mut(&mut self, now: Instant, engine: &Engine, id: TorrentId) -> &mut Limits {
        let status = engine.status(now).into_iter().find(|status| status.id == id);
        if let Some((view, status)) = engine.inspect(id).zip(status) {
            self.claimed = claimed(&view, status.session_downloaded_bytes);
        }
        &mut self.limits
    }

    /// Records a piece that the disk has verified.
    pub(crate) fn piece_ok(&mut self, piece: u32) {
        self.verified.insert(piece);
        self.order.push(piece);
    }

    /// Records the result of a disk check.
    pub(crate) fn checked(&mut self, have: &Bitfield) {
        self.verified.clone_from(have);
        self.had_bytes = self.len_of(have);
    }

    /// Returns true if only trackers may supply peers (BEP 27).
    pub(crate) fn is_private(&self) -> bool {
        self.content.meta.private
    }

    /// Checks the address of a connection.
    pub(crate) fn connects(&self, addr: SocketAddr) -> Result<(), String> {
        self.will.admits("dials")?;
        if !self.sources.contains(&addr) {
            return Err(format!("connects to {addr}, which no allowed source has named"));
        }
        Ok(())
    }

    /// Checks a block that is written to the disk.
    pub(crate) fn written(&self, write: &WriteBlock) -> Result<(), String> {
        let len = write.data.len() as u64;
        let piece_len = u64::from(self.content.meta.layout.piece_len(write.piece));
        if len == 0 || u64::from(write.begin) + len > piece_len {
            return Err(format!("writes {len} bytes at {} of piece {}", write.begin, write.piece));
        }
        if self.verified.contains(write.piece) {
            return Err(format!("writes to piece {}, which is verified already", write.piece));
        }
        Ok(())
    }

    /// Counts bytes that a web seed may send.
    pub(crate) fn allows_web(&mut self, bytes: u32) {
        self.asked_bytes += u64::from(bytes);
        self.web_bytes += u64::from(bytes);
    }

    /// Counts requested bytes.
    fn asks(&mut self, bytes: u32) {
        self.asked_bytes += u64::from(bytes);
    }

    /// Checks the download limit against `claimed`, the requested bytes that have arrived or are outstanding.
    ///
    /// Late blocks of abandoned requests may exceed the limit, but no request may follow until they are paid off.
    fn downloads(&mut self, now: Instant, claimed: u64) -> Result<(), String> {
        let asked_bytes = std::mem::take(&mut self.asked_bytes);
        let before = std::mem::replace(&mut self.claimed, claimed);
        if claimed <= before {
            self.limits.give_back(now, Way::Down, before - claimed);
            return Ok(());
        }
        match self.limits.take(now, Way::Down, claimed - before) {
            Err(over) if asked_bytes > 0 => {
                Err(format!("asks for more than its download limit: {over} bytes over"))
            }
            _ => Ok(()),
        }
    }

    fn uploads(&mut self, now: Instant, bytes: u32) -> Result<(), String> {
        self.limits
            .take(now, Way::Up, bytes.into())
            .map_err(|over| format!("sends more than its upload limit: {over} bytes over"))
    }

    /// Counts answers to metadata and hash requests against the upload limit. They may exceed it by their own length.
    fn answers(&mut self, now: Instant, bytes: u32) {
        if bytes > 0 {
            self.limits.charge(now, Way::Up, bytes.into());
        }
    }

    /// Checks the engine at the end of a turn.
    pub(crate) fn look(&mut self, now: Instant, engine: &Engine, id: TorrentId) -> Result<(), String> {
        self.turns += 1;
        for table in engine.tables() {
            if table.len > table.max {
                return Err(format!("{} has {} entries, more than {}", table.name, table.len, table.max));
            }
        }
        if let Some(have) = engine.have(id)
            && have.count_without(&self.verified) > 0
        {
            return Err("has pieces that the disk has not verified".into());
        }
        // Small swarms are recounted at every step, large ones often.
        let peers = engine.peer_count() as u64;
        if self.limits.is_limited() || self.turns.is_multiple_of(1 + peers / 4) {
            let view = engine.inspect(id);
            if let Some(view) = &view {
                recount::recount(&self.content, view, &self.will)?;
                self.will.check(engine, id, view)?;
                let bans = engine.bans(now);
                let banned = |author| bans.iter().any(|ban| ban.author == author);
                if let Some(peer) = view.peers.iter().find(|peer| peer.is_live && banned(peer.author)) {
                    return Err(format!("is connected to {}, which it has banned", peer.addr));
                }
                let downloaded = self.statistics(now, engine, id)?;
                self.downloads(now, claimed(view, downloaded))?;
                let starved = (
                    view.peers.iter().any(|p| p.waits_for_upload_quota),
                    view.peers.iter().any(|p| p.waits_for_download_quota),
                );
                self.starvation(now, starved)?;
            }
        }
        Ok(())
    }

    /// Checks that peers and requests do not wait for a limit that would admit them.
    fn starvation(&mut self, now: Instant, (up, down): (bool, bool)) -> Result<(), String> {
        if self.limits.starves(now, Way::Up, up && !self.will.limits_peers) {
            return Err("peers wait for an upload limit that would admit them".into());
        }
        if self.limits.starves(now, Way::Down, down && !self.will.limits_peers) {
            return Err("requests wait for a download limit that would admit them".into());
        }
        Ok(())
    }

    /// Compares the engine's statistics with the counted bytes. Returns the bytes downloaded in this session.
    fn statistics(&self, now: Instant, engine: &Engine, id: TorrentId) -> Result<u64, String> {
        let Some(status) = engine.status(now).into_iter().find(|status| status.id == id) else {
            return Ok(self.claimed);
        };
        let fail =
            |what: &str, said: u64, counted: u64| Err(format!("{what}: reported {said}, counted {counted}"));
        // The engine does not count bytes sent on a connection that it is closing.
        let uncounted = self.closes * crate::net::SEND_BUFFER as u64;
        if !(self.sent_bytes.saturating_sub(uncounted)..=self.sent_bytes)
            .contains(&status.session_uploaded_bytes)
        {
            return fail("bytes uploaded", status.session_uploaded_bytes, self.sent_bytes);
        }
        if status.session_downloaded_bytes > self.received_bytes {
            return fail(
                "bytes downloaded are more than received",
                status.session_downloaded_bytes,
                self.received_bytes,
            );
        }
        if status.downloaded_bytes != self.before.0 + status.session_downloaded_bytes {
            return fail(
                "bytes downloaded in all",
                status.downloaded_bytes,
                self.before.0 + status.session_downloaded_bytes,
            );
        }
        if status.uploaded_bytes != self.before.1 + status.session_uploaded_bytes {
            return fail(
                "bytes uploaded in all",
                status.uploaded_bytes,
                self.before.1 + status.session_uploaded_bytes,
            );
        }
        let Some(have) = engine.have(id) else { return Ok(status.session_downloaded_bytes) };
        // Pads do not count.
        let layout = &self.content.meta.layout;
        let data_len = |piece| {
            layout.ranges(piece, 0, u32::MAX).filter(|r| !r.pad).map(|r| u64::from(r.len)).sum::<u64>()
        };
        let have_bytes = have.iter().map(data_len).sum();
        if status.have_bytes != have_bytes
            && !matches!(status.state, ztor_engine::TorrentState::Checking { .. })
        {
            return fail("bytes present", status.have_bytes, have_bytes);
        }
        let is_live = matches!(
            status.state,
            ztor_engine::TorrentState::Downloading | ztor_engine::TorrentState::Seeding
        );
        let is_missing = |piece: &u32| self.will.wants(*piece) && !have.contains(*piece);
        let missing_bytes = || (0..layout.piece_count()).filter(is_missing).map(data_len).sum();
        if is_live && status.left_bytes != missing_bytes() {
            return fail("bytes left", status.left_bytes, missing_bytes());
        }
        if have_bytes.saturating_sub(self.had_bytes) > status.session_downloaded_bytes {
            return fail(
                "bytes gained are more than were downloaded",
                have_bytes,
                status.session_downloaded_bytes,
            );
        }
        Ok(status.session_downloaded_bytes)
    }

    fn len_of(&self, pieces: &Bitfield) -> u64 {
        pieces.iter().map(|piece| u64::from(self.content.meta.layout.piece_len(piece))).sum()
    }
}

/// Returns the bytes that have arrived or are outstanding.
fn claimed(view: &ztor_engine::inspect::TorrentView, downloaded: u64) -> u64 {
    downloaded + view.web_allowed_bytes + view.peers.iter().map(|peer| peer.paid_bytes).sum::<u64>()
}
