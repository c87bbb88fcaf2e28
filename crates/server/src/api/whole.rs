//! Routes of the daemon as a whole.

use super::Api;
use super::answer::{Answer, Json, Refused};
use super::body::JsonBody;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use ztor_api::{Daemon, ProblemKind, Statistics};
use ztor_daemon::policy::Alternative;

/// Health of the daemon.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

/// Choice of the limits of the whole.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LimitsChange)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// `on` for the alternative limits, `off` for the normal ones, `schedule` for what the schedule says.
    limits: Choice,
}

/// The limits of the whole in force.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = LimitsChoice)]
#[serde(rename_all = "snake_case")]
enum Choice {
    On,
    Off,
    Schedule,
}

pub(super) async fn about(State(api): State<Api>) -> Answer<Daemon> {
    Ok(Json(api.about().clone()))
}

/// Answers 503 while the state cannot be saved.
pub(super) async fn health(State(api): State<Api>) -> Answer<Health> {
    match api.daemon().store().error() {
        None => Ok(Json(Health { status: "ok" })),
        Some(_) => Err(Refused::new(ProblemKind::Unavailable, "the state cannot be saved; the log says why")),
    }
}

pub(super) async fn statistics(State(api): State<Api>) -> Answer<Statistics> {
    Ok(Json(api.daemon().statistics()))
}

pub(super) async fn alternative(State(api): State<Api>) -> Answer<Limits> {
    let limits = match api.daemon().alternative() {
        Alternative::On => Choice::On,
        Alternative::Off => Choice::Off,
        Alternative::Auto => Choice::Schedule,
    };
    Ok(Json(Limits { limits }))
}

pub(super) async fn set_alternative(
    State(api): State<Api>,
    JsonBody(choice): JsonBody<Limits>,
) -> Answer<Limits> {
    let alternative = match choice.limits {
        Choice::On => Alternative::On,
        Choice::Off => Alternative::Off,
        Choice::Schedule => Alternative::Auto,
    };
    api.daemon().set_alternative(alternative).await?;
    Ok(Json(choice))
}
