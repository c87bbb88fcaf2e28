//! Slow and rare work on a small tokio runtime: HTTP and name resolution.

use crate::aliases::Aliases;
use crate::bind::{Bind, DeviceState};
use crate::dns::Dns;
use crate::http::Fetcher;
use crate::http_clients::Http;
use crate::inbox::Inbox;
use crate::interfaces::{self, Interfaces, Watch};
use crate::message::NetEvent;
use crate::names::{Addrs, Names};
use crate::proxy::{ProxyPolicy, Use};
use crate::route::FILTERED;
use crate::start_error::SetupError;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::runtime::Runtime;
use ztor_engine::{Command, DhtRole, Event, HttpGet, IpFilter, Resolve, TorrentId};
use ztor_tracker::dns::{PortChoice, Protocol};

/// Maximum number of DHT nodes of one torrent that are resolved.
const MAX_TORRENT_NODES: usize = 16;
/// Maximum number of addresses used per peer, and per bootstrap node of the DHT.
const MAX_PEER_ADDRS: usize = 8;
const MAX_NODE_ADDRS: usize = 4;

pub(crate) struct Control {
    runtime: Runtime,
    http: Http,
    names: Names,
    dns: Dns,
    aliases: Aliases,
    /// Read again before every lookup.
    policy: Arc<RwLock<ProxyPolicy>>,
    bind: Bind,
    /// True to look up the ports of trackers (BEP 34).
    asks_for_ports: bool,
    inbox: Arc<Inbox<NetEvent>>,
}

