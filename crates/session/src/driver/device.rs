//! The interface or address that all sockets are bound to, and its changes.

use crate::bind::{Bind, DeviceState};
use ztor_base::{Duration, Instant};

/// Pause between two attempts to listen again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// The binding of all sockets.
#[derive(Debug)]
pub(crate) struct Device {
    bind: Bind,
    /// Last known state of the interface.
    state: DeviceState,
    /// Index of the interface when the sockets were made; `None` if they are not bound to one.
    bound_to: Option<u32>,
    /// Time of the next attempt to replace the sockets; `None` if none is planned.
    listen_again_at: Option<Instant>,
}

/// A change of the interface.
#[derive(Debug)]
pub(super) struct DeviceChange {
    /// Name of the interface.
    pub(super) device: String,
    /// True if the interface or an address of it is gone: its connections are lost.
    pub(super) has_lost: bool,
    /// True if the interface is back, false if it is gone; `None` if neither.
    pub(super) is_there: Option<bool>,
}

impl Device {
    pub(crate) fn new(bind: Bind, state: DeviceState) -> Self {
        Self { bind, bound_to: state.index, state, listen_again_at: None }
    }

    pub(super) fn bind(&self) -> &Bind {
        &self.bind
    }

    /// Records a new state of the interface. Plans to replace the sockets if the interface was replaced: sockets stay
    /// bound to a removed interface, even if another one of its name appears.
    pub(super) fn update(&mut self, now: Instant, state: DeviceState) -> Option<DeviceChange> {
        let name = self.bind.device()?.to_owned();
        let is_there = state.is_there();
        let change = DeviceChange {
            device: name,
            has_lost: state.has_lost(&self.state),
            is_there: (is_there != self.state.is_there()).then_some(is_there),
        };
        self.state = state;
        if is_there && self.state.index != self.bound_to {
            self.listen_again_at = Some(now);
        }
        Some(change)
    }

    /// Plans to replace the sockets, as other ones are needed.
    pub(super) fn listen_at(&mut self, at: Instant) {
        self.listen_again_at = Some(at);
    }

    /// Returns true once, when the sockets must be replaced.
    pub(super) fn starts_listening(&mut self, now: Instant) -> bool {
        self.listen_again_at.take_if(|at| *at <= now).is_some()
    }

    /// Notes that the sockets were replaced.
    pub(super) fn set_listening(&mut self) {
        self.bound_to = self.state.index;
    }

    /// Plans another attempt.
    pub(super) fn listen_later(&mut self, now: Instant) {
        self.listen_again_at = Some(now + AGAIN_AFTER);
    }

    /// Returns the time of the next attempt to replace the sockets.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.listen_again_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(index: Option<u32>) -> DeviceState {
        DeviceState { index, ..DeviceState::default() }
    }

    #[test]
    fn update_with_another_interface_of_the_name_listens_again_once() {
        let now = Instant::ZERO;
        let mut device = Device::new(Bind::Device("wg0".to_owned()), state(Some(3)));
        let change = device.update(now, state(None));
        assert!(change.is_some_and(|change| change.has_lost && change.is_there == Some(false)));
        assert!(!device.starts_listening(now), "there is nothing to listen on");
        let change = device.update(now, state(Some(4)));
        assert!(change.is_some_and(|change| !change.has_lost && change.is_there == Some(true)));
        assert!(device.starts_listening(now));
        assert!(!device.starts_listening(now));
        device.listen_later(now);
        assert!(!device.starts_listening(now));
        assert!(device.starts_listening(now + AGAIN_AFTER));
        device.set_listening();
        let _ = device.update(now, state(Some(4)));
        assert_eq!(device.poll_timeout(), None);
    }
}
