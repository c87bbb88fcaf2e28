//! Decisions about requests, in the order that clients know: the origin, the host, the session, and then the endpoint.

use super::answer::{Failure, Outcome, Reply, respond};
use super::params::Params;
use super::sessions::{Session, set_cookie};
use super::{Call, Qb, endpoints, web};
use crate::access::{Connection, Pass, Source};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, ORIGIN, REFERER, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::Response;
use std::sync::Arc;
use std::time::{Duration, Instant};
use ztor_api::ProblemKind;

/// Path of the API.
const BASE: &str = "/api/v2/";
/// Time that the refusal of a request without a session takes. qbittorrent-api repeats such requests at once, and its own suite
/// expects that a time-out of a millisecond ends them.
const REFUSAL: Duration = Duration::from_millis(20);

/// Serves a request.
pub(super) async fn serve(State(qb): State<Qb>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    if !parts.uri.path().starts_with(BASE) {
        return web::serve(&qb, &parts).await;
    }
    let source = match examine(&qb, &parts) {
        Ok(source) => source,
        Err(failure) => return respond(Err(failure), &parts.headers).await,
    };
    let path = parts.uri.path().strip_prefix(BASE).unwrap_or_default();
    match path {
        "auth/login" | "auth/logout" => authenticate(&qb, source, &parts, body, path == "auth/login").await,
        _ => {
            let outcome = answer(&qb, source, &parts, body, path).await;
            respond(outcome, &parts.headers).await
        }
    }
}

async fn answer(qb: &Qb, source: Source, parts: &Parts, body: axum::body::Body, path: &str) -> Outcome {
    let session = session_of(qb, source, parts).await?;
    let (scope, action) = path.split_once('/').ok_or_else(Failure::not_found)?;
    let mutates = endpoints::mutates(scope, action).ok_or_else(Failure::not_found)?;
    let is_allowed = match parts.method {
        Method::POST => true,
        Method::GET | Method::HEAD => !mutates,
        _ => false,
    };
    if !is_allowed {
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"));
    }
    let params = Params::read(parts, body, false).await?;
    let call = Call { qb: qb.clone(), params, session };
    endpoints::call(&call, scope, action).await
}

/// Checks where a request comes from.
fn examine(qb: &Qb, parts: &Parts) -> Result<Source, Failure> {
    let connection = parts.extensions.get::<Connection>().copied();
    let connection =
        connection.ok_or_else(|| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))?;
    let access = qb.foreign().access();
    let source = access.source(connection, parts).map_err(|denied| {
        qb.log_refusal(connection.peer, "unencrypted", &denied.problem.detail);
        Failure::new(StatusCode::FORBIDDEN, denied.problem.detail)
    })?;
    let has_token = bearer(parts).is_some();
    if !has_token && !is_own_page(qb, source, parts) {
        qb.log_refusal(source.client, "origin", "a page of another site has made a request");
        return Err(Failure::unauthorized());
    }
    if !access.is_host_allowed(parts) {
        let detail = "the host name of the request is not allowed: use an IP address, or add the name to allowed_hosts";
        qb.log_refusal(source.client, "host", detail);
        return Err(Failure::unauthorized());
    }
    Ok(source)
}

/// Returns false if a page of another site makes the request: `Origin` counts, or `Referer` without it.
fn is_own_page(qb: &Qb, source: Source, parts: &Parts) -> bool {
    let access = qb.foreign().access();
    if parts.headers.contains_key(ORIGIN) {
        return access.is_own_page(source, parts);
    }
    let Some(referer) = parts.headers.get(REFERER) else { return true };
    let host = |text: &str| {
        let url = url::Url::parse(text).ok()?;
        Some((url.host_str()?.to_ascii_lowercase(), url.port_or_known_default()?))
    };
    let scheme = if source.is_secure { "https" } else { "http" };
    let own = parts.headers.get(axum::http::header::HOST).and_then(|value| value.to_str().ok());
    let own = own.and_then(|own| host(&format!("{scheme}://{own}")));
    let from = referer.to_str().ok().and_then(host);
    own.is_some() && own == from
}

