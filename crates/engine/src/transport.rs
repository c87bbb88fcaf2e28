//! Transports, and how their streams are protected.

use ztor_base::SwarmId;
use ztor_wire::HANDSHAKE_LEN;
use ztor_wire::mse::{Method, Methods};

/// The carrier of a stream of bytes.
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

/// Terms of an encrypted handshake that we start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Offer {
    /// The swarm, which the other side has to know.
    pub info_hash: SwarmId,
    /// Methods that may follow.
    pub methods: Methods,
    /// Our handshake in the stream, which goes out with the encrypted one.
    pub handshake: [u8; HANDSHAKE_LEN],
}

/// The protection of a connection's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// Plain from the first byte.
    None,
    /// An encrypted handshake, then the agreed method.
    Handshake(Method),
}
