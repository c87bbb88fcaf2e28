//! Message Stream Encryption, also called Protocol Encryption: a handshake that agrees on a secret, and RC4 with it.
//!
//! It hides the protocol from networks that slow it down; it is no privacy against anybody who knows the info-hash,
//! which is all the proof that either side gives. No BEP describes it: BEP 8 is a sibling for trackers, and the
//! de-facto standard is the "Message Stream Encryption" text of the Vuze wiki, whose names are used here.
//!
//! An [`Mse`] is one side of one handshake. It reads from the front of the stream and leaves there what comes after
//! it. The arithmetic takes long for an event loop (some 0.1 ms each), so it is handed out as [`Work`] that may run
//! elsewhere.

mod keys;
mod machine;
mod rc4;

pub use keys::{KeyResult, Work};
pub use machine::{Established, Mse, MseError, Step, obfuscated_swarm};
pub use rc4::{Ciphers, Rc4};

use std::fmt;

/// What may follow the handshake, as the set that a caller provides (`crypto_provide`).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Methods(u32);

impl Methods {
    /// Plain bytes: only the handshake is hidden.
    pub const PLAIN: Self = Self(1);
    /// RC4 all the way.
    pub const RC4: Self = Self(2);
    /// Either.
    pub const BOTH: Self = Self(3);

    /// Whether `method` is among them.
    pub const fn has(self, method: Method) -> bool {
        self.0 & method as u32 != 0
    }
}

impl fmt::Debug for Methods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Methods({:#x})", self.0)
    }
}

/// What follows the handshake (`crypto_select`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Method {
    /// Plain bytes.
    Plain = 1,
    /// RC4.
    Rc4 = 2,
}

/// Which methods are good for us, and which is better, when a caller provides several.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Accept {
    /// RC4 and nothing else.
    OnlyRc4,
    /// RC4, or plain bytes if the caller has nothing else.
    RatherRc4,
    /// Plain bytes, or RC4 if the caller has nothing else.
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
