//! The native API, `/api/v1`: JSON over HTTP, and updates over a WebSocket.
//!
//! `serve` listens on the local socket and on TCP, `guard` checks who asks, `answer` turns results into responses and
//! errors into problem objects, `body`, `path` and `query` read requests. The others are the routes.

mod answer;
mod bans;
pub(crate) mod body;
mod content;
mod guard;
mod labels;
mod live;
mod log;
mod login;
mod metrics;
mod openapi;
mod path;
mod previews;
mod query;
mod serve;
mod settings;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
pub(crate) mod tests;
mod torrents;
mod watch;
mod whole;

use crate::access::Access;
use crate::web::Web;
use axum::Router;
use axum::routing::{MethodRouter, get, post, put};
use std::sync::{Arc, OnceLock};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use ztor_daemon::Daemon;

pub use crate::access::AccessError;
pub(crate) use body::read as read_body;
pub use log::LogBuffer;
#[cfg(feature = "testing")]
pub(crate) use log::log_query;
#[cfg(feature = "testing")]
pub(crate) use query::{dir_of, list_query};
pub use serve::{ForeignConfig, Listening, ServeConfig, ServeError, TlsFiles, WebError};

/// State of the routes.
#[derive(Debug, Clone)]
pub(crate) struct Api(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    access: Access,
    about: ztor_api::Daemon,
    base_path: String,
    log: LogBuffer,
    requests: metrics::RequestCounts,
    /// Turns of the files that are being sent.
    transfers: Arc<Semaphore>,
    /// The OpenAPI document, made when it is asked for.
    openapi: OnceLock<serde_json::Value>,
}

/// Maximum number of files that are sent at a time.
const TRANSFERS: usize = 64;

impl Api {
    /// Returns a turn to send a file; `None` if all are taken.
    fn take_transfer(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.transfers).try_acquire_owned().ok()
    }

    fn daemon(&self) -> &Daemon {
        &self.0.daemon
    }

    fn access(&self) -> &Access {
        &self.0.access
    }

    fn log(&self) -> &LogBuffer {
        &self.0.log
    }

    fn about(&self) -> &ztor_api::Daemon {
        &self.0.about
    }

    /// Returns the path before all others.
    fn base_path(&self) -> &str {
        &self.0.base_path
    }
}

/// Returns all routes below [`ztor_api::BASE`], each once. `openapi::operations` describes their methods.
fn table() -> Vec<(&'static str, MethodRouter<Api>)> {
    vec![
        ("/openapi.json", get(openapi::serve)),
        ("/daemon", get(whole::about)),
        ("/health", get(whole::health)),
        ("/metrics", get(metrics::serve)),
        ("/ports", get(whole::ports)),
        ("/statistics", get(whole::statistics)),
        ("/statistics/history", get(whole::history)),
        ("/limits/alternative", get(whole::alternative).put(whole::set_alternative)),
        ("/session", get(login::session).post(login::begin_session).delete(login::end_session)),
        ("/session/link", post(login::make_link)),
        ("/account", get(login::account).put(login::change_account)),
        ("/tokens", get(login::tokens).post(login::add_token)),
        ("/tokens/{name}", axum::routing::delete(login::remove_token)),
        ("/torrents", get(torrents::list).post(torrents::add)),
        ("/torrents/actions", post(torrents::act)),
        ("/torrents/{torrent}", get(torrents::detail)),
        ("/torrents/{torrent}/files", get(torrents::files)),
        ("/torrents/{torrent}/files/{index}/content", get(content::read)),
        ("/torrents/{torrent}/files/{index}/link", post(content::make_link)),
        ("/torrents/{torrent}/peers", get(torrents::peers)),
        ("/torrents/{torrent}/trackers", get(torrents::trackers)),
        ("/torrents/{torrent}/web-seeds", get(torrents::web_seeds)),
        ("/torrents/{torrent}/pieces", get(torrents::pieces)),
        ("/torrents/{torrent}/torrent-file", get(torrents::export)),
        ("/preview", post(previews::preview)),
        ("/folders", get(previews::folder)),
        ("/creations", get(previews::creations).post(previews::create)),
        ("/creations/{id}", axum::routing::delete(previews::remove_creation)),
        ("/creations/{id}/torrent-file", get(previews::created_file)),
        ("/categories", get(labels::categories)),
        ("/categories/rename", post(labels::rename_category)),
        ("/categories/by-path/{*path}", put(labels::put_category).delete(labels::remove_category)),
        ("/tags", get(labels::tags)),
        ("/tags/rename", post(labels::rename_tag)),
        ("/tags/by-name/{name}", put(labels::create_tag).delete(labels::remove_tag)),
        ("/settings", get(settings::all)),
        ("/settings/{key}", get(settings::one).put(settings::change).delete(settings::reset)),
        ("/watch-folders", get(watch::list).put(watch::put).delete(watch::remove)),
        ("/watch-folders/scan", post(watch::scan)),
        ("/bans", get(bans::list).post(bans::add).delete(bans::remove)),
        ("/ip-filter", get(bans::filter)),
        ("/ip-filter/refresh", post(bans::refresh)),
        ("/log", get(log::read)),
        ("/events", get(live::events)),
    ]
}

/// Returns the whole server without access control: the API and the web UI.
fn app(
    daemon: &Daemon,
    access: &Access,
    about: ztor_api::Daemon,
    log: &LogBuffer,
    requests: &metrics::RequestCounts,
    base_path: &str,
    web: &Web,
) -> Router {
    let base_path = base_path.to_owned();
    let inner = Inner {
        daemon: daemon.clone(),
        access: access.clone(),
        about,
        base_path: base_path.clone(),
        log: log.clone(),
        requests: requests.clone(),
        transfers: Arc::new(Semaphore::new(TRANSFERS)),
        openapi: OnceLock::new(),
    };
    let add = |router: Router<Api>, (path, methods)| router.route(path, methods);
    let api = table().into_iter().fold(Router::new(), add);
    let api = api
        .fallback(answer::not_found)
        .method_not_allowed_fallback(answer::method_not_allowed)
        .with_state(Api(Arc::new(inner)));
    let path = format!("{base_path}{}", ztor_api::BASE);
    web.routes(&base_path).nest(&path, api).fallback(answer::not_found)
}
