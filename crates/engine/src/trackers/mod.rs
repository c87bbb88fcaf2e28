//! Announces, from the due date to the peers they bring.

mod of_torrent;
mod pending;

pub(crate) use of_torrent::TorrentTrackers;

use crate::cx::Cx;
use crate::discovery::known::Origin;
use crate::ids::RequestId;
use crate::outbox::{HttpGet, Outbox, Resolve};
use crate::torrent::{Torrent, Torrents};
use crate::torrent_event::TorrentEvent;
use fastrand::Rng;
use pending::{Announce, Kind, Pending, UdpTarget};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use url::Url;
use ztor_base::addr::{is_local, may_refer};
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer::{Due, TrackerId};
use ztor_tracker::{AnnounceEvent, AnnounceReply, AnnounceRequest, Reply, TrackerError, http, udp};

/// Peers asked for while downloading.
const NUM_WANT: u32 = 100;
/// How long a goodbye is worth waiting for.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(1500);
/// How long the address of a UDP tracker is believed: many torrents have the same few, and announce by the hour.
const NAME_LIFE: Duration = Duration::from_secs(600);
const MAX_NAMES: usize = 512;

/// Announces of all torrents that are under way.
pub(crate) struct Trackers {
    pending: Pending,
    udp: udp::Client,
    /// BEP 7: the same for all announces of this run, so that a tracker knows us after our address changed.
    key: u32,
    /// Addresses of UDP trackers, and until when they are believed. At most [`MAX_NAMES`].
    names: BTreeMap<String, (Instant, Vec<IpAddr>)>,
}

