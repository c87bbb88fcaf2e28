//! One torrent: what it is, how far it is, whom it knows.

use crate::blame::Blame;
use crate::event::AddMagnet;
use crate::event::{AddTorrent, DiskFault};
use crate::ids::PeerKey;
use crate::known::{KnownPeers, Origin};
use crate::layers::Layers;
use crate::metadata::Fetch;
use crate::outbox::RequestId;
use crate::pex::RecentPeers;
use crate::picker::{Picker, Priority};
use crate::proofs::Proofs;
use crate::rate::{Bucket, Meter};
use fastrand::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_metainfo::{BLOCK_LEN, InfoHashes, Layout, Metainfo};
use ztor_tracker::announcer::Announcer;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Only the info-hash is known yet, or all is known and nobody has said yet where to put it.
    Metadata,
    /// The metadata is what the info-hash promises, and no torrent all the same.
    Unusable(String),
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

/// What is known of what a torrent is.
pub(crate) enum Knowledge {
    /// The info dictionary is being fetched.
    Hash(Fetch),
    /// The hashes of the pieces are being fetched (BEP 52).
    Info(Box<Metainfo>, Layers),
    /// All.
    All(Arc<Metainfo>),
}

pub(crate) struct Torrent {
    pub(crate) hashes: InfoHashes,
    pub(crate) knowledge: Knowledge,
    /// Peers come from the trackers only (BEP 27). False until that is known.
    pub(crate) private: bool,
    /// Of no pieces until it is known.
    pub(crate) layout: Arc<Layout>,
    pub(crate) proofs: Proofs,
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
    pub(crate) recent: RecentPeers,
    /// Meetings that were asked for (BEP 55), and when.
    pub(crate) meetings: Vec<(SocketAddr, Instant)>,
    /// Addresses that could not be reached in this turn.
    pub(crate) unreached: Vec<SocketAddr>,
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
    /// Since when no peer has had anything that is missing.
    pub(crate) starves_since: Option<Instant>,
    /// When a peer last made place for another.
    pub(crate) exchanged_at: Instant,
    /// When it is looked up in the DHT, unless that is under way.
    pub(crate) dht_due: Option<Instant>,
    /// Times in a row that this brought no peer.
    pub(crate) dht_vain: u32,
    /// Announces to the local network are planned.
    pub(crate) is_told_locally: bool,
    /// Something was written since the check.
    pub(crate) has_written: bool,
    /// When the last wanted piece was verified, or the check found nothing missing.
    pub(crate) finished: bool,
}

impl Torrent {
    pub(crate) fn new(now: Instant, add: &AddTorrent, rng: &mut Rng) -> Self {
        let mut torrent = Self::bare(now, add.meta.info_hashes, add.meta.trackers.clone(), rng);
        for addr in &add.peers {
            torrent.known.add(now, *addr, Origin::Hand, None, rng);
        }
        for addr in &add.earlier_peers {
            torrent.known.add(now, *addr, Origin::Earlier, None, rng);
        }
        torrent.know(Arc::clone(&add.meta));
        torrent.start(add.priorities.clone(), add.sequential, add.uploaded, add.downloaded);
        torrent
    }

    /// A torrent of which only the link is known, or all but some piece layers.
    pub(crate) fn magnet(now: Instant, add: &AddMagnet, rng: &mut Rng) -> Self {
        let mut torrent = Self::bare(now, add.info_hashes, add.trackers.clone(), rng);
        if let Some(meta) = &add.known
            && let Some(layers) = Layers::new(now, meta)
        {
            torrent.hashes = meta.info_hashes;
            torrent.private = meta.private;
            torrent.knowledge = Knowledge::Info(Box::new(Metainfo::clone(meta)), layers);
        }
        for addr in &add.peers {
            torrent.known.add(now, *addr, Origin::Hand, None, rng);
        }
        torrent
    }

    /// Takes in what the torrent is.
    pub(crate) fn know(&mut self, meta: Arc<Metainfo>) {
        self.layout = Arc::clone(&meta.layout);
        self.picker = Picker::new(Arc::clone(&self.layout));
        self.left_bytes = self.layout.total_len();
        self.private = meta.private;
        self.hashes = meta.info_hashes;
        self.knowledge = Knowledge::All(meta);
    }

    /// What is to be done with it is known, too: the disk looks at what is there.
    pub(crate) fn start(
        &mut self,
        priorities: Option<Box<[Priority]>>,
        sequential: bool,
        uploaded: u64,
        downloaded: u64,
    ) {
        self.phase = Phase::Checking { done: 0, total: self.layout.piece_count() };
        self.priorities = priorities;
        self.picker.sequential = sequential;
        self.uploaded = uploaded;
        self.downloaded = downloaded;
    }

    fn bare(now: Instant, hashes: InfoHashes, trackers: Vec<Vec<String>>, rng: &mut Rng) -> Self {
        let layout = Arc::new(Layout::empty());
        Self {
            hashes,
            knowledge: Knowledge::Hash(Fetch::default()),
            private: false,
            proofs: Proofs::default(),
            phase: Phase::Metadata,
            checked: false,
            picker: Picker::new(Arc::clone(&layout)),
            priorities: None,
            peers: Vec::new(),
            interested: 0,
            seeds: 0,
            known: KnownPeers::default(),
            recent: RecentPeers::default(),
            meetings: Vec::new(),
            unreached: Vec::new(),
            announcer: Announcer::new(trackers, rng),
            announcing: Vec::new(),
            blame: Blame::default(),
            down: Bucket::new(None, now),
            up: Bucket::new(None, now),
            down_meter: Meter::default(),
            up_meter: Meter::default(),
            downloaded: 0,
            uploaded: 0,
            session_downloaded: 0,
            session_uploaded: 0,
            wasted: 0,
            have_bytes: 0,
            // Not nothing, or trackers would take us for a seed.
            left_bytes: u64::from(BLOCK_LEN),
            new_pieces: Vec::new(),
            choke_at: now,
            optimistic_at: now,
            slots_changed: false,
            has_freed_blocks: false,
            wake: Instant::FAR_FUTURE,
            is_dirty: false,
            wants_connects: false,
            starves_since: None,
            exchanged_at: now,
            dht_due: None,
            dht_vain: 0,
            is_told_locally: false,
            has_written: false,
            finished: false,
            layout,
        }
    }

    /// Pieces move.
    pub(crate) fn is_live(&self) -> bool {
        self.phase == Phase::Live
    }

    /// Peers may come and are looked for: pieces move, or the metadata does.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Metadata)
    }
}
