//! Torrents that are created from files of the machine, one at a time.

use super::act::absolute;
use super::add::{NewContent, Parsed};
use super::trackers::check_url;
use super::web_seeds::check_web_seed;
use super::{Daemon, in_background};
use crate::clock::now_unix_s;
use crate::error::DaemonError;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, Semaphore};
use ztor_api::{AddOptions, Added, Creation, CreationFormat, CreationRequest, CreationState, Problem};
use ztor_policy::check_category_path;
use ztor_session::create::{CreateError, CreateOptions, Options, Symlinks, Version, create};
use ztor_session::{Magnet, Metainfo};

/// Maximum number of files that are named as left out.
const MAX_WARNINGS: usize = 100;
/// Maximum number of creations that have not ended.
const MAX_OPEN: usize = 20;
/// Maximum number of creations that are kept. The oldest that have ended leave.
const MAX_KEPT: usize = 50;

/// All creations since the start.
#[derive(Debug)]
pub(super) struct Creations {
    list: Mutex<Vec<Arc<Job>>>,
    next_id: AtomicU64,
    /// One at a time, as they share the disk.
    turn: Arc<Semaphore>,
}

impl Default for Creations {
    fn default() -> Self {
        Self { list: Mutex::default(), next_id: AtomicU64::new(1), turn: Arc::new(Semaphore::new(1)) }
    }
}

/// A creation.
#[derive(Debug)]
struct Job {
    id: u64,
    path: PathBuf,
    /// Path of the torrent file that is written; `None` if none is.
    output: Option<PathBuf>,
    done_bytes: AtomicU64,
    total_bytes: AtomicU64,
    is_canceled: AtomicBool,
    /// Notified when it is canceled.
    canceled: Notify,
    stage: Mutex<Stage>,
}

#[derive(Debug, Clone)]
enum Stage {
    Waiting,
    Hashing,
    Done(Box<Finished>),
    Failed(Problem),
}

#[derive(Debug, Clone)]
struct Finished {
    torrent: Arc<[u8]>,
    meta: Arc<Metainfo>,
    warnings: Vec<String>,
    added: Option<u64>,
    /// Reason why it was not added.
    problem: Option<Problem>,
}

impl Job {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cancel(&self) {
        self.is_canceled.store(true, Ordering::Relaxed);
        self.canceled.notify_one();
    }

    fn has_ended(&self) -> bool {
        matches!(*self.stage(), Stage::Done(_) | Stage::Failed(_))
    }

    fn to_api(&self) -> Creation {
        let creation = Creation {
            id: self.id,
            path: self.path.display().to_string(),
            state: CreationState::Waiting,
            done_bytes: self.done_bytes.load(Ordering::Relaxed),
            total_bytes: self.total_bytes.load(Ordering::Relaxed),
            problem: None,
            warnings: Vec::new(),
            name: None,
            hash: None,
            magnet: None,
            torrent: None,
        };
        match self.stage().clone() {
            Stage::Waiting => creation,
            Stage::Hashing => Creation { state: CreationState::Hashing, ..creation },
            Stage::Failed(problem) => {
                Creation { state: CreationState::Failed, problem: Some(problem), ..creation }
            }
            Stage::Done(finished) => Creation {
                state: CreationState::Done,
                problem: finished.problem,
                warnings: finished.warnings,
                name: Some(finished.meta.name.clone()),
                hash: Some(finished.meta.info_hashes.to_string()),
                magnet: Some(Magnet::from(&*finished.meta).to_string()),
                torrent: finished.added,
                ..creation
            },
        }
    }
}

impl Creations {
    fn list(&self) -> MutexGuard<'_, Vec<Arc<Job>>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a creation.
    fn open(&self, path: PathBuf, output: Option<PathBuf>) -> Result<Arc<Job>, DaemonError> {
        let mut list = self.list();
        if list.iter().filter(|job| !job.has_ended()).count() >= MAX_OPEN {
            let message =
                format!("{MAX_OPEN} torrents are being created already; wait for one, or cancel it");
            return Err(DaemonError::Conflict(message));
        }
        let job = Arc::new(Job {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            path,
            output,
            done_bytes: AtomicU64::new(0),
            total_bytes: AtomicU64::new(0),
            is_canceled: AtomicBool::new(false),
            canceled: Notify::new(),
            stage: Mutex::new(Stage::Waiting),
        });
        list.push(Arc::clone(&job));
        if list.len() > MAX_KEPT
            && let Some(oldest) = list.iter().position(|job| job.has_ended())
        {
            list.remove(oldest);
        }
        Ok(job)
    }

