//! The ways to a peer: over which transport, and how its stream begins.

use crate::config::{Config, Encryption};
use crate::known::Spoken;
use std::net::SocketAddr;
use ztor_base::SwarmId;
use ztor_base::addr::is_local;
use ztor_wire::mse::{Accept, Method, Methods};

/// What carries a stream of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// µTP (BEP 29).
    Utp,
}

impl Transport {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Tcp => Self::Utp,
            Self::Utp => Self::Tcp,
        }
    }
}

/// How to begin a stream with an encrypted handshake.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The swarm, which the other side knows as well.
    pub info_hash: SwarmId,
    /// What may follow.
    pub methods: Methods,
}

/// How a connection was called, and what else may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) transport: Transport,
    pub(crate) is_encrypted: bool,
    /// The other transport is still untried.
    pub(crate) may_change_transport: bool,
    /// The other kind of beginning is still untried.
    pub(crate) may_change_beginning: bool,
    /// Through a hole in two NATs (BEP 55).
    pub(crate) is_punched: bool,
}

impl Way {
    /// The first way to try.
    ///
    /// µTP is the better citizen: it gives way to whatever else the line is used for. In the local network there is
    /// no such line, and TCP costs less.
    pub(crate) fn first(config: &Config, addr: SocketAddr, spoken: Spoken) -> Self {
        let transports = config.transports;
        let transport = match (transports.tcp, transports.utp) {
            (true, true) => spoken.transport.unwrap_or(match is_local(addr.ip()) {
                true => Transport::Tcp,
                false => Transport::Utp,
            }),
            (false, true) => Transport::Utp,
            (_, false) => Transport::Tcp,
        };
        let (is_encrypted, may_change_beginning) = Self::beginning(config.encryption, spoken);
        let may_change_transport = transports.tcp && transports.utp;
        Self { transport, is_encrypted, may_change_transport, may_change_beginning, is_punched: false }
    }

    /// Through a hole in two NATs (BEP 55).
    pub(crate) fn punched(config: &Config, spoken: Spoken) -> Self {
        let (is_encrypted, may_change_beginning) = Self::beginning(config.encryption, spoken);
        Self {
            transport: Transport::Utp,
            is_encrypted,
            may_change_transport: false,
            may_change_beginning,
            is_punched: true,
        }
    }

    fn beginning(encryption: Encryption, spoken: Spoken) -> (bool, bool) {
        match encryption {
            Encryption::Off => (false, false),
            Encryption::Require => (true, false),
            Encryption::Allow => (spoken.encryption.unwrap_or(false), true),
            Encryption::Prefer => (spoken.encryption.unwrap_or(true), true),
        }
    }

    /// The same over the other transport.
    pub(crate) fn over_other_transport(self) -> Self {
        Self { transport: self.transport.other(), may_change_transport: false, ..self }
    }

    /// What is to be tried when this has failed: `reached` if there was an answer at least.
    pub(crate) fn after_failure(self, reached: bool) -> Option<Self> {
        if reached {
            let other = Self { is_encrypted: !self.is_encrypted, may_change_beginning: false, ..self };
            return self.may_change_beginning.then_some(Self { may_change_transport: false, ..other });
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

    /// Rule for the choice among the methods that an encrypted caller provides.
    pub fn method_rule(self) -> Accept {
        match self {
            Self::Require => Accept::OnlyRc4,
            Self::Prefer => Accept::RatherRc4,
            Self::Allow | Self::Off => Accept::RatherPlain,
        }
    }
}

/// What a caller may offer under a setting.
pub(crate) fn methods(encryption: Encryption) -> Methods {
    match encryption {
        Encryption::Require => Methods::RC4,
        Encryption::Off | Encryption::Allow | Encryption::Prefer => Methods::BOTH,
    }
}

/// The state of a connection's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Plain from the first byte.
    None,
    /// An encrypted handshake, then what was agreed on.
    Handshake(Method),
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

    /// All ways that are tried one after the other, when each fails in the same manner.
    fn ways(config: &Config, addr: [u8; 4], spoken: Spoken, reached: bool) -> Vec<(Transport, bool)> {
        let first = Way::first(config, (addr, 1).into(), spoken);
        let ways = std::iter::successors(Some(first), |way| way.after_failure(reached));
        ways.map(|way| (way.transport, way.is_encrypted)).collect()
    }

    #[test]
    fn encryption_setting_decides_which_callers_are_accepted() {
        let settings = [Encryption::Off, Encryption::Allow, Encryption::Prefer, Encryption::Require];
        let accepted = settings.map(|e| (e.accepts_plain_caller(), e.accepts_encrypted_caller()));
        assert_eq!(accepted, [(true, false), (true, true), (true, true), (false, true)]);
        assert_eq!(Encryption::Require.method_rule(), Accept::OnlyRc4);
        assert_eq!(Encryption::Prefer.method_rule(), Accept::RatherRc4);
        assert_eq!(Encryption::Allow.method_rule(), Accept::RatherPlain);
    }

    #[test]
    fn every_way_is_tried_once_and_none_that_is_not_wanted() {
        use Transport::{Tcp, Utp};
        let none = Spoken::default();
        let all = config(Transports::BOTH, Encryption::Allow);
        assert_eq!(ways(&all, [8, 8, 8, 8], none, false), [(Utp, false), (Tcp, false)]);
        assert_eq!(ways(&all, [10, 0, 0, 8], none, false), [(Tcp, false), (Utp, false)]);
        assert_eq!(ways(&all, [8, 8, 8, 8], none, true), [(Utp, false), (Utp, true)]);
        let spoken = Spoken { transport: Some(Tcp), encryption: Some(true) };
        assert_eq!(ways(&all, [8, 8, 8, 8], spoken, false), [(Tcp, true), (Utp, true)]);
        let only = config(Transports::TCP, Encryption::Require);
        assert_eq!(ways(&only, [8, 8, 8, 8], none, true), [(Tcp, true)]);
        assert_eq!(ways(&only, [8, 8, 8, 8], none, false), [(Tcp, true)]);
        let only = config(Transports::UTP, Encryption::Off);
        assert_eq!(ways(&only, [8, 8, 8, 8], spoken, true), [(Utp, false)]);
        let prefer = config(Transports::TCP, Encryption::Prefer);
        assert_eq!(ways(&prefer, [8, 8, 8, 8], none, true), [(Tcp, true), (Tcp, false)]);
    }
}
