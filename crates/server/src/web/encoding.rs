//! Answers with compressed content.

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use flate2::read::GzDecoder;
use std::io::Read as _;

/// Content in the encodings in which it is sent.
#[derive(Debug, Clone)]
pub(super) struct Packed {
    gzip: Bytes,
    /// `None` if it was compressed while the daemon runs.
    brotli: Option<Bytes>,
}

impl Packed {
    /// Returns content that was compressed by gzip.
    pub(super) fn new(gzip: Vec<u8>) -> Self {
        Self { gzip: gzip.into(), brotli: None }
    }

    /// Returns content that the build has compressed.
    pub(super) const fn built_in(gzip: &'static [u8], brotli: &'static [u8]) -> Self {
        Self { gzip: Bytes::from_static(gzip), brotli: Some(Bytes::from_static(brotli)) }
    }

    #[cfg(test)]
    pub(super) fn gzip(&self) -> &[u8] {
        &self.gzip
    }
}

/// Answers with content in an encoding that the client takes.
pub(super) fn respond(packed: &Packed, media_type: &'static str, request: &HeaderMap) -> Response {
    let brotli = packed.brotli.as_ref().filter(|_| takes(request, &["br"]));
    let (content, coding) = match brotli {
        Some(brotli) => (Some(brotli.clone()), Some("br")),
        None if takes_gzip(request) => (Some(packed.gzip.clone()), Some("gzip")),
        None => (expand(&packed.gzip), None),
    };
    let Some(content) = content else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    response
}

fn expand(compressed: &Bytes) -> Option<Bytes> {
    let mut content = Vec::new();
    let result = GzDecoder::new(compressed.as_ref()).read_to_end(&mut content);
    result.inspect_err(|error| tracing::error!(%error, "cannot expand a file of the web UI")).ok()?;
    Some(content.into())
}

/// Returns true if a client takes content that is compressed by gzip.
pub(crate) fn takes_gzip(request: &HeaderMap) -> bool {
    takes(request, &["gzip", "x-gzip"])
}

/// Returns true if a client takes content in an encoding with one of these names (RFC 9110 §12.5.3).
fn takes(request: &HeaderMap, names: &[&str]) -> bool {
    let values = request.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(',')).map(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse::<f32>().ok());
        (name.trim().to_ascii_lowercase(), weight.unwrap_or(1.0) > 0.0)
    });
    codings.any(|(name, is_taken)| is_taken && names.contains(&name.as_str()))
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
            assert_eq!(takes(&headers, &["gzip"]), is_taken, "{value}");
        }
        assert!(!takes(&HeaderMap::new(), &["gzip"]));
    }
}
