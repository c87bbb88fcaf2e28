//! The RPC of Transmission, in its legacy dialect and as JSON-RPC 2.0, for programs that know ztor only as a Transmission.
//!
//! It is a view of the daemon: rows of torrents come from the cache in [`foreign`](crate::foreign), changes are verbs of the
//! daemon, and credentials and bans are those of the native API. What has no meaning here, such as the size of a cache, is kept
//! and given back as it was.
//!
//! `http` checks requests in the order that clients rely on, `web` serves the files of a web client, `rpc` and `dialect` decode
//! calls and encode answers, `methods` finds the method of a call. The methods: `get` with `fields`, `values`, `details`,
//! `pieces`, `lookups` and `trackers`; `set` with `wishes`; `add`; `files_choice` for both; `paths`; `queue`; `session_get`, `session_set`, `schedule` and
//! `stats`; `groups`; `whole`.

mod add;
mod details;
mod dialect;
mod extras;
mod failure;
mod fields;
mod files_choice;
mod get;
mod groups;
mod http;
mod ids;
mod json;
mod lookups;
mod methods;
mod page;
mod paths;
mod pieces;
mod queue;
mod rpc;
mod schedule;
mod session_get;
mod session_id;
mod session_set;
mod set;
mod stats;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests;
mod trackers;
mod values;
mod web;
mod whole;
mod wishes;

use crate::foreign::Foreign;
use axum::Router;
use queue::Queue;
use session_id::SessionId;
use stats::Totals;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Semaphore;
use trackers::TrackerIds;

/// Decodes a request, and answers each call as if its method did nothing.
#[cfg(feature = "testing")]
pub(crate) fn request_of(body: &[u8]) -> Option<Vec<u8>> {
    let one = |item: &rpc::Item| match item {
        rpc::Item::Call(call) => {
            let args = call.args.as_ref();
            call.answer(args.map(|_| b"{}".to_vec()).map_err(Clone::clone))
        }
        rpc::Item::Bad(failure) => Some(rpc::refusal(failure, &serde_json::Value::Null)),
    };
    match rpc::Request::decode(body) {
        rpc::Request::One(item) => one(&item),
        rpc::Request::Batch(items) => rpc::join(items.iter().filter_map(one).collect()),
    }
}

/// Returns the names of all methods, arguments and fields in both dialects.
#[cfg(feature = "testing")]
pub(crate) fn all_names() -> (Vec<&'static str>, Vec<&'static str>) {
    let of_session = session_get::KEYS.iter().copied();
    let keys = of_session.chain(fields::Field::ALL.iter().map(|field| field.key()));
    (methods::METHODS.to_vec(), keys.flat_map(|key| [key.snake, key.legacy]).collect())
}

#[cfg(feature = "testing")]
pub(crate) fn parse_tracker_list(text: &str) -> Option<Vec<Vec<String>>> {
    trackers::parse_list(text).ok()
}

/// Maximum number of torrents about which the session is asked at a time, over all requests.
const LOOKUPS: usize = 32;
/// Maximum number of long answers that are written at a time. One about 10,000 torrents has up to some 20 MB.
const WRITERS: usize = 4;

/// State of the RPC. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct State(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    foreign: Foreign,
    session_id: SessionId,
    queue: Queue,
    tracker_ids: TrackerIds,
    totals: Totals,
    /// Turns of the requests to the session.
    turns: Arc<Semaphore>,
    /// Turns of the long answers that are written.
    writers: Semaphore,
    /// Turns of the disks that are asked for their free space.
    disks: Semaphore,
    web_dir: Option<PathBuf>,
}

impl std::ops::Deref for State {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl State {
    pub(crate) fn new(foreign: &Foreign, web_dir: Option<PathBuf>) -> Self {
        Self(Arc::new(Inner {
            foreign: foreign.clone(),
            session_id: SessionId::default(),
            queue: Queue::default(),
            tracker_ids: TrackerIds::default(),
            totals: Totals::start(foreign.daemon()),
            turns: Arc::new(Semaphore::new(LOOKUPS)),
            writers: Semaphore::new(WRITERS),
            disks: Semaphore::new(4),
            web_dir,
        }))
    }
}

/// Returns the whole server of the RPC, with its access control.
pub(crate) fn app(foreign: &Foreign, web_dir: Option<PathBuf>) -> Router {
    Router::new().fallback(http::handle).with_state(State::new(foreign, web_dir))
}
