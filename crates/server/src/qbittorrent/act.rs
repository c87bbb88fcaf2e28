//! Actions on torrents.

use super::answer::{Failure, Outcome, Reply};
use super::cells::limit;
use super::details::keep_highest;
use super::managed::set_managed;
use super::sync::is_queueing;
use super::{Call, Qb};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use ztor_api::{
    Action, ActionResult, DataChoice, FileChoice, FilePriority, Goal, Goals, Limits, QueueMove,
    TrackerChange, WebSeedChange,
};

/// Answers an action on torrents.
pub(super) async fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "start" | "resume" => on_all(call, Action::Start { force: false }).await,
        "stop" | "pause" => on_all(call, Action::Stop).await,
        "recheck" => on_all(call, Action::Recheck).await,
        "reannounce" => on_all(call, Action::Reannounce).await,
        "delete" => {
            let data = match call.params.boolean("deleteFiles").unwrap_or(false) {
                true => DataChoice::Delete,
                false => DataChoice::Keep,
            };
            on_all(call, Action::Remove { data }).await
        }
        "topPrio" => queue(call, QueueMove::Top).await,
        "bottomPrio" => queue(call, QueueMove::Bottom).await,
        "increasePrio" => queue(call, QueueMove::Up).await,
        "decreasePrio" => queue(call, QueueMove::Down).await,
        "toggleSequentialDownload" => {
            toggle(call, |row| row.torrent.is_sequential, |on| Action::SetSequential { on }).await
        }
        "toggleFirstLastPiecePrio" => {
            toggle(call, |row| row.torrent.is_ends_first, |on| Action::SetEndsFirst { on }).await
        }
        "setForceStart" => {
            let force = value(call)?;
            on_all(call, Action::Start { force }).await
        }
        "setSuperSeeding" => {
            let on = value(call)?;
            on_all(call, Action::SetSuperSeeding { on }).await
        }
        "setAutoManagement" => set_auto_management(call).await,
        "setLocation" => set_location(call).await,
        "setSavePath" => set_path(call, false).await,
        "setDownloadPath" => set_path(call, true).await,
        "setShareLimits" => set_share_limits(call).await,
        "downloadLimit" => limits(call, |limits| limits.down_per_s),
        "uploadLimit" => limits(call, |limits| limits.up_per_s),
        "setDownloadLimit" => set_limit(call, |limits, value| limits.down_per_s = value).await,
        "setUploadLimit" => set_limit(call, |limits, value| limits.up_per_s = value).await,
        "rename" => rename(call).await,
        "renameFile" => rename_file(call).await,
        "renameFolder" => rename_path(call, call.params.required("oldPath")?.to_owned()).await,
        "filePrio" => set_file_priorities(call).await,
        "addTrackers" => add_trackers(call).await,
        "editTracker" => edit_tracker(call).await,
        "removeTrackers" => remove_trackers(call).await,
        "addWebSeeds" => add_web_seeds(call).await,
        "editWebSeed" => edit_web_seed(call).await,
        "removeWebSeeds" => remove_web_seeds(call).await,
        "addPeers" => add_peers(call).await,
        _ => Err(Failure::not_found()),
    }
}

async fn on_all(call: &Call, action: Action) -> Outcome {
    let ids = call.ids()?;
    let result = call.qb.act(&ids, action).await?;
    // Torrents of a list fail in silence, as clients expect; the log says why.
    for failed in &result.failed {
        tracing::warn!(id = failed.id, api = "qbittorrent", error = %failed.problem, "an action has failed");
    }
    Reply::done()
}

/// Returns the first failure, unless something was done.
fn all_or_conflict(result: ActionResult) -> Outcome {
    match result.failed.into_iter().next() {
        Some(failed) if result.done.is_empty() && result.under_way.is_empty() => {
            Err(Failure::conflict(failed.problem.detail))
        }
        _ => Reply::done(),
    }
}

fn value(call: &Call) -> Result<bool, Failure> {
    call.params.required("value")?;
    Ok(call.params.boolean("value").unwrap_or(false))
}

