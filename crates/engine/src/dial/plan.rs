//! Plans for dialing a peer: the transport and the kind of handshake.

use crate::config::{Config, Encryption, Transports};
use crate::discovery::known::Capabilities;
use crate::transport::Transport;
use std::net::SocketAddr;
use ztor_base::addr::is_local;
use ztor_wire::mse::{Accept, Methods};

/// One way to dial a peer, and the alternatives that are left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DialPlan {
    pub(crate) transport: Transport,
    pub(crate) is_encrypted: bool,
    /// True if the other transport may still be tried.
    pub(crate) may_change_transport: bool,
    /// True if the other kind of handshake may still be tried.
    pub(crate) may_change_encryption: bool,
    /// True for a hole punch (BEP 55).
    pub(crate) is_punched: bool,
}

impl DialPlan {
    /// Returns the first plan for an address.
    ///
    /// µTP comes first, as it yields to all other traffic on the line. In the local network there is no such line, and
    /// TCP costs less.
    pub(crate) fn first(config: &Config, addr: SocketAddr, capabilities: Capabilities) -> Self {
        let transports = config.transports;
        let transport = match transports {
            Transports::Both => capabilities.transport.unwrap_or(match is_local(addr.ip()) {
                true => Transport::Tcp,
                false => Transport::Utp,
            }),
            Transports::Utp => Transport::Utp,
            Transports::Tcp => Transport::Tcp,
        };
        let (is_encrypted, may_change_encryption) = Self::encryption(config.encryption, capabilities);
        let may_change_transport = transports == Transports::Both;
        Self { transport, is_encrypted, may_change_transport, may_change_encryption, is_punched: false }
    }

    /// Returns the plan for a hole punch (BEP 55).
    pub(crate) fn punched(config: &Config, capabilities: Capabilities) -> Self {
        let (is_encrypted, may_change_encryption) = Self::encryption(config.encryption, capabilities);
        Self {
            transport: Transport::Utp,
            is_encrypted,
            may_change_transport: false,
            may_change_encryption,
            is_punched: true,
        }
    }

    fn encryption(encryption: Encryption, capabilities: Capabilities) -> (bool, bool) {
        match encryption {
            Encryption::Off => (false, false),
            Encryption::Require => (true, false),
            Encryption::Allow => (capabilities.encryption.unwrap_or(false), true),
            Encryption::Prefer => (capabilities.encryption.unwrap_or(true), true),
        }
    }

    /// Returns the capabilities of a peer that this plan has reached.
    pub(crate) fn capabilities(self) -> Capabilities {
        Capabilities::new(Some(self.transport), Some(self.is_encrypted))
    }

    /// Returns the same plan over the other transport.
    pub(crate) fn over_other_transport(self) -> Self {
        Self { transport: self.transport.other(), may_change_transport: false, ..self }
    }

    /// Returns the plan to try after this one failed; `reached` is true if the peer was connected.
    pub(crate) fn after_failure(self, reached: bool) -> Option<Self> {
        if reached {
            let other = Self { is_encrypted: !self.is_encrypted, may_change_encryption: false, ..self };
            return self.may_change_encryption.then_some(Self { may_change_transport: false, ..other });
        }
        self.may_change_transport.then(|| self.over_other_transport())
    }
}

impl Encryption {
    /// Returns true if an incoming stream may be plain from its first byte.
    pub fn accepts_plain_caller(self) -> bool {
        self != Self::Require
    }

    /// Returns true if an incoming stream may start with an encrypted handshake.
    pub fn accepts_encrypted_caller(self) -> bool {
        self != Self::Off
    }

    /// Returns the rule for the choice among the methods that an incoming encrypted handshake offers.
    pub fn method_rule(self) -> Accept {
        match self {
            Self::Require => Accept::OnlyRc4,
            Self::Prefer => Accept::RatherRc4,
            Self::Allow | Self::Off => Accept::RatherPlain,
        }
    }
}

/// Returns the methods that we offer in an encrypted handshake under a setting.
pub(crate) fn methods(encryption: Encryption) -> Methods {
    match encryption {
        Encryption::Require => Methods::RC4,
        Encryption::Off | Encryption::Allow | Encryption::Prefer => Methods::BOTH,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use super::*;
    use crate::config::Transports;
    use ztor_base::PeerId;

    fn config(transports: Transports, encryption: Encryption) -> Config {
        Config { transports, encryption, ..Config::new(PeerId::new([1; 20]), 1) }
    }

    /// Returns all plans that are tried in turn when each fails in the same way.
    fn plans(
        config: &Config,
        addr: [u8; 4],
        capabilities: Capabilities,
        reached: bool,
    ) -> Vec<(Transport, bool)> {
        let first = DialPlan::first(config, (addr, 1).into(), capabilities);
        let plans = std::iter::successors(Some(first), |plan| plan.after_failure(reached));
        plans.map(|plan| (plan.transport, plan.is_encrypted)).collect()
    }

    #[test]
    fn encryption_setting_decides_which_incoming_streams_are_accepted() {
        let settings = [Encryption::Off, Encryption::Allow, Encryption::Prefer, Encryption::Require];
        let accepted = settings.map(|e| (e.accepts_plain_caller(), e.accepts_encrypted_caller()));
        assert_eq!(accepted, [(true, false), (true, true), (true, true), (false, true)]);
        assert_eq!(Encryption::Require.method_rule(), Accept::OnlyRc4);
        assert_eq!(Encryption::Prefer.method_rule(), Accept::RatherRc4);
        assert_eq!(Encryption::Allow.method_rule(), Accept::RatherPlain);
    }

    #[test]
    fn plans_follow_settings_and_capabilities_each_once() {
        use Transport::{Tcp, Utp};
        let none = Capabilities::default();
        let all = config(Transports::Both, Encryption::Allow);
        assert_eq!(plans(&all, [8, 8, 8, 8], none, false), [(Utp, false), (Tcp, false)]);
        assert_eq!(plans(&all, [10, 0, 0, 8], none, false), [(Tcp, false), (Utp, false)]);
        assert_eq!(plans(&all, [8, 8, 8, 8], none, true), [(Utp, false), (Utp, true)]);
        let capabilities = Capabilities { transport: Some(Tcp), encryption: Some(true) };
        assert_eq!(plans(&all, [8, 8, 8, 8], capabilities, false), [(Tcp, true), (Utp, true)]);
        let only = config(Transports::Tcp, Encryption::Require);
        assert_eq!(plans(&only, [8, 8, 8, 8], none, true), [(Tcp, true)]);
        assert_eq!(plans(&only, [8, 8, 8, 8], none, false), [(Tcp, true)]);
        let only = config(Transports::Utp, Encryption::Off);
        assert_eq!(plans(&only, [8, 8, 8, 8], capabilities, true), [(Utp, false)]);
        let prefer = config(Transports::Tcp, Encryption::Prefer);
        assert_eq!(plans(&prefer, [8, 8, 8, 8], none, true), [(Tcp, true), (Tcp, false)]);
    }
}
