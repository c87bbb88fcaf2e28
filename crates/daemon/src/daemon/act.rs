//! Actions on torrents.

use super::Daemon;
use crate::error::DaemonError;
use crate::goals::goals_of;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use ztor_api::{Action, ActionRequest, ActionResult, DataChoice, Failed, Limits, QueueMove};
use ztor_policy::{Move, TorrentKey};
use ztor_session::{
    AskError, FileStatus, Metainfo, MoveError, RateLimits, Reply, Snapshot, TorrentHandle, TorrentId,
};

/// Time for which a request waits for slow work. It goes on afterwards.
const PATIENCE: Duration = Duration::from_secs(5);
/// Time for which a request waits for the status that shows its effect.
const NEWS: Duration = Duration::from_secs(1);
/// Maximum length of a name by the user, in bytes.
const MAX_NAME: usize = 4096;

/// Result of an action for one torrent.
pub(super) enum Done {
    Now,
    /// Goes on in the background.
    UnderWay,
}

impl Daemon {
    /// Carries out an action on all torrents that the terms select. Goes on if the future is dropped.
    ///
    /// # Errors
    /// The terms or a value cannot be used, or the state cannot be saved. Failures for single torrents are in the result.
    pub async fn act(&self, request: &ActionRequest) -> Result<ActionResult, DaemonError> {
        let keys = self.core().select(&request.torrents)?;
        let (daemon, action) = (self.clone(), request.action.clone());
        self.detached(async move { daemon.act_on(&keys, &action).await }).await
    }

    pub(super) async fn act_on(
        &self,
        keys: &[TorrentKey],
        action: &Action,
    ) -> Result<ActionResult, DaemonError> {
        match action {
            Action::Start { force } => self.start_torrents(keys, *force).await,
            Action::Stop => {
                self.change_policy(keys, |daemon, key| {
                    let is_known = daemon.core().manager_mut().policy_mut().pause(key);
                    is_known.then_some(()).ok_or(DaemonError::NotLoaded)
                })
                .await
            }
            Action::Recheck => {
                let seen = self.0.session.snapshot();
                let result = self.ask_each(keys, TorrentHandle::recheck).await?;
                self.wait_for_news(&result.done, &seen).await;
                Ok(result)
            }
            Action::Reannounce => self.ask_each(keys, TorrentHandle::reannounce).await,
            Action::Retry => {
                let (again, loaded): (Vec<_>, Vec<_>) =
                    keys.iter().copied().partition(|key| self.load_again(*key));
                let mut result = self.ask_each(&loaded, TorrentHandle::retry).await?;
                result.under_way.extend(again.into_iter().map(TorrentKey::as_u64));
                Ok(result)
            }
            Action::Remove { data } => self.remove_all(keys, *data).await,
            Action::Move { dir } => {
                let dir = absolute(dir)?;
                self.spawn_each(keys, |daemon, key| {
                    let dir = dir.clone();
                    async move { daemon.move_to(key, dir).await }
                })
                .await
            }
            Action::RenamePath { from, to } => {
                let (from, to) = (PathBuf::from(from), PathBuf::from(to));
                self.spawn_each(keys, |daemon, key| {
                    let (from, to) = (from.clone(), to.clone());
                    async move { daemon.rename_path(key, from, to).await }
                })
                .await
            }
            Action::Rename { name } => {
                let name = name_of(name)?;
                self.change_records(keys, |record| record.user_name.clone_from(&name)).await
            }
            Action::SetLimits(limits) => self.set_limits(keys, *limits).await,
            Action::SetGoals(goals) => {
                let goals = goals_of(goals)?;
                self.change_policy(keys, |daemon, key| {
                    Ok(daemon.core().manager_mut().policy_mut().set_goals(key, goals)?)
                })
                .await
            }
            Action::SetCategory { category } => self.set_category(keys, category.as_deref()).await,
            Action::AddTags { tags } => self.edit_tags(keys, tags, true).await,
            Action::RemoveTags { tags } => self.edit_tags(keys, tags, false).await,
            Action::Queue { to } => self.move_in_queue(keys, target_of(*to)).await,
            Action::SetSequential { on } => {
                // Torrents that are not loaded yet take it from their record.
                self.send_each(keys, |torrent| torrent.set_sequential(*on));
                self.change_records(keys, |record| record.is_sequential = *on).await
            }
            Action::SetEndsFirst { on } => {
                self.send_each(keys, |torrent| torrent.set_ends_first(*on));
                self.change_records(keys, |record| record.is_ends_first = *on).await
            }
            Action::SetSuperSeeding { on } => {
                self.send_each(keys, |torrent| torrent.set_super_seeding(*on));
                self.change_records(keys, |record| record.is_super_seeding = *on).await
            }
            Action::CheckUpdate => {
                self.spawn_each(keys, |daemon, key| async move { daemon.check_update(key).await }).await
            }
            Action::SetFilePriorities { files } => {
                self.await_each(keys, |key| self.set_file_priorities(key, files)).await
            }
            Action::EditTrackers(change) => {
                self.await_each(keys, |key| self.edit_trackers(key, change)).await
            }
            Action::EditWebSeeds(change) => {
                self.await_each(keys, |key| self.edit_web_seeds(key, change)).await
            }
            Action::AddPeers { peers } => {
                let peers = peers_of(peers)?;
                self.ask_each(keys, |torrent| torrent.add_peers(peers.clone())).await
            }
            action => Err(DaemonError::NotSupported(format!("the action {action:?}"))),
        }
    }