/// Returns the token in the header `Authorization`.
fn bearer(parts: &Parts) -> Option<&str> {
    let (scheme, token) = parts.headers.get(AUTHORIZATION)?.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

async fn session_of(qb: &Qb, source: Source, parts: &Parts) -> Result<Arc<Session>, Failure> {
    let now = Instant::now();
    let access = qb.foreign().access();
    if let Some(token) = bearer(parts) {
        return match access.verify_header(source.client, parts).await {
            Some(Ok(pass)) => Ok(qb.sessions().of_token(token, pass, now)),
            _ => {
                qb.log_refusal(source.client, "token", "unknown token");
                Err(Failure::forbidden())
            }
        };
    }
    // Some clients always send a user name and a password as well. Only the cookie counts.
    match qb.sessions().find(access, &parts.headers, now, qb.session_time()) {
        Some(session) => Ok(session),
        None => {
            tokio::time::sleep(REFUSAL).await;
            Err(Failure::forbidden())
        }
    }
}

async fn authenticate(
    qb: &Qb,
    source: Source,
    parts: &Parts,
    body: axum::body::Body,
    is_login: bool,
) -> Response {
    if parts.method != Method::POST {
        let failure = Failure::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed");
        return respond(Err(failure), &parts.headers).await;
    }
    if bearer(parts).is_some() {
        return respond(Err(Failure::forbidden()), &parts.headers).await;
    }
    let found = qb.sessions().find(qb.foreign().access(), &parts.headers, Instant::now(), qb.session_time());
    let (outcome, cookie) = match (is_login, found) {
        (true, Some(_)) => (Reply::text("Ok."), None),
        (true, None) => match log_in(qb, source, parts, body).await {
            Ok(secret) => (Reply::text("Ok."), Some(set_cookie(Some(&secret), source.is_secure))),
            Err(outcome) => (outcome, None),
        },
        (false, Some(_)) => {
            qb.sessions().end(&parts.headers);
            (Reply::done(), Some(set_cookie(None, source.is_secure)))
        }
        (false, None) => (Err(Failure::forbidden()), None),
    };
    let mut response = respond(outcome, &parts.headers).await;
    if let Some(value) = cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
        response.headers_mut().insert(SET_COOKIE, value);
    }
    response
}

/// Verifies a login. Returns the secret of a new session, or the answer to a failure.
async fn log_in(qb: &Qb, source: Source, parts: &Parts, body: axum::body::Body) -> Result<String, Outcome> {
    let client = source.client;
    let banned = |rest: Duration| {
        let detail = format!("banned for {} s after too many failed logins", rest.as_secs().max(1));
        qb.log_refusal(client, "ban", &detail);
        Err(Failure::new(
            StatusCode::FORBIDDEN,
            "Your IP address has been banned after too many failed authentication attempts.",
        ))
    };
    let params = Params::read(parts, body, true).await.map_err(Err)?;
    let (username, password) = match (params.get("username"), params.get("password")) {
        (Some(username), Some(password)) => (username, password),
        // Without credentials nobody has tried any.
        _ => return Err(Reply::text("Fails.")),
    };
    let verified = qb.foreign().access().verify_login(client, username, password).await;
    let pass: Pass = match verified {
        Ok(pass) => pass,
        Err(denied) => {
            return Err(match denied.problem.kind {
                ProblemKind::TooMany => banned(denied.retry_after.unwrap_or_default()),
                ProblemKind::Unauthorized => {
                    qb.log_refusal(client, "password", &denied.problem.detail);
                    Reply::text("Fails.")
                }
                ProblemKind::Unavailable => {
                    Err(Failure::new(StatusCode::TOO_MANY_REQUESTS, denied.problem.detail))
                }
                _ => {
                    qb.log_refusal(client, "login", &denied.problem.detail);
                    Err(Failure::new(StatusCode::FORBIDDEN, denied.problem.detail))
                }
            });
        }
    };
    qb.sessions().begin(pass, Instant::now()).map_err(|error| {
        tracing::error!(%error, "cannot get random numbers from the system");
        Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
    })
}