async fn queue(call: &Call, to: QueueMove) -> Outcome {
    let ids = call.ids()?;
    if !is_queueing(&call.qb.settings()) {
        return Err(Failure::conflict("Torrent queueing must be enabled"));
    }
    call.qb.act(&ids, Action::Queue { to }).await?;
    Reply::done()
}

/// Turns a flag of each torrent over.
async fn toggle(
    call: &Call,
    is_on: impl Fn(&ztor_daemon::Row) -> bool,
    action: impl Fn(bool) -> Action,
) -> Outcome {
    let ids = call.ids()?;
    let table = call.qb.foreign().table();
    let (on, off): (Vec<u64>, Vec<u64>) =
        ids.into_iter().partition(|id| table.get(*id).is_some_and(|row| is_on(row)));
    call.qb.act(&on, action(false)).await?;
    call.qb.act(&off, action(true)).await?;
    Reply::done()
}

impl Qb {
    /// Moves torrents to the folders of their categories.
    pub(super) async fn move_to_category(&self, ids: &[u64]) -> Result<(), Failure> {
        let table = self.foreign().table();
        let folders: BTreeMap<String, String> = self
            .daemon()
            .categories()
            .into_iter()
            .filter_map(|category| Some((category.path, category.effective_save_path?)))
            .collect();
        let default = self.daemon().options().download_dir.to_string_lossy().into_owned();
        let mut moves: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for row in ids.iter().filter_map(|id| table.get(*id)) {
            let category = row.torrent.category.as_ref();
            let dir = category.and_then(|category| folders.get(category)).unwrap_or(&default);
            if *dir != row.torrent.dir {
                moves.entry(dir).or_default().push(row.torrent.id);
            }
        }
        for (dir, ids) in moves {
            self.act(&ids, Action::Move { dir: dir.to_owned() }).await?;
        }
        Ok(())
    }
}

async fn set_auto_management(call: &Call) -> Outcome {
    let ids = call.ids()?;
    call.params.required("enable")?;
    let on = call.params.boolean("enable").unwrap_or(false);
    set_managed(call.daemon(), &ids, on).await?;
    if on {
        call.qb.move_to_category(&ids).await?;
    }
    Reply::done()
}

/// Creates a folder, and checks that it can be written to.
async fn usable_folder(path: &str) -> Result<String, Failure> {
    let path = path.trim();
    let dir = Path::new(path);
    if path.is_empty() || !dir.is_absolute() || path.contains('\0') {
        return Err(Failure::bad("Save path cannot be empty"));
    }
    let shown = path.to_owned();
    let made: PathBuf = dir.components().collect();
    let work = tokio::task::spawn_blocking(move || {
        std::fs::create_dir_all(&made).map_err(|_| Failure::conflict("Cannot create target directory"))?;
        let is_writable = rustix::fs::access(&made, rustix::fs::Access::WRITE_OK).is_ok();
        is_writable
            .then_some(())
            .ok_or_else(|| Failure::new(axum::http::StatusCode::FORBIDDEN, "Cannot write to directory"))
    });
    match tokio::time::timeout(FOLDER_PATIENCE, work).await {
        Ok(Ok(result)) => result.map(|()| shown),
        _ => Err(Failure::conflict("the disk of the folder does not respond")),
    }
}

/// Time for a disk to create a folder.
const FOLDER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

async fn set_location(call: &Call) -> Outcome {
    let ids = call.ids()?;
    let path = call.params.required("location")?;
    let dir = usable_folder(path).await.map_err(|failure| match failure.status {
        axum::http::StatusCode::FORBIDDEN => Failure::conflict("Cannot write to directory"),
        _ => failure,
    })?;
    set_managed(call.daemon(), &ids, false).await?;
    all_or_conflict(call.qb.act(&ids, Action::Move { dir }).await?)
}