    async fn start_torrents(&self, keys: &[TorrentKey], force: bool) -> Result<ActionResult, DaemonError> {
        for key in keys {
            // Those that are loaded go on below.
            let _ = self.load_again(*key);
        }
        let result = self.change_policy(keys, |daemon, key| {
            let mut core = daemon.core();
            let policy = core.manager_mut().policy_mut();
            let is_known = if force { policy.force_start(key) } else { policy.resume(key) };
            let torrent = core.handle(key);
            drop(core);
            if let Some(torrent) = torrent {
                // A torrent that a fault of its disk has stopped is checked and goes on.
                drop(torrent.retry());
            }
            if is_known { Ok(()) } else { Err(DaemonError::NoTorrent) }
        });
        result.await
    }

    /// Changes the policy for each torrent, and saves what it keeps of them.
    pub(super) async fn change_policy(
        &self,
        keys: &[TorrentKey],
        change: impl FnMut(&Self, TorrentKey) -> Result<(), DaemonError>,
    ) -> Result<ActionResult, DaemonError> {
        let result = self.change_each(keys, change);
        self.settle(keys);
        self.commit().await?;
        Ok(result)
    }

    /// Changes the policy for each torrent, and queues the rows of what it keeps of them.
    pub(super) fn change_each(
        &self,
        keys: &[TorrentKey],
        mut change: impl FnMut(&Self, TorrentKey) -> Result<(), DaemonError>,
    ) -> ActionResult {
        let mut result = ActionResult::default();
        for key in keys {
            let changed = change(self, *key);
            self.with(|core| {
                core.touch(*key);
                self.put_policy(core, *key);
            });
            result.add(*key, changed.map(|()| Done::Now));
        }
        result
    }

    /// Takes a turn, so that the answer to a verb on these torrents already shows its effect.
    pub(super) fn settle(&self, keys: &[TorrentKey]) {
        self.turn();
        let mut core = self.core();
        keys.iter().for_each(|key| core.look(*key));
    }

    /// Takes a turn after a change that may concern all torrents.
    pub(super) fn settle_all(&self) {
        self.turn();
        self.core().look_at_all();
    }

