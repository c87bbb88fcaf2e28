//! The task that keeps the port mapped.

use super::net::Net;
use super::options::PortMappingOptions;
use super::place;
use crate::bind::Bind;
use crate::clock::Clock;
use crate::inbox::Inbox;
use crate::message::NetEvent;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use ztor_base::Instant;
use ztor_engine::Transports;
use ztor_portmap::{
    Absent, Done, Failure, Family, JobId, Mapper, Place, Status, Transport, Want, natpmp, pcp,
};

/// Longest time that the removal of the mappings may delay the end of a session.
const REMOVE_WITHIN: Duration = Duration::from_secs(3);
/// Longest wait of an idle task.
const RARELY: Duration = Duration::from_secs(3600);

/// Status of port mapping, and the address that is listened on, for all threads.
#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    addr: SocketAddr,
    status: Status,
    /// Time of the status.
    at: std::time::Instant,
}

impl Shared {
    pub(crate) fn new(addr: SocketAddr) -> Self {
        Self { state: Mutex::new(State { addr, status: off(), at: std::time::Instant::now() }) }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.state().addr
    }

    pub(crate) fn set_addr(&self, addr: SocketAddr) {
        self.state().addr = addr;
    }

    /// Returns the status, with times from now on.
    pub(crate) fn status(&self) -> Status {
        let state = self.state();
        let (mut status, passed) = (state.status.clone(), state.at.elapsed());
        drop(state);
        for side in &mut status.sides {
            side.pass(passed);
        }
        status
    }

    fn set_status(&self, status: Status) {
        let mut state = self.state();
        (state.status, state.at) = (status, std::time::Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Request to the task.
enum Ask {
    /// Maps a port with these options.
    Set(Box<Order>),
    /// Looks at the network again: addresses have changed, or the machine has slept.
    Look,
    /// Removes everything and ends.
    End,
}

/// Orders of the session.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    options: PortMappingOptions,
    port: u16,
    /// Only external port of use; `None` for any.
    external: Option<u16>,
    transports: Transports,
}

/// Handle of the task.
pub(crate) struct Mapping {
    asks: mpsc::UnboundedSender<Ask>,
    order: Order,
    /// Time at which the end of the session waits for the task no longer; `None` before the end.
    give_up_at: Option<Instant>,
    has_ended: bool,
}

impl Mapping {
    /// Starts the task.
    pub(crate) fn start(
        runtime: &tokio::runtime::Handle,
        bind: &Bind,
        seed: u64,
        (shared, inbox): (&Arc<Shared>, &Arc<Inbox<NetEvent>>),
        transports: Transports,
    ) -> Self {
        // Unbounded, but each request is that of a user or a change of the network, and is taken at once.
        let (asks, inputs) = mpsc::unbounded_channel();
        let mut mapper = Mapper::new(seed);
        // Nothing has changed before something is wanted.
        mapper.take_change();
        let task = Runner {
            mapper,
            net: Net::new(bind.clone()),
            clock: Clock::start(),
            order: None,
            announcements: [None, None],
            jobs: JoinSet::new(),
            is_ending: false,
            shared: Arc::clone(shared),
            inbox: Arc::clone(inbox),
        };
        runtime.spawn(task.run(inputs));
        let order = Order {
            options: PortMappingOptions::default(),
            port: shared.addr().port(),
            external: None,
            transports,
        };
        Self { asks, order, give_up_at: None, has_ended: false }
    }

    /// Changes what is mapped.
    pub(crate) fn set(&mut self, options: &PortMappingOptions, port: u16, external: Option<u16>) {
        let order = Order { options: options.clone(), port, external, transports: self.order.transports };
        if order != self.order && self.give_up_at.is_none() {
            self.order = order.clone();
            self.ask(Ask::Set(Box::new(order)));
        }
    }

    /// Lets the task look at the network again.
    pub(crate) fn look(&self) {
        self.ask(Ask::Look);
    }

    /// Starts the removal of all mappings.
    pub(crate) fn end(&mut self, now: Instant) {
        if self.give_up_at.is_none() {
            self.give_up_at = Some(now + REMOVE_WITHIN);
            self.ask(Ask::End);
        }
    }

    /// Notes that the task has ended.
    pub(crate) fn set_ended(&mut self) {
        self.has_ended = true;
    }

    /// Returns true if the end of the session need not wait for the task.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.has_ended || self.give_up_at.is_some_and(|at| at <= now)
    }

    /// Returns the time at which the end of the session waits no longer.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.give_up_at.filter(|_| !self.has_ended)
    }

    fn ask(&self, ask: Ask) {
        // The task ends only at the end of the session.
        let _ = self.asks.send(ask);
    }
}

struct Runner {
    mapper: Mapper,
    net: Net,
    clock: Clock,
    /// `None` while nothing is to be mapped.
    order: Option<Order>,
    /// Sockets for the announcements of gateways, with the place that they belong to.
    announcements: [Option<(Place, UdpSocket)>; 2],
    jobs: JoinSet<(JobId, Result<Done, Failure>)>,
    is_ending: bool,
    shared: Arc<Shared>,
    inbox: Arc<Inbox<NetEvent>>,
}

