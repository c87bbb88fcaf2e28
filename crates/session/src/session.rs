//! The session: its start, its requests, its shutdown.

use crate::add::{AddError, AddMagnet, AddTorrent};
use crate::bind::{self, DeviceState};
use crate::clock::Clock;
use crate::config::{Config, Settings};
use crate::control::Control;
use crate::dht_state;
use crate::disk::Disks;
use crate::driver::{Device, Driver, Egress, Handshakes, Parts, Reach, Utp, WAKER, sockets};
use crate::events::Events;
use crate::handle::{Link, TorrentHandle};
use crate::inbox::Inbox;
use crate::keys::Keys;
use crate::limits;
use crate::mapping::{Mapping, Shared};
use crate::message::NetEvent;
use crate::opener::Opener;
use crate::port_error::PortError;
use crate::proxy::ProxyStatus;
use crate::reply::{Answer, AskError, Reply, reply};
use crate::snapshot::{self, Snapshot};
use crate::start_error::{SetupError, StartError};
use crate::state;
use crate::times::TimesFile;
use crossbeam_channel::{Receiver, bounded};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use ztor_base::PeerId;
use ztor_engine::{
    Author, BanStatus, Command, Engine, FilterHits, GroupLimits, IpFilter, IpRange, LimitGroup, TorrentId,
    UserBan, WebSource,
};
use ztor_portmap::Status;

/// A running client.
///
/// Dropping it starts a [shutdown](Self::shutdown) in the background and does not wait for it: if the process exits at
/// once, goodbyes and saves are cut off.
#[derive(Debug)]
pub struct Session {
    link: Arc<Link>,
    done: Receiver<bool>,
    reach: Arc<Shared>,
    /// Maximum number of connections that the limit of open files allows.
    max_peers: usize,
}

impl Session {
    /// Listens and starts the threads.
    ///
    /// # Errors
    /// The port is in use, the interface does not exist, or the system refuses a resource.
    pub fn start(config: Config) -> Result<Self, StartError> {
        Ok(Self::start_with_events(config)?.0)
    }