    /// Changes the record of each torrent.
    pub(super) async fn change_records(
        &self,
        keys: &[TorrentKey],
        change: impl Fn(&mut crate::record::Record),
    ) -> Result<ActionResult, DaemonError> {
        let mut result = ActionResult::default();
        for key in keys {
            let changed = self.with(|core| {
                let entry = core.entry_mut(*key).ok_or(DaemonError::NoTorrent)?;
                change(entry.record_mut());
                core.touch(*key);
                self.put_record(core, *key);
                Ok(Done::Now)
            });
            result.add(*key, changed);
        }
        self.commit().await?;
        Ok(result)
    }

    /// Sets the folder in which the files of torrents are until they are complete; `None` for their download folders. Files that
    /// are not complete are moved there, which goes on if the future is dropped.
    ///
    /// # Errors
    /// The path is not absolute, or the state cannot be saved. Failures for single torrents are in the result.
    pub async fn set_incomplete_dir(
        &self,
        ids: &[u64],
        dir: Option<&str>,
    ) -> Result<ActionResult, DaemonError> {
        let dir = dir.map(absolute).transpose()?;
        let keys: Vec<TorrentKey> = ids.iter().copied().map(TorrentKey::new).collect();
        let daemon = self.clone();
        self.detached(async move {
            daemon
                .spawn_each(&keys, |daemon, key| {
                    let dir = dir.clone();
                    async move { daemon.put_incomplete_dir(key, dir).await }
                })
                .await
        })
        .await
    }

    async fn put_incomplete_dir(self, key: TorrentKey, dir: Option<PathBuf>) -> Result<(), DaemonError> {
        let torrent = self.handle(key)?;
        let (before, home, is_known) = self.with(|core| {
            let record = core.entry(key).ok_or(DaemonError::NoTorrent)?.record();
            let before = record.files.incomplete_dir.clone();
            Ok::<_, DaemonError>((before, record.dir.clone(), record.size.is_some()))
        })?;
        if before == dir {
            return Ok(());
        }
        let status = torrent.status().ok_or(DaemonError::NoTorrent)?;
        // First, so that the next start knows the folder if this one is interrupted.
        self.change_records(&[key], |record| record.files.incomplete_dir.clone_from(&dir)).await?;
        // Before its metadata has arrived, it has no files.
        if !is_known || status.left_bytes == 0 {
            return Ok(());
        }
        if let Err(error) = torrent.move_incomplete_to(dir.unwrap_or(home)).await {
            self.warn_of_move(key, &error);
            self.change_records(&[key], |record| record.files.incomplete_dir.clone_from(&before)).await?;
            return Err(error.into());
        }
        self.core().touch(key);
        Ok(())
    }

    /// Makes a quick request for each torrent, and waits for all answers.
    async fn ask_each(
        &self,
        keys: &[TorrentKey],
        ask: impl Fn(&TorrentHandle) -> Reply<()>,
    ) -> Result<ActionResult, DaemonError> {
        // All requests first: the session answers them in one turn.
        let asked: Vec<_> =
            keys.iter().map(|key| (*key, self.handle(*key).map(|torrent| ask(&torrent)))).collect();
        let mut result = ActionResult::default();
        for (key, reply) in asked {
            let answer = match reply {
                Ok(reply) => in_time(reply).await.map_err(DaemonError::from),
                Err(error) => Err(error),
            };
            result.add(key, answer.map(|()| Done::Now));
        }
        Ok(result)
    }

    /// Makes a request for each torrent that is loaded. The session answers in order, so the next answer comes after it.
    fn send_each(&self, keys: &[TorrentKey], ask: impl Fn(&TorrentHandle) -> Reply<()>) {
        for torrent in keys.iter().filter_map(|key| self.handle(*key).ok()) {
            drop(ask(&torrent));
        }
    }

