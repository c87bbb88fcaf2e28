//! Access control around all routes.

use super::metrics::{RequestCounts, count};
use crate::access::{Access, Caller, Connection, Denied, Pass};
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use ztor_api::ProblemKind;

/// Returns the routes for connections over TCP. Each request has a [`Connection`] as extension.
pub(super) fn remote(app: Router, access: Access, requests: &RequestCounts) -> Router {
    let app = app.layer(from_fn_with_state(access, check)).layer(middleware::map_response(harden));
    app.layer(from_fn_with_state(requests.clone(), count))
}

/// Returns the routes for the local socket, which needs no credentials.
pub(super) fn local(app: Router, requests: &RequestCounts) -> Router {
    let app = app.layer(Extension(Caller { pass: Some(Pass::Socket), client: None, is_secure: false }));
    app.layer(from_fn_with_state(requests.clone(), count))
}

async fn check(State(access): State<Access>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let checked = match parts.extensions.get::<Connection>().copied() {
        Some(connection) => access.check(connection, &parts).await,
        None => Err(Denied::new(ProblemKind::Internal, "the connection of the request is unknown")),
    };
    match checked {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(denied) => denied.into_response(),
    }
}

/// Forbids pages of other sites to embed a response.
async fn harden(mut response: Response) -> Response {
    use axum::http::{HeaderName, HeaderValue};
    let name = HeaderName::from_static("cross-origin-resource-policy");
    response.headers_mut().insert(name, HeaderValue::from_static("same-origin"));
    response
}