    /// Starts like [`start`](Self::start), and subscribes to the events from the first one on, of which a later
    /// [subscription](Self::subscribe) may miss some.
    ///
    /// # Errors
    /// The port is in use, the interface does not exist, or the system refuses a resource.
    pub fn start_with_events(mut config: Config) -> Result<(Self, Events), StartError> {
        let (bind, port) = (config.bind.clone(), config.port);
        let device = bind.device().map(DeviceState::look).unwrap_or_default();
        if let Some(name) = bind.device()
            && !device.is_there()
        {
            return Err(StartError::NoInterface { name: name.to_owned(), others: bind::device_names() });
        }
        let wants = sockets::Wants::of(&config.settings, config.transports);
        let listening =
            sockets::listen(&bind, port, config.port_is_fixed, wants).map_err(|error| {
                match error.kind() {
                    ErrorKind::AddrInUse => StartError::PortTaken { port, bind: bind.clone() },
                    _ => StartError::Listen { port, bind: bind.clone(), error },
                }
            })?;
        let resume_store = config.resume_store.take().or_else(|| {
            let state = config.state_dir.as_deref()?;
            Some(Arc::new(state::resume_files(state)))
        });
        let share = limits::share(config.settings.max_peers);
        config.settings.max_peers = share.peers;
        let addr = listening.addr();
        let poll = mio::Poll::new().map_err(SetupError::of("poll"))?;
        let inbox = Inbox::new(mio::Waker::new(poll.registry(), WAKER).map_err(SetupError::of("waker"))?);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let workers = if config.disk_workers == 0 { cores.min(4) } else { config.disk_workers };
        let disks = Disks::start(workers, &inbox).map_err(SetupError::of("disk threads"))?;
        let (proxy, is_anonymous) = (&config.settings.proxy, config.settings.is_anonymous);
        if let Some(interface) = bind.device().filter(|_| config.dns_servers.is_empty()) {
            tracing::info!(
                interface,
                "the system resolves names, perhaps over other interfaces; set name servers"
            );
        }
        let control =
            Control::start((&bind, &config.dns_servers), proxy, is_anonymous, config.tracker_dns, &inbox)?;
        control.watch_network(bind.clone(), device.clone());
        let runtime = control.runtime();
        let (publisher, viewer) = snapshot::channel();
        let events = viewer.subscribe();
        let clock = Clock::start();
        let mut engine_config = engine_config(&config, addr.port())?;
        engine_config.max_tracker_sockets = share.trackers;
        let mut engine = Engine::new(clock.now(), engine_config, random_u64()?);
        let dht_path = config.state_dir.as_deref().filter(|_| config.dht.is_some()).map(dht_state::path);
        if let Some(dht) = &config.dht {
            let addrs: Vec<SocketAddr> = listening.places.iter().map(|place| place.addr).collect();
            for (number, families) in (0..).zip(families_of_nodes(&addrs)) {
                let mut saved = dht_path.as_deref().and_then(|path| dht_state::load(path, number));
                if let Some(saved) = saved.as_mut().filter(|_| config.settings.is_anonymous) {
                    // The ids would connect this run with others.
                    saved.ids = Default::default();
                }
                let of_node =
                    ztor_dht::Config { read_only: dht.read_only, families, ..ztor_dht::Config::default() };
                match number {
                    0 => engine.start_dht(clock.now(), of_node, saved.as_ref()),
                    _ => engine.add_dht_node(clock.now(), of_node, saved.as_ref()),
                }
            }
        }
        let shared = Arc::new(Shared::new(addr));
        let mapping = Mapping::start(&runtime, &bind, random_u64()?, (&shared, &inbox), config.transports);
        let reach = Reach::new(mapping, Arc::clone(&shared), config.settings.reach());
        let times = TimesFile::load(config.state_dir.as_deref());
        let (done_sender, done) = bounded(1);
        let max_utp = config.settings.max_peers.saturating_mul(2);
        let parts = Parts {
            utp: Utp::new(clock.now(), config.transports.utp(), max_utp, random_u64()?),
            egress: Egress::new(clock.now(), config.settings.clone(), config.transports, config.dht.clone()),
            handshakes: Handshakes::new(
                config.settings.encryption,
                Keys::start(&inbox).map_err(SetupError::of("thread for keys"))?,
            ),
            poll,
            clock,
            engine,
            listening,
            device: Device::new(bind, device),
            dht_path,
            times: Arc::clone(&times),
            finds_local: config.local_discovery,
            inbox: Arc::clone(&inbox),
            disks,
            control,
            reach,
            publisher,
            done: done_sender,
        };
        let driver = Driver::new(parts).map_err(SetupError::of("sockets"))?;
        let thread = std::thread::Builder::new().name("net".into());
        thread.spawn(move || driver.run()).map_err(SetupError::of("network thread"))?;
        let opener = Opener::new(share.files, resume_store, times, runtime, Arc::clone(&inbox));
        let link = Arc::new(Link { inbox, viewer, opener });
        Ok((Self { link, done, reach: shared, max_peers: share.most_peers }, events))
    }

    /// Returns the address that is listened on. Its IP is unspecified unless the session is bound to an address.
    pub fn local_addr(&self) -> SocketAddr {
        self.reach.addr()
    }

    /// Listens on another port, over TCP and UDP; 0 lets the system choose. Trackers, peers and the DHT hear of it, and
    /// routers map it. Connections stay.
    ///
    /// # Errors
    /// The port is in use. The session still listens on the old one.
    pub fn set_port(&self, port: u16) -> Reply<SocketAddr, PortError> {
        self.ask(|answer| NetEvent::SetPort { port, answer })
    }

    /// Returns the state of the port mapping. [`SessionEvent::PortMapping`](crate::SessionEvent::PortMapping) reports
    /// changes.
    pub fn port_mapping(&self) -> Status {
        self.reach.status()
    }

    /// Adds a torrent. Its data on disk is checked, or trusted where the resume data still matches. Then missing pieces
    /// are fetched, and all are served.
    ///
    /// The files are opened before the reply. A disk that does not respond delays the reply, and those for other
    /// torrents of the same folder only.
    ///
    /// Two torrents may share files only if both are [read-only](AddTorrent::read_only). Unwanted files do not count.
    /// The files of a removed torrent are free once the jobs queued for them are done.
    pub fn add(&self, add: AddTorrent) -> Reply<TorrentHandle, AddError> {
        let (answer, reply) = reply();
        self.link.opener.open(add, answer, |request, answer| NetEvent::Add { request, answer });
        self.with_handle(reply)
    }