async fn set_path(call: &Call, is_download: bool) -> Outcome {
    call.params.required("id")?;
    let path = call.params.required("path")?;
    let ids = call.ids_of("id")?;
    if is_download {
        let dir = match path.trim() {
            "" => None,
            path => Some(usable_folder(path).await?),
        };
        return all_or_conflict(call.daemon().set_incomplete_dir(&ids, dir.as_deref()).await?);
    }
    let dir = usable_folder(path).await?;
    set_managed(call.daemon(), &ids, false).await?;
    all_or_conflict(call.qb.act(&ids, Action::Move { dir }).await?)
}

/// Returns a goal by its value here: -2 for the general one, -1 for none.
pub(super) fn goal_of(value: f64, unit: f64) -> Goal {
    match value {
        _ if value < -1.5 => Goal::Inherit,
        _ if value < 0.0 => Goal::Unlimited,
        _ => Goal::At(value * unit),
    }
}

/// Returns the goals in the parameters; `None` for those that are missing or no numbers.
pub(super) fn goals_in(call: &Call) -> [Option<Goal>; 3] {
    [("ratioLimit", 1.0), ("seedingTimeLimit", 60.0), ("inactiveSeedingTimeLimit", 60.0)]
        .map(|(name, unit)| call.params.real(name).map(|value| goal_of(value, unit)))
}

async fn set_share_limits(call: &Call) -> Outcome {
    let ids = call.ids()?;
    let [ratio, seeding_s, idle_s] = goals_in(call);
    let (Some(ratio), Some(seeding_s)) = (ratio, seeding_s) else {
        return Err(Failure::missing());
    };
    // Older clients do not know the third.
    let goals = Goals { ratio, seeding_s, idle_s: idle_s.unwrap_or_default(), action: None };
    call.qb.act(&ids, Action::SetGoals(goals)).await?;
    Reply::done()
}

fn limits(call: &Call, of: fn(&Limits) -> Option<u64>) -> Outcome {
    let text = call.params.required("hashes")?;
    let table = call.qb.foreign().table();
    let mut limits = Map::new();
    for hash in text.split('|').map(str::trim).filter(|hash| !hash.is_empty()) {
        match table.find(hash) {
            Some(row) => drop(limits.insert(hash.to_owned(), limit(of(&row.torrent.limits)).into())),
            None if hash == "all" => {
                for row in table.rows() {
                    let hash = super::lines::short(&row.torrent.hash).to_owned();
                    limits.insert(hash, limit(of(&row.torrent.limits)).into());
                }
            }
            None => drop(limits.insert(hash.to_owned(), (-1).into())),
        }
    }
    Reply::json(&limits)
}

async fn set_limit(call: &Call, set: impl Fn(&mut Limits, Option<u64>)) -> Outcome {
    let ids = call.ids()?;
    call.params.required("limit")?;
    let limit = call.params.integer("limit").ok_or_else(|| Failure::bad("limit: expected a number"))?;
    let value = u64::try_from(limit).ok().filter(|limit| *limit > 0);
    let table = call.qb.foreign().table();
    let mut groups: Vec<(Limits, Vec<u64>)> = Vec::new();
    for row in ids.iter().filter_map(|id| table.get(*id)) {
        let mut limits = row.torrent.limits;
        set(&mut limits, value);
        match groups.iter_mut().find(|(known, _)| *known == limits) {
            Some((_, ids)) => ids.push(row.torrent.id),
            None => groups.push((limits, vec![row.torrent.id])),
        }
    }
    for (limits, ids) in groups {
        call.qb.act(&ids, Action::SetLimits(limits)).await?;
    }
    Reply::done()
}

async fn rename(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let name = call.params.required("name")?.trim().replace(['\n', '\r', '\t'], " ");
    if name.is_empty() {
        return Err(Failure::conflict("Incorrect torrent name"));
    }
    all_or_conflict(call.qb.act(&[row.torrent.id], Action::Rename { name }).await?)
}

