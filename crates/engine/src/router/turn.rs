//! The end of a turn: one decision for all its events.

use super::Router;
use super::disk::greet_again;
use crate::config::{
    ATTEMPT_TIMEOUT_OUT, CHOKE_ROUND, HANDSHAKE_TIMEOUT, KEEPALIVE_EVERY, SILENCE_TIMEOUT, USELESS_TIMEOUT,
};
use crate::cx::Cx;
use crate::dial::{for_call, holepunch};
use crate::discovery::pex;
use crate::event::CloseCause;
use crate::exchange::{Exchange, Source, Trade, wake_idle};
use crate::ids::{DiskId, PeerKey, SourceKey, TorrentId};
use crate::peer::{ConnState, Peer};
use crate::quota::{Flow, Quota};
use crate::torrent::Torrent;
use crate::torrent_event::TorrentEvent;
use crate::web::WebSeed;
use ztor_base::{Duration, Instant};
use ztor_wire::Message;

/// Least time before a timer requests metadata again.
const SHORTEST_RETRY: Duration = Duration::from_millis(100);

impl Router<'_> {
    /// Ends a turn: decides once for all events since the last one.
    pub(crate) fn settle(&mut self) {
        self.send_away();
        self.trim_requests();
        self.timers.handle_timeout(self.cx.now, self.cx.dirty);
        self.dialer.set_out(self.cx.network.is_out());
        self.trackers.settle(&mut self.cx, self.torrents);
        self.settle_network();
        while let Some(id) = self.cx.dirty.pop_torrent() {
            self.settle_torrent(id);
        }
        self.trackers.send_due(&mut self.cx, self.torrents);
        self.feed_held_web_seeds();
        self.lsd.settle(&mut self.cx, self.torrents);
        if let Some(dht) = &mut self.dht {
            dht.settle(&mut self.cx, self.torrents);
        }
        self.make_calls();
        self.serve_waiting(Quota::down_mut, |peer| {
            peer.trade_mut().download_mut().set_waits_for_quota(false)
        });
        self.serve_waiting(Quota::up_mut, |peer| peer.trade_mut().upload_mut().set_waits_for_quota(false));
        while let Some(key) = self.cx.dirty.pop_peer() {
            self.settle_peer(key);
        }
        self.transmit();
        for send in self.cx.out.sends.iter().chain(&self.cx.out.replies) {
            if let Some(peer) = self.peers.get_mut(send.peer) {
                peer.conn_mut().sent(self.cx.now);
            }
        }
    }

    /// Moves datagrams to the outbox, except those to addresses that the user does not want.
    fn transmit(&mut self) {
        let (now, bans) = (self.cx.now, &mut *self.bans);
        let kept = self.cx.out.tracker_datagrams.len();
        self.trackers.poll_transmit(self.cx.out);
        if bans.covers_trackers() {
            bans.drop_datagrams(now, &mut self.cx.out.tracker_datagrams, kept, |(to, _)| to.ip());
        }
        if let Some(dht) = &mut self.dht {
            let kept = self.cx.out.datagrams.len();
            dht.poll_transmit(self.cx.out);
            bans.drop_datagrams(now, &mut self.cx.out.datagrams, kept, |datagram| datagram.to.ip());
        }
    }

    /// Cancels requests that were made before limits were lowered, as far as their answers would exceed those for longer
    /// than a second. The limits govern requests: what was requested comes as fast as peers send it.
    fn trim_requests(&mut self) {
        if !self.cx.quota.down_mut().take_changed() {
            return;
        }
        let asked = self.peers.iter().filter(|peer| peer.trade().download().outstanding() > 1);
        let keys: Vec<PeerKey> = asked.map(Peer::key).collect();
        let mut with_each = |act: fn(&mut Exchange, &mut Cx<'_>, PeerKey, &mut Trade)| {
            for key in &keys {
                if let Some((cx, torrent, peer)) = self.enter(*key) {
                    act(torrent.exchange_mut(), cx, *key, peer.trade_mut());
                }
            }
        };
        with_each(|exchange, cx, _, trade| exchange.count_requests(cx, trade));
        with_each(|exchange, cx, key, trade| exchange.trim_requests(cx, key, trade));
        with_each(|exchange, cx, _, trade| exchange.forget_requests(cx, trade));
    }

    /// Settles peers that wait for tokens in one direction, a few blocks each in turn, while tokens last.
    fn serve_waiting(&mut self, flow: fn(&mut Quota) -> &mut Flow, stops_waiting: fn(&mut Peer)) {
        let now = self.cx.now;
        let Some(mut round) = flow(self.cx.quota).start_round(now) else { return };
        while let Some(key) = flow(self.cx.quota).next_of(now, &mut round) {
            match key {
                SourceKey::Peer(key) => {
                    if let Some(peer) = self.peers.get_mut(key) {
                        stops_waiting(peer);
                        self.settle_peer(key);
                    }
                }
                SourceKey::Web(key) => self.grant_web(key),
            }
            flow(self.cx.quota).served(&mut round);
        }
    }

    fn settle_torrent(&mut self, id: TorrentId) {
        self.tell_others(id);
        let now = self.cx.now;
        if self.torrents.get_mut(id).is_some_and(|torrent| torrent.exchange_mut().hoards(now)) {
            self.hand_over(id);
        }
        // Before the released blocks are offered to peers.
        let web_at = self.settle_web_seeds(id);
        let Some((cx, torrent, peers)) = self.enter_torrent(id) else { return };
        cx.dirty.unmark_torrent(id);
        cx.dirty.show(id);
        let is_active = torrent.is_active();
        let (exchange, keys) = torrent.exchange_and_peers();
        exchange.settle(cx, keys, peers);
        let over = if is_active { exchange.settle_super_seeding(cx, keys, peers) } else { None };
        if over.is_some() {
            greet_again(cx, torrent, peers);
        }
        let has_metadata = torrent.has_metadata();
        if torrent.exchange().seeds() > 0 && torrent.is_finished() {
            // Two seeds are of no use to each other.
            let seeds = peers.of(torrent.peers()).filter(|peer| peer.trade().is_seed());
            let seeds: Vec<PeerKey> = seeds.map(Peer::key).collect();
            seeds.into_iter().for_each(|key| self.part(key));
        }
        for key in over.into_iter().flatten() {
            self.close(key, "our pieces are too many to announce one by one");
        }
        let next = self.settle_sources(id);
        let request_at = if has_metadata { None } else { self.request_metadata(id) };
        let request_at = request_at.map(|at| at.max(self.cx.now + SHORTEST_RETRY));
        if let Some(at) = next.into_iter().chain(request_at).chain(web_at).min() {
            self.timers.set_torrent(self.cx.now, id, at);
        }
    }

    /// Chooses the peers to serve, and looks for new ones by hole punching, trackers and outgoing connections. Returns
    /// the time of the next look.
    fn settle_sources(&mut self, id: TorrentId) -> Option<Instant> {
        let web = |torrent: &Torrent, is: fn(&WebSeed) -> bool| {
            torrent.web_seeds().iter().any(|key| self.web.get(*key).is_some_and(is))
        };
        let has_web_seeds = web(self.torrents.get(id)?, WebSeed::is_of_use);
        let is_web_fed = web(self.torrents.get(id)?, |seed| seed.fetch().is_some());
        let torrent = self.torrents.get_mut(id)?;
        let (cx, peers) = (&mut self.cx, &mut *self.peers);
        let is_finished = torrent.is_finished();
        if torrent.is_active() {
            let (exchange, keys) = torrent.exchange_and_peers();
            exchange.choke(cx, is_finished, keys, peers);
        }
        for addr in torrent.calls_mut().take_unreached() {
            holepunch::request_rendezvous(cx, addr, torrent, peers);
        }
        let is_fed = is_finished
            || !torrent.is_open()
            || peers.of(torrent.peers()).any(|peer| peer.trade().interesting() > 0)
            || is_web_fed;
        let starving_at = torrent.trackers_mut().update_starvation(cx.now, is_fed);
        self.trackers.announce_due(cx, torrent);
        let has_others = !torrent.peers().is_empty()
            || has_web_seeds
            || torrent.known().len() > 0
            || (!torrent.is_private() && (cx.has_dht || cx.config.local_discovery));
        if !is_fed && torrent.trackers_mut().take_loneliness(has_others) {
            cx.out.events.push(TorrentEvent::NoSource { torrent: torrent.id() });
        }
        let (victim, place_at) = for_call(cx, torrent, peers);
        let own_at = match victim {
            Some(key) => {
                self.make_place(key);
                self.queue_calls(id);
                next_of_torrent(&self.cx, self.torrents.get(id)?)
            }
            None => {
                if self.dialer.queue(cx, torrent) {
                    self.places.call_wanted(cx.now);
                }
                next_of_torrent(cx, torrent)
            }
        };
        [own_at, starving_at, place_at].into_iter().flatten().min()
    }

    /// Closes a connection that is of no use to either side. Its address stays of use for peer exchange (BEP 11).
    fn part(&mut self, key: PeerKey) {
        if let Some((cx, torrent, peer)) = self.enter(key) {
            pex::on_parted(cx.now, peer, torrent);
        }
        self.close(key, "both sides have everything");
    }

    fn settle_peer(&mut self, key: PeerKey) {
        let most_peers = self.cx.config.max_peers;
        // A useless peer is closed only if others could use its place.
        let is_crowded = self.peers.len() * 10 >= most_peers * 9;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let cx = &mut self.cx;
        cx.dirty.unmark_peer(key);
        if let Some(id) = peer.conn().torrent() {
            cx.dirty.show(id);
        }
        let torrent = peer.conn().torrent().and_then(|id| self.torrents.get(id));
        let disk = torrent.map(|torrent| torrent.exchange().disk()).unwrap_or_default();
        if let Some(reason) = overdue(cx, peer, disk, is_crowded) {
            if peer.is_live() && cx.now.since(peer.conn().received_at()) >= SILENCE_TIMEOUT {
                cx.network.unheard(cx.now, peer.conn().addr().ip(), true);
            }
            self.retry(key, CloseCause::Remote);
            return self.close(key, reason);
        }
        self.dialer.race(cx.now, peer);
        let next = if peer.is_live() {
            self.settle_live(key)
        } else {
            let race_at = peer.attempt().race_at().unwrap_or(Instant::FAR_FUTURE);
            Some(race_at.min(peer.conn().started_at() + greeting_timeout(&self.cx, peer)))
        };
        if let Some(at) = next {
            self.timers.set_peer(self.cx.now, key, at);
        }
    }

    /// Settles a peer after its handshake. Returns the time at which it is settled again; `None` if the connection was
    /// closed.
    fn settle_live(&mut self, key: PeerKey) -> Option<Instant> {
        let (cx, torrent, peer) = self.enter(key)?;
        let id = torrent.id();
        update_interest(cx, torrent, peer);
        if stalls(cx, torrent, peer) {
            self.wake_idle(id);
        }
        let (cx, torrent, peer) = self.enter(key)?;
        request_and_serve(cx, torrent, peer);
        self.tell_others(id);
        let (cx, torrent, peer) = self.enter(key)?;
        let is_useless = torrent.is_finished() && gives_only(peer);
        let disk = torrent.exchange().disk();
        let pex_at = match pex::next_at(peer) {
            Some(at) if at <= cx.now => self.exchange_contacts(key),
            later => later,
        };
        if is_useless {
            self.cx.dirty.mark_torrent(id);
            self.part(key);
            return None;
        }
        let peer = self.peers.get_mut(key)?;
        Some(next_of_peer(&mut self.cx, peer, disk, pex_at))
    }

    /// Offers free blocks of a torrent to idle peers.
    pub(super) fn wake_idle(&mut self, id: TorrentId) {
        if let Some((cx, torrent, peers)) = self.enter_torrent(id) {
            wake_idle(cx, torrent.peers(), peers);
        }
    }

    /// Sends a peer the contacts that were added and dropped (BEP 11). Returns the time of the next message.
    fn exchange_contacts(&mut self, key: PeerKey) -> Option<Instant> {
        let peer = self.peers.get(key)?;
        let torrent = self.torrents.get(peer.conn().torrent()?)?;
        let contacts = pex::contacts_for(&self.cx, peer, torrent, self.peers)?;
        let (conn, extensions) = self.peers.get_mut(key)?.split_extensions();
        Some(pex::send(&mut self.cx, conn, extensions, &contacts))
    }
}

