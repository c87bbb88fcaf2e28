//! Routes of the daemon as a whole.

use super::Api;
use super::answer::{Answer, Json, Refused};
use super::body::JsonBody;
use super::query::{NoParameters, only_parameter};
use axum::extract::{RawQuery, State};
use serde::Serialize;
use ztor_api::{Daemon, History, LimitsChange, LimitsChoice, Ports, ProblemKind, Statistics};
use ztor_daemon::SPANS_S;
use ztor_daemon::policy::Alternative;

/// Health of the daemon.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Health {
    status: &'static str,
}

pub(super) async fn about(State(api): State<Api>) -> Answer<Daemon> {
    let peer_addr = api.daemon().session().local_addr().to_string();
    Ok(Json(Daemon { peer_addr, ..api.about().clone() }))
}

/// Answers 503 while the state cannot be saved.
pub(super) async fn health(State(api): State<Api>) -> Answer<Health> {
    match api.daemon().store().error() {
        None => Ok(Json(Health { status: "ok" })),
        Some(_) => Err(Refused::new(ProblemKind::Unavailable, "the state cannot be saved; the log says why")),
    }
}

pub(super) async fn ports(State(api): State<Api>, _: NoParameters) -> Answer<Ports> {
    Ok(Json(api.daemon().ports()))
}

pub(super) async fn statistics(State(api): State<Api>) -> Answer<Statistics> {
    Ok(Json(api.daemon().statistics()))
}

/// Returns the rates over the span of time in the parameter `span_s`.
pub(super) async fn history(State(api): State<Api>, RawQuery(query): RawQuery) -> Answer<History> {
    let spans: Vec<String> = SPANS_S.iter().map(u64::to_string).collect();
    let span = only_parameter(query.as_deref().unwrap_or_default(), "span_s");
    let history = span.and_then(|span| api.daemon().history(span.parse().ok()?));
    history.map(Json).ok_or_else(|| {
        let detail = format!("cannot use the query: expected span_s, one of {}", spans.join(", "));
        Refused::new(ProblemKind::BadRequest, detail)
    })
}

pub(super) async fn alternative(State(api): State<Api>) -> Answer<LimitsChange> {
    let limits = match api.daemon().alternative() {
        Alternative::On => LimitsChoice::On,
        Alternative::Off => LimitsChoice::Off,
        Alternative::Auto => LimitsChoice::Schedule,
    };
    Ok(Json(LimitsChange { limits }))
}

pub(super) async fn set_alternative(
    State(api): State<Api>,
    JsonBody(choice): JsonBody<LimitsChange>,
) -> Answer<LimitsChange> {
    let alternative = match choice.limits {
        LimitsChoice::On => Alternative::On,
        LimitsChoice::Off => Alternative::Off,
        LimitsChoice::Schedule => Alternative::Auto,
    };
    api.daemon().set_alternative(alternative).await?;
    Ok(Json(choice))
}
