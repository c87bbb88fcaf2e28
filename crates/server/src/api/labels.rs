//! Routes of categories and tags.

use super::Api;
use super::answer::{Answer, Json};
use super::body::JsonBody;
use super::path::Path;
use axum::extract::State;
use serde::Serialize;
use ztor_api::{Category, CategoryEdit, CategoryRename, Tag, TagRename};

/// Answer to a request that creates or changes something.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Put {
    /// True if it was created.
    pub(super) is_new: bool,
}

/// Answer to a request without a result.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Done {}

pub(super) async fn categories(State(api): State<Api>) -> Answer<Vec<Category>> {
    Ok(Json(api.daemon().categories()))
}

pub(super) async fn put_category(
    State(api): State<Api>,
    Path(path): Path<String>,
    JsonBody(edit): JsonBody<CategoryEdit>,
) -> Answer<Put> {
    Ok(Json(Put { is_new: api.daemon().put_category(&path, &edit).await? }))
}

pub(super) async fn rename_category(
    State(api): State<Api>,
    JsonBody(rename): JsonBody<CategoryRename>,
) -> Answer<Done> {
    api.daemon().rename_category(&rename.from, &rename.to).await?;
    Ok(Json(Done {}))
}

pub(super) async fn remove_category(State(api): State<Api>, Path(path): Path<String>) -> Answer<Done> {
    api.daemon().remove_category(&path).await?;
    Ok(Json(Done {}))
}

pub(super) async fn tags(State(api): State<Api>) -> Answer<Vec<Tag>> {
    Ok(Json(api.daemon().tags()))
}

pub(super) async fn create_tag(State(api): State<Api>, Path(name): Path<String>) -> Answer<Put> {
    Ok(Json(Put { is_new: api.daemon().create_tag(&name).await? }))
}

pub(super) async fn rename_tag(
    State(api): State<Api>,
    JsonBody(rename): JsonBody<TagRename>,
) -> Answer<Done> {
    api.daemon().rename_tag(&rename.from, &rename.to).await?;
    Ok(Json(Done {}))
}

pub(super) async fn remove_tag(State(api): State<Api>, Path(name): Path<String>) -> Answer<Done> {
    api.daemon().remove_tag(&name).await?;
    Ok(Json(Done {}))
}