async fn rename_file(call: &Call) -> Outcome {
    let key = call.key()?;
    if let Some(old) = call.params.get("oldPath") {
        return rename_path(call, old.to_owned()).await;
    }
    // Before version 2.7: the number of the file, and its new name.
    let id = call.params.integer("id").ok_or_else(Failure::missing)?;
    let name = call.params.required("name")?.to_owned();
    let files = call.daemon().files(key).await?;
    let file = usize::try_from(id).ok().and_then(|id| files.get(id));
    let old = file.ok_or_else(|| Failure::conflict("Invalid file ID"))?.path.clone();
    let new = match old.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name,
    };
    rename_to(call, old, new).await
}

async fn rename_path(call: &Call, old: String) -> Outcome {
    let new = call.params.required("newPath")?.trim_matches('/').to_owned();
    rename_to(call, old, new).await
}

async fn rename_to(call: &Call, from: String, to: String) -> Outcome {
    let row = call.row("hash")?;
    if from.is_empty() || to.is_empty() {
        return Err(Failure::conflict("The path cannot be empty"));
    }
    all_or_conflict(call.qb.act(&[row.torrent.id], Action::RenamePath { from, to }).await?)
}

async fn set_file_priorities(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    call.params.required("id")?;
    call.params.required("priority")?;
    let number = call.params.integer("priority");
    let priority = match number {
        Some(0) => FilePriority::Skip,
        Some(1) => FilePriority::Normal,
        Some(6 | 7) => FilePriority::High,
        _ => return Err(Failure::bad("Priority is not valid")),
    };
    let ids = call.params.list("id", '|');
    let indexes: Result<Vec<usize>, _> = ids.iter().map(|id| id.parse()).collect();
    let indexes = indexes.map_err(|_| Failure::bad("File IDs must be integers"))?;
    if row.meta.is_none() {
        return Err(Failure::conflict("Torrent's metadata has not yet downloaded"));
    }
    // Pads have no number here.
    let known = call.daemon().files(call.key()?).await?;
    let index = |number: &usize| known.get(*number).map(|file| file.index);
    let files: Option<Vec<usize>> = indexes.iter().map(index).collect();
    let files = files.ok_or_else(|| Failure::conflict("File ID is not valid"))?;
    let choices = files.iter().map(|index| FileChoice { index: *index, priority }).collect();
    let result = call.qb.act(&[row.torrent.id], Action::SetFilePriorities { files: choices }).await?;
    keep_highest(call, row.torrent.id, &files, number == Some(7)).await?;
    all_or_conflict(result)
}

async fn change_trackers(call: &Call, change: TrackerChange) -> Outcome {
    call.daemon().change_trackers(call.key()?, change).await?;
    Reply::done()
}

async fn add_trackers(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    call.params.required("urls")?;
    let known = row.trackers();
    let mut add = call.params.list("urls", '\n');
    add.retain(|url| !known.iter().flatten().any(|known| known == url));
    let mut seen = std::collections::HashSet::new();
    add.retain(|url| seen.insert(url.clone()));
    if add.is_empty() {
        return Reply::done();
    }
    change_trackers(call, TrackerChange { add, ..TrackerChange::default() }).await
}

async fn edit_tracker(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let old = call.params.required("origUrl")?.trim().to_owned();
    let new = call.params.required("newUrl")?.trim().to_owned();
    if new.is_empty() || new.chars().any(char::is_control) {
        return Err(Failure::bad("New tracker URL is invalid"));
    }
    let urls = row.trackers();
    let has = |url: &str| urls.iter().flatten().any(|known| known == url);
    if !has(&old) {
        return Err(Failure::conflict("Tracker not found"));
    }
    if old == new {
        return Reply::done();
    }
    if has(&new) {
        return Err(Failure::conflict("New tracker URL already exists"));
    }
    let replace = BTreeMap::from([(old, new)]);
    change_trackers(call, TrackerChange { replace, ..TrackerChange::default() }).await
}

