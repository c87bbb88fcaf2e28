//! The ports at which peers reach the daemon.

use super::Daemon;
use crate::error::DaemonError;
use crate::settings::Settings;
use std::sync::{Mutex, PoisonError};
use ztor_api::{MappedPort, MappingFailure, PortMapping, PortMappingState, Ports};
use ztor_session::PortError;
use ztor_session::portmap::{Family, SideState, SideStatus};

/// The port of the settings that the session was last asked to listen on. It may listen on another one.
#[derive(Debug)]
pub(super) struct AskedPort(Mutex<u16>);

impl AskedPort {
    pub(super) fn new(port: u16) -> Self {
        Self(Mutex::new(port))
    }

    fn get(&self) -> u16 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, port: u16) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = port;
    }
}

impl Daemon {
    /// Returns the ports at which peers reach the daemon.
    pub fn ports(&self) -> Ports {
        let (listen_port, status) = (self.0.session.local_addr().port(), self.0.session.port_mapping());
        let named = self.0.settings_news.borrow().announced_port;
        Ports {
            listen_port,
            announced_port: named.or(status.external_port(Family::V4)).unwrap_or(listen_port),
            ipv4: view(status.side(Family::V4)),
            ipv6: view(status.side(Family::V6)),
        }
    }

    /// Listens on the port of a change, before the change is stored.
    pub(super) async fn listen_on(&self, port: u16) -> Result<(), DaemonError> {
        if port != self.0.asked_port.get() {
            self.0.session.set_port(port).await.map_err(|error| match error {
                PortError::Taken(_) => DaemonError::Conflict(error.to_string()),
                error => DaemonError::BadValue(error.to_string()),
            })?;
            self.0.asked_port.set(port);
        }
        Ok(())
    }

    /// Listens on the port of the settings, if it has changed by other means than a request.
    pub(super) fn follow_port(&self, settings: &Settings) {
        let port = settings.port;
        if port == self.0.asked_port.get() {
            return;
        }
        self.0.asked_port.set(port);
        let change = self.0.session.set_port(port);
        self.0.runtime.spawn(async move {
            if let Err(error) = change.await {
                tracing::warn!(%error, "still listening on the earlier port");
            }
        });
    }
}

fn view(side: &SideStatus) -> PortMapping {
    let text = |ip: Option<std::net::IpAddr>| ip.map(|ip| ip.to_string());
    let attempts = side.attempts.iter().map(|(protocol, reason)| (protocol.name(), reason));
    let troubles = side.troubles.iter().map(|(transport, reason)| (transport.name(), reason));
    PortMapping {
        state: match side.state {
            SideState::Off(_) => PortMappingState::Off,
            SideState::Searching => PortMappingState::Searching,
            SideState::Mapped => PortMappingState::Mapped,
            SideState::Partial => PortMappingState::Partial,
            SideState::Failed => PortMappingState::Failed,
        },
        message: side.to_string(),
        protocol: side.protocol.map(|protocol| protocol.name().to_owned()),
        local_address: text(side.local),
        gateway: text(side.gateway),
        gateway_name: side.gateway_name.clone(),
        external_address: text(side.external_ip),
        is_behind_another_nat: side.is_behind_another_nat(),
        mappings: side
            .mappings
            .iter()
            .map(|mapping| MappedPort {
                transport: mapping.transport.name().to_owned(),
                port: mapping.internal,
                external_port: mapping.external,
                expires_s: mapping.expires_in.map(|left| left.as_secs()),
            })
            .collect(),
        failures: attempts
            .chain(troubles)
            .map(|(name, reason)| MappingFailure { name: name.to_owned(), reason: reason.clone() })
            .collect(),
        retry_s: side.retry_in.map(|left| left.as_secs()),
    }
}