    /// Adds a magnet link: peers are looked for and asked for the metadata. No piece is fetched before
    /// [`TorrentHandle::start`].
    pub fn add_magnet(&self, add: AddMagnet) -> Reply<TorrentHandle, AddError> {
        let AddMagnet { magnet, mut peers, known, paused } = add;
        let mut names = Vec::new();
        for peer in magnet.peers {
            match peer.parse() {
                Ok(addr) => peers.push(addr),
                Err(_) => names.push(peer),
            }
        }
        let mut trackers = known.as_ref().map_or_else(Vec::new, |meta| meta.trackers.clone());
        for url in magnet.trackers {
            if !trackers.iter().flatten().any(|known| *known == url) {
                trackers.push(vec![url]);
            }
        }
        let named = known.iter().flat_map(|meta| &meta.web_seeds).cloned().chain(magnet.web_seeds);
        let web_seeds = named.map(WebSource::named).collect();
        let info_hashes = magnet.info_hashes;
        let request = ztor_engine::AddMagnet { info_hashes, trackers, peers, known, paused };
        self.with_handle(self.ask(|answer| NetEvent::AddMagnet { request, names, web_seeds, answer }))
    }

    /// Returns a handle of the torrent with this id, whether it exists or not.
    pub fn torrent(&self, id: TorrentId) -> TorrentHandle {
        TorrentHandle::new(&self.link, id)
    }

    /// Returns the status of all torrents. A change shows within 250 ms, and that of an event together with the event.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.link.viewer.snapshot()
    }

    /// Subscribes to the events from now on. Each subscriber gets all of them.
    pub fn subscribe(&self) -> Events {
        self.link.viewer.subscribe()
    }

    /// Replaces the settings, with immediate effect; a change of encryption is for new connections only. The number of
    /// connections is limited to what the limit of open files allows.
    pub fn set_settings(&self, settings: &Settings) -> Reply<()> {
        let mut settings = Box::new(settings.clone());
        settings.max_peers = settings.max_peers.clamp(1, self.max_peers);
        self.ask(|answer| NetEvent::SetSettings { settings, answer })
    }

    /// Returns the state of the proxy.
    pub fn proxy(&self) -> Reply<ProxyStatus> {
        self.ask(|answer| NetEvent::Proxy { answer })
    }

    /// Returns the number of connections that peers have opened since the start, and that got past the handshake. Above 0,
    /// peers can reach the session.
    pub fn callers(&self) -> Reply<u64> {
        self.ask(|answer| NetEvent::Callers { answer })
    }

    /// Sets the limits of a group of torrents ([`TorrentHandle::set_group`]), with immediate effect. Those over all torrents,
    /// and those of the parent, also apply. The group is created if it does not exist; there are at most 10,000.
    pub fn set_group_limits(&self, group: LimitGroup, limits: GroupLimits) -> Reply<()> {
        self.command(Command::SetGroupLimits { group, limits })
    }

    /// Removes a group of torrents. Its torrents and groups have no limit from it any more.
    pub fn remove_group(&self, group: LimitGroup) -> Reply<()> {
        self.command(Command::RemoveGroup(group))
    }

    fn command(&self, command: Command) -> Reply<()> {
        self.ask(|answer| NetEvent::Do { command, answer })
    }

    /// Returns the bans in force, which apply to all torrents.
    pub fn bans(&self) -> Reply<Vec<BanStatus>> {
        self.ask(|answer| NetEvent::Bans { answer })
    }

    /// Lifts a ban early. No effect if there is none.
    pub fn lift_ban(&self, author: Author) -> Reply<()> {
        self.ask(|answer| NetEvent::LiftBan { author, answer })
    }

    /// Lifts the bans of all hosts and peers in a range of addresses, except those by the user.
    pub fn lift_bans_in(&self, range: IpRange) -> Reply<()> {
        self.command(Command::LiftBansIn(range))
    }

    /// Replaces the bans by the user, [`MAX_USER_BANS`](crate::MAX_USER_BANS) at most. Connections with these addresses
    /// are closed.
    pub fn set_user_bans(&self, bans: Vec<UserBan>) -> Reply<()> {
        self.command(Command::SetUserBans(bans))
    }

    /// Replaces the IP filter: addresses that are neither dialed nor accepted, and whose DHT messages are dropped.
    /// Connections with them are closed.
    pub fn set_filter(&self, filter: IpFilter) -> Reply<()> {
        self.ask(|answer| NetEvent::SetFilter { filter, answer })
    }

    /// Returns the effects of the IP filter and of the bans by the user since the start.
    pub fn filter_hits(&self) -> Reply<FilterHits> {
        self.ask(|answer| NetEvent::FilterHits { answer })
    }

    pub(crate) fn ask<T: Send + 'static, E: From<AskError> + Send + 'static>(
        &self,
        message: impl FnOnce(Answer<T, E>) -> NetEvent,
    ) -> Reply<T, E> {
        let (answer, reply) = reply();
        self.link.inbox.push(message(answer));
        reply
    }

    fn with_handle<E: 'static>(&self, reply: Reply<TorrentId, E>) -> Reply<TorrentHandle, E> {
        let link = Arc::clone(&self.link);
        reply.map(move |id| TorrentHandle::new(&link, id))
    }

    /// Announces `stopped` to all trackers, saves all torrents and closes everything. Blocks until that is done, for at
    /// most `deadline`, after which the shutdown continues in the background.
    ///
    /// Returns true if everything is done by then, and all trackers have answered or failed. Returns false if the
    /// session had ended before.
    pub fn shutdown(&self, deadline: Duration) -> bool {
        self.link.inbox.push(NetEvent::Shutdown { goodbyes: None });
        self.done.recv_timeout(deadline) == Ok(true)
    }

    /// Shuts down like [`shutdown`](Self::shutdown), but waits for trackers, which may not answer, no longer than
    /// `goodbyes`. The disk, which has data to keep, may take longer. Blocks for at most `deadline` in all.
    ///
    /// After [`End::Unfinished`], it may be called again to wait longer; `goodbyes` counts from the first call.
    pub fn end(&self, goodbyes: Duration, deadline: Duration) -> End {
        self.link.inbox.push(NetEvent::Shutdown { goodbyes: Some(goodbyes) });
        match self.done.recv_timeout(deadline) {
            Ok(true) => End::Complete,
            Ok(false) => End::WithoutGoodbyes,
            Err(_) => End::Unfinished,
        }
    }
}