impl Control {
    pub(crate) fn start(
        (bind, dns_servers): (&Bind, &[IpAddr]),
        policy: &ProxyPolicy,
        is_anonymous: bool,
        asks_for_ports: bool,
        inbox: &Arc<Inbox<NetEvent>>,
    ) -> Result<Self, SetupError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("control")
            .enable_all()
            .build()
            .map_err(SetupError::of("control runtime"))?;
        let dns = Dns::new(dns_servers, bind);
        let names = Names::by(dns.clone());
        let http = Http::new(bind, &names, policy, is_anonymous)?;
        let policy = Arc::new(RwLock::new(policy.clone()));
        let (bind, inbox, aliases) = (bind.clone(), Arc::clone(inbox), Aliases::default());
        Ok(Self { runtime, http, names, aliases, policy, bind, dns, asks_for_ports, inbox })
    }

    /// Replaces the proxy. Requests under way end.
    pub(crate) fn set_policy(&self, policy: &ProxyPolicy, is_anonymous: bool) {
        *self.policy.write().unwrap_or_else(PoisonError::into_inner) = policy.clone();
        self.http.set_policy(policy, is_anonymous);
        self.names.clear();
    }

    /// Returns the addresses in place of names that only the proxy resolves.
    pub(crate) fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// Resolves the host of the proxy itself. `attempt` is returned with the answer.
    pub(crate) fn resolve_proxy(&self, host: String, attempt: u64) {
        let (names, inbox) = (self.names.clone(), Arc::clone(&self.inbox));
        self.runtime.spawn(async move {
            let result = names.look_up(&host).await.map(|addrs| addrs.to_vec());
            inbox.push(NetEvent::ProxyResolved { attempt, result });
        });
    }

    /// Returns the HTTP client for a use. It is valid until the proxy changes.
    pub(crate) fn fetcher(&self, of: Use) -> Fetcher {
        self.http.fetcher(of)
    }

    /// Returns the queue to the network thread.
    pub(crate) fn inbox(&self) -> Arc<Inbox<NetEvent>> {
        Arc::clone(&self.inbox)
    }

    /// Returns the runtime, for other slow work.
    pub(crate) fn runtime(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Watches the addresses of this machine, and the interface that all sockets are bound to, if any.
    pub(crate) fn watch_network(&self, bind: Bind, mut device: DeviceState) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            let mut watch = Watch::start();
            let mut interfaces = Interfaces::look(&bind, &Interfaces::default());
            loop {
                watch.wait().await;
                if let Some(state) = bind.device().map(DeviceState::look)
                    && state != device
                {
                    device = state.clone();
                    inbox.push(NetEvent::Device(state));
                }
                let now = Interfaces::look(&bind, &interfaces);
                if let Some(moved) = now.since(&interfaces) {
                    inbox.push(NetEvent::Moved(moved));
                }
                interfaces = now;
            }
        });
    }

    /// Sends a request to a tracker. The engine bounds the number of concurrent ones.
    pub(crate) fn get(&self, request: HttpGet) {
        let (fetcher, inbox) = (self.http.fetcher(Use::Trackers), Arc::clone(&self.inbox));
        self.runtime.spawn(async move {
            let fetched = fetcher.get_from_tracker(&request.url, request.family).await;
            let from = fetched.as_ref().ok().and_then(|fetched| fetched.from);
            let result =
                fetched.map(|fetched| (fetched.status, fetched.body)).map_err(|error| error.to_string());
            inbox.push(NetEvent::Engine(Event::Http { id: request.id, from, result }));
        });
    }

    /// Replaces the IP filter, if it applies to trackers.
    pub(crate) fn set_filter(&self, filter: &IpFilter) {
        self.http.set_filter(if filter.covers_trackers { filter.clone() } else { IpFilter::default() });
    }

    /// Removes the addresses of trackers that are filtered. The error is that all are.
    pub(crate) fn retain_unfiltered(&self, ips: &mut Vec<IpAddr>) -> Result<(), String> {
        let had_any = !ips.is_empty();
        self.http.retain_unfiltered(ips);
        if had_any && ips.is_empty() { Err(FILTERED.to_owned()) } else { Ok(()) }
    }

    /// Resolves the host of a tracker. With a proxy for trackers, it gets an alias.
    pub(crate) fn resolve(&self, request: Resolve) {
        if self.is_proxied(Use::Trackers) {
            let result = Ok(vec![self.aliases.alias_of(&request.host)]);
            return self.inbox.push(NetEvent::Resolved { id: request.id, result });
        }
        let (names, bind, inbox) = (self.names.clone(), self.bind.clone(), Arc::clone(&self.inbox));
        let dns = self.dns.clone();
        let asks_for_ports = self.asks_for_ports && request.host.parse::<IpAddr>().is_err();
        self.runtime.spawn(async move {
            if asks_for_ports && let Err(denied) = ask_for_port(&request, &dns, &inbox).await {
                return inbox.push(NetEvent::Resolved { id: request.id, result: Err(denied) });
            }
            // Requests over a family without a route would only time out.
            let reachable = |addrs: Addrs| {
                let has_both = addrs.iter().any(IpAddr::is_ipv4) && addrs.iter().any(IpAddr::is_ipv6);
                let leads = |ip: &IpAddr| !has_both || ip.is_ipv4() || interfaces::has_way(&bind, true);
                addrs.iter().copied().filter(leads).collect()
            };
            let result = names.look_up(&request.host).await.map(reachable);
            inbox.push(NetEvent::Resolved { id: request.id, result });
        });
    }

    /// Resolves a peer that is given by name, as `host:port`.
    pub(crate) fn resolve_peer(&self, torrent: TorrentId, peer: String) {
        let (names, inbox) = (self.names.clone(), Arc::clone(&self.inbox));
        let is_proxied = self.is_proxied(Use::Peers);
        self.runtime.spawn(async move {
            let found = match split_port(&peer) {
                Some((host, _)) if is_proxied && host.parse::<IpAddr>().is_err() => {
                    Err("with a proxy, peers need an address in place of a name".into())
                }
                Some((host, port)) => look_up(&names, host, port, MAX_PEER_ADDRS).await,
                None => Err("expected HOST:PORT".into()),
            };
            inbox.push(match found {
                Ok(addrs) => NetEvent::Command(Command::AddPeers { torrent, addrs }),
                Err(message) => NetEvent::PeerNotFound { torrent, peer, message },
            });
        });
    }

    /// Resolves bootstrap nodes of the DHT. Retries until one is found, as the network may not be up yet. With a proxy,
    /// names get aliases, which must not become known to other nodes: they are routers, whatever the role.
    pub(crate) fn resolve_dht_nodes(&self, nodes: Vec<String>, role: DhtRole) {
        let (names, inbox) = (self.names.clone(), Arc::clone(&self.inbox));
        let (policy, aliases) = (Arc::clone(&self.policy), self.aliases.clone());
        self.runtime.spawn(async move {
            let mut wait = Duration::from_secs(2);
            loop {
                let mut addrs = Vec::new();
                if is_proxied(&policy, Use::Peers) {
                    let pairs = nodes.iter().filter_map(|node| split_port(node));
                    let addrs =
                        pairs.map(|(host, port)| SocketAddr::new(aliases.alias_of(host), port)).collect();
                    return inbox
                        .push(NetEvent::Command(Command::AddDhtNodes { addrs, role: DhtRole::Router }));
                }
                for (host, port) in nodes.iter().filter_map(|node| split_port(node)) {
                    match look_up(&names, host, port, MAX_NODE_ADDRS).await {
                        Ok(found) => addrs.extend(found),
                        Err(error) => tracing::debug!(host, error, "cannot resolve a DHT node"),
                    }
                }
                if !addrs.is_empty() || nodes.is_empty() {
                    return inbox.push(NetEvent::Command(Command::AddDhtNodes { addrs, role }));
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(300));
            }
        });
    }

    /// Resolves DHT nodes that a torrent names (BEP 5).
    pub(crate) fn resolve_torrent_nodes(&self, nodes: Vec<(String, u16)>) {
        let (names, inbox) = (self.names.clone(), Arc::clone(&self.inbox));
        let policy = Arc::clone(&self.policy);
        self.runtime.spawn(async move {
            let mut addrs = Vec::new();
            for (host, port) in nodes.iter().take(MAX_TORRENT_NODES) {
                if is_proxied(&policy, Use::Peers) && host.parse::<IpAddr>().is_err() {
                    continue;
                }
                addrs.extend(look_up(&names, host, *port, 2).await.into_iter().flatten());
            }
            inbox.push(NetEvent::Command(Command::AddDhtNodes { addrs, role: DhtRole::Node }));
        });
    }

    fn is_proxied(&self, of: Use) -> bool {
        is_proxied(&self.policy, of)
    }

    /// Forgets all resolved names, as they may have other addresses in another network.
    pub(crate) fn forget_names(&self) {
        self.names.clear();
    }

    /// Runs a job that may wait for the disk.
    pub(crate) fn run_blocking(&self, job: impl FnOnce() + Send + 'static) {
        self.runtime.spawn_blocking(job);
    }

    /// Stops the runtime, and drops the work under way.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}

