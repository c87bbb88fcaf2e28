//! Files of a web client, from a folder.

use super::State;
use super::page::page;
use crate::foreign::{folder, mime};
use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

/// Answers a request of a file below `/transmission/web/`.
pub(crate) async fn serve(state: &State, parts: &Parts, path: &str) -> Response {
    let is_head = parts.method == Method::HEAD;
    if !is_head && parts.method != Method::GET {
        let mut response = page(StatusCode::METHOD_NOT_ALLOWED, "Files are for GET.");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let Some(dir) = state.web_dir.clone() else {
        let text = "There is no web client here. Set transmission_web_dir to the folder of one, or use that of ztor itself.";
        return page(StatusCode::NOT_FOUND, text);
    };
    let missing = || page(StatusCode::NOT_FOUND, "There is no such file.");
    let Some(path) = folder::relative(path) else { return missing() };
    let media_type = mime::of(path.to_str().unwrap_or_default());
    let read = tokio::task::spawn_blocking(move || folder::read(&dir, &path)).await;
    let bytes = match read {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => {
            tracing::debug!(%error, "a file of the web client is not served");
            return missing();
        }
        Err(error) => {
            tracing::error!(%error, "a file of the web client was not read");
            return missing();
        }
    };
    let length = bytes.len();
    let body = if is_head { Body::empty() } else { Body::from(bytes) };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}
