//! Routes for what is looked at before a torrent is added or created: previews, folders, creations.

use super::Api;
use super::answer::{Answer, Json, Refused};
use super::body::JsonBody;
use super::labels::Done;
use super::path::Path;
use super::query::DirParameter;
use super::torrents::torrent_file;
use axum::extract::State;
use axum::response::Response;
use ztor_api::{Creation, CreationRequest, Folder, NewCreation, Preview, PreviewRequest};

pub(super) async fn preview(
    State(api): State<Api>,
    JsonBody(request): JsonBody<PreviewRequest>,
) -> Answer<Preview> {
    Ok(Json(api.daemon().preview(&request.source).await?))
}

pub(super) async fn folder(State(api): State<Api>, DirParameter(dir): DirParameter) -> Answer<Folder> {
    Ok(Json(api.daemon().folder(&dir).await?))
}

pub(super) async fn creations(State(api): State<Api>) -> Answer<Vec<Creation>> {
    Ok(Json(api.daemon().creations()))
}

pub(super) async fn create(
    State(api): State<Api>,
    JsonBody(request): JsonBody<CreationRequest>,
) -> Answer<NewCreation> {
    Ok(Json(NewCreation { id: api.daemon().create_torrent(&request)? }))
}

pub(super) async fn remove_creation(State(api): State<Api>, Path(id): Path<u64>) -> Answer<Done> {
    api.daemon().remove_creation(id)?;
    Ok(Json(Done {}))
}

pub(super) async fn created_file(State(api): State<Api>, Path(id): Path<u64>) -> Result<Response, Refused> {
    let (bytes, name) = api.daemon().created_file(id)?;
    Ok(torrent_file(bytes.to_vec(), &name))
}
