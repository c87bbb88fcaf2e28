//! Updates over a WebSocket: a list, and then what changes in it.
//!
//! Nothing is sent while nothing changes, and no list is computed either: the task sleeps until the revision grows. A slow
//! reader gets fewer, larger updates, never a queue of them.

use super::Api;
use super::answer::Refused;
use crate::access::{Caller, Pass};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use std::collections::HashSet;
use std::mem;
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use ztor_api::{Counts, ListQuery, LiveRequest, LiveUpdate, Problem, ProblemKind, Statistics};
use ztor_daemon::Daemon;

/// Shortest time between two updates. Answers to requests do not wait for it.
const PACE: Duration = Duration::from_millis(500);
/// Shortest time between two updates of the statistics.
const STATISTICS_PACE: Duration = Duration::from_secs(1);
/// Time between two looks at the statistics while no torrent changes.
const STATISTICS_REST: Duration = Duration::from_secs(5);
/// Longest message of a front end, in bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// Time between two looks at the credentials.
const RECHECK: Duration = Duration::from_secs(60);
/// Longest time for which a front end may not take an update.
const PATIENCE: Duration = Duration::from_secs(30);

/// A list that a front end follows.
#[derive(Debug)]
struct Followed {
    /// Number of the request.
    id: Option<u64>,
    query: ListQuery,
    order: Vec<u64>,
    total: usize,
    /// Counts that the front end has.
    counts: Option<Counts>,
    /// Revision of the last update.
    revision: u64,
    /// True if something may have changed since.
    has_news: bool,
    /// True if the query was refused since, as it can take too long once there are more torrents.
    is_refused: bool,
    /// Earliest time of the next update.
    list_due: Instant,
    statistics: Option<FollowedStatistics>,
}

/// Statistics that a front end follows.
#[derive(Debug)]
struct FollowedStatistics {
    sent: Statistics,
    /// Time of the last look at them.
    looked: Instant,
}

pub(super) async fn events(
    State(api): State<Api>,
    Extension(caller): Extension<Caller>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refused> {
    let upgrade = upgrade.map_err(|rejection| {
        let detail = format!("this route is a WebSocket: {}", rejection.body_text());
        Refused::new(ProblemKind::BadRequest, detail)
    })?;
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| async move { follow(&api, socket, caller.pass).await }))
}

/// Waits for the end of credentials.
async fn revoked(api: &Api, pass: Option<Pass>) {
    let mut revocations = api.access().revocations();
    while pass.as_ref().is_some_and(|pass| api.access().is_valid(pass)) {
        // Sessions also expire, which notifies nobody.
        if let Ok(Err(_)) = tokio::time::timeout(RECHECK, revocations.changed()).await {
            return;
        }
    }
}

async fn follow(api: &Api, mut socket: WebSocket, pass: Option<Pass>) {
    let mut revisions = api.daemon().revisions();
    let mut revoked = pin!(revoked(api, pass));
    let mut followed: Option<Followed> = None;
    loop {
        let due = followed.as_ref().and_then(Followed::due);
        let updates = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => on_request(api, &text, &mut followed),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
            changed = revisions.changed(), if followed.is_some() => {
                if changed.is_err() {
                    return;
                }
                if let Some(followed) = &mut followed {
                    followed.has_news = true;
                }
                continue;
            }
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                followed.as_mut().map_or_else(Vec::new, |followed| followed.updates(api))
            }
            () = &mut revoked => {
                let problem = Problem::new(ProblemKind::Unauthorized, "the login has ended: log in again");
                send(&mut socket, &LiveUpdate::Problem { id: None, problem }).await;
                return;
            }
        };
        for update in updates {
            // A reader that takes nothing must not delay the end of its login.
            let is_sent = tokio::select! {
                is_sent = send(&mut socket, &update) => is_sent,
                () = &mut revoked => false,
            };
            if !is_sent {
                return;
            }
        }
    }
}

/// Answers a request.
fn on_request(api: &Api, text: &str, followed: &mut Option<Followed>) -> Vec<LiveUpdate> {
    let refused = |id, problem| vec![LiveUpdate::Problem { id, problem }];
    let bad = |detail: String| refused(None, Problem::new(ProblemKind::BadRequest, detail));
    if !text.trim_ascii_start().starts_with('{') {
        return bad("cannot use the message: expected an object in JSON".into());
    }
    let (id, query, statistics) = match serde_json::from_str(text) {
        // The window as a whole: torrents may have moved into it without a change.
        Ok(LiveRequest::Follow { id, query, statistics }) => {
            (id, ListQuery { since: None, ..query }, statistics)
        }
        Ok(_) => return refused(None, Problem::new(ProblemKind::NotSupported, "not supported")),
        Err(error) => return bad(format!("cannot use the message: {error}")),
    };
    let (list, order) = match api.daemon().follow(&query, &HashSet::new()) {
        Ok(found) => found,
        Err(error) => return refused(id, error.into()),
    };
    let statistics =
        statistics.then(|| FollowedStatistics { sent: api.daemon().statistics(), looked: Instant::now() });
    let mut updates: Vec<LiveUpdate> = statistics.iter().map(FollowedStatistics::update).collect();
    *followed = Some(Followed {
        id,
        query,
        order: order.clone(),
        total: list.total,
        counts: list.counts.clone(),
        revision: list.revision,
        has_news: false,
        is_refused: false,
        list_due: Instant::now() + PACE,
        statistics,
    });
    updates.push(LiveUpdate::List { id, is_whole: true, order: Some(order), list: Box::new(list) });
    updates
}

