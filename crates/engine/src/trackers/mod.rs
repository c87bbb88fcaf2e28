//! Announces to trackers, from the schedule to the peers they bring.

mod hosts;
mod of_torrent;
mod replies;
mod rounds;
mod target;

pub(crate) use of_torrent::TorrentTrackers;

use crate::cx::Cx;
use crate::ids::{RequestId, TorrentId};
use crate::outbox::{HttpGet, IpFamily, Outbox, Resolve};
use crate::statistics::ReportedBytes;
use crate::torrent::{Torrent, Torrents};
use crate::torrent_event::TorrentEvent;
use fastrand::Rng;
use hosts::{Announce, Ask, Class, HostId, Hosts, Next, Outcome};
use replies::event;
use rounds::{Part, Rounds};
use std::collections::BTreeMap;
use std::net::IpAddr;
use target::{Addresses, Target};
use ztor_base::Instant;
use ztor_tracker::announcer::{Due, TrackerId};
use ztor_tracker::{AnnounceEvent, AnnounceRequest, TrackerError, TrackerIssue, http, udp};

/// Number of peers to request while downloading.
const NUM_WANT: u32 = 100;

/// Announces of all torrents: those that wait for their turn at a host, and those under way.
pub(crate) struct Trackers {
    hosts: Hosts,
    rounds: Rounds,
    /// Name lookups under way.
    lookups: BTreeMap<RequestId, HostId>,
    udp: udp::Client,
    /// Key (BEP 7), the same in all announces of this run, so that a tracker recognizes us after our address changed.
    key: u32,
}

