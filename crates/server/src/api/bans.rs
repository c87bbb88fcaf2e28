//! Routes of bans and of the IP filter.

use super::Api;
use super::answer::{Answer, Json};
use super::body::JsonBody;
use super::labels::Done;
use super::query::{AddressParameter, NoParameters};
use axum::extract::State;
use ztor_api::{Ban, BanRequest, IpFilter};

pub(super) async fn list(State(api): State<Api>, _: NoParameters) -> Answer<Vec<Ban>> {
    Ok(Json(api.daemon().bans().await?))
}

pub(super) async fn add(State(api): State<Api>, JsonBody(request): JsonBody<BanRequest>) -> Answer<Done> {
    api.daemon().ban(&request).await?;
    Ok(Json(Done {}))
}

pub(super) async fn remove(
    State(api): State<Api>,
    AddressParameter(address): AddressParameter,
) -> Answer<Done> {
    api.daemon().unban(&address).await?;
    Ok(Json(Done {}))
}

pub(super) async fn filter(State(api): State<Api>, _: NoParameters) -> Answer<IpFilter> {
    Ok(Json(api.daemon().ip_filter().await?))
}

pub(super) async fn refresh(State(api): State<Api>, _: NoParameters) -> Answer<Done> {
    api.daemon().refresh_ip_filter()?;
    Ok(Json(Done {}))
}
