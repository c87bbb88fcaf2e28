//! Answers: texts, JSON and files, with the headers that clients know.

use crate::foreign::gzip;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::borrow::Cow;
use ztor_api::{Problem, ProblemKind};
use ztor_daemon::DaemonError;

/// Headers of all answers.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Result of an endpoint.
pub(super) type Outcome = Result<Reply, Failure>;

/// Content of an answer.
#[derive(Debug)]
pub(super) enum Reply {
    /// A text.
    Text(Cow<'static, str>),
    /// JSON.
    Json(Vec<u8>),
    /// A torrent file, with its name.
    Torrent(Vec<u8>, String),
}

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) text: Cow<'static, str>,
}

impl Reply {
    /// Returns the empty answer of an action.
    pub(super) fn done() -> Outcome {
        Ok(Self::Text("".into()))
    }

    pub(super) fn text(text: impl Into<Cow<'static, str>>) -> Outcome {
        Ok(Self::Text(text.into()))
    }

    pub(super) fn json(value: &impl Serialize) -> Outcome {
        match serde_json::to_vec(value) {
            Ok(bytes) => Ok(Self::Json(bytes)),
            Err(error) => {
                tracing::error!(%error, "cannot encode an answer");
                Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"))
            }
        }
    }
}

impl Failure {
    pub(super) fn new(status: StatusCode, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into() }
    }

    /// Returns the refusal of a request without a parameter that it needs. Clients know the text.
    pub(super) fn missing() -> Self {
        Self::bad("Bad Request")
    }

    /// Returns the refusal of a bad parameter.
    pub(super) fn bad(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text)
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn conflict(text: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::CONFLICT, text)
    }

    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden")
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized")
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let status = match problem.kind {
            ProblemKind::BadRequest => StatusCode::BAD_REQUEST,
            ProblemKind::NotFound => StatusCode::NOT_FOUND,
            ProblemKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ProblemKind::BadTorrent | ProblemKind::Fetch => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ProblemKind::Internal | ProblemKind::Unknown => StatusCode::INTERNAL_SERVER_ERROR,
            // A disk that is full, or a torrent that is just loaded: the request contradicts the state.
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, problem.detail)
    }
}

impl From<DaemonError> for Failure {
    fn from(error: DaemonError) -> Self {
        Problem::from(error).into()
    }
}

/// Makes a response, compressed if the client takes that.
pub(super) async fn respond(outcome: Outcome, request: &HeaderMap) -> Response {
    let (status, media_type, bytes, name) = match outcome {
        Ok(Reply::Text(text)) => {
            (StatusCode::OK, "text/plain; charset=UTF-8", text.into_owned().into(), None)
        }
        Ok(Reply::Json(bytes)) => (StatusCode::OK, "application/json", bytes, None),
        Ok(Reply::Torrent(bytes, name)) => (StatusCode::OK, "application/x-bittorrent", bytes, Some(name)),
        Err(Failure { status, text }) => {
            (status, "text/plain; charset=UTF-8", text.into_owned().into(), None)
        }
    };
    let compressed = if name.is_some() { Ok((bytes, false)) } else { gzip::compress(bytes, request).await };
    let (bytes, is_packed) = match compressed {
        Ok(compressed) => compressed,
        Err(error) => {
            tracing::error!(%error, "an answer was not compressed");
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::CONFLICT;
            return response;
        }
    };
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    if let Some(name) = name {
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ');
        let name: String = name.chars().map(|c| if is_plain(&c) { c } else { '_' }).take(200).collect();
        if let Ok(value) = HeaderValue::try_from(format!("attachment; filename=\"{name}.torrent\"")) {
            headers.insert(header::CONTENT_DISPOSITION, value);
        }
    }
    response
}
