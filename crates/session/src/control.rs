//! Slow and rare work: HTTP and name look-ups, on a small tokio runtime.

use crate::bind::{Bind, DeviceState, LOOK_EVERY};
use crate::http::{Fetcher, MAX_TRACKER_REPLY};
use crate::inbox::Inbox;
use crate::message::NetEvent;
use crate::start_error::SetupError;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;
use ztor_engine::{Command, DhtRole, Event, HttpGet, Resolve, TorrentId};

/// Requests under way at a time; thousands of torrents announce at once after a start.
const MAX_AT_ONCE: usize = 64;

/// DHT nodes of one torrent that are looked up.
const MAX_TORRENT_NODES: usize = 16;

pub(crate) struct Control {
    runtime: Runtime,
    fetcher: Fetcher,
    inbox: Arc<Inbox<NetEvent>>,
    places: Arc<Semaphore>,
}

impl Control {
    pub(crate) fn start(bind: &Bind, inbox: &Arc<Inbox<NetEvent>>) -> Result<Self, SetupError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("control")
            .enable_all()
            .build()
            .map_err(SetupError::of("control runtime"))?;
        let fetcher = Fetcher::new(bind)?;
        Ok(Self { runtime, fetcher, inbox: Arc::clone(inbox), places: Arc::new(Semaphore::new(MAX_AT_ONCE)) })
    }

    /// Looks again and again whether an interface is still as it was.
    pub(crate) fn watch_device(&self, name: String, mut last: DeviceState) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let state = DeviceState::look(&name);
                if state != last {
                    last = state.clone();
                    inbox.push(NetEvent::Device(state));
                }
            }
        });
    }

    pub(crate) fn get(&self, request: HttpGet) {
        let (fetcher, inbox, places) =
            (self.fetcher.clone(), Arc::clone(&self.inbox), Arc::clone(&self.places));
        self.runtime.spawn(async move {
            // Goodbyes do not queue behind announces: there are only seconds left.
            let _place = if request.is_goodbye { None } else { places.acquire().await.ok() };
            let fetched = fetcher.get(&request.url, MAX_TRACKER_REPLY).await;
            let from = fetched.as_ref().ok().and_then(|fetched| fetched.from);
            let result =
                fetched.map(|fetched| (fetched.status, fetched.body)).map_err(|error| error.to_string());
            inbox.push(NetEvent::Engine(Event::Http { id: request.id, from, result }));
        });
    }

    pub(crate) fn resolve(&self, request: Resolve) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            let found = tokio::time::timeout(
                Duration::from_secs(15),
                tokio::net::lookup_host((request.host.as_str(), 0)),
            );
            let result = match found.await {
                Ok(Ok(addrs)) => Ok(addrs.map(|a| a.ip()).collect()),
                Ok(Err(error)) => Err(format!("its name cannot be looked up: {error}")),
                Err(_) => Err("its name was not found in time".into()),
            };
            inbox.push(NetEvent::Resolved { id: request.id, result });
        });
    }

    /// Looks up a peer that is given by name, `host:port`.
    pub(crate) fn resolve_peer(&self, torrent: TorrentId, peer: String) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            let found =
                tokio::time::timeout(Duration::from_secs(15), tokio::net::lookup_host(peer.clone())).await;
            let found: Result<Vec<SocketAddr>, String> = match found {
                Ok(Ok(addrs)) => Ok(addrs.take(8).collect()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err("no answer in time".into()),
            };
            inbox.push(match found {
                Ok(addrs) => NetEvent::Command(Command::AddPeers { torrent, addrs }),
                Err(message) => NetEvent::PeerNotFound { torrent, peer, message },
            });
        });
    }

    /// Looks up the names of nodes to enter the DHT by, again and again until one is found: the network may not be
    /// there yet.
    pub(crate) fn resolve_dht_nodes(&self, names: Vec<String>, role: DhtRole) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            let mut wait = Duration::from_secs(2);
            loop {
                let mut addrs = Vec::new();
                for name in &names {
                    let found = tokio::net::lookup_host(name);
                    match tokio::time::timeout(Duration::from_secs(15), found).await {
                        Ok(Ok(found)) => addrs.extend(found.take(4)),
                        Ok(Err(error)) => tracing::debug!(name, %error, "a DHT node's name was not found"),
                        Err(_) => tracing::debug!(name, "a DHT node's name was not found in time"),
                    }
                }
                if !addrs.is_empty() || names.is_empty() {
                    return inbox.push(NetEvent::Command(Command::AddDhtNodes { addrs, role }));
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(Duration::from_secs(300));
            }
        });
    }

    /// Looks up nodes that a torrent names (BEP 5).
    pub(crate) fn resolve_torrent_nodes(&self, nodes: Vec<(String, u16)>) {
        let inbox = Arc::clone(&self.inbox);
        self.runtime.spawn(async move {
            let mut addrs = Vec::new();
            for (host, port) in nodes.iter().take(MAX_TORRENT_NODES) {
                let found = tokio::net::lookup_host((host.as_str(), *port));
                if let Ok(Ok(found)) = tokio::time::timeout(Duration::from_secs(15), found).await {
                    addrs.extend(found.take(2));
                }
            }
            inbox.push(NetEvent::Command(Command::AddDhtNodes { addrs, role: DhtRole::Node }));
        });
    }

    /// Runs what may wait for the disk.
    pub(crate) fn run_blocking(&self, job: impl FnOnce() + Send + 'static) {
        self.runtime.spawn_blocking(job);
    }

    /// Drops what is under way.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_timeout(Duration::from_millis(100));
    }
}
