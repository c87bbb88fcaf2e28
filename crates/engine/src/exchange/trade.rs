//! The trade with one peer: its pieces, the interest of both sides, and the blocks in both directions.

use super::download::Download;
use super::pending::PendingPieces;
use super::questions::{Question, Questions};
use super::super_seeding::Offers;
use super::upload::Upload;
use crate::bitfield::Bitfield;
use crate::config::MAX_PEER_REQUESTS;
use crate::misbehaviour::Misbehaviour;
use crate::pieces::Pieces;
use crate::quota::PeerLimits;
use std::net::IpAddr;
use ztor_base::addr::is_local;
use ztor_base::{Host, Instant};

/// The trade with one peer.
#[derive(Debug)]
pub(crate) struct Trade {
    /// The host that is accountable for what the peer takes.
    pub(super) host: Host,
    /// True if it is in the local network, or behind a port that something there forwards.
    pub(super) is_local: bool,
    /// True once it is counted in the account of its host.
    pub(super) is_counted: bool,
    /// True once it downloads from us, or says that it will. What it has announced until then is no progress.
    pub(super) has_begun: bool,
    /// True if its announces do not count as progress.
    pub(super) is_doubted: bool,
    /// Number of pieces that it has announced since, and number of those that we had before.
    pub(super) announced_pieces: u32,
    pub(super) echoed_pieces: u32,
    pub(super) has: Pieces,
    /// Number of pieces it has that we want and lack.
    pub(super) interesting: u32,
    pub(super) we_choke: bool,
    we_are_interested: bool,
    pub(super) chokes_us: bool,
    pub(super) is_interested: bool,
    pub(super) download: Download,
    pub(super) upload: Upload,
    /// Time of the last piece data in either direction, or of the connection.
    payload_at: Instant,
    /// Time at which one side was last interested in the other.
    useful_at: Instant,
    /// Number of received blocks that were not requested.
    pub(super) unasked_blocks: u32,
    refused_requests: usize,
    /// Number of bitfields, `have all` and `have none` messages that count.
    pub(super) bitfields: u32,
    pub(super) questions: Questions,
    /// Limits of this peer alone.
    pub(super) limits: PeerLimits,
    /// Its pieces while their number is unknown.
    pub(super) pending: Option<PendingPieces>,
    /// Our pieces that it knows of, while others are hidden; `None` if all are known.
    pub(super) offers: Option<Box<Offers>>,
}

impl Trade {
    /// Creates a trade with a peer at this address.
    pub(crate) fn new(now: Instant, ip: IpAddr) -> Self {
        Self {
            host: Host::of(ip),
            is_local: is_local(ip),
            is_counted: false,
            has_begun: false,
            is_doubted: false,
            announced_pieces: 0,
            echoed_pieces: 0,
            has: Pieces::None,
            interesting: 0,
            we_choke: true,
            we_are_interested: false,
            chokes_us: true,
            is_interested: false,
            download: Download::new(now),
            upload: Upload::new(now),
            payload_at: now,
            useful_at: now,
            unasked_blocks: 0,
            refused_requests: 0,
            bitfields: 0,
            questions: Questions::default(),
            limits: PeerLimits::new(is_local(ip)),
            pending: None,
            offers: None,
        }
    }

    pub(crate) fn download(&self) -> &Download {
        &self.download
    }

    pub(crate) fn download_mut(&mut self) -> &mut Download {
        &mut self.download
    }

    pub(crate) fn upload(&self) -> &Upload {
        &self.upload
    }

    pub(crate) fn upload_mut(&mut self) -> &mut Upload {
        &mut self.upload
    }

    /// Returns its pieces, as it announced them.
    pub(crate) fn has(&self) -> &Pieces {
        &self.has
    }

    pub(crate) fn limits_mut(&mut self) -> &mut PeerLimits {
        &mut self.limits
    }

    pub(crate) fn is_seed(&self) -> bool {
        self.has == Pieces::All
    }

    /// Returns the number of pieces it has that we want and lack.
    pub(crate) fn interesting(&self) -> u32 {
        self.interesting
    }

    pub(crate) fn we_choke(&self) -> bool {
        self.we_choke
    }

    pub(crate) fn we_are_interested(&self) -> bool {
        self.we_are_interested
    }

