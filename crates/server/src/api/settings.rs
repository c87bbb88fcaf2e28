//! Routes of settings.

use super::Api;
use super::answer::{Answer, Json};
use super::body::JsonBody;
use super::path::Path;
use axum::extract::State;
use ztor_api::{Setting, SettingChange};

pub(super) async fn all(State(api): State<Api>) -> Answer<Vec<Setting>> {
    Ok(Json(api.daemon().settings()))
}

pub(super) async fn one(State(api): State<Api>, Path(key): Path<String>) -> Answer<Setting> {
    Ok(Json(api.daemon().setting(&key)?))
}

pub(super) async fn change(
    State(api): State<Api>,
    Path(key): Path<String>,
    JsonBody(change): JsonBody<SettingChange>,
) -> Answer<Setting> {
    Ok(Json(api.daemon().change_setting(&key, &change.value).await?))
}

pub(super) async fn reset(State(api): State<Api>, Path(key): Path<String>) -> Answer<Setting> {
    Ok(Json(api.daemon().reset_setting(&key).await?))
}
