//! Transports, and the protection of their streams.

use ztor_base::SwarmId;
use ztor_wire::HANDSHAKE_LEN;
use ztor_wire::mse::{Method, Methods};

/// Transport protocol of a connection.
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

/// Parameters of an encrypted handshake that we initiate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// Swarm of the handshake, which the other side has to know.
    pub info_hash: SwarmId,
    /// Encryption methods that we offer.
    pub methods: Methods,
    /// Our BitTorrent handshake, which is sent along with the encrypted one.
    pub handshake: [u8; HANDSHAKE_LEN],
}

/// Protection of a connection's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Plain from the first byte.
    None,
    /// An encrypted handshake, then the agreed method.
    Handshake(Method),
}
