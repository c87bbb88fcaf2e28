//! Rates and limits of the whole.

use super::answer::{Failure, Outcome, Reply};
use super::cells::{limit, quoted};
use super::{Call, Qb};
use serde_json::{Map, Value};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};
use ztor_api::{BanRequest, Connectivity, SettingValue, Statistics};
use ztor_daemon::policy::Alternative;
use ztor_daemon::settings::Settings;

/// Longest time for which statistics are taken again while torrents change.
const PACE: Duration = Duration::from_millis(500);
/// The same while nothing changes.
const REST: Duration = Duration::from_secs(5);

impl Qb {
    /// Returns statistics that are at most a moment old.
    pub(super) fn statistics(&self) -> Arc<Statistics> {
        let revision = self.daemon().revision();
        let mut kept = self.0.statistics.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((taken, statistics)) = &*kept {
            let pace = if statistics.revision == revision { REST } else { PACE };
            if taken.elapsed() < pace {
                return Arc::clone(statistics);
            }
        }
        let statistics = Arc::new(self.daemon().statistics());
        *kept = Some((Instant::now(), Arc::clone(&statistics)));
        statistics
    }

    /// Forgets statistics after a change that they show.
    pub(super) fn forget_statistics(&self) {
        *self.0.statistics.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.daemon().settings_changes().borrow())
    }
}

/// Returns the members of `transfer/info` with their values in JSON.
pub(super) fn pairs(qb: &Qb, statistics: &Statistics, settings: &Settings) -> Vec<(&'static str, String)> {
    let status = match statistics.connectivity {
        _ if statistics.peer_port == 0 => "disconnected",
        Connectivity::Incoming => "connected",
        _ => "firewalled",
    };
    let (down, up) = present_limits(statistics, settings);
    let ports = qb.daemon().ports();
    let address =
        |mapping: &ztor_api::PortMapping| quoted(mapping.external_address.as_deref().unwrap_or_default());
    vec![
        ("connection_status", quoted(status)),
        ("dht_nodes", statistics.dht_nodes.unwrap_or(0).to_string()),
        ("dl_info_data", statistics.session_downloaded_bytes.to_string()),
        ("dl_info_speed", statistics.down_per_s.to_string()),
        ("dl_rate_limit", down.to_string()),
        ("last_external_address_v4", address(&ports.ipv4)),
        ("last_external_address_v6", address(&ports.ipv6)),
        ("up_info_data", statistics.session_uploaded_bytes.to_string()),
        ("up_info_speed", statistics.up_per_s.to_string()),
        ("up_rate_limit", up.to_string()),
    ]
}

/// Answers an endpoint below `transfer`.
pub(super) async fn call(call: &Call, action: &str) -> Outcome {
    let qb = &call.qb;
    let settings = qb.settings();
    let is_alternative = || qb.daemon().statistics().alternative_limits;
    match action {
        "info" => {
            let pairs = pairs(qb, &qb.statistics(), &settings);
            let value = |(key, value): (&str, String)| {
                Some((key.to_owned(), serde_json::from_str::<Value>(&value).ok()?))
            };
            Reply::json(&pairs.into_iter().filter_map(value).collect::<Map<_, _>>())
        }
        "speedLimitsMode" => Reply::text(if is_alternative() { "1" } else { "0" }),
        "toggleSpeedLimitsMode" => set_mode(call, !is_alternative()).await,
        "setSpeedLimitsMode" => match call.params.integer("mode") {
            Some(0) => set_mode(call, false).await,
            Some(1) => set_mode(call, true).await,
            _ => Err(Failure::bad("mode: expected 0 or 1")),
        },
        "downloadLimit" => Reply::text(limit_in_force(&settings, is_alternative(), true).to_string()),
        "uploadLimit" => Reply::text(limit_in_force(&settings, is_alternative(), false).to_string()),
        "setDownloadLimit" => set_limit(call, is_alternative(), true).await,
        "setUploadLimit" => set_limit(call, is_alternative(), false).await,
        "banPeers" => ban(call).await,
        _ => Err(Failure::not_found()),
    }
}

fn limit_in_force(settings: &Settings, is_alternative: bool, is_down: bool) -> u64 {
    limit(match (is_alternative, is_down) {
        (false, true) => settings.limit_down,
        (false, false) => settings.limit_up,
        (true, true) => settings.alternative_limit_down,
        (true, false) => settings.alternative_limit_up,
    })
}

async fn set_mode(call: &Call, on: bool) -> Outcome {
    let choice = if on { Alternative::On } else { Alternative::Off };
    call.daemon().set_alternative(choice).await?;
    call.qb.forget_statistics();
    Reply::done()
}

async fn set_limit(call: &Call, is_alternative: bool, is_down: bool) -> Outcome {
    call.params.required("limit")?;
    let limit = call.params.integer("limit").ok_or_else(|| Failure::bad("limit: expected a number"))?;
    let key = match (is_alternative, is_down) {
        (false, true) => "limit_down",
        (false, false) => "limit_up",
        (true, true) => "alternative_limit_down",
        (true, false) => "alternative_limit_up",
    };
    let value = match u64::try_from(limit) {
        Ok(limit) if limit > 0 => SettingValue::Count(limit),
        _ => SettingValue::None,
    };
    call.daemon().change_setting(key, &value).await?;
    Reply::done()
}

async fn ban(call: &Call) -> Outcome {
    call.params.required("peers")?;
    let peers = call.params.list("peers", '|');
    let addresses: Vec<String> = peers.iter().filter_map(|peer| host(peer)).collect();
    if !addresses.is_empty() {
        let reason = "banned by a program".to_owned();
        call.daemon().ban(&BanRequest { addresses, time_s: None, reason }).await?;
    }
    Reply::done()
}

/// Returns the address of a peer, `IP:PORT`.
fn host(peer: &str) -> Option<String> {
    let addr: std::net::SocketAddr = peer.parse().ok()?;
    Some(addr.ip().to_string())
}

/// Returns the limits in force: of download and of upload.
fn present_limits(statistics: &Statistics, settings: &Settings) -> (u64, u64) {
    let of = |is_down| limit_in_force(settings, statistics.alternative_limits, is_down);
    (of(true), of(false))
}