    /// Waits until the session has published a new status of these torrents, so that the next list shows it.
    async fn wait_for_news(&self, ids: &[u64], seen: &Snapshot) {
        let handles: Vec<TorrentId> =
            ids.iter().filter_map(|id| Some(self.handle(TorrentKey::new(*id)).ok()?.id())).collect();
        let has_news = || {
            let now = self.0.session.snapshot();
            handles.iter().all(|id| now.torrent(*id) != seen.torrent(*id))
        };
        let mut revisions = self.revisions();
        let waited =
            tokio::time::timeout(NEWS, async { while !has_news() && revisions.changed().await.is_ok() {} });
        // After that, the status is the same as before.
        let _ = waited.await;
        self.turn();
    }

    async fn await_each<F: Future<Output = Result<(), DaemonError>>>(
        &self,
        keys: &[TorrentKey],
        act: impl Fn(TorrentKey) -> F,
    ) -> Result<ActionResult, DaemonError> {
        let mut result = ActionResult::default();
        for key in keys {
            result.add(*key, act(*key).await.map(|()| Done::Now));
        }
        self.commit().await?;
        Ok(result)
    }

    /// Begins slow work for each torrent. Waits for a short time, and leaves the rest to the background.
    async fn spawn_each<F>(
        &self,
        keys: &[TorrentKey],
        act: impl Fn(Self, TorrentKey) -> F,
    ) -> Result<ActionResult, DaemonError>
    where
        F: Future<Output = Result<(), DaemonError>> + Send + 'static,
    {
        let tasks: Vec<_> =
            keys.iter().map(|key| (*key, self.0.runtime.spawn(act(self.clone(), *key)))).collect();
        let end = tokio::time::Instant::now() + PATIENCE;
        let mut result = ActionResult::default();
        for (key, task) in tasks {
            let done = match tokio::time::timeout_at(end, task).await {
                Ok(Ok(done)) => done.map(|()| Done::Now),
                Ok(Err(error)) => {
                    tracing::error!(%error, "an action has not ended");
                    Err(DaemonError::Ask(AskError::Ended))
                }
                Err(_) => Ok(Done::UnderWay),
            };
            result.add(key, done);
        }
        self.commit().await?;
        Ok(result)
    }

    async fn remove_all(&self, keys: &[TorrentKey], data: DataChoice) -> Result<ActionResult, DaemonError> {
        self.spawn_each(keys, |daemon, key| async move { daemon.remove(key, data).await }).await
    }

    async fn move_to(self, key: TorrentKey, dir: PathBuf) -> Result<(), DaemonError> {
        match self.handle(key)?.move_to(&dir).await {
            Ok(()) => self.on_moved(key, dir).await,
            Err(error) => {
                self.warn_of_move(key, &error);
                Err(error.into())
            }
        }
    }

    async fn rename_path(self, key: TorrentKey, from: PathBuf, to: PathBuf) -> Result<(), DaemonError> {
        let torrent = self.handle(key)?;
        let files = torrent.files().await?;
        // Before the change: watched folders must not load what a download contains.
        self.change_records(&[key], |record| record.is_renamed = true).await?;
        let renamed = match files.iter().position(|file| file.path == from) {
            Some(file) => torrent.rename_file(file, to).await,
            None => torrent.rename_folder(from, to).await,
        };
        self.core().touch(key);
        renamed?;
        let files = torrent.files().await?;
        let meta = torrent.metadata().await?;
        let content = content_of(&files, &meta);
        self.change_records(&[key], |record| record.content = Some(content.clone())).await?;
        Ok(())
    }

    async fn on_moved(&self, key: TorrentKey, dir: PathBuf) -> Result<(), DaemonError> {
        self.set_dir(key, &dir);
        self.commit().await
    }

    fn warn_of_move(&self, key: TorrentKey, error: &MoveError) {
        tracing::warn!(id = key.as_u64(), %error, "cannot move the files of a torrent");
    }

    async fn set_limits(&self, keys: &[TorrentKey], limits: Limits) -> Result<ActionResult, DaemonError> {
        let rates = RateLimits { down: limits.down_per_s, up: limits.up_per_s };
        self.send_each(keys, |torrent| torrent.set_limits(rates));
        self.change_records(keys, |record| record.limits = limits).await
    }