async fn remove_trackers(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    call.params.required("urls")?;
    let urls = row.trackers();
    let mut remove = call.params.list("urls", '|');
    remove.retain(|url| urls.iter().flatten().any(|known| known == url));
    if remove.is_empty() {
        return Err(Failure::conflict("No trackers to remove"));
    }
    change_trackers(call, TrackerChange { remove, ..TrackerChange::default() }).await
}

/// Returns the URLs in a parameter, percent-decoded once more, as clients encode them twice.
fn web_seed_urls(call: &Call, name: &str) -> Result<Vec<String>, Failure> {
    call.params.required(name)?;
    let urls = call.params.list(name, '|');
    let decode = |url: &String| percent_encoding::percent_decode_str(url).decode_utf8_lossy().into_owned();
    let urls: Vec<String> = urls.iter().map(decode).collect();
    match urls.iter().all(|url| url::Url::parse(url).is_ok()) {
        true => Ok(urls),
        false => Err(Failure::bad("The URL is not valid")),
    }
}

async fn change_web_seeds(call: &Call, change: WebSeedChange) -> Outcome {
    let row = call.row("hash")?;
    all_or_conflict(call.qb.act(&[row.torrent.id], Action::EditWebSeeds(change)).await?)
}

async fn known_web_seeds(call: &Call) -> Result<Vec<String>, Failure> {
    let seeds = call.daemon().web_seeds(call.key()?).await?;
    Ok(seeds.into_iter().map(|seed| seed.url).collect())
}

async fn add_web_seeds(call: &Call) -> Outcome {
    call.row("hash")?;
    let mut add = web_seed_urls(call, "urls")?;
    let known = known_web_seeds(call).await?;
    add.retain(|url| !known.contains(url));
    if add.is_empty() {
        return Reply::done();
    }
    change_web_seeds(call, WebSeedChange { add, ..WebSeedChange::default() }).await
}

async fn edit_web_seed(call: &Call) -> Outcome {
    call.row("hash")?;
    let (old, new) = (web_seed_urls(call, "origUrl")?, web_seed_urls(call, "newUrl")?);
    let ([old], [new]) = (old.as_slice(), new.as_slice()) else {
        return Err(Failure::bad("The URL is not valid"));
    };
    let known = known_web_seeds(call).await?;
    if !known.contains(old) {
        return Err(Failure::conflict(format!("\"{old}\" is not an existing URL")));
    }
    let (remove, add) = (vec![old.clone()], vec![new.clone()]);
    change_web_seeds(call, WebSeedChange { remove, add, scripts: false }).await
}

async fn remove_web_seeds(call: &Call) -> Outcome {
    call.row("hash")?;
    let mut remove = web_seed_urls(call, "urls")?;
    let known = known_web_seeds(call).await?;
    remove.retain(|url| known.contains(url));
    if remove.is_empty() {
        return Reply::done();
    }
    change_web_seeds(call, WebSeedChange { remove, ..WebSeedChange::default() }).await
}

async fn add_peers(call: &Call) -> Outcome {
    let ids = call.ids()?;
    call.params.required("peers")?;
    let peers = call.params.list("peers", '|');
    let is_addr = |peer: &String| {
        peer.parse::<std::net::SocketAddr>().is_ok_and(|addr| addr.port() > 0 && !addr.ip().is_unspecified())
    };
    let peers: Vec<String> = peers.into_iter().filter(is_addr).collect();
    if peers.is_empty() {
        return Err(Failure::bad("No valid peers were specified"));
    }
    let count = peers.len();
    let result = call.qb.act(&ids, Action::AddPeers { peers }).await?;
    let table = call.qb.foreign().table();
    let hash = |id: &u64| table.get(*id).map(|row| super::lines::short(&row.torrent.hash).to_owned());
    let mut answer: Map<String, Value> = Map::new();
    for hash in result.done.iter().filter_map(hash) {
        answer.insert(hash, json!({"added": count, "failed": 0}));
    }
    for hash in result.failed.iter().filter_map(|failed| hash(&failed.id)) {
        answer.insert(hash, json!({"added": 0, "failed": count}));
    }
    Reply::json(&answer)
}
