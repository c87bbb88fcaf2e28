//! Scrapes: the size of a swarm, from its tracker and without joining it (BEP 15, BEP 48).

use crate::FetchError;
use crate::clock::Clock;
use crate::dht_client::udp_socket;
use crate::driver::sockets::sendable;
use crate::http::fetch_named_url;
use crate::route::Route;
use crate::session::random_u64;
use std::time::Duration;
use thiserror::Error;
use ztor_base::SwarmId;
use ztor_base::addr::canonical;
use ztor_tracker::{DEFAULT_UDP_PORT, Reply, ScrapeEntry, TrackerError, http, udp};

/// Longest answer that is read, in bytes. It is about one torrent.
const MAX_REPLY: usize = 64 * 1024;
/// Longest wait for a datagram between checks of the time.
const STEP: Duration = Duration::from_millis(200);

/// Reason that a scrape failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScrapeError {
    /// The tracker refused, sent an invalid answer, or does not support scrapes.
    #[error(transparent)]
    Tracker(#[from] TrackerError),
    /// The tracker could not be reached over HTTP.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Another failure, or the tracker does not know the torrent.
    #[error("{0}")]
    Network(String),
}

/// Asks the tracker with this announce URL about the swarm of an info-hash (that of v2 cut to 20 bytes).
///
/// Blocks until the answer arrives: at most 105 seconds over UDP, or 30 seconds per request over HTTP, with at most
/// five redirects.
///
/// # Errors
/// The tracker is not reached, refuses, or does not know the torrent.
pub fn scrape(url: &str, info_hash: SwarmId, route: &Route) -> Result<ScrapeEntry, ScrapeError> {
    let entries = match url.strip_prefix("udp://") {
        Some(rest) => scrape_udp(rest, info_hash, route)?,
        None => {
            let url = http::scrape_url(url, &[info_hash])?;
            http::parse_scrape(&fetch_named_url(&url, route, MAX_REPLY)?, &[info_hash])?
        }
    };
    entries
        .into_iter()
        .next()
        .ok_or_else(|| ScrapeError::Network("the tracker does not know the torrent".into()))
}

fn scrape_udp(rest: &str, info_hash: SwarmId, route: &Route) -> Result<Vec<ScrapeEntry>, ScrapeError> {
    let network = |error: &dyn std::fmt::Display| ScrapeError::Network(error.to_string());
    if route.has_proxy() {
        return Err(network(&"UDP trackers are not scraped through a proxy"));
    }
    let bind = route.bind();
    let host = rest.split(['/', '?']).next().unwrap_or(rest);
    let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
    let host = if has_port { host.to_owned() } else { format!("{host}:{DEFAULT_UDP_PORT}") };
    let found = route.resolve(&host).map_err(|e| network(&e))?;
    // A machine may have one family only.
    let way = found.into_iter().filter(|to| bind.reaches(to.ip())).find_map(|to| {
        let socket = udp_socket(bind, Some(to.ip())).ok()?;
        let own = socket.local_addr().ok()?;
        sendable(own, to).map(|_| (socket, own, to))
    });
    let (socket, own, to) = way.ok_or_else(|| network(&"its name has no address of a usable family"))?;
    let clock = Clock::start();
    let seed = random_u64().map_err(|e| network(&e))?;
    let mut client = udp::Client::new(seed);
    client.scrape(clock.now(), 0, to, vec![info_hash]);
    let mut buf = [0; 2048];
    loop {
        while let Some((to, datagram)) = client.poll_transmit() {
            let Some(to) = sendable(own, to) else { continue };
            socket.send_to(&datagram, to).map_err(|e| network(&e))?;
        }
        let wait = client.poll_timeout().map_or(STEP, |at| clock.until(at).min(STEP));
        socket.set_read_timeout(Some(wait.max(Duration::from_millis(1)))).map_err(|e| network(&e))?;
        // Other errors may be ignored, as the client's own timeout ends the loop.
        if let Ok((len, from)) = socket.recv_from(&mut buf) {
            let from = canonical(from);
            client.handle(clock.now(), from, &buf[..len]);
        }
        client.handle_timeout(clock.now());
        match client.poll_event() {
            Some((_, Ok(Reply::Scrape(entries)))) => return Ok(entries),
            Some((_, Ok(Reply::Announce(_)))) | None => {}
            Some((_, Err(error))) => return Err(error.into()),
        }
    }
}