    pub(super) async fn move_in_queue(
        &self,
        keys: &[TorrentKey],
        target: Move,
    ) -> Result<ActionResult, DaemonError> {
        self.with(|core| {
            core.manager_mut().policy_mut().move_to(keys, target);
            self.put_queue(core);
        });
        self.settle(keys);
        self.commit().await?;
        let done = keys.iter().map(|key| key.as_u64()).collect();
        Ok(ActionResult { done, ..ActionResult::default() })
    }
}

fn target_of(to: QueueMove) -> Move {
    match to {
        QueueMove::Top => Move::Top,
        QueueMove::Up => Move::Up,
        QueueMove::Down => Move::Down,
        QueueMove::Bottom => Move::Bottom,
    }
}

/// Returns the path that contains all files of a torrent and nothing else: that of its only file, or their common folder.
/// Empty if they have none.
fn content_of(files: &[FileStatus], meta: &Metainfo) -> PathBuf {
    let is_pad = |index: usize| meta.layout.files().get(index).is_some_and(|file| file.pad);
    let mut paths = files.iter().enumerate().filter(|(index, _)| !is_pad(*index)).map(|(_, file)| &file.path);
    let Some(first) = paths.next() else { return PathBuf::new() };
    if meta.is_single_file() {
        return first.clone();
    }
    let Some(root) = first.iter().next().map(PathBuf::from) else { return PathBuf::new() };
    let is_common = first.components().count() > 1 && paths.all(|path| path.starts_with(&root));
    if is_common { root } else { PathBuf::new() }
}

/// Adds the result for one torrent.
pub(super) trait AddDone {
    fn add(&mut self, key: TorrentKey, done: Result<Done, DaemonError>);
}

impl AddDone for ActionResult {
    fn add(&mut self, key: TorrentKey, done: Result<Done, DaemonError>) {
        let id = key.as_u64();
        match done {
            Ok(Done::Now) => self.done.push(id),
            Ok(Done::UnderWay) => self.under_way.push(id),
            Err(error) => self.failed.push(Failed { id, problem: error.into() }),
        }
    }
}

/// Awaits an answer that the session gives at once.
async fn in_time(reply: Reply<()>) -> Result<(), AskError> {
    tokio::time::timeout(PATIENCE, reply).await.unwrap_or(Err(AskError::TimedOut))
}

/// Returns a folder that is given as an absolute path.
pub(super) fn absolute(dir: &str) -> Result<PathBuf, DaemonError> {
    let path = Path::new(dir);
    if !path.is_absolute() || dir.contains('\0') {
        let shown: String = dir.chars().take(80).collect();
        return Err(DaemonError::BadValue(format!("cannot use the folder {shown:?}: give an absolute path")));
    }
    // Without `.` and doubled slashes; `..` is refused, as it may lead elsewhere over a link.
    if path.components().any(|part| part == std::path::Component::ParentDir) {
        return Err(DaemonError::BadValue(format!("cannot use the folder {dir:?}: leave out `..`")));
    }
    Ok(path.components().collect())
}

/// Parses addresses of peers.
pub(super) fn peers_of(peers: &[String]) -> Result<Vec<SocketAddr>, DaemonError> {
    let parse = |peer: &String| {
        peer.parse().map_err(|_| {
            let shown: String = peer.chars().take(80).collect();
            DaemonError::BadValue(format!(
                "cannot use the peer {shown:?}: write IP:PORT, for example 192.0.2.1:6881"
            ))
        })
    };
    peers.iter().map(parse).collect()
}

/// Returns a name by the user; `None` for that of the torrent.
pub(super) fn name_of(name: &str) -> Result<Option<String>, DaemonError> {
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        let message =
            format!("cannot use the name: give at most {MAX_NAME} bytes without control characters");
        return Err(DaemonError::BadValue(message));
    }
    Ok(Some(name.trim().to_owned()).filter(|name| !name.is_empty()))
}
