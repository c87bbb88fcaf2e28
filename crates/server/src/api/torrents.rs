//! Routes of torrents.

use super::Api;
use super::answer::{Answer, Json, Refused};
use super::body::JsonBody;
use super::path::Path;
use super::query::{ListParameters, only_parameter};
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ztor_api::{
    ActionRequest, ActionResult, AddRequest, AddResult, Detail, File, List, Peer, Pieces, ProblemKind,
    Tracker, WebSeed,
};
use ztor_daemon::policy::TorrentKey;

pub(super) async fn list(State(api): State<Api>, ListParameters(query): ListParameters) -> Answer<List> {
    Ok(Json(api.daemon().list(&query)?))
}

pub(super) async fn add(
    State(api): State<Api>,
    JsonBody(request): JsonBody<AddRequest>,
) -> Answer<AddResult> {
    Ok(Json(api.daemon().add(&request).await?))
}

pub(super) async fn act(
    State(api): State<Api>,
    JsonBody(request): JsonBody<ActionRequest>,
) -> Answer<ActionResult> {
    Ok(Json(api.daemon().act(&request).await?))
}

/// Returns the torrent in a path: its id, or a term as in actions.
pub(super) fn find(api: &Api, torrent: &str) -> Result<TorrentKey, Refused> {
    let is_id =
        !torrent.is_empty() && torrent.len() <= 18 && torrent.bytes().all(|byte| byte.is_ascii_digit());
    let term = if is_id { format!("id:{torrent}") } else { torrent.to_owned() };
    Ok(api.daemon().find_one(&term)?)
}

pub(super) async fn detail(State(api): State<Api>, Path(torrent): Path<String>) -> Answer<Detail> {
    Ok(Json(api.daemon().detail(find(&api, &torrent)?).await?))
}

pub(super) async fn files(State(api): State<Api>, Path(torrent): Path<String>) -> Answer<Vec<File>> {
    Ok(Json(api.daemon().files(find(&api, &torrent)?).await?))
}

pub(super) async fn peers(State(api): State<Api>, Path(torrent): Path<String>) -> Answer<Vec<Peer>> {
    Ok(Json(api.daemon().peers(find(&api, &torrent)?).await?))
}

/// Returns the trackers. The parameter `secrets` asks for whole announce URLs.
pub(super) async fn trackers(
    State(api): State<Api>,
    Path(torrent): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer<Vec<Tracker>> {
    let query = query.unwrap_or_default();
    let has_secrets = match (query.as_str(), only_parameter(&query, "secrets").as_deref()) {
        ("", _) | (_, Some("false")) => false,
        (_, Some("true")) => true,
        _ => {
            let detail = "cannot use the query: expected secrets=true, secrets=false or none";
            return Err(Refused::new(ProblemKind::BadRequest, detail));
        }
    };
    Ok(Json(api.daemon().trackers(find(&api, &torrent)?, has_secrets).await?))
}

pub(super) async fn web_seeds(State(api): State<Api>, Path(torrent): Path<String>) -> Answer<Vec<WebSeed>> {
    Ok(Json(api.daemon().web_seeds(find(&api, &torrent)?).await?))
}

pub(super) async fn pieces(State(api): State<Api>, Path(torrent): Path<String>) -> Answer<Pieces> {
    Ok(Json(api.daemon().pieces(find(&api, &torrent)?).await?))
}

pub(super) async fn export(State(api): State<Api>, Path(torrent): Path<String>) -> Result<Response, Refused> {
    let key = find(&api, &torrent)?;
    let bytes = api.daemon().export(key).await?;
    Ok(torrent_file(bytes, &api.daemon().detail(key).await?.torrent.name))
}

/// Returns a torrent file as a download.
pub(super) fn torrent_file(bytes: Vec<u8>, name: &str) -> Response {
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-bittorrent"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let name = utf8_percent_encode(name, NON_ALPHANUMERIC);
    if let Ok(name) = HeaderValue::try_from(format!("attachment; filename*=UTF-8''{name}.torrent")) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