/// Returns the time at which a torrent is settled again, for its trackers, its outgoing connections and the choker.
pub(super) fn next_of_torrent(cx: &Cx<'_>, torrent: &Torrent) -> Option<Instant> {
    let is_open = torrent.is_open();
    let wants_more = is_open && torrent.peers().len() < cx.config.max_peers_per_torrent;
    // An address that is due waits for the pace or for a place, and is looked at again after a while.
    let later = |due| if due > cx.now { due } else { cx.now + CHOKE_ROUND };
    let next = [
        torrent.trackers().announcer().poll_timeout().filter(|_| is_open && !cx.is_ending),
        torrent.known().next_due().filter(|_| wants_more && !torrent.calls().is_queued()).map(later),
        torrent.exchange().choke_at().filter(|_| torrent.is_active()),
        torrent.exchange().hoards_at(),
        torrent.exchange().super_seeding_at(),
        torrent.exchange().inquiries_at(),
    ];
    next.into_iter().flatten().min()
}

/// Returns the reason to close a peer whose time is up; `None` if it is not.
fn overdue(cx: &Cx<'_>, peer: &Peer, disk: DiskId, is_crowded: bool) -> Option<&'static str> {
    let conn = peer.conn();
    if !conn.is_live() {
        let is_late = cx.now.since(conn.started_at()) >= greeting_timeout(cx, peer);
        return is_late.then_some(match conn.state() {
            ConnState::Connecting => "could not be reached in time",
            ConnState::Securing => "did not finish the encrypted handshake in time",
            ConnState::Handshaking | ConnState::Live => "did not finish the handshake in time",
        });
    }
    let heard_at = conn.received_at().max(cx.backlog.reading_since(disk));
    if !cx.backlog.is_full(disk) && cx.now.since(heard_at) >= SILENCE_TIMEOUT {
        return Some("was silent for too long");
    }
    let useless_since = peer.trade().useless_since();
    let is_useless = useless_since.is_some_and(|since| cx.now.since(since) >= USELESS_TIMEOUT);
    (is_useless && is_crowded).then_some("was of no use to either side")
}

/// Returns the timeout from the connection attempt to the end of the handshake.
fn greeting_timeout(cx: &Cx<'_>, peer: &Peer) -> Duration {
    let is_vain = peer.conn().is_connecting() && cx.network.is_out_at(peer.conn().addr().ip());
    if is_vain { ATTEMPT_TIMEOUT_OUT } else { HANDSHAKE_TIMEOUT }
}

/// Returns true if a peer wants no data: it is a seed, or only uploads (BEP 21) and is not interested.
fn gives_only(peer: &Peer) -> bool {
    peer.trade().is_seed() || (peer.extensions().is_upload_only() && !peer.trade().is_interested())
}

fn update_interest(cx: &mut Cx<'_>, torrent: &Torrent, peer: &mut Peer) {
    let is_interested = peer.trade().interesting() > 0 && torrent.is_active();
    if peer.trade_mut().set_interest(cx.now, is_interested) {
        let message = if is_interested { &Message::Interested } else { &Message::NotInterested };
        cx.out.send(peer.key(), message);
    }
}

/// Releases the requests to a peer that lets us wait too long. Returns true if it does.
fn stalls(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &mut Peer) -> bool {
    let disk = torrent.exchange().disk();
    let stalls_at = peer.trade().download().stalls_at(cx.backlog.reading_since(disk));
    let is_stalled = !cx.backlog.is_full(disk) && stalls_at.is_some_and(|at| at <= cx.now);
    if is_stalled {
        torrent.exchange_mut().on_stalled(cx, peer.key(), peer.trade_mut());
    }
    is_stalled
}

/// Requests blocks from a peer, and serves its requests.
fn request_and_serve(cx: &mut Cx<'_>, torrent: &mut Torrent, peer: &mut Peer) {
    let (key, is_active, peers) = (peer.key(), torrent.is_active(), torrent.peers().len());
    let ut_metadata = peer.extensions().ut_metadata();
    let trade = peer.trade_mut();
    let (exchange, lifecycle) = torrent.exchange_and_lifecycle();
    if trade.download_mut().take_deferred() {
        cx.dirty.mark_peer(key);
    } else if is_active {
        exchange.request_from(cx, key, trade, peers);
    }
    let meta = lifecycle.meta().map(AsRef::as_ref);
    let source = Source { verified: lifecycle.verified(), meta, ut_metadata };
    exchange.answer_questions(cx, key, trade, source);
    if is_active {
        exchange.serve_blocks(cx, key, trade);
    }
}

/// Keeps a connection alive. Returns the time at which the peer is settled again.
fn next_of_peer(cx: &mut Cx<'_>, peer: &mut Peer, disk: DiskId, pex_at: Option<Instant>) -> Instant {
    let now = cx.now;
    if now.since(peer.conn().sent_at()) >= KEEPALIVE_EVERY {
        peer.conn_mut().sent(now);
        cx.out.send(peer.key(), &Message::KeepAlive);
    }
    let (conn, download) = (peer.conn(), peer.trade().download());
    let keepalive = conn.sent_at() + KEEPALIVE_EVERY;
    let silence = conn.received_at().max(cx.backlog.reading_since(disk)) + SILENCE_TIMEOUT;
    let rests_until = Some(download.rests_until()).filter(|at| *at > now);
    let stalls_at = download.stalls_at(cx.backlog.reading_since(disk));
    let next =
        [stalls_at, rests_until, pex_at].into_iter().flatten().fold(keepalive.min(silence), Instant::min);
    // Timeouts do not count while the sockets are not read.
    if cx.backlog.is_full(disk) { next.max(now + Duration::from_secs(1)) } else { next }
}
