//! Folders: `torrent-set-location`, `torrent-rename-path`, `free-space`.

use super::State;
use super::dialect::{Args, Dialect, Key};
use super::failure::{Code, Failure};
use super::ids::ids_of;
use super::methods::{Answer, first_failure, object};
use serde_json::{Map, Value, json};
use std::path::{Component, Path};
use ztor_api::Action;
use ztor_daemon::Row;

impl State {
    /// Moves the files of torrents, or uses those that are in another folder.
    pub(crate) async fn set_location(&self, args: &Args) -> Result<(), Failure> {
        let Some(dir) = args.text("location") else {
            return Err(Failure::new(Code::Params, "no location"));
        };
        if !Path::new(dir).is_absolute() {
            return Err(Failure::new(Code::NotAbsolute, "new location path is not absolute"));
        }
        let ids = ids_of(&self.targets(args));
        let daemon = self.foreign.daemon();
        let result = match args.flag("move").unwrap_or(false) {
            true => daemon.act_on_ids(&ids, &Action::Move { dir: dir.to_owned() }).await?,
            false => daemon.relocate(&ids, dir).await?,
        };
        first_failure(result)
    }

    /// Renames a file or a folder of a torrent. The name of its folder is its own name too.
    pub(crate) async fn rename_path(&self, args: &Args) -> Answer {
        let rows = self.targets(args);
        let [row] = rows.as_slice() else {
            return Err(Failure::new(Code::Params, "torrent-rename-path requires 1 torrent"));
        };
        let (path, new_name) = (args.text("path").unwrap_or_default(), args.text("name").unwrap_or_default());
        let is_name = Path::new(new_name).components().eq([Component::Normal(new_name.as_ref())]);
        if !is_name || path.is_empty() {
            return Err(Failure::new(Code::Params, "Invalid argument"));
        }
        let (daemon, id) = (self.foreign.daemon(), row.torrent.id);
        let path = path.trim_end_matches('/');
        let is_root = is_root(row, path);
        if row.meta.is_some() && (path.contains('/') || content_of(row) == Some(path)) {
            let to = match path.rsplit_once('/') {
                Some((folder, _)) => format!("{folder}/{new_name}"),
                None => new_name.to_owned(),
            };
            let action = Action::RenamePath { from: path.to_owned(), to };
            first_failure(daemon.act_on_ids(&[id], &action).await?)?;
        } else if !is_root {
            return Err(Failure::new(Code::System, "No such file or directory"));
        }
        if is_root {
            let action = Action::Rename { name: new_name.to_owned() };
            first_failure(daemon.act_on_ids(&[id], &action).await?)?;
        }
        let answer = json!({ "path": path, "name": new_name, "id": id });
        object(answer.as_object().cloned().unwrap_or_default())
    }

    /// Returns the free space of a disk.
    pub(crate) async fn free_space(&self, args: &Args, dialect: Dialect) -> Answer {
        let Some(path) = args.text("path") else {
            return Err(Failure::new(Code::Params, "directory path argument is missing"));
        };
        if !Path::new(path).is_absolute() {
            return Err(Failure::new(Code::NotAbsolute, "directory path is not absolute"));
        }
        // Fails only if the semaphore is closed, which never happens. A disk that hangs holds up others for its time only.
        let _turn = self.disks.acquire().await;
        let space = self.foreign.daemon().space(Path::new(path)).await;
        let answer = |free: Value, total: Value| {
            let free_key = Key::new("size_bytes", "size-bytes").name(dialect);
            Map::from_iter([
                ("path".to_owned(), path.into()),
                (free_key.to_owned(), free),
                ("total_size".to_owned(), total),
            ])
        };
        match space {
            Ok((free, total)) => object(answer(free.into(), total.into())),
            Err(error) => {
                let text = match error.kind() {
                    std::io::ErrorKind::NotFound => "No such file or directory".to_owned(),
                    _ => error.to_string(),
                };
                Err(Failure::new(Code::System, text).with_result(answer((-1).into(), (-1).into())))
            }
        }
    }
}

/// Returns the path of the file or the folder of a torrent below its download folder; `None` if its files have no folder of
/// their own.
fn content_of(row: &Row) -> Option<&str> {
    let content = row.content.strip_prefix(&row.torrent.dir).ok()?;
    content.to_str().filter(|content| !content.is_empty())
}

/// Returns true if a path names the whole torrent.
fn is_root(row: &Row, path: &str) -> bool {
    match content_of(row) {
        Some(content) if row.meta.is_some() => path == content,
        _ => path == row.torrent.name,
    }
}
