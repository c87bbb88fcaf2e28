//! Answers with compressed content.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use std::io::Read as _;

/// Answers with content that is given compressed by gzip, and expands it for clients that do not take that.
pub(super) fn respond(compressed: &Bytes, media_type: &'static str, request: &HeaderMap) -> Response {
    let is_compressed = takes_gzip(request);
    let content = if is_compressed { Some(compressed.clone()) } else { expand(compressed) };
    let Some(content) = content else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if is_compressed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn expand(compressed: &Bytes) -> Option<Bytes> {
    let mut content = Vec::new();
    let result = GzDecoder::new(compressed.as_ref()).read_to_end(&mut content);
    result.inspect_err(|error| tracing::error!(%error, "cannot expand a file of the web UI")).ok()?;
    Some(content.into())
}

/// Returns true if a client takes content that is compressed by gzip (RFC 9110 §12.5.3).
fn takes_gzip(request: &HeaderMap) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(',')).map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        (name.trim().to_ascii_lowercase(), weight.unwrap_or(1.0) > 0.0)
    });
    codings.any(|(name, is_taken)| is_taken && matches!(name.as_str(), "gzip" | "x-gzip"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn gzip_is_taken_if_its_weight_is_not_zero() {
        for (value, is_taken) in [
            ("gzip", true),
            ("br, GZIP;q=0.5", true),
            ("gzip;q=0, br", false),
            ("identity", false),
            ("", false),
            ("gzipped", false),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(value))]);
            assert_eq!(takes_gzip(&headers), is_taken, "{value}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }
}
