//! The interface that everything is bound to: what happens when it goes, and when it comes back.

use super::local::LocalSockets;
use super::udp::UdpIo;
use super::{Driver, LISTENER, UDP, sockets};
use crate::bind::DeviceState;
use crate::snapshot::SessionEvent;
use mio::Interest;
use std::io;
use ztor_base::{Duration, Instant};
use ztor_engine::{CloseCause, PeerKey};

/// Between two attempts to listen again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

impl Driver {
    /// The interface is not as it was.
    pub(super) fn on_device(&mut self, now: Instant, state: DeviceState) {
        let Some(name) = self.bind.device().map(str::to_owned) else { return };
        let is_there = state.index.is_some();
        if state.has_lost(&self.device) {
            tracing::info!(name, "the interface is gone, or an address of it");
            let keys: Vec<PeerKey> = self.conns.keys().collect();
            for key in keys {
                self.closed(now, key, "the interface it went over is gone", CloseCause::Local);
            }
        }
        if is_there != self.device.index.is_some() {
            self.tell(SessionEvent::Interface { name, is_there });
        }
        self.device = state;
        if is_there && self.device.index != self.bound_to {
            self.listen_again_at = Some(now);
            self.listen_again(now);
        }
    }

    /// Sockets stay bound to an interface that was removed, also when another of its name comes.
    pub(super) fn listen_again(&mut self, now: Instant) {
        if self.listen_again_at.is_none_or(|at| at > now) {
            return;
        }
        self.listen_again_at = None;
        match self.replace_sockets() {
            Ok(()) => {
                self.bound_to = self.device.index;
                self.has_datagrams = true;
            }
            Err(error) => {
                tracing::warn!(%error, "cannot listen on the interface that came back, for now");
                self.listen_again_at = Some(now + AGAIN_AFTER);
            }
        }
    }

    fn replace_sockets(&mut self) -> io::Result<()> {
        let port = self.listening.addr.port();
        let mut new = sockets::listen(&self.bind, port, true)?;
        if self.listening.tcp.is_none() {
            new.tcp = None;
        }
        let mut udp = UdpIo::new(new.take_udp()?)?;
        let mut local = self.local.is_some().then(|| LocalSockets::open(self.bind.clone()));
        let registry = self.poll.registry();
        if let Some(tcp) = &mut new.tcp {
            registry.register(tcp, LISTENER, Interest::READABLE)?;
        }
        registry.register(&mut udp.socket, UDP, Interest::READABLE | Interest::WRITABLE)?;
        if let Some(local) = &mut local {
            local.register(registry)?;
        }
        // The old ones leave the registry as they are closed.
        (self.listening, self.udp, self.local) = (new, udp, local);
        Ok(())
    }
}
