//! Requests to web seeds: each is a task on the control runtime, which sends as many bytes as the engine allows.

use super::Driver;
use crate::web_fetch::{Credit, spawn};
use std::collections::HashMap;
use tokio::task::AbortHandle;
use ztor_engine::{Event, WebEffect, WebEvent, WebFetch, WebRequestId};

/// Requests under way. The engine bounds their number.
#[derive(Default)]
pub(super) struct WebFetches(HashMap<WebRequestId, Running>);

struct Running {
    credit: Credit,
    task: AbortHandle,
}

impl WebFetches {
    fn abort(&mut self, id: WebRequestId) {
        if let Some(running) = self.0.remove(&id) {
            running.task.abort();
        }
    }
}

impl Driver {
    pub(super) fn on_web_effect(&mut self, effect: WebEffect) {
        match effect {
            WebEffect::Fetch(fetch) => self.fetch_from_web_seed(*fetch),
            WebEffect::Allow { id, bytes } => {
                if let Some(running) = self.web.0.get(&id) {
                    running.credit.add(bytes);
                }
            }
            WebEffect::Abort(id) => self.web.abort(id),
        }
    }

    fn fetch_from_web_seed(&mut self, fetch: WebFetch) {
        // A torrent without metadata has no blocks to fetch.
        let Some(meta) = self.cx.engine().metainfo(fetch.torrent) else { return };
        let id = fetch.id;
        let (credit, task) = spawn(&self.control, meta.clone(), fetch);
        self.web.0.insert(id, Running { credit, task });
    }

    pub(super) fn on_web_event(&mut self, id: WebRequestId, event: WebEvent) {
        if !matches!(event, WebEvent::Data(_)) {
            self.web.0.remove(&id);
        }
        self.cx.handle(Event::Web { id, event });
    }
}