impl Trackers {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            pending: Pending::default(),
            udp: udp::Client::new(rng.u64(..)),
            names: BTreeMap::new(),
            key: rng.u32(..),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.udp.poll_timeout().into_iter().chain(self.pending.next_goodbye()).min()
    }

    pub(crate) fn has_goodbyes(&self) -> bool {
        self.pending.next_goodbye().is_some()
    }

    /// Makes the announces of a torrent that are due.
    pub(crate) fn announce_due(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        let id = torrent.id();
        let announcer = torrent.trackers_mut().announcer_mut();
        cx.out.events.extend(announcer.take_unusable().into_iter().map(|status| {
            let (tracker, message) = (status.shown_url.clone(), status.message.clone());
            let message = message.unwrap_or_default();
            TorrentEvent::Tracker { torrent: id, tracker, message, is_error: true }
        }));
        let wants_peers =
            !torrent.is_finished() && torrent.peers().len() < cx.config.max_peers_per_torrent / 2;
        while torrent.is_open()
            && !cx.is_ending
            && let Some(due) = torrent.trackers_mut().poll(cx, wants_peers)
        {
            self.announce(cx, torrent, due, None);
        }
    }

    /// Sends `stopped` to every tracker of a torrent that has heard of us.
    pub(crate) fn say_goodbye(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        // What is still under way must not be repeated after the goodbye.
        for number in torrent.trackers_mut().take_announcing() {
            self.pending.remove(number);
            self.udp.cancel(number.0);
        }
        cx.dirty.show(torrent.id());
        for due in torrent.trackers_mut().announcer_mut().stop() {
            self.announce(cx, torrent, due, Some(cx.now + GOODBYE_TIMEOUT));
        }
    }

    fn announce(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent, due: Due, goodbye_until: Option<Instant>) {
        let totals = torrent.exchange().totals();
        let request = AnnounceRequest {
            info_hash: torrent.swarm_id(),
            peer_id: cx.config.peer_id,
            port: cx.config.listen_port,
            uploaded: totals.session_uploaded(),
            downloaded: totals.session_downloaded(),
            left: torrent.exchange().missing_bytes(),
            event: due.event,
            num_want: Some(num_want(cx, torrent, due.event)),
            key: self.key,
            tracker_id: due.tracker_id,
            ip: None,
        };
        let number = self.pending.next_id();
        torrent.trackers_mut().announcing(number);
        let url = Url::parse(&due.url).ok();
        let is_udp = url.as_ref().is_some_and(|url| url.scheme() == "udp");
        let target = url.as_ref().filter(|_| is_udp).and_then(UdpTarget::of);
        let mut known = None;
        let started = match (&target, is_udp) {
            (Some(target), _) => {
                known = self.names.get(&target.host).filter(|(until, _)| *until > cx.now).cloned();
                if known.is_none() {
                    cx.out.resolves.push(Resolve { id: number, host: target.host.clone() });
                }
                Ok(())
            }
            (None, true) => Err(TrackerError::BadUrl { why: "it names no host" }),
            (None, false) => http::announce_url(&due.url, &request).map(|url| {
                cx.out.https.push(HttpGet { id: number, url, is_goodbye: goodbye_until.is_some() });
            }),
        };
        let kind = target.map_or(Kind::Http, |target| Kind::Resolving { target });
        let (torrent_id, tracker) = (torrent.id(), due.tracker);
        let announce =
            Announce { torrent: torrent_id, tracker, request, asked_at: None, goodbye_until, kind };
        self.pending.insert(number, announce);
        if let Err(error) = started {
            self.announced(cx, Some(torrent), number, Err(error));
        } else if let Some((_, ips)) = known {
            self.announce_to(cx, Some(torrent), number, &ips);
        }
    }

    /// Takes the answer to an HTTP request; `from` is the address of the server.
    pub(crate) fn on_http(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        (id, from): (RequestId, Option<IpAddr>),
        result: Result<(u16, Vec<u8>), String>,
    ) {
        if let Some(announce) = self.pending.get_mut(id) {
            announce.asked_at = from;
        }
        let reply = match result {
            Ok((status, body)) => http::parse_response(status, &body),
            Err(reason) => Err(TrackerError::Network(reason)),
        };
        self.on_reply(cx, torrents, id, reply);
    }

    /// Takes the addresses of a UDP tracker.
    pub(crate) fn on_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
    ) {
        let Some((announce, target)) = self.pending.get_udp(id) else { return };
        let torrent = torrents.get_mut(announce.torrent);
        match result {
            Ok(ips) => {
                if self.names.len() >= MAX_NAMES {
                    self.names.pop_first();
                }
                if !ips.is_empty() {
                    self.names.insert(target.host.clone(), (cx.now + NAME_LIFE, ips.clone()));
                }
                self.announce_to(cx, torrent, id, &ips);
            }
            Err(reason) => {
                self.announced(cx, torrent, id, Err(TrackerError::Network(reason)));
            }
        }
    }

    /// Announces to a UDP tracker with these addresses, over both address families if it has both.
    fn announce_to(
        &mut self,
        cx: &mut Cx<'_>,
        mut torrent: Option<&mut Torrent>,
        id: RequestId,
        ips: &[IpAddr],
    ) {
        let udp = self.pending.get_udp(id);
        let Some((announce, target)) = udp.map(|(announce, target)| (announce.clone(), target.clone()))
        else {
            return;
        };
        let (first, second) = match target.choose(ips) {
            Ok(chosen) => chosen,
            Err(why) => {
                self.announced(cx, torrent, id, Err(TrackerError::Network(why.into())));
                return;
            }
        };
        let sibling = second.map(|second| (self.pending.next_id(), second));
        self.send_udp(cx, id, first, (sibling.map(|(id, _)| id), &target), announce.clone());
        if let Some((sibling, second)) = sibling {
            if let Some(torrent) = &mut torrent {
                torrent.trackers_mut().announcing(sibling);
            }
            self.send_udp(cx, sibling, second, (Some(id), &target), announce);
        }
    }

    fn send_udp(
        &mut self,
        cx: &Cx<'_>,
        id: RequestId,
        to: SocketAddr,
        (sibling, target): (Option<RequestId>, &UdpTarget),
        announce: Announce,
    ) {
        self.udp.announce(cx.now, id.0, to, &target.url_data, announce.request.clone());
        let kind = Kind::Udp { target: target.clone(), sibling, is_echo: false };
        self.pending.insert(id, Announce { asked_at: Some(to.ip()), kind, ..announce });
    }

    /// Takes a datagram of a UDP tracker.
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

    /// Takes what has come or timed out since the last turn.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        self.udp.handle_timeout(cx.now);
        self.drain_udp(cx, torrents);
        while let Some((id, announce)) = self.pending.pop_late_goodbye(cx.now) {
            if let Some(torrent) = announce.and_then(|announce| torrents.get_mut(announce.torrent)) {
                torrent.trackers_mut().announced(id);
            }
            self.udp.cancel(id.0);
        }
    }

    fn drain_udp(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        while let Some((token, result)) = self.udp.poll_event() {
            let result = match result {
                Ok(Reply::Announce(reply)) => Ok(reply),
                Ok(Reply::Scrape(_)) => continue,
                Err(error) => Err(error),
            };
            self.on_reply(cx, torrents, RequestId(token), result);
        }
    }

    /// Hands over datagrams that wait to be sent.
    pub(crate) fn poll_transmit(&mut self, out: &mut Outbox) {
        while let Some(datagram) = self.udp.poll_transmit() {
            out.datagrams.push(datagram);
        }
    }

    fn on_reply(
        &mut self,
        cx: &mut Cx<'_>,
        torrents: &mut Torrents,
        id: RequestId,
        result: Result<AnnounceReply, TrackerError>,
    ) {
        let torrent = self.pending.get(id).and_then(|announce| torrents.get_mut(announce.torrent));
        if let Some(ip) = self.announced(cx, torrent, id, result) {
            torrents.seen_as(ip, cx.config.listen_port);
        }
    }

    /// Takes the outcome of an announce. Returns our address as the tracker sees it.
    fn announced(
        &mut self,
        cx: &mut Cx<'_>,
        torrent: Option<&mut Torrent>,
        id: RequestId,
        result: Result<AnnounceReply, TrackerError>,
    ) -> Option<IpAddr> {
        let announce = self.pending.remove(id)?;
        let is_left_to_sibling = self.pending.leave_to_sibling(&announce, result.is_ok());
        let torrent = torrent?;
        torrent.trackers_mut().announced(id);
        if is_left_to_sibling {
            return None;
        }
        cx.dirty.mark_torrent(torrent.id());
        let reply = match result {
            Ok(reply) => reply,
            Err(_) if announce.is_echo() => return None,
            Err(error) => {
                // It may have moved.
                if let Some(target) = announce.target() {
                    self.names.remove(&target.host);
                }
                torrent.trackers_mut().announcer_mut().on_error(cx.now, announce.tracker, &error);
                cx.out.events.push(event(torrent, announce.tracker, &error.to_string(), true));
                return None;
            }
        };
        if !announce.is_echo() {
            torrent.trackers_mut().announcer_mut().on_reply(cx.now, announce.tracker, &reply);
        }
        if let Some(warning) = &reply.warning {
            cx.out.events.push(event(torrent, announce.tracker, warning, false));
        }
        let origin = Origin::Tracker(announce.tracker.index());
        for peer in reply.peers {
            let ip = peer.addr.ip();
            if announce.asked_at.map_or(!is_local(ip), |teller| may_refer(teller, ip)) {
                torrent.known_mut().add(cx.now, peer.addr, origin, peer.peer_id, cx.rng);
            }
        }
        // A tracker in the local network sees an address that means nothing elsewhere.
        reply.external_ip.filter(|ip| !is_local(*ip))
    }
}

/// Addresses to ask for: none when we go, and for a seed none that there is no place for. A download may have given its
/// places to calls that nobody answers.
fn num_want(cx: &Cx<'_>, torrent: &Torrent, event: AnnounceEvent) -> u32 {
    let places = cx.config.max_peers_per_torrent.saturating_sub(torrent.peers().len());
    match event {
        AnnounceEvent::Stopped => 0,
        _ if torrent.is_finished() => NUM_WANT.min(u32::try_from(places).unwrap_or(u32::MAX)),
        _ => NUM_WANT,
    }
}

fn event(torrent: &Torrent, tracker: TrackerId, message: &str, is_error: bool) -> TorrentEvent {
    let status = torrent.trackers().announcer().status().find(|status| status.id == tracker);
    let (shown, url) = status.map_or_else(Default::default, |s| (s.shown_url.clone(), s.url.as_str()));
    let message = ztor_tracker::redact_echo(message, url);
    TorrentEvent::Tracker { torrent: torrent.id(), tracker: shown, message, is_error }
}