    fn find(&self, id: u64) -> Result<Arc<Job>, DaemonError> {
        let found = self.list().iter().find(|job| job.id == id).cloned();
        found.ok_or_else(|| {
            DaemonError::NotFound(format!("there is no creation {id}; the daemon may have restarted"))
        })
    }

    /// Cancels all, at the end of the daemon.
    pub(super) fn cancel_all(&self) {
        self.list().iter().for_each(|job| job.cancel());
    }
}

impl Daemon {
    /// Begins to create a torrent from a file or folder. Returns its number.
    ///
    /// # Errors
    /// An option cannot be used, or too many are under way.
    pub fn create_torrent(&self, request: &CreationRequest) -> Result<u64, DaemonError> {
        self.begin_creation(request, None)
    }

    /// Does the same, and writes the torrent file at a path, which ends with `.torrent`. It replaces no file; if it cannot be
    /// written, the creation fails.
    ///
    /// # Errors
    /// The path or an option cannot be used, or too many are under way.
    pub fn create_torrent_file(&self, request: &CreationRequest, output: &str) -> Result<u64, DaemonError> {
        let output = absolute(output)?;
        let is_torrent = output.extension().is_some_and(|end| end.eq_ignore_ascii_case("torrent"));
        if !is_torrent {
            let message =
                format!("cannot write {}: the name of a torrent file ends with .torrent", output.display());
            return Err(DaemonError::BadValue(message));
        }
        self.begin_creation(request, Some(output))
    }

    fn begin_creation(&self, request: &CreationRequest, output: Option<PathBuf>) -> Result<u64, DaemonError> {
        let path = absolute(&request.path)?;
        request.trackers.iter().flatten().try_for_each(|url| check_url(url))?;
        request.web_seeds.iter().try_for_each(|url| check_web_seed(url))?;
        if path.parent().is_none() {
            return Err(DaemonError::BadValue("cannot take the root folder: choose a folder in it".into()));
        }
        request.category.as_deref().filter(|path| !path.is_empty()).map(check_category_path).transpose()?;
        let job = self.0.creations.open(path, output)?;
        let id = job.id;
        let (daemon, request) = (self.clone(), request.clone());
        self.0.runtime.spawn(async move {
            let result = daemon.run_creation(&job, &request).await;
            *job.stage() = match result {
                Ok(finished) => Stage::Done(Box::new(finished)),
                Err(error) => {
                    tracing::warn!(path = %job.path.display(), %error, "cannot create a torrent");
                    Stage::Failed(error.into())
                }
            };
            if job.is_canceled.load(Ordering::Relaxed) {
                daemon.0.creations.list().retain(|known| known.id != job.id);
            }
        });
        Ok(id)
    }

    /// Returns all creations since the start, the oldest first.
    pub fn creations(&self) -> Vec<Creation> {
        let list = self.0.creations.list();
        let is_shown = |job: &&Arc<Job>| !job.is_canceled.load(Ordering::Relaxed);
        list.iter().filter(is_shown).map(|job| job.to_api()).collect()
    }

    /// Cancels a creation, or forgets one that has ended. A torrent that was added stays.
    ///
    /// # Errors
    /// There is no such creation.
    pub fn remove_creation(&self, id: u64) -> Result<(), DaemonError> {
        let job = self.0.creations.find(id)?;
        job.cancel();
        // One under way counts until its thread has ended.
        self.0.creations.list().retain(|job| job.id != id || !job.has_ended());
        Ok(())
    }

    /// Returns the torrent file of a creation, and the name of the torrent.
    ///
    /// # Errors
    /// There is no such creation, or it has not succeeded.
    pub fn created_file(&self, id: u64) -> Result<(Arc<[u8]>, String), DaemonError> {
        let job = self.0.creations.find(id)?;
        match &*job.stage() {
            Stage::Done(finished) => Ok((Arc::clone(&finished.torrent), finished.meta.name.clone())),
            Stage::Failed(_) => Err(DaemonError::Conflict("the creation has failed".into())),
            _ => Err(DaemonError::Conflict("the torrent is still being created".into())),
        }
    }