impl Trackers {
    pub(crate) fn new(max_sockets: usize, rng: &mut Rng) -> Self {
        Self {
            hosts: Hosts::new(max_sockets),
            rounds: Rounds::default(),
            lookups: BTreeMap::new(),
            udp: udp::Client::new(rng.u64(..)),
            key: rng.u32(..),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let times = [self.udp.poll_timeout(), self.hosts.poll_timeout(), self.rounds.poll_timeout()];
        times.into_iter().flatten().min()
    }

    /// Returns true if goodbyes wait or are under way.
    pub(crate) fn has_goodbyes(&self) -> bool {
        self.hosts.has_goodbyes() || self.rounds.has_goodbyes()
    }

    /// Queues the announces of a torrent that are due.
    pub(crate) fn announce_due(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        let id = torrent.id();
        let announcer = torrent.trackers_mut().announcer_mut();
        cx.out.events.extend(announcer.take_unusable().into_iter().filter_map(|status| {
            let issue = status.issue.clone()?;
            Some(TorrentEvent::Tracker { torrent: id, tracker: status.shown_url.clone(), issue })
        }));
        let is_finished = torrent.is_finished();
        let wants_peers = !is_finished && torrent.peers().len() < cx.config.max_peers_per_torrent / 2;
        while torrent.is_open()
            && !cx.is_ending
            && let Some(tracker) = torrent.trackers_mut().poll(cx, wants_peers)
        {
            let trackers = torrent.trackers_mut();
            let class = match () {
                () if trackers.announcer().is_new_to(tracker) => Class::New,
                () if !is_finished && trackers.lacks_source() => Class::Starving,
                () => Class::Regular,
            };
            match trackers.announcer().status_of(tracker).map(|status| Target::of(&status.url)) {
                Some(Ok(target)) => {
                    if class == Class::New {
                        // The torrent was removed and is back, so the tracker need not learn that it was gone.
                        self.hosts.drop_goodbyes(&target.origin, torrent.swarm_id());
                    }
                    self.hosts.queue(target.origin, class, Ask::Announce { torrent: id, tracker });
                }
                Some(Err(error)) => self.fail(cx, torrent, tracker, None, &error),
                None => {}
            }
        }
    }

    /// Queues `stopped` to every tracker that knows the torrent. Queued announces of the torrent are not sent any more,
    /// and replies to those under way do not count.
    pub(crate) fn say_goodbye(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent) {
        self.cancel_all_of(cx, torrent.id());
        cx.dirty.show(torrent.id());
        let goodbyes = torrent.trackers_mut().announcer_mut().stop();
        self.queue_goodbyes(cx, torrent, goodbyes);
    }

    /// Replaces the trackers of a torrent, and announces `stopped` to those that are gone.
    pub(crate) fn replace(&mut self, cx: &mut Cx<'_>, torrent: &mut Torrent, tiers: Vec<Vec<String>>) {
        self.cancel_all_of(cx, torrent.id());
        let goodbyes = torrent.trackers_mut().announcer_mut().replace(tiers, cx.rng);
        self.queue_goodbyes(cx, torrent, goodbyes);
        cx.dirty.show(torrent.id());
        cx.dirty.mark_torrent(torrent.id());
    }

    /// Cancels the announces of a torrent that are under way, except goodbyes.
    fn cancel_all_of(&mut self, cx: &mut Cx<'_>, id: TorrentId) {
        for request in self.rounds.drop_torrent(id) {
            // The request must not be sent again after the goodbye.
            self.udp.cancel(request.0);
            self.end_part(cx, request, Outcome::Cancelled, Some(TrackerError::Timeout));
        }
    }

    fn queue_goodbyes(&mut self, cx: &mut Cx<'_>, torrent: &Torrent, goodbyes: Vec<Due>) {
        let goodbyes = goodbyes.into_iter().filter_map(|due| Some((Target::of(&due.url).ok()?, due)));
        for (target, due) in goodbyes {
            let goodbye = Box::new(self.announce(cx, torrent, due));
            self.hosts.queue(target.origin, Class::Goodbye, Ask::Goodbye(goodbye));
        }
    }

    /// Drops all queued announces except goodbyes.
    pub(crate) fn end(&mut self) {
        self.hosts.end();
    }

    /// Sends queued announces, urgent ones first, and no more than each host can take.
    pub(crate) fn send_due(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        while let Some(next) = self.hosts.next(cx.now, cx.rng) {
            match next {
                Next::LookUp { host, name, protocol, port } => {
                    let id = self.rounds.next_id();
                    self.lookups.insert(id, host);
                    cx.out.resolves.push(Resolve { id, host: name, protocol, port });
                }
                Next::Send { host, addresses, ask: Ask::Announce { torrent, tracker } } => {
                    if let Some(torrent) = torrents.get_mut(torrent) {
                        self.send_announce(cx, torrent, tracker, (host, addresses));
                    }
                }
                Next::Send { host, addresses, ask: Ask::Goodbye(goodbye) } => {
                    // A tracker to which nothing may be sent does not know the torrent, so it needs no goodbye.
                    self.send(cx, (host, addresses), &goodbye).ok();
                }
                Next::GiveUp { host, ask: Ask::Announce { torrent, tracker }, error, retry_at } => {
                    if let Some(torrent) = torrents.get_mut(torrent) {
                        let announcer = torrent.trackers_mut().announcer_mut();
                        announcer.on_unreachable(tracker, &error, retry_at);
                        if self.hosts.take_news(host) {
                            cx.out
                                .events
                                .push(event(torrent, tracker, |url| TrackerIssue::error(&error, url)));
                        }
                        cx.dirty.mark_torrent(torrent.id());
                    }
                }
                // An unresponsive host has no use for a goodbye either.
                Next::GiveUp { ask: Ask::Goodbye(_), .. } => {}
            }
        }
    }

    /// Sends an announce whose turn it is, if it is still wanted.
    fn send_announce(
        &mut self,
        cx: &mut Cx<'_>,
        torrent: &mut Torrent,
        tracker: TrackerId,
        (host, addresses): (HostId, Addresses),
    ) {
        if let Some(due) = torrent.trackers_mut().announcer_mut().begin(cx.now, tracker) {
            let announce = self.announce(cx, torrent, due);
            // The wait for the tracker starts now.
            cx.dirty.mark_torrent(torrent.id());
            if let Err(error) = self.send(cx, (host, addresses), &announce) {
                self.fail(cx, torrent, tracker, Some((host, cx.now)), &error);
            }
        }
    }

    /// Creates an announce with current numbers.
    fn announce(&self, cx: &Cx<'_>, torrent: &Torrent, due: Due) -> Announce {
        let totals = torrent.exchange().totals();
        let request = AnnounceRequest {
            info_hash: torrent.swarm_id(),
            peer_id: cx.config.peer_id,
            port: cx.config.listen_port,
            uploaded: totals.session_uploaded(),
            downloaded: totals.session_downloaded(),
            left: torrent.exchange().missing_bytes(),
            event: event_of(torrent, due.event),
            num_want: Some(num_want(cx, torrent, due.event)),
            key: self.key,
            tracker_id: due.tracker_id,
            ip: None,
        };
        let v2 = torrent.second_swarm();
        Announce { torrent: torrent.id(), tracker: due.tracker, url: due.url, request, v2 }
    }

    /// Sends an announce in parts, one for each address family and each swarm.
    fn send(
        &mut self,
        cx: &mut Cx<'_>,
        (host, addresses): (HostId, Addresses),
        announce: &Announce,
    ) -> Result<(), TrackerError> {
        let Announce { torrent, tracker, url, request, v2 } = announce;
        let target = Target::of(url)?;
        let is_udp = target.origin.is_udp();
        // Over HTTP this depends on the request, and `http::may_ask_loopback` decides.
        let addresses = if is_udp && !target.is_here { addresses.elsewhere() } else { addresses };
        if addresses.is_empty() {
            let why = "its name resolves to this machine, which the URL does not name";
            return Err(TrackerError::Network(why.into()));
        }
        let has_both = addresses.v4.is_some() && addresses.v6.is_some();
        let is_goodbye = request.event == AnnounceEvent::Stopped;
        let mut parts = Vec::with_capacity(4);
        for (is_v2, info_hash) in std::iter::once((false, request.info_hash)).chain(v2.map(|v2| (true, v2))) {
            for to in addresses.each(target.origin.port) {
                // Many trackers refuse port 0. Peers cannot reach us at the other one either.
                let port = cx.config.port_toward(to.ip()).max(1);
                let request = AnnounceRequest { info_hash, port, ..request.clone() };
                let url = match addresses.port {
                    _ if is_udp => None,
                    Some(port) => Some(http::announce_url(&target.with_port(url, port)?, &request)?),
                    None => Some(http::announce_url(url, &request)?),
                };
                parts.push((is_v2, request, url, to));
            }
        }
        let counts = ReportedBytes { downloaded: request.downloaded, uploaded: request.uploaded };
        let round = self.rounds.start(cx.now, (*torrent, *tracker, host), counts, is_goodbye);
        for (is_v2, request, url, to) in parts {
            let part = Part { round, is_v2, is_udp, to: to.ip() };
            let id = self.rounds.add(*torrent, part);
            self.hosts.sent(cx.now, host, id);
            match url {
                Some(url) => {
                    let family = has_both.then_some(IpFamily::of(to.ip()));
                    cx.out.https.push(HttpGet { id, url, family });
                }
                None => self.udp.announce(cx.now, id.0, to, &target.url_data, request),
            }
        }
        Ok(())
    }

    /// Takes the port of a host whose name is being looked up.
    pub(crate) fn on_port(&mut self, id: RequestId, port: u16) {
        if let Some(host) = self.lookups.get(&id) {
            self.hosts.set_port(*host, port);
        }
    }

    /// Handles the result of a name lookup.
    pub(crate) fn on_resolved(
        &mut self,
        cx: &mut Cx<'_>,
        id: RequestId,
        result: Result<Vec<IpAddr>, String>,
    ) {
        if let Some(host) = self.lookups.remove(&id) {
            if result.is_err() {
                cx.network.unheard_name(cx.now, self.hosts.name(host), self.hosts.has_answered(host));
            } else {
                cx.network.heard_name(self.hosts.name(host));
            }
            self.hosts.resolved(cx.now, host, result, cx.rng);
        }
    }

    /// Announces as a client that no tracker knows from now on, as our peer id has changed. Nothing is sent any more by
    /// which a tracker could connect the two: announces and goodbyes of before, the key, and connection ids (BEP 15).
    pub(crate) fn renew_identity(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        self.hosts.drop_all_goodbyes();
        for request in self.rounds.drop_all() {
            self.end_part(cx, request, Outcome::Cancelled, Some(TrackerError::Timeout));
        }
        self.udp = udp::Client::new(cx.rng.u64(..));
        self.key = cx.rng.u32(..);
        for id in torrents.ids() {
            if let Some(torrent) = torrents.get_mut(id) {
                torrent.trackers_mut().announcer_mut().forget_us();
                cx.dirty.mark_torrent(id);
                cx.dirty.show(id);
            }
        }
    }

    /// Lets unresponsive hosts be asked again, as the network is back or has changed.
    pub(crate) fn start_over(&mut self, now: Instant) {
        self.hosts.start_over(now);
        self.udp.start_over(now);
    }

    /// Handles what has timed out since the last turn.
    pub(crate) fn settle(&mut self, cx: &mut Cx<'_>, torrents: &mut Torrents) {
        self.hosts.set_out(cx.network.is_out_anywhere());
        self.udp.handle_timeout(cx.now);
        self.drain_udp(cx, torrents);
        let mut given_up = self.hosts.handle_timeout(cx.now, cx.rng);
        given_up.extend(self.rounds.take_stragglers(cx.now));
        for request in given_up {
            self.udp.cancel(request.0);
            let from = self.rounds.get(request).map(|(part, _)| part.to);
            self.on_reply(cx, torrents, (request, from), Err(TrackerError::Timeout));
        }
    }

    /// Moves the datagrams that wait to be sent to the outbox.
    pub(crate) fn poll_transmit(&mut self, out: &mut Outbox) {
        while let Some(datagram) = self.udp.poll_transmit() {
            out.tracker_datagrams.push(datagram);
        }
    }
}

/// Returns the event to announce. A partial seed says in every announce that it is one (BEP 21).
fn event_of(torrent: &Torrent, event: AnnounceEvent) -> AnnounceEvent {
    let is_partial_seed = torrent.is_finished() && !torrent.is_whole();
    if event == AnnounceEvent::None && is_partial_seed { AnnounceEvent::Paused } else { event }
}

/// Returns the number of peers to request: none on `stopped`, and for a seed no more than it has free slots. A download
/// always requests [`NUM_WANT`], as its slots may be held by attempts that fail.
fn num_want(cx: &Cx<'_>, torrent: &Torrent, event: AnnounceEvent) -> u32 {
    let places = cx.config.max_peers_per_torrent.saturating_sub(torrent.peers().len());
    match event {
        AnnounceEvent::Stopped => 0,
        _ if torrent.is_finished() => NUM_WANT.min(u32::try_from(places).unwrap_or(u32::MAX)),
        _ => NUM_WANT,
    }
}
