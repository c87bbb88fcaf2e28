//! Watched folders.

use super::super::Qb;
use futures_util::stream::{StreamExt as _, iter};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use ztor_api::{WatchFolder, WatchFolderEdit};

/// Values for the download folder of torrents: the watched folder itself, and the general one.
const OWN: i64 = 0;
const GENERAL: i64 = 1;
/// Maximum number of folders in a request.
const MAX_FOLDERS: usize = 200;
/// Number of folders that are changed at a time: a disk may not respond.
const AT_ONCE: usize = 8;

/// A change of the watched folders.
#[derive(Debug, PartialEq)]
enum Change {
    Put(String, WatchFolderEdit),
    Remove(String),
}

/// Returns the folders with the place of their torrents.
fn shown(folders: &[WatchFolder]) -> Map<String, Value> {
    let value = |folder: &WatchFolder| match &folder.save_path {
        None => GENERAL.into(),
        Some(path) if plain(path) == plain(&folder.dir) => OWN.into(),
        Some(path) => path.as_str().into(),
    };
    folders.iter().map(|folder| (folder.dir.clone(), value(folder))).collect()
}

/// Returns a path without what does not change it.
fn plain(path: &str) -> PathBuf {
    Path::new(path.trim()).components().collect()
}

/// Returns the changes that make the folders the wanted ones. Of a folder that is watched, only its download folder changes.
fn changes(folders: &[WatchFolder], wanted: &Map<String, Value>) -> Vec<Change> {
    let known: BTreeMap<PathBuf, &WatchFolder> =
        folders.iter().map(|folder| (plain(&folder.dir), folder)).collect();
    let shown = shown(folders);
    let mut changes = Vec::new();
    let mut stays = BTreeSet::new();
    for (dir, value) in wanted {
        let path = plain(dir);
        let folder = known.get(&path);
        stays.insert(path);
        let save_path = match value {
            Value::String(path) if path.trim().is_empty() => None,
            Value::String(path) => Some(path.trim().to_owned()),
            value if value.as_i64() == Some(OWN) => Some(dir.trim().to_owned()),
            value if value.as_i64() == Some(GENERAL) => None,
            // There is no such choice.
            _ => continue,
        };
        if folder.and_then(|folder| shown.get(&folder.dir)) == Some(value) {
            continue;
        }
        let settings = folder.map(|folder| folder.settings()).unwrap_or_default();
        let dir = folder.map_or_else(|| dir.trim().to_owned(), |folder| folder.dir.clone());
        changes.push(Change::Put(dir, WatchFolderEdit { save_path, ..settings }));
    }
    let gone = known.iter().filter(|(path, _)| !stays.contains(*path));
    changes.extend(gone.map(|(_, folder)| Change::Remove(folder.dir.clone())));
    changes
}

impl Qb {
    /// Returns the watched folders as a preference.
    pub(super) fn watched(&self) -> Value {
        shown(&self.daemon().watch_folders()).into()
    }

    /// Makes the watched folders those of a preference. Those that cannot be watched are left out, and the log says why.
    pub(super) async fn set_watched(&self, wanted: &Map<String, Value>) {
        if wanted.len() > MAX_FOLDERS {
            tracing::warn!(
                api = "qbittorrent",
                count = wanted.len(),
                "a program has sent too many watched folders"
            );
            return;
        }
        let changes = changes(&self.daemon().watch_folders(), wanted);
        let carry_out = |change: Change| async move {
            let daemon = self.daemon();
            let (dir, result) = match change {
                Change::Remove(dir) => {
                    let result = daemon.remove_watch_folder(&dir).await;
                    (dir, result)
                }
                Change::Put(dir, settings) => {
                    let result = daemon.put_watch_folder(&dir, &settings).await.map(drop);
                    (dir, result)
                }
            };
            if let Err(error) = result {
                tracing::warn!(api = "qbittorrent", dir, %error, "a program has sent a folder that cannot be watched");
            }
        };
        iter(changes).for_each_concurrent(AT_ONCE, carry_out).await;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(wanted: &Value) -> Vec<Change> {
        changes(&folders(), wanted.as_object().unwrap())
    }

    fn rich() -> WatchFolderEdit {
        let tags = vec!["a".to_owned()];
        WatchFolderEdit { recursive: true, tags, save_path: Some("/x".into()), ..WatchFolderEdit::default() }
    }

    fn folders() -> Vec<WatchFolder> {
        let own = WatchFolderEdit { save_path: Some("/w/own".into()), ..WatchFolderEdit::default() };
        vec![
            WatchFolder::new("/w/general", WatchFolderEdit::default()),
            WatchFolder::new("/w/own", own),
            WatchFolder::new("/w/rich", rich()),
        ]
    }

    #[test]
    fn folders_are_shown_and_change_only_where_a_client_changes_them() {
        let shown = json!({"/w/general": 1, "/w/own": 0, "/w/rich": "/x"});
        assert_eq!(Value::Object(super::shown(&folders())), shown);
        assert_eq!(of(&shown), []);
        assert_eq!(of(&json!({"/w/general/": 1, "/w/./own": 0, "/w/rich": "/x"})), [], "spelled otherwise");
        let changed = of(&json!({"/w/general": "/y", "/w/rich": 1, "/w/new": 0, "/w/odd": 7}));
        let put = |dir: &str, save_path: Option<&str>, settings: WatchFolderEdit| {
            Change::Put(dir.into(), WatchFolderEdit { save_path: save_path.map(str::to_owned), ..settings })
        };
        let expected = [
            put("/w/general", Some("/y"), WatchFolderEdit::default()),
            put("/w/new", Some("/w/new"), WatchFolderEdit::default()),
            put("/w/rich", None, rich()),
            Change::Remove("/w/own".into()),
        ];
        assert_eq!(changed, expected);
    }

    #[test]
    fn folder_with_a_value_that_is_none_stays() {
        let odd = json!({"/w/general": null, "/w/own": [1], "/w/rich": 1e300});
        assert_eq!(of(&odd), []);
    }
}
