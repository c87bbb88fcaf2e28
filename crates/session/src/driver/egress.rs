//! Ways out: the settings that decide on them, and what follows from changes of settings, proxy and relay.

use super::Driver;
use super::close::CloseReason;
use super::link::{Link, Means};
use super::outlet::Proxied;
use super::relay::Relay;
use super::sockets::Wants;
use super::tunnels::{Made, Tunnels};
use crate::config::Settings;
use crate::dht_state::DhtOptions;
use crate::proxy::{ProxyPolicy, ProxyState, ProxyStatus, Use};
use crate::session::random_peer_id;
use crate::snapshot::SessionEvent;
use mio::event::Event as Ready;
use std::net::{IpAddr, SocketAddr};
use ztor_base::Instant;
use ztor_engine::{DhtRole, Event, NetworkChange, PeerKey, Transports};
use ztor_socks::{Tunnel, Way};

/// The settings, the link to the proxy, and connections that the proxy is making.
pub(crate) struct Egress {
    settings: Settings,
    /// Transports as configured.
    transports: Transports,
    /// `None` without a DHT.
    dht: Option<DhtOptions>,
    link: Link,
    /// State of the proxy as last reported.
    reported: ProxyState,
    pub(super) tunnels: Tunnels,
}

impl Egress {
    pub(crate) fn new(
        now: Instant,
        settings: Settings,
        transports: Transports,
        dht: Option<DhtOptions>,
    ) -> Self {
        let link = Link::new(now, settings.proxy.clone());
        let reported = link.status().state;
        Self { settings, transports, dht, link, reported, tunnels: Tunnels::default() }
    }

    pub(super) fn wants(&self) -> Wants {
        Wants::of(&self.settings, self.transports)
    }

    pub(super) fn allows_local(&self) -> bool {
        self.settings.allows_local()
    }

    pub(super) fn proxied(&self) -> Proxied {
        let is_proxied = |of| self.policy().proxy_for(of).is_some();
        Proxied { peers: is_proxied(Use::Peers), trackers: is_proxied(Use::Trackers) }
    }

    pub(super) fn status(&self) -> ProxyStatus {
        self.link.status()
    }

    fn policy(&self) -> &ProxyPolicy {
        &self.settings.proxy
    }

    /// Returns the way of connections to peers.
    pub(super) fn way_of_calls(&self) -> Way {
        self.link.connection_way(self.proxied().peers)
    }

    /// Returns true if datagrams with peers can be sent.
    fn has_datagrams(&self) -> bool {
        self.link.datagram_way(self.proxied().peers) != Way::Nowhere
    }

    /// Returns the transports that can be used now.
    fn usable_transports(&self) -> Transports {
        if self.transports == Transports::Both && !self.has_datagrams() {
            Transports::Tcp
        } else {
            self.transports
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.link.poll_timeout().into_iter().chain(self.tunnels.poll_timeout()).min()
    }
}

impl Driver {
    fn means(&self) -> Means<'_> {
        let (registry, bind, control) = (self.poll.registry(), self.device.bind(), &self.control);
        Means { now: self.cx.now(), registry, bind, control }
    }