fn is_proxied(policy: &RwLock<ProxyPolicy>, of: Use) -> bool {
    policy.read().unwrap_or_else(PoisonError::into_inner).proxy_for(of).is_some()
}

/// Asks for the port of a tracker in the DNS (BEP 34), and reports another one. The error is that there is no such tracker.
async fn ask_for_port(request: &Resolve, dns: &Dns, inbox: &Inbox<NetEvent>) -> Result<(), String> {
    let (host, dns) = (request.host.clone(), dns.clone());
    let asked = tokio::task::spawn_blocking(move || dns.tracker_ports(&host)).await;
    let Ok(Some(ports)) = asked else { return Ok(()) };
    let named = |protocol, port| match protocol {
        Protocol::Udp => format!("udp://{}:{port}", request.host),
        Protocol::Tcp => format!("http://{}:{port}", request.host),
    };
    match ports.choose(request.protocol, request.port) {
        PortChoice::Keep => Ok(()),
        PortChoice::Use(port) => {
            tracing::info!(host = request.host, port, "the DNS names another port of a tracker");
            inbox.push(NetEvent::Engine(Event::TrackerPort { id: request.id, port }));
            Ok(())
        }
        PortChoice::Denied => Err("the DNS says that its host runs no tracker (BEP 34)".to_owned()),
        PortChoice::OtherProtocol(protocol, port) => Err(format!(
            "the DNS says that its host has only a tracker at {} (BEP 34); edit the trackers of the torrent",
            named(protocol, port)
        )),
    }
}

/// Splits `host:port`. An IPv6 address is in brackets.
fn split_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    Some((host, port.parse().ok()?))
}

/// Returns at most `count` addresses of a host.
async fn look_up(names: &Names, host: &str, port: u16, count: usize) -> Result<Vec<SocketAddr>, String> {
    let found = names.look_up(host).await?;
    Ok(found.iter().take(count).map(|ip| SocketAddr::new(*ip, port)).collect())
}
