//! Responses: JSON, and problem objects for errors.

use crate::access::{Challenge, Denied};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use ztor_api::{Problem, ProblemKind};
use ztor_daemon::DaemonError;

/// Result of a route.
pub(super) type Answer<T> = Result<Json<T>, Refused>;

/// A JSON response.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// A problem as response (RFC 9457).
#[derive(Debug)]
pub(crate) struct Refused(pub(crate) Problem);

impl Refused {
    pub(crate) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self(Problem::new(kind, detail))
    }
}

impl From<DaemonError> for Refused {
    fn from(error: DaemonError) -> Self {
        Self(error.into())
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        respond(StatusCode::OK, "application/json", &self.0)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        respond(status, "application/problem+json", &self.0)
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let mut response = Refused(self.problem).into_response();
        let headers = response.headers_mut();
        if let Some(challenge) = self.challenge {
            let value = match challenge {
                Challenge::Basic => "Basic realm=\"ztor\", charset=\"UTF-8\"",
                Challenge::Bearer => "Bearer realm=\"ztor\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(value));
        }
        if let Some(rest) = self.retry_after {
            // Rounded up, so that a retry at that time is not too early.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(rest.as_secs() + 1));
        }
        response
    }
}

fn respond(status: StatusCode, media_type: &'static str, value: &impl Serialize) -> Response {
    let mut response = match serde_json::to_vec(value) {
        Ok(bytes) => Response::new(Body::from(bytes)),
        Err(error) => {
            tracing::error!(%error, "cannot encode a response");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            return response;
        }
    };
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

pub(super) async fn not_found(uri: Uri) -> Refused {
    let path: String = uri.path().chars().take(100).collect();
    Refused::new(ProblemKind::NotFound, format!("there is no {path}; /api/v1/openapi.json describes the API"))
}

pub(super) async fn method_not_allowed() -> Refused {
    Refused::new(ProblemKind::MethodNotAllowed, "the route does not have this method")
}