    /// Runs `f` on the link, and carries out what follows.
    fn with_link(&mut self, f: impl FnOnce(&mut Link, Means<'_>)) {
        let relay = self.egress.link.relay();
        let was_up = self.egress.link.dial_addr().is_some();
        let (registry, bind, control) = (self.poll.registry(), self.device.bind(), &self.control);
        f(&mut self.egress.link, Means { now: self.cx.now(), registry, bind, control });
        self.on_link_changed(was_up, relay);
    }

    /// Starts the attempts to reach the proxy that are due.
    pub(super) fn advance_link(&mut self) {
        let now = self.cx.now();
        if self.egress.link.poll_timeout().is_some_and(|at| at <= now) {
            self.with_link(|link, means| link.handle_timeout(means));
        }
        for key in self.egress.tunnels.overdue(now) {
            self.close_by_proxy(key, CloseReason::Proxy("no answer in time".into()));
        }
    }

    pub(super) fn on_link_ready(&mut self, ready: &Ready) {
        self.with_link(|link, means| link.on_ready(means, ready));
    }

    pub(super) fn on_proxy_resolved(&mut self, attempt: u64, result: Result<Vec<IpAddr>, String>) {
        self.with_link(|link, means| link.on_resolved(means, attempt, result));
    }

    /// Starts the link anew, as connections over the network of before are lost.
    pub(super) fn restart_link(&mut self) {
        self.with_link(|link, means| link.restart(means, link.policy().clone()));
    }

    fn on_link_changed(&mut self, was_up: bool, relay_before: Option<SocketAddr>) {
        let is_up = self.egress.link.dial_addr().is_some();
        let relay = self.egress.link.relay();
        if relay != relay_before {
            match relay {
                Some(addr) => self.open_relay(addr),
                None => self.close_relay(),
            }
        }
        if relay.is_some() != relay_before.is_some() {
            self.apply_settings();
        }
        // A relay that comes and goes must not make us announce to all trackers each time.
        let has_new_relay =
            relay.is_some() && relay_before.is_none() && !self.egress.link.has_doubtful_relay();
        let has_news = is_up && (!was_up || has_new_relay);
        if has_news && self.ending.is_running() {
            self.control.forget_names();
            // Everything that has failed is tried again, and the DHT is joined.
            self.cx.handle(Event::Network(NetworkChange::Moved));
        }
        self.report_proxy();
    }

    fn report_proxy(&mut self) {
        let state = self.egress.link.status().state;
        if state == self.egress.reported {
            return;
        }
        let problem = match (&state, &self.egress.reported) {
            (ProxyState::Down(problem), _) => Some(problem.clone()),
            (ProxyState::Up, ProxyState::Down(_)) => None,
            _ => {
                self.egress.reported = state;
                return;
            }
        };
        tracing::info!(problem, "the state of the proxy has changed");
        self.egress.reported = state;
        self.cx.emit(SessionEvent::Proxy { problem });
    }

    fn open_relay(&mut self, addr: SocketAddr) {
        let (registry, bind) = (self.poll.registry(), self.device.bind());
        match Relay::open(registry, bind, addr, self.control.aliases().clone()) {
            Ok(relay) => {
                tracing::info!(%addr, "the proxy relays datagrams");
                self.datagrams.set_relay(Some(relay));
            }
            Err(error) => {
                tracing::warn!(%addr, %error, "cannot open a socket for the relay of the proxy");
                self.datagrams.set_relay(None);
            }
        }
    }

    /// Closes the relay and all that went over it: the next one has another address.
    fn close_relay(&mut self) {
        if self.egress.proxied().peers {
            for key in self.datagrams.utp().peers() {
                self.close(key, CloseReason::RelayGone);
            }
        }
        self.datagrams.set_relay(None);
    }

    /// Handles an event of a connection that the proxy is making.
    pub(super) fn on_tunnel_ready(&mut self, key: PeerKey, ready: &Ready) {
        match self.egress.tunnels.on_ready(self.poll.registry(), key, ready) {
            Ok(Made::NotYet) => {}
            Ok(Made::Done(stream, cipher)) => {
                self.egress.link.note_success();
                match self.conns.insert_tcp(self.poll.registry(), key, stream, false, cipher) {
                    Ok(()) => self.connected(key),
                    Err(error) => self.close(key, CloseReason::Socket(error)),
                }
            }
            Err(reason) => self.close_by_proxy(key, reason),
        }
    }

    /// Ends a connection that was not made, and notes it if that is because of the proxy.
    pub(super) fn close_by_proxy(&mut self, key: PeerKey, reason: CloseReason) {
        if let CloseReason::Proxy(problem) = &reason {
            let problem = problem.clone();
            self.with_link(|link, means| link.note_failure(means, problem));
        }
        self.close(key, reason);
    }

    /// Starts a connection to a peer through the proxy at an address.
    pub(super) fn call_through_proxy(
        &mut self,
        key: PeerKey,
        addr: SocketAddr,
        at: SocketAddr,
        cipher: super::cipher::StreamCipher,
    ) -> Result<(), CloseReason> {
        let Some(proxy) = self.egress.policy().proxy_for(Use::Peers) else {
            return Err(CloseReason::NoRoute);
        };
        let tunnel = Tunnel::connect(proxy, &addr.into()).map_err(CloseReason::Tunnel)?;
        let means = self.means();
        let stream = super::sockets::connect(means.bind, at, 0);
        let inserted = match stream {
            Ok(stream) => {
                let (now, registry) = (self.cx.now(), self.poll.registry());
                self.egress.tunnels.insert(registry, now, key, (stream, tunnel), cipher)
            }
            Err(error) => Err(error),
        };
        inserted.map_err(|error| CloseReason::Proxy(error.to_string()))
    }

    /// Replaces the settings.
    pub(super) fn set_settings(&mut self, settings: Settings) {
        self.handshakes.set_encryption(settings.encryption);
        let before = std::mem::replace(&mut self.egress.settings, settings);
        let now = &self.egress.settings;
        let is_other_proxy = before.proxy != now.proxy;
        let is_other_identity = before.is_anonymous != now.is_anonymous;
        if is_other_proxy || is_other_identity {
            self.control.set_policy(&now.proxy, now.is_anonymous);
        }
        if is_other_identity {
            self.change_identity();
        }
        if is_other_proxy {
            self.change_proxy(&before.proxy);
        }
        let wants_local = |settings: &Settings| settings.allows_local();
        let has_changed = Wants::of(&before, self.egress.transports) != self.egress.wants()
            || wants_local(&before) != wants_local(&self.egress.settings);
        if has_changed {
            self.device.listen_at(self.cx.now());
            self.listen_again();
        }
        self.apply_settings();
        self.reach.set(&mut self.cx, &self.egress.settings.reach());
        if is_other_proxy || is_other_identity {
            self.cx.handle(Event::Network(NetworkChange::Moved));
        }
    }

    /// Passes the settings to the engine, as far as proxy and relay allow.
    pub(super) fn apply_settings(&mut self) {
        let transports = self.egress.usable_transports();
        self.datagrams.utp_mut().set_reachable(self.egress.has_datagrams());
        let settings = self.egress.settings.to_engine(transports);
        let now = self.cx.now();
        let is_proxied = self.egress.proxied().peers;
        self.cx.engine_mut().set_settings(now, settings);
        self.cx.engine_mut().set_one_dht_node(now, is_proxied);
    }

    fn change_identity(&mut self) {
        let is_anonymous = self.egress.settings.is_anonymous;
        match random_peer_id(is_anonymous) {
            Ok(peer_id) => self.cx.set_identity(peer_id, is_anonymous),
            // The system has always had some so far.
            Err(error) => tracing::error!(%error, "cannot choose a new peer id"),
        }
    }

    /// Closes what does not go through the new proxy, or goes through the old one.
    fn change_proxy(&mut self, before: &ProxyPolicy) {
        if before.proxy_for(Use::Peers) != self.egress.policy().proxy_for(Use::Peers)
            || before.allows_incoming() != self.egress.policy().allows_incoming()
        {
            for key in self.conns.keys().into_iter().chain(self.egress.tunnels.keys()) {
                self.close(key, CloseReason::OtherProxy);
            }
        }
        self.datagrams.set_relay(None);
        self.datagrams.set_proxied(self.egress.proxied());
        let policy = self.egress.policy().clone();
        self.with_link(|link, means| link.restart(means, policy));
        self.join_dht();
    }

    /// Looks up the nodes through which the DHT is joined.
    pub(super) fn join_dht(&self) {
        if let Some(dht) = &self.egress.dht {
            // Custom bootstrap nodes may form a small network of their own, which has no others.
            let is_usual = dht.bootstrap == DhtOptions::default().bootstrap;
            let role = if is_usual { DhtRole::Router } else { DhtRole::Entry };
            self.control.resolve_dht_nodes(dht.bootstrap.clone(), role);
        }
    }
}
