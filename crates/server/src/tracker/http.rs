//! Announces, scrapes and files over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Path, RawQuery, State as Shared};
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use socket2::Socket;
use tokio::net::TcpListener;
use tokio::sync::watch;
use ztor_tracker::http::{
    encode_announce, encode_failure, encode_scrape, parse_announce_query, parse_scrape_query,
};

use super::State;
use crate::guard::{Ends, GuardedListener, Limits};

/// Serves until it is stopped, then until the connections are done.
pub(super) async fn serve(
    socket: Socket,
    state: Arc<State>,
    limits: Limits,
    mut stopping: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(socket.into()) {
        Ok(listener) => GuardedListener::new(listener, limits, state.proxies().to_vec()),
        Err(error) => return tracing::error!(%error, "cannot serve the tracker over HTTP"),
    };
    let app = Router::new()
        .route("/announce", get(announce))
        .route("/scrape", get(scrape))
        .route("/", get(index))
        .route("/{name}", get(file))
        .with_state(state)
        .into_make_service_with_connect_info::<Ends>();
    let stopped = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    if let Err(error) = axum::serve(listener, app).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "serving the tracker over HTTP failed");
    }
}

async fn announce(
    Shared(state): Shared<Arc<State>>,
    ConnectInfo(ends): ConnectInfo<Ends>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let forwarded_for: Vec<&str> =
        headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok()).collect();
    let Some(client) = state.client_of(ends.peer.ip(), &forwarded_for) else {
        let message = "the proxy in front of the tracker does not name your address (X-Forwarded-For)";
        return bencoded(encode_failure(message, None));
    };
    let query = match parse_announce_query(&query.unwrap_or_default()) {
        Ok(query) => query,
        Err(error) => return bencoded(encode_failure(&error.to_string(), None)),
    };
    let reached = || ends.local.map(|local| local.ip());
    match state.announce(&query.request, client, reached) {
        Ok(reply) => bencoded(encode_announce(&reply, query.form)),
        Err(refusal) => bencoded(encode_failure(&refusal.to_string(), state.retry_in_min(refusal))),
    }
}

async fn scrape(Shared(state): Shared<Arc<State>>, RawQuery(query): RawQuery) -> Response {
    let hashes = match parse_scrape_query(&query.unwrap_or_default()) {
        Ok(hashes) => hashes,
        Err(error) => return bencoded(encode_failure(&error.to_string(), None)),
    };
    let known: Vec<_> = hashes.into_iter().filter_map(|hash| Some((hash, state.scrape(&hash)?))).collect();
    bencoded(encode_scrape(&known))
}

async fn index(Shared(state): Shared<Arc<State>>) -> Response {
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, state.files.index_page()).into_response()
}

async fn file(Shared(state): Shared<Arc<State>>, Path(name): Path<String>) -> Response {
    match state.files.get(&name) {
        Some(file) => {
            let headers = [(CONTENT_TYPE, file.media_type), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
            (headers, file.bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "No file of this name is served here.\n").into_response(),
    }
}

/// Returns a bencoded body as `text/plain` with status 200. Refusals have this status too, as many clients do not read
/// the body of any other. The connection is closed, as the next announce is half an hour away by default.
fn bencoded(body: Vec<u8>) -> Response {
    ([(CONTENT_TYPE, "text/plain"), (CACHE_CONTROL, "no-store"), (CONNECTION, "close")], body).into_response()
}
