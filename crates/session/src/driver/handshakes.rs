//! Encrypted handshakes, from the first bytes of a stream on.

use super::cipher::{StreamCipher, randomness};
use super::close::CloseReason;
use super::conns::Conns;
use super::context::Context;
use crate::keys::Keys;
use bytes::BytesMut;
use ztor_engine::{Encryption, Event, PeerKey};
use ztor_wire::mse::{KeyResult, Mse, Step};
use ztor_wire::{HANDSHAKE_LEN, Handshake};

/// The first bytes of a plain stream (BEP 3).
const PLAIN_PREFIX: &[u8; 20] = b"\x13BitTorrent protocol";
/// Maximum number of bytes received before the handshake is done. Honest peers send their first message with its end.
const MAX_EARLY_BYTES: usize = 64 * 1024;

/// Kind of the first bytes of an incoming stream.
enum FirstBytes {
    Plain,
    Encrypted,
    TooFew,
}

impl FirstBytes {
    fn of(bytes: &[u8]) -> Self {
        let len = bytes.len().min(PLAIN_PREFIX.len());
        match bytes[..len] == PLAIN_PREFIX[..len] {
            true if len == PLAIN_PREFIX.len() => Self::Plain,
            true => Self::TooFew,
            false => Self::Encrypted,
        }
    }
}

/// The setting for encryption, and the thread for keys.
///
/// The methods return the first bytes of the stream after the handshake once that is done, and `None` before.
pub(crate) struct Handshakes {
    encryption: Encryption,
    keys: Keys,
}

impl Handshakes {
    pub(crate) fn new(encryption: Encryption, keys: Keys) -> Self {
        Self { encryption, keys }
    }

    /// Sets the encryption of new connections.
    pub(super) fn set_encryption(&mut self, encryption: Encryption) {
        self.encryption = encryption;
    }

    /// Returns the cipher of an incoming connection.
    pub(super) fn called(&self) -> StreamCipher {
        StreamCipher::called(self.encryption)
    }

    /// Classifies the first bytes of a stream, and continues its handshake if it has one.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn advance(
        &self,
        cx: &mut Context,
        conns: &mut Conns,
        key: PeerKey,
    ) -> Result<Option<BytesMut>, CloseReason> {
        let Some(conn) = conns.get_mut(key) else { return Ok(None) };
        let cipher = conn.cipher_mut();
        if let StreamCipher::Undecided(input) = cipher {
            match FirstBytes::of(input) {
                FirstBytes::TooFew => return Ok(None),
                FirstBytes::Plain if !self.encryption.accepts_plain_caller() => {
                    if input.len() < HANDSHAKE_LEN {
                        return Ok(None);
                    }
                    if let Ok(Some(handshake)) = Handshake::decode(input) {
                        cx.handle(Event::CalledPlainly { peer: key, info_hash: handshake.info_hash });
                    }
                    return Err(CloseReason::NotEncrypted);
                }
                FirstBytes::Plain => {
                    let input = std::mem::take(input);
                    *cipher = StreamCipher::Plain;
                    return Ok(Some(input));
                }
                FirstBytes::Encrypted => {
                    let input = std::mem::take(input);
                    let (private, seed) = randomness()?;
                    let mse = Mse::answer(self.encryption.method_rule(), private, seed);
                    *cipher = StreamCipher::Handshake(Box::new(mse), input);
                }
            }
        }
        self.advance_mse(cx, conns, key)
    }

    /// Continues a handshake with the result of its key arithmetic.
    ///
    /// # Errors
    /// The connection must be closed.
    pub(super) fn on_key_result(
        &self,
        cx: &mut Context,
        conns: &mut Conns,
        key: PeerKey,
        result: KeyResult,
    ) -> Result<Option<BytesMut>, CloseReason> {
        match conns.get_mut(key).map(|conn| conn.cipher_mut()) {
            Some(StreamCipher::Handshake(mse, _)) => mse.handle_key(result)?,
            _ => return Ok(None),
        }
        self.advance_mse(cx, conns, key)
    }

    fn advance_mse(
        &self,
        cx: &mut Context,
        conns: &mut Conns,
        key: PeerKey,
    ) -> Result<Option<BytesMut>, CloseReason> {
        let Some(conn) = conns.get_mut(key) else { return Ok(None) };
        let StreamCipher::Handshake(mse, input) = conn.cipher_mut() else { return Ok(None) };
        let step = mse.handle(input, |obfuscated| cx.engine().swarm_of(obfuscated))?;
        let output = mse.poll_transmit();
        match step {
            Step::More if input.len() > MAX_EARLY_BYTES => Err(CloseReason::TooEarly),
            Step::More => {
                conns.push_raw(key, output);
                Ok(None)
            }
            Step::Work(work) => {
                conns.push_raw(key, output);
                if self.keys.work(key, work) { Ok(None) } else { Err(CloseReason::HandshakesFull) }
            }
            Step::Done(done) => {
                let mut rest = std::mem::take(input);
                let cipher = conn.cipher_mut();
                *cipher = StreamCipher::Ciphers(done.ciphers);
                cipher.receive(&mut rest, 0);
                conns.push_raw(key, output);
                tracing::debug!(peer = key.as_u64(), method = ?done.method, "encrypted handshake done");
                cx.handle(Event::Secured { peer: key, info_hash: done.info_hash, method: done.method });
                Ok(Some(rest))
            }
        }
    }
}