impl Runner {
    async fn run(mut self, mut inputs: mpsc::UnboundedReceiver<Ask>) {
        loop {
            let now = self.clock.now();
            while let Some(job) = self.mapper.poll_job(now) {
                let net = self.net.clone();
                self.jobs.spawn(async move {
                    let result = net.carry_out(&job.task).await;
                    // A nonce is a secret.
                    let (family, protocol, what) = (job.family, job.task.protocol(), job.task.name());
                    let transport = job.task.transport().map_or("all", Transport::name);
                    tracing::debug!(%family, %protocol, what, transport, ?result, "asked a gateway");
                    (job.id, result)
                });
            }
            self.publish(now);
            if self.is_ending && self.mapper.is_idle() {
                return self.inbox.push(NetEvent::MappingEnded);
            }
            let wait = self.mapper.poll_timeout().map_or(RARELY, |at| self.clock.until(at));
            let [v4, v6] = &self.announcements;
            tokio::select! {
                ask = inputs.recv() => match ask {
                    Some(ask) => self.on_ask(ask),
                    // The network thread is gone.
                    None => return,
                },
                Some(done) = self.jobs.join_next() => {
                    // A job that has panicked was logged; the machine waits for it until the place changes.
                    if let Ok((id, result)) = done {
                        self.mapper.handle(self.clock.now(), id, result);
                    }
                }
                () = heard(v4.as_ref()) => self.mapper.suspect(self.clock.now(), Family::V4),
                () = heard(v6.as_ref()) => self.mapper.suspect(self.clock.now(), Family::V6),
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn on_ask(&mut self, ask: Ask) {
        let now = self.clock.now();
        match ask {
            Ask::Set(order) => {
                self.order = Some(*order).filter(|order| order.options.enabled);
                self.look(now);
                self.mapper.set_want(now, self.order.as_ref().map(want_of));
            }
            Ask::Look => {
                self.net.forget();
                self.look(now);
                Family::ALL.into_iter().for_each(|family| self.mapper.suspect(now, family));
            }
            Ask::End => {
                self.is_ending = true;
                self.order = None;
                self.mapper.set_want(now, None);
            }
        }
    }

    /// Finds the places of this machine.
    fn look(&mut self, now: Instant) {
        let Some(order) = &self.order else {
            // Mappings that are left are removed where they are.
            return self.announcements = [None, None];
        };
        for (family, slot) in Family::ALL.into_iter().zip(&mut self.announcements) {
            let place = place::find(&self.net.bind, family, order.options.gateway);
            match &place {
                Ok(place) if slot.as_ref().is_none_or(|(of, _)| of != place) => {
                    *slot = self
                        .net
                        .announcements(family, place)
                        .inspect_err(|error| tracing::debug!(%error, "cannot hear announcements of gateways"))
                        .ok()
                        .map(|socket| (*place, socket));
                }
                Ok(_) => {}
                Err(_) => *slot = None,
            }
            self.mapper.set_place(now, family, place);
        }
    }

    fn publish(&mut self, now: Instant) {
        let has_changed = self.mapper.take_change();
        let status = self.mapper.status(now);
        self.shared.set_status(status.clone());
        if has_changed {
            self.inbox.push(NetEvent::Mapped(Box::new(status)));
        }
    }
}

fn want_of(order: &Order) -> Want {
    let transports = Transport::ALL.into_iter().filter(|transport| match transport {
        Transport::Tcp => order.transports.tcp(),
        // The DHT and trackers use it as well.
        Transport::Udp => true,
    });
    let lease_s = u32::try_from(order.options.lease.as_secs()).unwrap_or(u32::MAX).max(1);
    Want { external: order.external, transports: transports.collect(), lease_s, ..Want::new(order.port) }
}

/// Waits for an announcement of the gateway. Never ends without a socket.
async fn heard(socket: Option<&(Place, UdpSocket)>) {
    let Some((place, socket)) = socket else { return std::future::pending().await };
    let mut buf = [0; pcp::MAX_LEN];
    loop {
        match socket.recv_from(&mut buf).await {
            Ok((len, from)) if is_announcement(&buf[..len], from, place) => return,
            Ok(_) => {}
            // An error of the socket, which may repeat at once.
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// Returns true for an announcement of the gateway, as far as its address proves that.
fn is_announcement(bytes: &[u8], from: SocketAddr, place: &Place) -> bool {
    let is_pcp =
        || pcp::Response::decode(bytes).is_some_and(|response| matches!(response.body, pcp::Body::Announce));
    let is_nat_pmp = || matches!(natpmp::Response::decode(bytes), Some(natpmp::Response::Address { .. }));
    place.gateway == Some(from.ip().to_canonical()) && (is_pcp() || is_nat_pmp())
}

/// Returns the status of a session that has mapped nothing yet.
fn off() -> Status {
    let mut mapper = Mapper::new(0);
    for family in Family::ALL {
        mapper.set_place(Instant::ZERO, family, Err(Absent::TurnedOff));
    }
    mapper.status(Instant::ZERO)
}
