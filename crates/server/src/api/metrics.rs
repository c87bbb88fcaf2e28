//! Metrics for Prometheus.

mod requests;
mod text;

use super::Api;
use super::answer::Refused;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use text::{Kind, Text};
use ztor_api::{ListQuery, Statistics};

pub(super) use requests::{RequestCounts, count};

/// Returns the metrics in the text format of Prometheus.
pub(super) async fn serve(State(api): State<Api>) -> Result<Response, Refused> {
    let counts = ListQuery { limit: Some(0), counts: true, ..ListQuery::default() };
    let counts = api.daemon().list(&counts)?.counts.unwrap_or_default();
    let states = ztor_api::State::ALL.map(|state| {
        let number = counts.states.get(state.name()).copied().unwrap_or_default();
        (state.name(), number as u64)
    });
    let text = render(&api.about().version, &states, &api.daemon().statistics(), &api.0.requests);
    let mut response = Response::new(Body::from(text));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(text::MEDIA_TYPE));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn render(version: &str, states: &[(&str, u64)], whole: &Statistics, requests: &RequestCounts) -> String {
    let mut text = Text::default();
    let gauge = |text: &mut Text, name, help, value| {
        text.family(name, Kind::Gauge, help).sample(name, &[], value);
    };
    let counter = |text: &mut Text, name, help, value| {
        text.family(name, Kind::Counter, help).sample(name, &[], value);
    };
    let name = "ztor_build_info";
    text.family(name, Kind::Gauge, "Version of the daemon; always 1.");
    text.sample(name, &[("version", version)], 1);
    gauge(&mut text, "ztor_uptime_seconds", "Time since the start.", whole.uptime_s);
    let name = "ztor_torrents";
    text.family(name, Kind::Gauge, "Number of torrents by state.");
    for (state, number) in states {
        text.sample(name, &[("state", state)], *number);
    }
    gauge(&mut text, "ztor_active_torrents", "Number of torrents that transfer data.", whole.active as u64);
    gauge(&mut text, "ztor_peers", "Number of connections to peers.", whole.peers);
    gauge(&mut text, "ztor_download_bytes_per_second", "Rate of incoming piece data.", whole.down_per_s);
    gauge(&mut text, "ztor_upload_bytes_per_second", "Rate of outgoing piece data.", whole.up_per_s);
    counter(
        &mut text,
        "ztor_session_downloaded_bytes_total",
        "Bytes received since the start.",
        whole.session_downloaded_bytes,
    );
    counter(
        &mut text,
        "ztor_session_uploaded_bytes_total",
        "Bytes sent since the start.",
        whole.session_uploaded_bytes,
    );
    // Gauges, as they shrink when a torrent is removed.
    gauge(
        &mut text,
        "ztor_downloaded_bytes",
        "Bytes received by all present torrents in all sessions.",
        whole.downloaded_bytes,
    );
    gauge(
        &mut text,
        "ztor_uploaded_bytes",
        "Bytes sent by all present torrents in all sessions.",
        whole.uploaded_bytes,
    );
    if let Some(free_bytes) = whole.free_bytes {
        gauge(&mut text, "ztor_free_bytes", "Free space on the disk of the download folder.", free_bytes);
    }
    let help = "1 while the alternative limits are in force.";
    gauge(&mut text, "ztor_alternative_limits", help, whole.alternative_limits.into());
    let help = "1 while the state cannot be saved.";
    gauge(&mut text, "ztor_save_error", help, whole.save_error.is_some().into());
    let name = "ztor_api_requests_total";
    text.family(name, Kind::Counter, "Number of requests to the API by class of the status.");
    for (class, number) in requests.read() {
        text.sample(name, &[("class", class)], number);
    }
    text.into_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
