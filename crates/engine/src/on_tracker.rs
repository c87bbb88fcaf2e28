//! Announces, from the due date to the peers they bring.

use crate::known::Origin;
use crate::outbox::{HttpGet, Outbox, RequestId, Resolve};
use crate::torrent::Torrent;
use crate::torrent_event::TorrentEvent;
use crate::{Engine, PeerKey, TorrentId};
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use url::Url;
use ztor_base::addr::{is_local, may_refer};
use ztor_base::{Duration, Instant};
use ztor_tracker::announcer::{Due, TrackerId};
use ztor_tracker::{
    AnnounceEvent, AnnounceReply, AnnounceRequest, DEFAULT_UDP_PORT, Reply, TrackerError, http, udp,
};

/// Peers asked for while downloading.
const NUM_WANT: u32 = 100;
/// When no peer has had anything we lack for so long, every tracker is asked and not one of a tier: the one that
/// works may know the wrong peers.
const STARVING: Duration = Duration::from_secs(30);
/// How long a goodbye is worth waiting for.
const GOODBYE_TIMEOUT: Duration = Duration::from_millis(1500);

/// How long the address of a UDP tracker is believed: many torrents have the same few, and announce by the hour.
const NAME_LIFE: Duration = Duration::from_secs(600);
const MAX_NAMES: usize = 512;

/// Announces under way, of all torrents.
pub(crate) struct Trackers {
    pending: BTreeMap<RequestId, Pending>,
    udp: udp::Client,
    next_id: u64,
    /// BEP 7: the same for all announces of this run, so that a tracker knows us after our address changed.
    key: u32,
    /// Addresses of UDP trackers, and until when they are believed. At most [`MAX_NAMES`].
    names: BTreeMap<String, (Instant, Vec<IpAddr>)>,
    /// Those of `pending` that are goodbyes, in the order in which they are given up.
    goodbyes: BTreeSet<(Instant, RequestId)>,
}

struct Pending {
    torrent: TorrentId,
    tracker: TrackerId,
    request: AnnounceRequest,
    /// Of a UDP tracker: where to go once its name is known.
    udp: Option<UdpTarget>,
    /// The address that it went to, once that is known.
    asked_at: Option<IpAddr>,
    goodbye_until: Option<Instant>,
    /// The same announce over the other address family, as long as it has no answer.
    twin: Option<RequestId>,
    /// Its twin was answered well: this one may bring peers, and that is all.
    is_echo: bool,
}

#[derive(Clone)]
struct UdpTarget {
    host: String,
    port: u16,
    /// Path and query (BEP 41).
    url_data: String,
    /// The URL itself says that the tracker is on this machine.
    is_here: bool,
}

impl Trackers {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            pending: BTreeMap::new(),
            udp: udp::Client::new(rng.u64(..)),
            next_id: 0,
            names: BTreeMap::new(),
            key: rng.u32(..),
            goodbyes: BTreeSet::new(),
        }
    }

    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let goodbye = self.goodbyes.first().map(|(until, _)| *until);
        self.udp.poll_timeout().into_iter().chain(goodbye).min()
    }

    pub(crate) fn has_goodbyes(&self) -> bool {
        !self.goodbyes.is_empty()
    }

    /// Takes a request that was answered or given up.
    fn remove(&mut self, id: RequestId) -> Option<Pending> {
        let pending = self.pending.remove(&id)?;
        if let Some(until) = pending.goodbye_until {
            self.goodbyes.remove(&(until, id));
        }
        Some(pending)
    }
}

impl Engine {
    /// Notes whether anybody has anything for a torrent. Says when it is starving, if nobody has.
    pub(crate) fn watch_hunger(&mut self, now: Instant, id: TorrentId) -> Option<Instant> {
        let torrent = self.torrents.get_mut(id)?;
        let is_fed = |key: &PeerKey| self.peers.get(*key).is_some_and(|peer| peer.interesting > 0);
        if torrent.finished || !torrent.is_open() || torrent.peers.iter().any(is_fed) {
            torrent.starves_since = None;
            return None;
        }
        let since = *torrent.starves_since.get_or_insert(now);
        Some(since + STARVING).filter(|at| *at > now)
    }

