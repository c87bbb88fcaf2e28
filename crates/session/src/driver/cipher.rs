//! Encryption state of a stream.

use super::close::CloseReason;
use bytes::BytesMut;
use ztor_engine::{Encryption, Offer};
use ztor_wire::mse::{Ciphers, Mse};

/// Encryption state of a stream.
#[derive(Debug)]
pub(super) enum StreamCipher {
    /// Both directions are plain.
    Plain,
    /// First bytes of an incoming stream, too few to distinguish a plain from an encrypted handshake.
    Undecided(BytesMut),
    /// An encrypted handshake, and received bytes that it has not read.
    Handshake(Box<Mse>, BytesMut),
    /// The handshake is done.
    Ciphers(Ciphers),
}

impl StreamCipher {
    /// Returns the state of an outgoing connection.
    ///
    /// # Errors
    /// [`CloseReason::NoRandomness`].
    pub(super) fn calling(offer: Option<Offer>) -> Result<Self, CloseReason> {
        let Some(Offer { info_hash, methods, handshake }) = offer else { return Ok(Self::Plain) };
        let (private, seed) = randomness()?;
        Ok(Self::Handshake(
            Box::new(Mse::call(info_hash, methods, &handshake, private, seed)),
            BytesMut::new(),
        ))
    }

    /// Returns the state of an incoming connection.
    pub(super) fn called(encryption: Encryption) -> Self {
        if encryption.accepts_encrypted_caller() { Self::Undecided(BytesMut::new()) } else { Self::Plain }
    }

    /// Returns true if bytes are sent as they are.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Returns true until the stream is plain or its handshake is done.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided(_) | Self::Handshake(..))
    }

    pub(super) fn ciphers(&mut self) -> Option<&mut Ciphers> {
        match self {
            Self::Ciphers(ciphers) => Some(ciphers),
            _ => None,
        }
    }

    /// Decrypts the received bytes in `data` from `start` on. Moves bytes of a handshake out of `data`.
    pub(super) fn receive(&mut self, data: &mut BytesMut, start: usize) {
        match self {
            Self::Plain => {}
            Self::Ciphers(ciphers) => {
                ciphers.decrypt(&mut data[start..]);
                if ciphers.are_plain() {
                    *self = Self::Plain;
                }
            }
            Self::Undecided(input) | Self::Handshake(_, input) => {
                input.extend_from_slice(&data[start..]);
                data.truncate(start);
            }
        }
    }
}

/// Returns a private key, and a seed for the lengths of the padding.
pub(super) fn randomness() -> Result<([u8; 20], u64), getrandom::Error> {
    let (mut private, mut seed) = ([0; 20], [0; 8]);
    getrandom::fill(&mut private)?;
    getrandom::fill(&mut seed)?;
    Ok((private, u64::from_ne_bytes(seed)))
}