impl Followed {
    /// Returns the time of the next updates; `None` if nothing is to come.
    fn due(&self) -> Option<Instant> {
        let list = self.has_news.then_some(self.list_due);
        let statistics = self.statistics.as_ref().map(|statistics| statistics.due(self.has_news));
        list.into_iter().chain(statistics).min()
    }

    /// Returns what is due and has changed since the last updates.
    fn updates(&mut self, api: &Api) -> Vec<LiveUpdate> {
        let now = Instant::now();
        let mut updates = Vec::new();
        if let Some(statistics) = &mut self.statistics
            && statistics.due(self.has_news) <= now
        {
            updates.extend(statistics.renew(api));
        }
        if self.has_news && self.list_due <= now {
            // What changes from here on is news again.
            self.has_news = false;
            self.list_due = now + PACE;
            updates.extend(self.list(api.daemon()));
        }
        updates
    }

    /// Returns what has changed in the list, or the first refusal in a row; `None` if nothing has changed.
    fn list(&mut self, daemon: &Daemon) -> Option<LiveUpdate> {
        let since = Some(self.revision);
        let query = ListQuery { since, ..self.query.clone() };
        let known = self.order.iter().copied().collect();
        let (mut list, order) = match daemon.follow(&query, &known) {
            Ok(found) => found,
            Err(error) => {
                let is_known = mem::replace(&mut self.is_refused, true);
                return (!is_known).then(|| LiveUpdate::Problem { id: self.id, problem: error.into() });
            }
        };
        let was_refused = mem::take(&mut self.is_refused);
        self.revision = list.revision;
        let has_new_order = order != self.order;
        let removed = list.removed.as_ref().is_none_or(|removed| !removed.is_empty());
        if list.counts == self.counts {
            list.counts = None;
        } else {
            self.counts.clone_from(&list.counts);
        }
        // An update also says that the query is accepted again.
        let is_news =
            was_refused || removed || has_new_order || list.total != self.total || list.counts.is_some();
        if list.torrents.is_empty() && !is_news {
            return None;
        }
        self.total = list.total;
        self.order.clone_from(&order);
        let is_whole = list.removed.is_none();
        let order = has_new_order.then_some(order);
        Some(LiveUpdate::List { id: self.id, is_whole, order, list: Box::new(list) })
    }
}

impl FollowedStatistics {
    fn update(&self) -> LiveUpdate {
        LiveUpdate::Statistics { statistics: Box::new(self.sent.clone()) }
    }

    /// Returns the time of the next look. Some figures, such as the free space, change without a change of a torrent.
    fn due(&self, has_news: bool) -> Instant {
        self.looked + if has_news { STATISTICS_PACE } else { STATISTICS_REST }
    }

    /// Returns the present statistics if they have changed.
    fn renew(&mut self, api: &Api) -> Option<LiveUpdate> {
        self.looked = Instant::now();
        let now = api.daemon().statistics();
        // The time since the start, and the number of the revision, are no news.
        let is_same =
            now == Statistics { uptime_s: now.uptime_s, revision: now.revision, ..self.sent.clone() };
        self.sent = now;
        (!is_same).then(|| self.update())
    }
}

/// Sends an update. Returns false if the connection is of no use any more.
async fn send(socket: &mut WebSocket, update: &LiveUpdate) -> bool {
    let Ok(text) = serde_json::to_string(update) else { return false };
    let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Text(Utf8Bytes::from(text))));
    matches!(sent.await, Ok(Ok(())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::api::tests::fixture::Fixture;

    #[test]
    fn query_that_is_refused_later_is_reported_once_until_it_is_accepted() {
        let fixture = Fixture::start(&[]);
        let mut followed = Followed {
            id: Some(7),
            query: ListQuery { state: vec!["nothing".into()], ..ListQuery::default() },
            order: Vec::new(),
            total: 0,
            counts: None,
            revision: 0,
            has_news: true,
            is_refused: false,
            list_due: Instant::now(),
            statistics: None,
        };
        let first = followed.list(&fixture.daemon);
        assert!(matches!(first, Some(LiveUpdate::Problem { id: Some(7), .. })), "{first:?}");
        assert_eq!(followed.list(&fixture.daemon), None);

        followed.query = ListQuery::default();
        let accepted = followed.list(&fixture.daemon);
        assert!(matches!(accepted, Some(LiveUpdate::List { id: Some(7), .. })), "{accepted:?}");
        assert!(!followed.is_refused);
    }
}