/// Result of [`Session::end`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Everything is saved, and all trackers have answered or failed.
    Complete,
    /// Everything is saved. Some trackers have not answered, and may not know that this client is gone.
    WithoutGoodbyes,
    /// The shutdown is not complete, or the session had ended before.
    Unfinished,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.link.inbox.push(NetEvent::Shutdown { goodbyes: None });
    }
}

/// Returns a new peer id: in anonymous mode, one that does not show the client.
pub(crate) fn random_peer_id(is_anonymous: bool) -> Result<PeerId, StartError> {
    let mut random = [0; 20];
    fill_random(&mut random)?;
    let [_, _, _, _, _, _, _, _, tail @ ..] = random;
    Ok(if is_anonymous { PeerId::new(random) } else { PeerId::from_random(tail) })
}

fn engine_config(config: &Config, listen_port: u16) -> Result<ztor_engine::Config, StartError> {
    let peer_id = random_peer_id(config.settings.is_anonymous)?;
    let listen_port = if config.settings.proxy.allows_incoming() { listen_port } else { 0 };
    let mut engine = ztor_engine::Config::new(peer_id, listen_port);
    engine.is_anonymous = config.settings.is_anonymous;
    engine.local_discovery = config.local_discovery;
    engine.external_ports.v4 = config.settings.reach().announced_port;
    engine.set(config.settings.to_engine(config.transports));
    Ok(engine)
}

/// Returns the configuration of a DHT node at a listening address.
pub(crate) fn dht_config(listening: SocketAddr) -> ztor_dht::Config {
    let families = families_of_nodes(&[listening]).into_iter().next().unwrap_or_default();
    ztor_dht::Config { families, ..ztor_dht::Config::default() }
}

/// Returns the families of each DHT node for these listening addresses: a node has the addresses of one number in their
/// families (BEP 45). An unspecified IPv6 address serves both.
fn families_of_nodes(listening: &[SocketAddr]) -> Vec<ztor_dht::PerFamily<bool>> {
    let count = |serves: fn(IpAddr) -> bool| listening.iter().filter(|addr| serves(addr.ip())).count();
    let v4 = count(|ip| ip.is_ipv4() || ip.is_unspecified());
    let v6 = count(|ip| ip.is_ipv6());
    (0..v4.max(v6)).map(|number| ztor_dht::PerFamily { v4: number < v4, v6: number < v6 }).collect()
}

pub(crate) fn random_u64() -> Result<u64, StartError> {
    let mut bytes = [0; 8];
    fill_random(&mut bytes)?;
    Ok(u64::from_ne_bytes(bytes))
}

fn fill_random(bytes: &mut [u8]) -> Result<(), StartError> {
    let filled = getrandom::fill(bytes).map_err(std::io::Error::other);
    Ok(filled.map_err(SetupError::of("random bytes"))?)
}