    /// Makes the announces of a torrent that are due.
    pub(crate) fn announce_due(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        if let Some(torrent) = self.torrents.get_mut(id) {
            out.events.extend(torrent.announcer.take_unusable().into_iter().map(|status| {
                let (tracker, message) = (status.shown_url.clone(), status.message.clone());
                let message = message.unwrap_or_default();
                TorrentEvent::Tracker { torrent: id, tracker, message, is_error: true }
            }));
        }
        loop {
            let Some(torrent) = self.torrents.get_mut(id) else { return };
            if !torrent.is_open() || self.shutting_down {
                return;
            }
            let wants_peers =
                !torrent.finished && torrent.peers.len() < self.config.max_peers_per_torrent / 2;
            let is_starving = torrent.starves_since.is_some_and(|since| now.since(since) >= STARVING);
            torrent.announcer.set_all(self.config.announce_to_all || is_starving);
            let Some(due) = torrent.announcer.poll_announce(now, wants_peers) else { return };
            self.announce(now, id, due, None, out);
        }
    }

    /// Tells every tracker that knows us that we go.
    pub(crate) fn say_goodbye(&mut self, now: Instant, id: TorrentId, out: &mut Outbox) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        // What is still under way must not be repeated after the goodbye.
        for number in std::mem::take(&mut torrent.announcing) {
            self.trackers.remove(number);
            self.trackers.udp.cancel(number.0);
        }
        self.changes.shown.insert(id);
        for due in torrent.announcer.stop() {
            self.announce(now, id, due, Some(now + GOODBYE_TIMEOUT), out);
        }
    }

    fn announce(
        &mut self,
        now: Instant,
        id: TorrentId,
        due: Due,
        goodbye_until: Option<Instant>,
        out: &mut Outbox,
    ) {
        let Some(torrent) = self.torrents.get_mut(id) else { return };
        let request = AnnounceRequest {
            info_hash: torrent.hashes.swarm_id(),
            peer_id: self.config.peer_id,
            port: self.config.listen_port,
            uploaded: torrent.session_uploaded,
            downloaded: torrent.session_downloaded,
            left: torrent.left_bytes,
            event: due.event,
            num_want: Some(if due.event == AnnounceEvent::Stopped { 0 } else { NUM_WANT }),
            key: self.trackers.key,
            tracker_id: due.tracker_id,
            ip: None,
        };
        self.trackers.next_id += 1;
        let number = RequestId(self.trackers.next_id);
        torrent.announcing.push(number);
        let (tracker, udp) = (due.tracker, None);
        let mut pending = Pending {
            torrent: id,
            tracker,
            request,
            udp,
            asked_at: None,
            goodbye_until,
            twin: None,
            is_echo: false,
        };
        let mut known = None;
        let started = match Url::parse(&due.url) {
            Ok(url) if url.scheme() == "udp" => match udp_target(&url) {
                Some(target) => {
                    known = self.trackers.names.get(&target.host).filter(|(until, _)| *until > now).cloned();
                    if known.is_none() {
                        out.resolves.push(Resolve { id: number, host: target.host.clone() });
                    }
                    pending.udp = Some(target);
                    Ok(())
                }
                None => Err(TrackerError::BadUrl { why: "it names no host" }),
            },
            _ => http::announce_url(&due.url, &pending.request).map(|url| {
                out.https.push(HttpGet { id: number, url, is_goodbye: goodbye_until.is_some() });
            }),
        };
        self.trackers.goodbyes.extend(goodbye_until.map(|until| (until, number)));
        self.trackers.pending.insert(number, pending);
        if let Err(error) = started {
            self.announced(now, number, Err(error), out);
        }
        if let Some((_, ips)) = known {
            self.announce_to(now, number, &ips, out);
        }
    }

    pub(crate) fn on_http(
        &mut self,
        now: Instant,
        id: RequestId,
        from: Option<IpAddr>,
        result: Result<(u16, Vec<u8>), String>,
        out: &mut Outbox,
    ) {
        if let Some(pending) = self.trackers.pending.get_mut(&id) {
            pending.asked_at = from;
        }
        let reply = match result {
            Ok((status, body)) => http::parse_response(status, &body),
            Err(reason) => Err(TrackerError::Network(reason)),
        };
        self.announced(now, id, reply, out);
    }

    pub(crate) fn on_resolved(
        &mut self,
        now: Instant,
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
        out: &mut Outbox,
    ) {
        let Some(Pending { udp: Some(target), .. }) = self.trackers.pending.get(&id) else { return };
        match result {
            Ok(ips) => {
                if self.trackers.names.len() >= MAX_NAMES {
                    self.trackers.names.pop_first();
                }
                if !ips.is_empty() {
                    self.trackers.names.insert(target.host.clone(), (now + NAME_LIFE, ips.clone()));
                }
                self.announce_to(now, id, &ips, out);
            }
            Err(reason) => self.announced(now, id, Err(TrackerError::Network(reason)), out),
        }
    }

    /// Announces to a UDP tracker, over both address families if it has both: it learns both of our addresses, and
    /// tells the peers of both (BEP 15).
    fn announce_to(&mut self, now: Instant, id: RequestId, ips: &[IpAddr], out: &mut Outbox) {
        let Some(is_here) = self.trackers.pending.get(&id).and_then(|p| Some(p.udp.as_ref()?.is_here)) else {
            return;
        };
        // A name on the public network must not have us ask around on this machine.
        let is_elsewhere = |ip: &&IpAddr| {
            let ip = ip.to_canonical();
            !ip.is_loopback() && !ip.is_unspecified()
        };
        let usable = || ips.iter().filter(|ip| is_here || is_elsewhere(ip));
        let (v4, v6) = (usable().find(|ip| ip.is_ipv4()), usable().find(|ip| ip.is_ipv6()));
        let (first, second) = (v4.or(v6).copied(), v4.and(v6).copied());
        let Some(first) = first else {
            let why = if ips.is_empty() {
                "its name has no address"
            } else {
                "its name leads to this machine, which it does not say itself"
            };
            return self.announced(now, id, Err(TrackerError::Network(why.into())), out);
        };
        let twin = RequestId(self.trackers.next_id + 1);
        let Some(pending) = self.trackers.pending.get_mut(&id) else { return };
        let Some(target) = &pending.udp else { return };
        let (port, url_data, request) = (target.port, target.url_data.clone(), pending.request.clone());
        pending.asked_at = Some(first);
        self.trackers.udp.announce(now, id.0, SocketAddr::new(first, port), &url_data, request.clone());
        let Some(second) = second else { return };
        pending.twin = Some(twin);
        let other = Pending {
            request: request.clone(),
            udp: pending.udp.clone(),
            asked_at: Some(second),
            twin: Some(id),
            is_echo: false,
            torrent: pending.torrent,
            tracker: pending.tracker,
            goodbye_until: pending.goodbye_until,
        };
        self.trackers.next_id += 1;
        if let Some(torrent) = self.torrents.get_mut(other.torrent) {
            torrent.announcing.push(twin);
        }
        self.trackers.goodbyes.extend(other.goodbye_until.map(|until| (until, twin)));
        self.trackers.pending.insert(twin, other);
        self.trackers.udp.announce(now, twin.0, SocketAddr::new(second, port), &url_data, request);
    }

    pub(crate) fn on_datagram(&mut self, now: Instant, from: SocketAddr, data: &[u8], out: &mut Outbox) {
        if self.on_dht_datagram(now, from, data) {
            return;
        }
        if self.trackers.udp.handle(now, from, data) {
            self.drain_udp(now, out);
        }
    }

    /// Takes in what has come or timed out since the last turn.
    pub(crate) fn settle_trackers(&mut self, now: Instant, out: &mut Outbox) {
        self.trackers.udp.handle_timeout(now);
        self.drain_udp(now, out);
        while let Some((until, id)) = self.trackers.goodbyes.first().copied()
            && until <= now
        {
            self.trackers.goodbyes.pop_first();
            self.answered(id);
            self.trackers.udp.cancel(id.0);
        }
    }

    fn drain_udp(&mut self, now: Instant, out: &mut Outbox) {
        while let Some((token, result)) = self.trackers.udp.poll_event() {
            let result = match result {
                Ok(Reply::Announce(reply)) => Ok(reply),
                Ok(Reply::Scrape(_)) => continue,
                Err(error) => Err(error),
            };
            self.announced(now, RequestId(token), result, out);
        }
    }

    pub(crate) fn send_datagrams(&mut self, out: &mut Outbox) {
        while let Some(datagram) = self.trackers.udp.poll_transmit() {
            out.datagrams.push(datagram);
        }
        self.send_dht_datagrams(out);
    }

    fn announced(
        &mut self,
        now: Instant,
        id: RequestId,
        result: Result<AnnounceReply, TrackerError>,
        out: &mut Outbox,
    ) {
        let Some(pending) = self.answered(id) else { return };
        if let Some(twin) = pending.twin.and_then(|twin| self.trackers.pending.get_mut(&twin)) {
            twin.twin = None;
            twin.is_echo = result.is_ok();
            if result.is_err() {
                // The other one decides.
                return;
            }
        }
        let Some(torrent) = self.torrents.get_mut(pending.torrent) else { return };
        let event = |torrent: &Torrent, message: String, is_error: bool| {
            let status = torrent.announcer.status().find(|s| s.id == pending.tracker);
            let (tracker, url) =
                status.map_or_else(Default::default, |s| (s.shown_url.clone(), s.url.as_str()));
            let message = ztor_tracker::redact_echo(&message, url);
            TorrentEvent::Tracker { torrent: pending.torrent, tracker, message, is_error }
        };
        let mut seen_as = None;
        match result {
            Ok(reply) => {
                if !pending.is_echo {
                    torrent.announcer.on_reply(now, pending.tracker, &reply);
                }
                // A tracker in the local network sees an address that means nothing elsewhere.
                seen_as = reply.external_ip.filter(|ip| !is_local(*ip));
                if let Some(warning) = &reply.warning {
                    out.events.push(event(torrent, warning.clone(), false));
                }
                let origin = Origin::Tracker(pending.tracker.index());
                for peer in reply.peers {
                    let ip = peer.addr.ip();
                    let may_name = pending.asked_at.map_or(!is_local(ip), |teller| may_refer(teller, ip));
                    if may_name {
                        torrent.known.add(now, peer.addr, origin, peer.peer_id, &mut self.rng);
                    }
                }
            }
            Err(_) if pending.is_echo => {}
            Err(error) => {
                // It may have moved.
                if let Some(target) = &pending.udp {
                    self.trackers.names.remove(&target.host);
                }
                torrent.announcer.on_error(now, pending.tracker, &error);
                out.events.push(event(torrent, error.to_string(), true));
            }
        }
        if let Some(ip) = seen_as {
            self.seen_as(ip);
        }
        self.mark_torrent(pending.torrent);
    }

    /// Takes a request that was answered or given up out of the tables.
    fn answered(&mut self, id: RequestId) -> Option<Pending> {
        let pending = self.trackers.remove(id)?;
        if let Some(torrent) = self.torrents.get_mut(pending.torrent) {
            torrent.announcing.retain(|number| *number != id);
        }
        Some(pending)
    }
}

fn udp_target(url: &Url) -> Option<UdpTarget> {
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let is_here = ztor_tracker::names_loopback(url.as_str());
    let port = url.port().unwrap_or(DEFAULT_UDP_PORT);
    Some(UdpTarget { host, port, url_data: format!("{}{query}", url.path()), is_here })
}