    pub(crate) fn chokes_us(&self) -> bool {
        self.chokes_us
    }

    pub(crate) fn is_interested(&self) -> bool {
        self.is_interested
    }

    /// Returns the time of the last piece data in either direction, or of the connection.
    pub(crate) fn payload_at(&self) -> Instant {
        self.payload_at
    }

    /// Notes a transfer of piece data.
    pub(super) fn payload_moves(&mut self, now: Instant) {
        (self.payload_at, self.useful_at) = (now, now);
    }

    pub(crate) fn has_moved_payload(&self) -> bool {
        self.download.total_bytes() + self.upload.total_bytes() > 0
    }

    /// Notes that one side is of use to the other.
    pub(crate) fn note_use(&mut self, now: Instant) {
        self.useful_at = now;
    }

    /// Returns the time since which neither side is interested in the other; `None` while one is.
    pub(crate) fn useless_since(&self) -> Option<Instant> {
        (!self.is_interested && !self.we_are_interested).then_some(self.useful_at)
    }

    /// Sets our interest. Returns true if it has changed.
    pub(crate) fn set_interest(&mut self, now: Instant, is_interested: bool) -> bool {
        let has_changed = is_interested != self.we_are_interested;
        if has_changed {
            self.we_are_interested = is_interested;
            self.useful_at = now;
        }
        has_changed
    }

    /// Returns true if we may request blocks from it, but none is outstanding.
    pub(super) fn is_out_of_work(&self) -> bool {
        let may_ask = !self.chokes_us || !self.download.allowed_fast().is_empty();
        self.we_are_interested && may_ask && self.download.outstanding() == 0
    }

    /// Counts a refused request, or one whose answer costs us more than it costs the peer to ask.
    pub(super) fn refuse(&mut self) -> Result<(), Misbehaviour> {
        self.refused_requests += 1;
        if self.refused_requests > 4 * MAX_PEER_REQUESTS {
            return Err(Misbehaviour::TooManyRequests(MAX_PEER_REQUESTS));
        }
        Ok(())
    }

    /// Forgets all refusals after a valid request.
    pub(super) fn forget_refusals(&mut self) {
        self.refused_requests = 0;
    }

    /// Forgets one refusal.
    pub(super) fn forget_refusal(&mut self) {
        self.refused_requests = self.refused_requests.saturating_sub(1);
    }

    /// Queues a question, which is answered when the socket can take the answer.
    pub(crate) fn ask(&mut self, question: Question) -> Result<(), Misbehaviour> {
        // Questions without an answer are bounded over the whole connection, too.
        self.refuse()?;
        self.questions.ask(question);
        Ok(())
    }

    /// Returns the bytes of unsent answers that were charged.
    pub(super) fn unsent_answer_bytes(&self) -> u64 {
        self.questions.unsent_bytes()
    }

    /// Returns the pieces that are announced before their number is known.
    pub(super) fn pending_mut(&mut self) -> &mut PendingPieces {
        self.pending.get_or_insert_default()
    }

    /// Returns the memory that the peer can influence, in bytes.
    pub(crate) fn held_bytes(&self) -> usize {
        let pieces = if let Pieces::Some(set) = &self.has { set.len() as usize / 8 } else { 0 };
        let pending = self.pending.as_ref().map_or(0, PendingPieces::bytes);
        let offers = self.offers.as_ref().map_or(0, |offers| offers.held_bytes());
        pieces
            + pending
            + offers
            + self.download.held_bytes()
            + self.upload.held_bytes()
            + self.questions.bytes()
    }

    /// Returns true if we hide a piece from the peer.
    pub(super) fn is_hidden(&self, piece: u32) -> bool {
        self.offers.as_ref().is_some_and(|offers| !offers.announces(piece))
    }

    /// Adds a piece that the peer has. Returns false if it was announced before.
    pub(super) fn insert_piece(&mut self, piece: u32, pieces: u32) -> bool {
        if self.has == Pieces::None {
            self.has = Pieces::Some(Bitfield::new(pieces));
        }
        if let Pieces::Some(set) = &mut self.has { set.insert(piece) } else { false }
    }
}

#[cfg(test)]
impl Trade {
    pub(crate) fn pretend_totals(&mut self, down: u64, up: u64) {
        self.download.pretend_total(down);
        self.upload.pretend_total(up);
    }
}
