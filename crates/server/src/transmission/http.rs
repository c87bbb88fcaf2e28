//! Requests over HTTP. Clients rely on the order of the checks: one tells a wrong password from a missing session id by it.

use super::State;
use super::failure::{Code, Failure};
use super::page::page;
use super::rpc::{Item, Request, join, refusal};
use super::web;
use crate::access::{Connection, Denied};
use crate::api::body::{MAX_BODY, PATIENCE, read};
use crate::foreign::gzip;
use axum::body::Body;
use axum::extract::{Extension, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::Value;
use std::time::{Duration, Instant};
use ztor_api::ProblemKind;
use ztor_daemon::ForeignApi;

const SESSION_ID: HeaderName = HeaderName::from_static("x-transmission-session-id");
const RPC_VERSION: HeaderName = HeaderName::from_static("x-transmission-rpc-version");
/// Version of the RPC by the rules of semantic versioning.
pub(crate) const SEMVER: &str = "6.0.1";
/// Calls of a list that come after this many bytes of answers, or after this time, are refused.
const MAX_BATCH_ANSWER: usize = 128 << 20;
const MAX_BATCH_TIME: Duration = Duration::from_secs(60);
/// Requests from this length on are decoded on a thread that may take long.
const LARGE: usize = 64 << 10;

/// Answers a request.
pub(crate) async fn handle(
    Shared(state): Shared<State>,
    Extension(connection): Extension<Connection>,
    request: axum::extract::Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let mut response = answer(&state, connection, &parts, body).await;
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Transmission"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Browsers send no credentials of their own accord to a server that says this.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

async fn answer(state: &State, connection: Connection, parts: &Parts, body: Body) -> Response {
    let access = state.foreign.access();
    let source = match access.source(connection, parts) {
        Ok(source) => source,
        Err(denied) => return page(StatusCode::FORBIDDEN, &denied.problem.detail),
    };
    if parts.method == Method::OPTIONS {
        return match access.ban_of(source.client) {
            Some(rest) => refused(state, &source.client, parts, Denied::banned(rest)),
            None => preflight(),
        };
    }
    match access.verify_header(source.client, parts).await {
        Some(Ok(_)) => {}
        Some(Err(denied)) => return refused(state, &source.client, parts, denied),
        None => {
            return match access.ban_of(source.client) {
                Some(rest) => refused(state, &source.client, parts, Denied::banned(rest)),
                None => unauthorized("Unauthorized User"),
            };
        }
    }
    let path = parts.uri.path();
    let Some(below) = path.strip_prefix("/transmission/").filter(|below| *below != "web") else {
        return redirect();
    };
    if let Some(file) = below.strip_prefix("web/") {
        return web::serve(state, parts, file).await;
    }
    if !matches!(below, "rpc" | "rpc/") {
        return page(StatusCode::NOT_FOUND, "There is nothing at this path.");
    }
    let id = parts.headers.get(SESSION_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    if !state.session_id.is_present(id) {
        return conflict(state);
    }
    if parts.method != Method::POST {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, "The RPC takes POST.");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST, OPTIONS"));
        return response;
    }
    let body = match read(body, MAX_BODY, PATIENCE).await {
        Ok(body) => body,
        Err(refused) if refused.0.kind == ProblemKind::TooLarge => {
            return page(StatusCode::PAYLOAD_TOO_LARGE, &refused.0.detail);
        }
        Err(refused) => return page(StatusCode::BAD_REQUEST, &refused.0.detail),
    };
    match call(state, body).await {
        Some(answer) => json(answer, &parts.headers).await,
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

/// Carries out what a body asks for. Returns the answer; `None` if nobody waits for one.
async fn call(state: &State, body: Vec<u8>) -> Option<Vec<u8>> {
    let request = if body.len() < LARGE {
        Request::decode(&body)
    } else {
        match tokio::task::spawn_blocking(move || Request::decode(&body)).await {
            Ok(request) => request,
            Err(error) => {
                tracing::error!(%error, "a request was not decoded");
                return None;
            }
        }
    };
    match request {
        Request::One(item) => one(state, item).await,
        Request::Batch(items) => {
            let (mut answers, mut length, start) = (Vec::new(), 0_usize, Instant::now());
            for item in items {
                let answer = match (item, too_much(length, start.elapsed())) {
                    (Item::Call(call), Some(detail)) => {
                        call.answer(Err(Failure::new(Code::InvalidRequest, detail)))
                    }
                    (item, _) => one(state, item).await,
                };
                length = length.saturating_add(answer.as_ref().map_or(0, Vec::len));
                answers.extend(answer);
            }
            join(answers)
        }
    }
}

/// Returns the reason why no further call of a list is carried out; `None` if it is. A disk that does not respond, or a check
/// of data, may hold up each of a thousand calls.
fn too_much(answers_len: usize, passed: Duration) -> Option<&'static str> {
    if answers_len > MAX_BATCH_ANSWER {
        Some("the answers to the calls before this one are too long")
    } else if passed > MAX_BATCH_TIME {
        Some("the calls before this one took too long")
    } else {
        None
    }
}

async fn one(state: &State, item: Item) -> Option<Vec<u8>> {
    match item {
        Item::Call(call) => {
            let result = state.call(&call).await;
            call.answer(result)
        }
        Item::Bad(failure) => Some(refusal(&failure, &Value::Null)),
    }
}

/// Answers with JSON, compressed if the client takes that.
async fn json(answer: Vec<u8>, request: &HeaderMap) -> Response {
    let (body, is_packed) = match gzip::compress(answer, request).await {
        Ok(compressed) => compressed,
        Err(error) => {
            tracing::error!(%error, "an answer was not compressed");
            return page(StatusCode::BAD_REQUEST, "The answer could not be compressed.");
        }
    };
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=UTF-8"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Answers that credentials are refused: as wrong, or as the address may not try any for some time.
fn refused(state: &State, client: &std::net::IpAddr, parts: &Parts, denied: Denied) -> Response {
    let detail = &denied.problem.detail;
    let is_banned = denied.problem.kind == ProblemKind::TooMany;
    if is_banned || parts.headers.contains_key(header::AUTHORIZATION) {
        state.foreign.on_refused(ForeignApi::Transmission, "login", *client, detail);
    }
    let mut response = match denied.problem.kind {
        ProblemKind::Unauthorized => return unauthorized(detail),
        ProblemKind::Unavailable => page(StatusCode::TOO_MANY_REQUESTS, detail),
        _ => page(StatusCode::FORBIDDEN, detail),
    };
    if let Some(rest) = denied.retry_after {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(rest.as_secs() + 1));
    }
    response
}

fn unauthorized(text: &str) -> Response {
    let mut response = page(StatusCode::UNAUTHORIZED, text);
    let challenge = HeaderValue::from_static("Basic realm=\"Transmission\"");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    response
}

/// Answers a browser that asks what a page of another site may send.
fn preflight() -> Response {
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Authorization, Content-Type, X-Transmission-Session-Id"),
    );
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    headers.insert(header::ALLOW, HeaderValue::from_static("GET, POST, OPTIONS"));
    response
}

fn redirect() -> Response {
    let mut response = page(StatusCode::MOVED_PERMANENTLY, "The web client is at /transmission/web/.");
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/transmission/web/"));
    response
}

/// Answers that the session id is not the present one, which the header has.
fn conflict(state: &State) -> Response {
    let id = state.session_id.get();
    let text = format!(
        "Your request had an invalid session id. Send it again with the header X-Transmission-Session-Id: {id}"
    );
    let mut response = page(StatusCode::CONFLICT, &text);
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(SESSION_ID, id);
    }
    headers.insert(RPC_VERSION, HeaderValue::from_static(SEMVER));
    let exposed = HeaderValue::from_static("X-Transmission-Session-Id, X-Transmission-Rpc-Version");
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batch_ends_with_its_bytes_and_its_time() {
        assert_eq!(too_much(MAX_BATCH_ANSWER, MAX_BATCH_TIME), None);
        assert!(too_much(MAX_BATCH_ANSWER + 1, Duration::ZERO).is_some_and(|text| text.contains("long")));
        assert!(too_much(0, MAX_BATCH_TIME + Duration::from_millis(1)).is_some());
    }
}
