//! Opens the files of added torrents, on threads that may wait for a disk.

use crate::add::{AddError, AddTorrent};
use crate::claims::Claims;
use crate::inbox::Inbox;
use crate::locate::{Located, Requested, locate};
use crate::message::{NetEvent, NewTorrent};
use crate::presence::Presence;
use crate::reply::{Answer, answer};
use crate::resume_store::ResumeStore;
use crate::shares::Shares;
use crate::statistics;
use crate::times::TimesFile;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use ztor_engine::Priority;
use ztor_metainfo::Layout;
use ztor_storage::{HandleCache, StoreOptions, TorrentStore};

/// Maximum number of torrents of one download folder that are opened at a time. Its disk may not respond, and must not
/// take the threads from other folders.
const OPENED_AT_A_TIME: usize = 2;

/// Opener of torrents. Those of one download folder wait for each other; those of different folders do not.
pub(crate) struct Opener {
    files: Arc<Files>,
    runtime: Handle,
    inbox: Arc<Inbox<NetEvent>>,
    turns: Mutex<Turns>,
}

/// Maximum time to wait for the jobs of a removed torrent that is added again.
const LEAVE_PATIENCE: Duration = Duration::from_secs(30);

/// State shared by all torrents.
struct Files {
    presence: Arc<Presence>,
    handles: Arc<HandleCache>,
    claims: Arc<Claims>,
    shares: Shares,
    resume_store: Option<Arc<dyn ResumeStore>>,
    times: Arc<TimesFile>,
}

#[derive(Default)]
struct Turns {
    of: HashMap<PathBuf, Weak<Semaphore>>,
    /// Number of entries at which unused ones are removed.
    sweep_at: usize,
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").finish_non_exhaustive()
    }
}

impl Opener {
    pub(crate) fn new(
        max_files: usize,
        resume_store: Option<Arc<dyn ResumeStore>>,
        times: Arc<TimesFile>,
        runtime: Handle,
        inbox: Arc<Inbox<NetEvent>>,
    ) -> Self {
        let handles = Arc::new(HandleCache::new(max_files));
        let files = Arc::new(Files {
            presence: Arc::default(),
            handles,
            claims: Arc::default(),
            shares: Shares::default(),
            resume_store,
            times,
        });
        Self { files, runtime, inbox, turns: Mutex::default() }
    }

    /// Opens the files of a torrent, then sends the message that `message` makes of it. An error is answered at once.
    pub(crate) fn open<T: Send + 'static>(
        &self,
        add: AddTorrent,
        to: Answer<T, AddError>,
        message: impl FnOnce(Box<NewTorrent>, Answer<T, AddError>) -> NetEvent + Send + 'static,
    ) {
        let (files, inbox) = (Arc::clone(&self.files), Arc::clone(&self.inbox));
        let turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner).of(&add.dir);
        self.runtime.spawn(async move {
            // Fails only if the semaphore is closed, which never happens.
            let turn = turns.acquire_owned().await;
            let opened = tokio::task::spawn_blocking(move || {
                let opened = files.open(add);
                drop(turn);
                match opened {
                    Ok(new) => inbox.push(message(Box::new(new), to)),
                    Err(error) => answer(to, Err(error)),
                }
            });
            if let Err(error) = opened.await
                && error.is_panic()
            {
                tracing::error!("opening the files of a torrent panicked");
            }
        });
    }
}

impl Turns {
    fn of(&mut self, dir: &PathBuf) -> Arc<Semaphore> {
        if let Some(turns) = self.of.get(dir).and_then(Weak::upgrade) {
            return turns;
        }
        if self.of.len() >= self.sweep_at {
            self.of.retain(|_, turns| turns.strong_count() > 0);
            self.sweep_at = 2 * self.of.len() + 64;
        }
        let turns = Arc::new(Semaphore::new(OPENED_AT_A_TIME));
        self.of.insert(dir.clone(), Arc::downgrade(&turns));
        turns
    }
}

impl Files {
    fn open(&self, add: AddTorrent) -> Result<NewTorrent, AddError> {
        let AddTorrent { meta, dir, priorities, sequential, ends_first, peers, allocate, .. } = add;
        let AddTorrent {
            trackers,
            web_seeds,
            read_only,
            overwrite,
            super_seeding,
            paused,
            recheck,
            incomplete_dir,
            names,
            share_files,
            ..
        } = add;
        if !meta.is_v1() && !meta.has_all_hashes() {
            return Err(AddError::NoLayers);
        }
        names.check(&meta)?;
        // Before anything is looked at: the record of a torrent in use may say that a move is under way.
        let seat = self.presence.enter(&meta.info_hashes, LEAVE_PATIENCE)?;
        let absolute = |dir: PathBuf| std::path::absolute(&dir).unwrap_or(dir);
        let (dir, incomplete_dir) = (absolute(dir), incomplete_dir.map(absolute));
        let requested = Requested {
            dir: &dir,
            incomplete_dir: incomplete_dir.as_deref(),
            names: &names,
            is_read_only: read_only,
        };
        let Located { place, ledger, resume } =
            locate(self.resume_store.as_ref(), &meta, &requested, &self.handles)?;
        let options = StoreOptions { allocate, read_only, overwrite };
        let handles = Arc::clone(&self.handles);
        let wanted: Option<Vec<bool>> =
            priorities.as_ref().map(|all| all.iter().map(|priority| priority.is_wanted()).collect());
        let store = TorrentStore::open_at(Arc::clone(&meta), &place, wanted.as_deref(), options, handles)?;
        let store = Arc::new(store);
        let claim = self.claims.claim(&store, &place)?;
        let links = self.shares.adopt(&store, share_files)?;
        self.shares.enter(&store);
        let home = ledger.as_ref().map_or(dir, |ledger| ledger.record().dir().to_owned());
        let of_pieces =
            priorities.as_ref().map(|files| piece_priorities(&meta.layout, files.iter().copied()));
        let times = ledger.as_ref().map(|ledger| ledger.record().times_key());
        let times = times.map(|key| self.times.get(&key)).unwrap_or_default();
        let engine_add = ztor_engine::AddTorrent {
            meta,
            priorities: of_pieces,
            sequential,
            ends_first,
            peers,
            earlier_peers: resume.as_ref().map_or_else(Vec::new, |resume| resume.peers.clone()),
            uploaded: resume.as_ref().map_or(0, |r| r.uploaded),
            downloaded: resume.as_ref().map_or(0, |r| r.downloaded),
            statistics: statistics::earlier(resume.as_ref(), &times),
            trackers,
            super_seeding,
            paused,
        };
        Ok(NewTorrent {
            add: engine_add,
            web_seeds,
            device: store.device(),
            store,
            resume: resume.map(Arc::new),
            ledger,
            home,
            links,
            seat,
            claims: Arc::clone(&self.claims),
            claim,
            priorities: priorities.unwrap_or_default(),
            prepare: !read_only,
            recheck,
        })
    }
}

/// Returns the priorities of the pieces: each has the highest of its files.
pub(crate) fn piece_priorities(
    layout: &Layout,
    files: impl IntoIterator<Item = Priority>,
) -> Box<[Priority]> {
    let mut priorities = vec![Priority::Skip; layout.piece_count() as usize];
    for (file, priority) in files.into_iter().enumerate() {
        for piece in layout.pieces_of(file) {
            let of_piece = &mut priorities[piece as usize];
            *of_piece = (*of_piece).max(priority);
        }
    }
    priorities.into_boxed_slice()
}
