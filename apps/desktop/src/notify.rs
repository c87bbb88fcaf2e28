//! Notifications of the desktop about finished downloads.

use std::collections::HashMap;
use std::sync::mpsc::{Sender, channel};
use std::time::{SystemTime, UNIX_EPOCH};
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
    /// Number of complete torrents at the last look.
    complete: Option<usize>,
    /// Time after which a download has to be finished to be told.
    since_unix_s: u64,
    pending: Option<Pending<List>>,
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
        Self { sender: Some(sender), complete: None, since_unix_s: now_unix_s(), pending: None }
    }

    /// Forgets what is complete: another daemon is shown.
    pub(crate) fn forget(&mut self) {
        (self.complete, self.pending, self.since_unix_s) = (None, None, now_unix_s());
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
        let has_more = self.complete.is_some_and(|complete| counts.complete > complete);
        self.complete = Some(counts.complete);
        if has_more && self.pending.is_none() {
            let sort = vec![Sort { key: SortKey::Finished, is_descending: true }];
            let query = ListQuery { sort, limit: Some(LATEST), ..ListQuery::default() };
            self.pending = Some(front.tasks().ask(|client| async move { client.list(&query).await }));
        }
    }

    /// Returns the names of what has finished since the last call.
    fn finished(&mut self, list: &List) -> Vec<String> {
        let since = self.since_unix_s;
        let is_new =
            |row: &&Torrent| row.finished_unix_s.is_some_and(|at| at > since) && row.downloaded_bytes > 0;
        let names = list.torrents.iter().filter(is_new).map(|row| cleaned(&row.name).into_owned()).collect();
        let latest = list.torrents.iter().filter_map(|row| row.finished_unix_s).max();
        self.since_unix_s = latest.unwrap_or(since).max(since);
        names
    }
}

fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
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
mod tests {
    use super::*;

    #[test]
    fn wording_lists_a_few_names() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        assert_eq!(wording(&names[..1]), ("Download finished".to_owned(), "a".to_owned()));
        assert_eq!(wording(&names), ("4 downloads finished".to_owned(), "a\nb\nc\nand 1 more".to_owned()));
    }
}
