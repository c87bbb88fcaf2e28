//! Notifications of the desktop about finished downloads.

use std::collections::{BTreeSet, HashMap};
use std::sync::mpsc::{Sender, channel};
use ztor_api::{List, ListQuery, Sort, SortKey, Torrent};
use ztor_client::tasks::Pending;
use ztor_view::front::Front;
use ztor_view::text::cleaned;

/// Names in one notification.
const NAMES: usize = 3;
/// Number of torrents that are looked at.
const LATEST: usize = 20;

/// Tells which downloads finish, wherever in the list they are.
#[derive(Debug)]
pub(crate) struct Notifier {
    sender: Option<Sender<(String, String)>>,
    /// Number of complete torrents when the list was asked for last.
    complete: Option<usize>,
    told: Option<Told>,
    pending: Option<Pending<List>>,
}

/// Downloads that need not be told any more. Times are those of the daemon.
#[derive(Debug, Default)]
struct Told {
    /// Torrents that had finished at the first look, or were told since.
    ids: BTreeSet<u64>,
    /// End of the latest one at the first look.
    since_unix_s: u64,
}

impl Notifier {
    /// Starts the thread that talks to the desktop. Without a desktop nothing is told.
    pub(crate) fn start() -> Self {
        let (sender, receiver) = channel::<(String, String)>();
        std::thread::spawn(move || {
            let mut connection = None;
            for (title, text) in receiver {
                if connection.is_none() {
                    connection = zbus::blocking::Connection::session().ok();
                }
                let Some(open) = &connection else { continue };
                if let Err(error) = notify(open, &title, &text) {
                    tracing::debug!(%error, "cannot show a notification");
                    connection = None;
                }
            }
        });
        Self { sender: Some(sender), complete: None, told: None, pending: None }
    }

    /// Forgets what is complete: another daemon is shown.
    pub(crate) fn forget(&mut self) {
        (self.complete, self.pending, self.told) = (None, None, None);
    }

    /// Looks for downloads that have finished since the last look.
    pub(crate) fn look(&mut self, front: &Front, is_wanted: bool) {
        if let Some(result) = self.pending.as_mut().and_then(Pending::poll) {
            self.pending = None;
            // A failure shows in the window.
            let finished = result.map(|list| self.finished(&list)).unwrap_or_default();
            if let Some(sender) = self.sender.as_ref().filter(|_| is_wanted && !finished.is_empty()) {
                // The thread ends with the app only.
                let _ = sender.send(wording(&finished));
            }
        }
        let Some(counts) = &front.snapshot().counts else { return };
        if self.pending.is_none() && self.complete != Some(counts.complete) {
            self.complete = Some(counts.complete);
            let sort = vec![Sort { key: SortKey::Finished, is_descending: true }];
            let query = ListQuery { sort, limit: Some(LATEST), ..ListQuery::default() };
            self.pending = Some(front.tasks().ask(|client| async move { client.list(&query).await }));
        }
    }

    /// Returns the names of what has finished since the last call. What the first list of a daemon has is not news.
    fn finished(&mut self, list: &List) -> Vec<String> {
        let Some(told) = &mut self.told else {
            let ended = |row: &Torrent| Some((row.id, row.finished_unix_s?));
            let known: Vec<(u64, u64)> = list.torrents.iter().filter_map(ended).collect();
            let since_unix_s = known.iter().map(|(_, at)| *at).max().unwrap_or(0);
            self.told = Some(Told { ids: known.into_iter().map(|(id, _)| id).collect(), since_unix_s });
            return Vec::new();
        };
        let mut names = Vec::new();
        for row in &list.torrents {
            let is_later = row.finished_unix_s.is_some_and(|at| at >= told.since_unix_s);
            if is_later && row.downloaded_bytes > 0 && told.ids.insert(row.id) {
                names.push(cleaned(&row.name).into_owned());
            }
        }
        names
    }
}

fn wording(finished: &[String]) -> (String, String) {
    let title = match finished.len() {
        1 => "Download finished".to_owned(),
        count => format!("{count} downloads finished"),
    };
    let mut text = finished.iter().take(NAMES).cloned().collect::<Vec<_>>().join("\n");
    if finished.len() > NAMES {
        text.push_str(&format!("\nand {} more", finished.len() - NAMES));
    }
    (title, text)
}

fn notify(connection: &zbus::blocking::Connection, title: &str, text: &str) -> zbus::Result<()> {
    let hints: HashMap<&str, zbus::zvariant::Value<'_>> =
        HashMap::from([("desktop-entry", "ztor-desktop".into())]);
    let actions: Vec<&str> = Vec::new();
    // The text of notifications is a kind of markup.
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let body = ("ztor", 0_u32, "ztor-desktop", title, text.as_str(), actions, hints, -1_i32);
    let name = "org.freedesktop.Notifications";
    connection
        .call_method(Some(name), "/org/freedesktop/Notifications", Some(name), "Notify", &body)
        .map(drop)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A list with a torrent for each id and the time of its end.
    fn list(rows: &[(u64, u64)]) -> List {
        let row = |(id, at): &(u64, u64)| {
            serde_json::json!({
                "id": id, "hash": "ab", "name": format!("torrent {id}"), "state": "seeding", "progress": 1.0,
                "size_bytes": 1, "total_bytes": 1, "left_bytes": 0, "down_per_s": 0, "up_per_s": 0,
                "downloaded_bytes": 1, "uploaded_bytes": 0, "peers": 0, "seeds": 0, "is_forced": false, "tags": [],
                "dir": "/srv", "added_unix_s": 0, "active_s": 0, "seeding_s": 0, "limits": {},
                "is_sequential": false, "is_ends_first": false, "is_super_seeding": false, "revision": 1, "finished_unix_s": at,
            })
        };
        let torrents: Vec<_> = rows.iter().map(row).collect();
        serde_json::from_value(serde_json::json!({"revision": 1, "total": rows.len(), "torrents": torrents}))
            .unwrap()
    }

    #[test]
    fn finished_tells_each_download_once_and_none_of_the_first_list() {
        let mut notifier = Notifier { sender: None, complete: None, told: None, pending: None };
        assert!(notifier.finished(&list(&[(1, 50), (2, 40)])).is_empty());
        // Two in the same second, and one from before that has moved up.
        assert_eq!(notifier.finished(&list(&[(3, 50), (1, 50), (2, 40), (4, 30)])), ["torrent 3"]);
        assert_eq!(notifier.finished(&list(&[(5, 50), (3, 50), (1, 50)])), ["torrent 5"]);
        assert!(notifier.finished(&list(&[(5, 50), (3, 50), (1, 50)])).is_empty());
        notifier.forget();
        assert!(notifier.finished(&list(&[(6, 90)])).is_empty());
    }

    #[test]
    fn wording_lists_a_few_names() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(wording(&names[..1]), ("Download finished".to_owned(), "a".to_owned()));
        assert_eq!(wording(&names), ("4 downloads finished".to_owned(), "a\nb\nc\nand 1 more".to_owned()));
    }
}
