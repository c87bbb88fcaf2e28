//! Replies of trackers.

use super::Trackers;
use super::hosts::{HostId, Outcome};
use super::rounds::{Ended, Round, is_unanswered};
use crate::cx::Cx;
use crate::discovery::known::{Found, Origin};
use crate::ids::RequestId;
use crate::torrent::{Torrent, Torrents};
use crate::torrent_event::TorrentEvent;
use std::net::{IpAddr, SocketAddr};
use ztor_base::Instant;
use ztor_base::addr::{is_local, may_refer};
use ztor_tracker::announcer::TrackerId;
use ztor_tracker::{AnnounceReply, Reply, TrackerError, TrackerIssue, http};

impl Trackers {
    /// Handles the response to an HTTP request; `from` is the address of the server.
    pub(crate) fn on_http(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        (id, from): (RequestId, Option<IpAddr>),
        result: Result<(u16, Vec<u8>), String>,
    ) {
        let reply = match result {
            Ok((status, body)) => http::parse_response(status, &body),
            Err(reason) => Err(TrackerError::Network(reason)),
        };
        self.on_reply(cx, torrents, (id, from), reply);
    }

    /// Handles a datagram of a UDP tracker.
    pub(crate) fn handle_datagram(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        from: SocketAddr,
        data: &[u8],
    ) {
        if self.udp.handle(cx.now, from, data) {
            self.drain_udp(cx, torrents);
        }
    }

    pub(super) fn drain_udp(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        while let Some((token, result)) = self.udp.poll_event() {
            let result = match result {
                Ok(Reply::Announce(reply)) => Ok(reply),
                Ok(Reply::Scrape(_)) => continue,
                Err(error) => Err(error),
            };
            let id = RequestId(token);
            let from = self.rounds.get(id).map(|(part, _)| part.to);
            self.on_reply(cx, torrents, (id, from), result);
        }
    }

    /// Handles the outcome of one part of an announce, from the server at `from`.
    pub(super) fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        (id, from): (RequestId, Option<IpAddr>),
        result: Result<AnnounceReply, TrackerError>,
    ) {
        let Some((part, round)) = self.rounds.get(id) else { return };
        let (is_v2, torrent, tracker) = (part.is_v2, round.torrent, round.tracker);
        let (host, sent_at, has_reply) = (round.host, round.sent_at, round.has_reply());
        let counts = round.counts;
        let outcome = match &result {
            Err(error) if is_unanswered(error) => Outcome::Unanswered,
            Ok(_) | Err(_) => Outcome::Answered,
        };
        let (ip, name) = (from.unwrap_or(part.to), self.hosts.name(host));
        match outcome {
            Outcome::Answered => {
                cx.network.heard(cx.now, ip);
                cx.network.heard_name(name);
            }
            // A tracker counts once, whatever addresses it has, and not at all if another of them works.
            Outcome::Unanswered if !has_reply => {
                cx.network.unheard_tracker(cx.now, ip, name, self.hosts.has_answered(host));
            }
            Outcome::Unanswered | Outcome::Cancelled => {}
        }
        let ended = self.end_part(cx, id, outcome, result.as_ref().err().cloned());
        let (Some(ended), Some(torrent)) = (ended, torrents.get_mut(torrent)) else { return };
        cx.dirty.mark_torrent(torrent.id());
        match (ended, result) {
            (Ended::Dropped | Ended::Failed, _) => {}
            (Ended::AllFailed(error), _) => self.fail(cx, torrent, tracker, Some((host, sent_at)), &error),
            (ended, Ok(reply)) => {
                if matches!(ended, Ended::Replied) {
                    torrent.trackers_mut().announcer_mut().on_reply(cx.now, tracker, &reply);
                    torrent.report(tracker, counts);
                }
                take_peers(cx, torrent, (tracker, is_v2, from), &reply);
                // A tracker in the local network sees an address that is useless elsewhere.
                if let Some(ip) = reply.external_ip.filter(|ip| !is_local(*ip)) {
                    torrents.seen_as(ip, cx.config.port_toward(ip));
                }
            }
            (_, Err(_)) => {}
        }
    }

    /// Ends one part of an announce, which frees a slot at its host.
    pub(super) fn end_part(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        outcome: Outcome,
        error: Option<TrackerError>,
    ) -> Option<Ended> {
        let host = self.rounds.get(id)?.1.host;
        self.hosts.ended(cx.now, host, id, (outcome, error.as_ref()), cx.rng);
        let (ended, last) = self.rounds.end(cx.now, id, error)?;
        if let Some(silent) = last.as_ref().and_then(Round::silent_family) {
            self.hosts.rest_family(cx.now, host, silent);
        }
        Some(ended)
    }

    /// Handles an announce that failed in all its parts; `sent` is its host and time, or `None` if it was not sent.
    /// Each cause is reported once, and an unresponsive host once for all torrents.
    pub(super) fn fail(
        &mut self,
        cx: &mut Cx<'_>,
        torrent: &mut Torrent,
        tracker: TrackerId,
        sent: Option<(HostId, Instant)>,
        error: &TrackerError,
    ) {
        cx.dirty.mark_torrent(torrent.id());
        let before = issue_of(torrent, tracker);
        let announcer = torrent.trackers_mut().announcer_mut();
        let mut is_news = true;
        match sent.filter(|_| is_unanswered(error)) {
            Some((host, sent_at)) => {
                is_news = self.hosts.take_news(host);
                let fails = announcer.status_of(tracker).map_or(0, |status| status.fails);
                let retry_at = self.hosts.retry_at(cx.now, host, sent_at, fails + 1);
                announcer.on_unreachable(tracker, error, retry_at);
            }
            None => announcer.on_error(cx.now, tracker, error),
        }
        if is_news && issue_of(torrent, tracker) != before {
            cx.out.events.push(event(torrent, tracker, |url| TrackerIssue::error(error, url)));
        }
    }
}

/// Handles the peers that a tracker returns, and its warning.
fn take_peers(
    cx: &mut Cx<'_>,
    torrent: &mut Torrent,
    (tracker, is_v2, from): (TrackerId, bool, Option<IpAddr>),
    reply: &AnnounceReply,
) {
    if let Some(warning) = &reply.warning {
        cx.out.events.push(event(torrent, tracker, |url| TrackerIssue::warning(warning, url)));
    }
    let origin = Origin::Tracker(tracker.index());
    for peer in &reply.peers {
        let ip = peer.addr.ip();
        if from.map_or(!is_local(ip), |teller| may_refer(teller, ip)) {
            let found = Found::new(origin, is_v2).with_id(peer.peer_id);
            torrent.known_mut().add_found(cx.now, peer.addr, found, cx.rng);
        }
    }
}

fn issue_of(torrent: &Torrent, tracker: TrackerId) -> Option<TrackerIssue> {
    torrent.trackers().announcer().status_of(tracker)?.issue.clone()
}

/// Creates an event for a failure or warning of a tracker, without secrets.
pub(super) fn event(
    torrent: &Torrent,
    tracker: TrackerId,
    issue: impl FnOnce(&str) -> TrackerIssue,
) -> TorrentEvent {
    let status = torrent.trackers().announcer().status_of(tracker);
    let (shown, url) = status.map_or_else(Default::default, |s| (s.shown_url.clone(), s.url.as_str()));
    TorrentEvent::Tracker { torrent: torrent.id(), tracker: shown, issue: issue(url) }
}
