//! Updates over a WebSocket: a list, and then what changes in it.
//!
//! Nothing is sent while nothing changes, and nothing is computed either: the task sleeps until the revision grows. A slow
//! reader gets fewer, larger updates, never a queue of them.

use super::Api;
use super::answer::Refused;
use crate::access::{Caller, Pass};
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use std::collections::HashSet;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use ztor_api::{ListQuery, LiveRequest, LiveUpdate, Problem, ProblemKind};

/// Shortest time between two updates.
const PACE: Duration = Duration::from_millis(500);
/// Longest message of a front end, in bytes.
const MAX_MESSAGE: usize = 1 << 20;
/// Time between two looks at the credentials.
const RECHECK: Duration = Duration::from_secs(60);
/// Longest time for which a front end may not take an update.
const PATIENCE: Duration = Duration::from_secs(30);

/// A list that a front end follows.
#[derive(Debug)]
struct Followed {
    query: ListQuery,
    order: Vec<u64>,
    total: usize,
    /// Revision of the last update.
    revision: u64,
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
    Ok(upgrade.on_upgrade(move |socket| async move {
        tokio::select! {
            () = follow(&api, socket) => {}
            () = revoked(&api, caller.pass) => {}
        }
    }))
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

async fn follow(api: &Api, mut socket: WebSocket) {
    let mut revisions = api.daemon().revisions();
    let mut followed: Option<Followed> = None;
    loop {
        let is_news = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let update = on_request(api, &text, &mut followed);
                    if !send(&mut socket, &update).await {
                        return;
                    }
                    false
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => false,
            },
            changed = changed(&mut revisions, followed.is_some()) => {
                if !changed {
                    return;
                }
                true
            }
        };
        if is_news && let Some(list) = &mut followed {
            if let Some(update) = list.update(api)
                && !send(&mut socket, &update).await
            {
                return;
            }
            tokio::time::sleep(PACE).await;
        }
    }
}

/// Waits until the revision changes. Returns false at the end of the daemon. Without a list, it waits forever.
async fn changed(revisions: &mut Receiver<u64>, follows: bool) -> bool {
    match follows {
        true => revisions.changed().await.is_ok(),
        false => std::future::pending().await,
    }
}

fn on_request(api: &Api, text: &str, followed: &mut Option<Followed>) -> LiveUpdate {
    let refused = |kind, detail: String| LiveUpdate::Problem(Problem::new(kind, detail));
    if !text.trim_ascii_start().starts_with('{') {
        return refused(ProblemKind::BadRequest, "cannot use the message: expected an object in JSON".into());
    }
    let query = match serde_json::from_str(text) {
        // The window as a whole: torrents may have moved into it without a change.
        Ok(LiveRequest::Follow { query }) => ListQuery { since: None, ..query },
        Ok(_) => return refused(ProblemKind::NotSupported, "not supported".into()),
        Err(error) => return refused(ProblemKind::BadRequest, format!("cannot use the message: {error}")),
    };
    let (list, order) = match api.daemon().follow(&query, &HashSet::new()) {
        Ok(found) => found,
        Err(error) => return LiveUpdate::Problem(error.into()),
    };
    *followed = Some(Followed { query, order: order.clone(), total: list.total, revision: list.revision });
    LiveUpdate::List { is_whole: true, order: Some(order), list: Box::new(list) }
}

impl Followed {
    /// Returns what has changed since the last update; `None` if nothing has in this list.
    fn update(&mut self, api: &Api) -> Option<LiveUpdate> {
        let since = Some(self.revision);
        let query = ListQuery { since, ..self.query.clone() };
        let known = self.order.iter().copied().collect();
        let (list, order) = api.daemon().follow(&query, &known).ok()?;
        self.revision = list.revision;
        let has_new_order = order != self.order;
        let removed = list.removed.as_ref().is_none_or(|removed| !removed.is_empty());
        if list.torrents.is_empty() && !removed && !has_new_order && list.total == self.total {
            return None;
        }
        self.total = list.total;
        self.order.clone_from(&order);
        let is_whole = list.removed.is_none();
        Some(LiveUpdate::List { is_whole, order: has_new_order.then_some(order), list: Box::new(list) })
    }
}

/// Sends an update. Returns false if the connection is of no use any more.
async fn send(socket: &mut WebSocket, update: &LiveUpdate) -> bool {
    let Ok(text) = serde_json::to_string(update) else { return false };
    let sent = tokio::time::timeout(PATIENCE, socket.send(Message::Text(Utf8Bytes::from(text))));
    matches!(sent.await, Ok(Ok(())))
}
