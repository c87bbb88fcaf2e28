//! Bodies of requests.

use super::answer::Refused;
use axum::body::{Body, HttpBody as _};
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;
use ztor_api::ProblemKind;

/// Maximum length of a body in bytes: several large torrent files in base64.
pub(crate) const MAX_BODY: usize = 96 << 20;
/// Longest time between two parts of a body.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A body in JSON, of at most `MAX` bytes.
#[derive(Debug)]
pub(super) struct JsonBody<T, const MAX: usize = MAX_BODY>(pub(super) T);

impl<T: DeserializeOwned, S: Sync, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        // A browser sends other types to other sites without asking them first.
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = "the body must be JSON, with the header Content-Type: application/json";
            return Err(Refused::new(ProblemKind::UnsupportedMediaType, detail));
        }
        let bytes = read(request.into_body(), MAX, PATIENCE).await?;
        // A list would be taken for an object with its fields in order.
        if bytes.trim_ascii_start().first() != Some(&b'{') {
            let detail = "cannot use the body: expected an object in JSON";
            return Err(Refused::new(ProblemKind::BadRequest, detail));
        }
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Refused::new(ProblemKind::BadRequest, format!("cannot use the body: {error}"))),
        }
    }
}

/// Reads a body.
pub(crate) async fn read(body: Body, max: usize, patience: Duration) -> Result<Vec<u8>, Refused> {
    let bad = |detail: String| Refused::new(ProblemKind::BadRequest, detail);
    let too_large = || Refused::new(ProblemKind::TooLarge, format!("the body is longer than {max} bytes"));
    if body.size_hint().lower() > max as u64 {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let mut body = pin!(body);
    loop {
        let part = tokio::time::timeout(patience, poll_fn(|cx| body.as_mut().poll_frame(cx))).await;
        let part =
            part.map_err(|_| bad(format!("no part of the body arrived for {} s", patience.as_secs())))?;
        let Some(part) = part else { return Ok(bytes) };
        let part = part.map_err(|error| bad(format!("cannot read the body: {error}")))?;
        // Trailers have no meaning here.
        let Ok(part) = part.into_data() else { continue };
        if bytes.len() + part.len() > max {
            return Err(too_large());
        }
        bytes.extend_from_slice(&part);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// A body that never ends, and of which nothing arrives.
    struct Silent;

    impl axum::body::HttpBody for Silent {
        type Data = axum::body::Bytes;
        type Error = std::io::Error;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Self::Data>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[test]
    fn read_is_bounded_in_length_and_in_time() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let kind = |result: Result<Vec<u8>, Refused>| result.err().map(|refused| refused.0.kind);
            assert_eq!(read(Body::from("abc"), 3, PATIENCE).await.unwrap(), b"abc");
            assert_eq!(kind(read(Body::from("abcd"), 3, PATIENCE).await), Some(ProblemKind::TooLarge));
            let silent = read(Body::new(Silent), 3, Duration::from_millis(1)).await;
            assert_eq!(kind(silent), Some(ProblemKind::BadRequest));
        });
    }
}