    async fn run_creation(&self, job: &Arc<Job>, request: &CreationRequest) -> Result<Finished, DaemonError> {
        let turn = tokio::select! {
            turn = Arc::clone(&self.0.creations.turn).acquire_owned() => turn,
            () = job.canceled.notified() => return Err(canceled()),
        };
        *job.stage() = Stage::Hashing;
        let options = CreateOptions { output: job.output.clone(), ..options_of(request) };
        let of_thread = Arc::clone(job);
        let created = in_background(move || hash(&of_thread, &options)).await;
        drop(turn);
        let mut finished = created?;
        if request.add && !job.is_canceled.load(Ordering::Relaxed) {
            match self.seed(&job.path, &finished.meta, request).await {
                Ok(Added::Added { id, .. } | Added::Duplicate { id, .. }) => finished.added = Some(id),
                Ok(Added::Failed { problem }) => finished.problem = Some(problem),
                Err(error) => finished.problem = Some(error.into()),
            }
        }
        Ok(finished)
    }

    /// Adds a new torrent, whose files are where they are.
    async fn seed(
        &self,
        path: &Path,
        meta: &Arc<Metainfo>,
        request: &CreationRequest,
    ) -> Result<Added, DaemonError> {
        let options = AddOptions {
            dir: path.parent().map(|dir| dir.display().to_string()),
            category: request.category.clone(),
            paused: Some(false),
            ..AddOptions::default()
        };
        self.add_in_place(NewContent::Metainfo(Arc::clone(meta)), &Parsed::of(&options)?).await
    }
}

fn canceled() -> DaemonError {
    DaemonError::Conflict("the creation was canceled".into())
}

fn hash(job: &Job, options: &CreateOptions) -> Result<Finished, DaemonError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let progress = |done, total| {
        job.done_bytes.store(done, Ordering::Relaxed);
        job.total_bytes.store(total, Ordering::Relaxed);
    };
    let created =
        create(&job.path, options, threads, progress, &job.is_canceled).map_err(|error| match error {
            CreateError::Storage(error) => DaemonError::Folder(error.to_string()),
            CreateError::Stopped => canceled(),
            error => DaemonError::BadValue(error.to_string()),
        })?;
    let meta = Metainfo::from_bytes(&created.torrent)
        .map_err(|error| DaemonError::BadTorrent(format!("cannot use the new torrent: {error}")))?;
    let mut warnings: Vec<String> =
        created.warnings.iter().take(MAX_WARNINGS).map(ToString::to_string).collect();
    if created.warnings.len() > MAX_WARNINGS {
        warnings.push(format!("{} more files were left out", created.warnings.len() - MAX_WARNINGS));
    }
    if let Some(path) = &job.output {
        write_new(path, &created.torrent).map_err(|error| {
            DaemonError::Folder(format!("cannot write the torrent file {}: {error}", path.display()))
        })?;
    }
    let (torrent, meta) = (created.torrent.into(), Arc::new(meta));
    Ok(Finished { torrent, meta, warnings, added: None, problem: None })
}

/// Writes a file that does not exist yet. Links are not followed. What an error leaves is removed.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = std::fs::File::create_new(path)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if written.is_err() {
        std::fs::remove_file(path)?;
    }
    written
}

fn options_of(request: &CreationRequest) -> CreateOptions {
    let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    CreateOptions {
        torrent: Options {
            version: match request.format {
                CreationFormat::Hybrid => Version::Hybrid,
                CreationFormat::V1 => Version::V1,
                CreationFormat::V2 => Version::V2,
            },
            piece_length: request.piece_bytes,
            trackers: request.trackers.iter().filter(|tier| !tier.is_empty()).cloned().collect(),
            web_seeds: request.web_seeds.clone(),
            private: request.is_private,
            source: text(&request.source),
            comment: text(&request.comment),
            created_by: Some(concat!("ztor ", env!("CARGO_PKG_VERSION")).into()),
            creation_date: i64::try_from(now_unix_s()).ok(),
        },
        name: None,
        ignore: request.ignore.clone(),
        hidden: request.include_hidden,
        symlinks: Symlinks::Skip,
        output: None,
    }
}
