//! One torrent: what it is, how far it is, whom it knows.

use crate::blame::Blame;
use crate::event::{AddTorrent, DiskFault};
use crate::ids::PeerKey;
use crate::known::KnownPeers;
use crate::outbox::RequestId;
use crate::picker::{Picker, Priority};
use crate::rate::{Bucket, Meter};
use fastrand::Rng;
use std::sync::Arc;
use ztor_metainfo::{Layout, Metainfo};
use ztor_time::Instant;
use ztor_tracker::announcer::Announcer;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The disk is looking at what is there.
    Checking {
        done: u32,
        total: u32,
    },
    Live,
    /// A disk fault; nothing moves until it is taken up again.
    Stopped(DiskFault),
    /// Saying goodbye.
    Ending,
}

pub(crate) struct Torrent {
    pub(crate) meta: Arc<Metainfo>,
    pub(crate) layout: Arc<Layout>,
    pub(crate) phase: Phase,
    /// The disk has been looked at: what the picker says we have is true.
    pub(crate) checked: bool,
    pub(crate) picker: Picker,
    pub(crate) priorities: Option<Box<[Priority]>>,
    pub(crate) peers: Vec<PeerKey>,
    /// How many of them are interested in what we have.
    pub(crate) interested: u32,
    /// Live peers that have everything; the picker does not count them.
    pub(crate) seeds: u32,
    pub(crate) known: KnownPeers,
    pub(crate) announcer: Announcer,
    /// Announces under way.
    pub(crate) announcing: Vec<RequestId>,
    pub(crate) blame: Blame,
    pub(crate) down: Bucket,
    pub(crate) up: Bucket,
    pub(crate) down_meter: Meter,
    pub(crate) up_meter: Meter,
    /// Piece data over all sessions, and of this one.
    pub(crate) downloaded: u64,
    pub(crate) uploaded: u64,
    pub(crate) session_downloaded: u64,
    pub(crate) session_uploaded: u64,
    /// Came twice, or hashed wrong.
    pub(crate) wasted: u64,
    /// Bytes of pieces that hashed right.
    pub(crate) have_bytes: u64,
    /// Bytes of wanted pieces that are missing (BEP 3 `left`).
    pub(crate) left_bytes: u64,
    /// Pieces that became ours and have not been told to the peers.
    pub(crate) new_pieces: Vec<u32>,
    pub(crate) choke_at: Instant,
    pub(crate) optimistic_at: Instant,
    /// A slot may be free, or one is taken by somebody without use for it.
    pub(crate) slots_changed: bool,
    /// Blocks were given back: peers that had run out of work may have some again.
    pub(crate) has_freed_blocks: bool,
    pub(crate) wake: Instant,
    pub(crate) is_dirty: bool,
    pub(crate) wants_connects: bool,
    /// When the last wanted piece was verified, or the check found nothing missing.
    pub(crate) finished: bool,
}

impl Torrent {
    pub(crate) fn new(now: Instant, add: &AddTorrent, rng: &mut Rng) -> Self {
        let layout = Arc::clone(&add.meta.layout);
        let mut known = KnownPeers::default();
        for addr in &add.peers {
            known.add(now, *addr, None, rng);
        }
        let mut picker = Picker::new(Arc::clone(&layout));
        picker.sequential = add.sequential;
        Self {
            meta: Arc::clone(&add.meta),
            phase: Phase::Checking { done: 0, total: layout.piece_count() },
            checked: false,
            picker,
            priorities: add.priorities.clone(),
            peers: Vec::new(),
            interested: 0,
            seeds: 0,
            known,
            announcer: Announcer::new(add.meta.trackers.clone(), rng.u64(..)),
            announcing: Vec::new(),
            blame: Blame::default(),
            down: Bucket::new(None, now),
            up: Bucket::new(None, now),
            down_meter: Meter::default(),
            up_meter: Meter::default(),
            downloaded: add.downloaded,
            uploaded: add.uploaded,
            session_downloaded: 0,
            session_uploaded: 0,
            wasted: 0,
            have_bytes: 0,
            left_bytes: layout.total_len(),
            new_pieces: Vec::new(),
            choke_at: now,
            optimistic_at: now,
            slots_changed: false,
            has_freed_blocks: false,
            wake: Instant::FAR_FUTURE,
            is_dirty: false,
            wants_connects: false,
            finished: false,
            layout,
        }
    }

    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }
}
