//! Message Stream Encryption, also called Protocol Encryption: a handshake that agrees on a secret for RC4.
//!
//! It hides the protocol from networks that throttle it. It gives no privacy against hosts that know the info-hash,
//! which is the only proof that either side gives. No BEP describes it: BEP 8 is a relative for trackers. The de-facto
//! standard is the "Message Stream Encryption" text of the Vuze wiki, whose names are used here.
//!
//! An [`Mse`] is one side of one handshake: the caller, which opened the connection, or the called side. It consumes
//! the handshake from the front of the stream and leaves the bytes after it. The key arithmetic is slow for an event
//! loop (about 0.1 ms each), so it is returned as [`Work`] that may run on another thread.

mod keys;
mod machine;
mod rc4;

pub use keys::{KeyResult, Work};
pub use machine::{Established, Mse, MseError, Step, obfuscated_swarm};
pub use rc4::{Ciphers, Rc4};

use std::fmt;

/// Set of methods that a caller provides for the stream after the handshake (`crypto_provide`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Methods(u32);

impl Methods {
    /// Plain bytes: only the handshake is hidden.
    pub const PLAIN: Self = Self(1);
    /// RC4 for the whole stream.
    pub const RC4: Self = Self(2);
    /// Either method.
    pub const BOTH: Self = Self(3);

    /// Returns true if the set contains `method`.
    pub const fn has(self, method: Method) -> bool {
        self.0 & method as u32 != 0
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Methods({:#x})", self.0)
    }
}

/// Method for the stream after the handshake (`crypto_select`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// Plain bytes.
    Plain = 1,
    /// RC4.
    Rc4 = 2,
}

/// Methods that the called side accepts, and its preference if a caller provides several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accept {
    /// RC4 only.
    OnlyRc4,
    /// RC4, or plain bytes if the caller provides nothing else.
    RatherRc4,
    /// Plain bytes, or RC4 if the caller provides nothing else.
    RatherPlain,
}

impl Accept {
    fn choose(self, provided: Methods) -> Option<Method> {
        let order: &[Method] = match self {
            Self::OnlyRc4 => &[Method::Rc4],
            Self::RatherRc4 => &[Method::Rc4, Method::Plain],
            Self::RatherPlain => &[Method::Plain, Method::Rc4],
        };
        order.iter().copied().find(|method| provided.has(*method))
    }
}

#[cfg(test)]
mod tests;
