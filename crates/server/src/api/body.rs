//! Bodies of requests.

use super::answer::Refused;
use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;
use ztor_api::ProblemKind;

/// Maximum length of a body in bytes: several large torrent files in base64.
const MAX_BODY: usize = 96 << 20;

/// A body in JSON.
#[derive(Debug)]
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refused> {
        let media_type = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        // A browser sends other types to other sites without asking them first.
        if !essence.eq_ignore_ascii_case("application/json") {
            let detail = "the body must be JSON, with the header Content-Type: application/json";
            return Err(Refused::new(ProblemKind::UnsupportedMediaType, detail));
        }
        let declared = request.headers().get(axum::http::header::CONTENT_LENGTH);
        let declared = declared.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        let too_large =
            || Refused::new(ProblemKind::TooLarge, format!("the body is longer than {MAX_BODY} bytes"));
        if declared.is_some_and(|declared| declared > MAX_BODY as u64) {
            return Err(too_large());
        }
        let bytes = to_bytes(request.into_body(), MAX_BODY).await.map_err(|_| too_large())?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(Refused::new(ProblemKind::BadRequest, format!("cannot use the body: {error}"))),
        }
    }
}
