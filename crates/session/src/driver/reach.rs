//! The ports at which peers reach us: the one that is listened on, and those that routers or the user forward to it.

use super::Driver;
use super::context::Context;
use super::listeners::Listeners;
use super::outlet::UdpSockets;
use super::sockets;
use crate::mapping::{Mapping, Shared};
use crate::port_error::PortError;
use crate::reach_settings::ReachSettings;
use crate::snapshot::SessionEvent;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use ztor_base::Instant;
use ztor_engine::{Event, ExternalPorts, NetworkChange};
use ztor_portmap::{Family, SideState, Status};

/// The ports, and the task that maps them.
pub(crate) struct Reach {
    mapping: Mapping,
    settings: ReachSettings,
    /// Ports that routers map to ours.
    mapped: ExternalPorts,
    /// State of the mapping that was logged last.
    message: String,
    shared: Arc<Shared>,
}

impl Reach {
    pub(crate) fn new(mapping: Mapping, shared: Arc<Shared>, settings: ReachSettings) -> Self {
        let mut reach =
            Self { mapping, settings, mapped: ExternalPorts::default(), message: String::new(), shared };
        reach.update_mapping();
        reach
    }

    /// Changes the settings.
    pub(super) fn set(&mut self, cx: &mut Context, settings: &ReachSettings) {
        if *settings != self.settings {
            self.settings = settings.clone();
            self.update_mapping();
            self.tell(cx);
        }
    }

    /// Lets the mapping task look at the network again.
    pub(super) fn look(&self) {
        self.mapping.look();
    }

    /// Starts the removal of the mappings.
    pub(super) fn end(&mut self, now: Instant) {
        self.mapping.end(now);
    }

    pub(super) fn set_ended(&mut self) {
        self.mapping.set_ended();
    }

    /// Returns true if the end of the session need not wait for the removal of mappings.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.mapping.is_over(now)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.mapping.poll_timeout()
    }

    /// Changes the address that is listened on.
    pub(super) fn set_addr(&mut self, cx: &mut Context, addr: SocketAddr) {
        if addr != self.shared.addr() {
            self.shared.set_addr(addr);
            self.update_mapping();
            self.tell(cx);
        }
    }

    fn update_mapping(&mut self) {
        let ReachSettings { announced_port, mapping, .. } = &self.settings;
        self.mapping.set(mapping, self.shared.addr().port(), *announced_port);
    }

    /// Tells the engine the ports.
    fn tell(&self, cx: &mut Context) {
        let (listen, external) = match self.settings.is_reachable {
            true => {
                let v4 = self.settings.announced_port.or(self.mapped.v4);
                (self.shared.addr().port(), ExternalPorts { v4, ..self.mapped })
            }
            false => (0, ExternalPorts::default()),
        };
        cx.handle(Event::Network(NetworkChange::Ports { listen, external }));
    }
}

impl Driver {
    /// Listens on another port. TCP connections stay, and those of µTP keep the old socket until they end.
    pub(super) fn set_port(&mut self, port: u16) -> Result<SocketAddr, PortError> {
        let addr = self.reach.shared.addr();
        if port == addr.port() {
            return Ok(addr);
        }
        let addr = self.listen_on(port).map_err(|error| PortError::of(port, error))?;
        tracing::info!(%addr, "listening on another port");
        self.reach.set_addr(&mut self.cx, addr);
        Ok(addr)
    }

    fn listen_on(&mut self, port: u16) -> io::Result<SocketAddr> {
        let (now, registry) = (self.cx.now(), self.poll.registry());
        let mut new = sockets::listen(self.device.bind(), port, port != 0, self.egress.wants())?;
        let udp = UdpSockets::open(registry, &mut new, None)?;
        let listeners = Listeners::open(registry, new.take_tcp())?;
        self.datagrams.move_to(now, registry, udp)?;
        self.listeners = listeners;
        Ok(new.addr())
    }

    /// Handles a change of the mappings.
    pub(super) fn on_mapped(&mut self, status: &Status) {
        // Trackers know us by the port that we leave with.
        if !self.ending.is_running() {
            return;
        }
        let [v4, v6] = Family::ALL.map(|family| status.external_port(family));
        self.reach.mapped = ExternalPorts { v4, v6 };
        self.reach.tell(&mut self.cx);
        let side = status.side(Family::V4);
        let side = match (&side.state, &status.side(Family::V6).state) {
            // That of IPv6 is told where there is no NAT to be asked.
            (SideState::Off(_), SideState::Mapped | SideState::Partial) => status.side(Family::V6),
            _ => side,
        };
        let (port, message) = (v4.or(v6), side.to_string());
        if message != self.reach.message {
            tracing::info!(state = message, "the port mapping has changed");
            self.reach.message.clone_from(&message);
        }
        self.cx.emit(SessionEvent::PortMapping { port, message });
    }
}
