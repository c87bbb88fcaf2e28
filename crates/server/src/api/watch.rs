//! Routes of watched folders.

use super::Api;
use super::answer::{Answer, Json};
use super::body::JsonBody;
use super::labels::{Done, Put};
use super::query::{DirParameter, NoParameters};
use axum::extract::State;
use ztor_api::{WatchFolder, WatchFolderEdit};

pub(super) async fn list(State(api): State<Api>, _: NoParameters) -> Answer<Vec<WatchFolder>> {
    Ok(Json(api.daemon().watch_folders()))
}

pub(super) async fn put(
    State(api): State<Api>,
    DirParameter(dir): DirParameter,
    JsonBody(settings): JsonBody<WatchFolderEdit>,
) -> Answer<Put> {
    Ok(Json(Put { is_new: api.daemon().put_watch_folder(&dir, &settings).await? }))
}

pub(super) async fn remove(State(api): State<Api>, DirParameter(dir): DirParameter) -> Answer<Done> {
    api.daemon().remove_watch_folder(&dir).await?;
    Ok(Json(Done {}))
}

pub(super) async fn scan(State(api): State<Api>, _: NoParameters) -> Answer<Done> {
    api.daemon().scan_watch_folders().await;
    Ok(Json(Done {}))
}

#[cfg(test)]
mod tests;
