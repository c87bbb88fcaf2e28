//! The native API, `/api/v1`: JSON over HTTP, and updates over a WebSocket.
//!
//! `serve` listens on the local socket and on TCP, `answer` turns results into responses and errors into problem objects,
//! `body` and `query` read requests. The others are the routes.

mod answer;
mod body;
mod labels;
mod live;
mod log;
mod query;
mod serve;
mod settings;
mod torrents;
mod watch;
mod whole;

use axum::Router;
use axum::routing::{delete, get, post, put};
use std::sync::Arc;
use ztor_daemon::Daemon;

pub use log::LogBuffer;
pub use serve::{Listening, ServeConfig, ServeError};

/// State of the routes.
#[derive(Debug, Clone)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    about: ztor_api::Daemon,
    log: LogBuffer,
}

impl Api {
    pub(crate) fn new(daemon: Daemon, about: ztor_api::Daemon, log: LogBuffer) -> Self {
        Self(Arc::new(Inner { daemon, about, log }))
    }

    fn daemon(&self) -> &Daemon {
        &self.0.daemon
    }

    fn log(&self) -> &LogBuffer {
        &self.0.log
    }

    fn about(&self) -> &ztor_api::Daemon {
        &self.0.about
    }
}

/// Returns the routes of the API below [`ztor_api::BASE`].
pub(crate) fn routes(api: Api) -> Router {
    Router::new()
        .route("/daemon", get(whole::about))
        .route("/health", get(whole::health))
        .route("/statistics", get(whole::statistics))
        .route("/limits/alternative", get(whole::alternative).put(whole::set_alternative))
        .route("/torrents", get(torrents::list).post(torrents::add))
        .route("/torrents/actions", post(torrents::act))
        .route("/torrents/{torrent}", get(torrents::detail))
        .route("/torrents/{torrent}/files", get(torrents::files))
        .route("/torrents/{torrent}/peers", get(torrents::peers))
        .route("/torrents/{torrent}/trackers", get(torrents::trackers))
        .route("/torrents/{torrent}/pieces", get(torrents::pieces))
        .route("/torrents/{torrent}/torrent-file", get(torrents::export))
        .route("/categories", get(labels::categories))
        .route("/categories/rename", post(labels::rename_category))
        .route("/categories/by-path/{*path}", put(labels::put_category).delete(labels::remove_category))
        .route("/tags", get(labels::tags))
        .route("/tags/rename", post(labels::rename_tag))
        .route("/tags/by-name/{name}", put(labels::create_tag))
        .route("/tags/by-name/{name}", delete(labels::remove_tag))
        .route("/settings", get(settings::all))
        .route("/settings/{key}", get(settings::one).put(settings::change).delete(settings::reset))
        .route("/watch-folders", get(watch::list).put(watch::put).delete(watch::remove))
        .route("/watch-folders/scan", post(watch::scan))
        .route("/log", get(log::read))
        .route("/events", get(live::events))
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(api)
}
