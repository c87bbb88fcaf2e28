//! Encrypted connections: their handshakes, and the ciphers after them.

use super::Driver;
use super::conn::Conn;
use bytes::BytesMut;
use ztor_base::Instant;
use ztor_engine::{CloseCause, Encryption, Event, Offer, PeerKey};
use ztor_wire::mse::{Accept, Ciphers, KeyResult, Mse, Step};
use ztor_wire::{HANDSHAKE_LEN, Handshake};

/// The beginning of a plain stream (BEP 3).
const PLAIN_PREFIX: &[u8; 20] = b"\x13BitTorrent protocol";
/// What may come before the handshake is done. Honest callers send their first message with its end.
const MAX_EARLY_BYTES: usize = 64 * 1024;

/// How a stream is protected.
#[derive(Debug)]
pub(crate) enum Crypt {
    Plain,
    /// Someone called, and has not said enough to tell how.
    Unknown(BytesMut),
    /// The handshake is under way.
    Handshake(Box<Mse>, BytesMut),
    Ciphers(Ciphers),
}

impl Crypt {
    /// Of an outgoing connection; there is no telling whether randomness is to be had.
    pub(crate) fn calling(offer: Option<Offer>) -> Result<Self, getrandom::Error> {
        let Some(Offer { info_hash, methods }) = offer else { return Ok(Self::Plain) };
        let (private, seed) = randomness()?;
        Ok(Self::Handshake(Box::new(Mse::call(info_hash, methods, private, seed)), BytesMut::new()))
    }

    /// Of an incoming connection.
    pub(crate) fn called(encryption: Encryption) -> Self {
        if encryption == Encryption::Off { Self::Plain } else { Self::Unknown(BytesMut::new()) }
    }

    /// What is sent goes out as it is.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    pub(super) fn ciphers(&mut self) -> Option<&mut Ciphers> {
        match self {
            Self::Ciphers(ciphers) => Some(ciphers),
            _ => None,
        }
    }

    /// Decrypts what came. What belongs to a handshake is put aside, and nothing is left in `data` from `start` on.
    pub(super) fn take_in(&mut self, data: &mut BytesMut, start: usize) {
        match self {
            Self::Plain => {}
            Self::Ciphers(ciphers) => {
                ciphers.decrypt(&mut data[start..]);
                if ciphers.are_plain() {
                    *self = Self::Plain;
                }
            }
            Self::Unknown(input) | Self::Handshake(_, input) => {
                input.extend_from_slice(&data[start..]);
                data.truncate(start);
            }
        }
    }

    pub(super) fn is_undecided(&self) -> bool {
        matches!(self, Self::Unknown(_) | Self::Handshake(..))
    }
}

/// A private key, and what lengths of paddings come from.
fn randomness() -> Result<([u8; 20], u64), getrandom::Error> {
    let (mut private, mut seed) = ([0; 20], [0; 8]);
    getrandom::fill(&mut private)?;
    getrandom::fill(&mut seed)?;
    Ok((private, u64::from_ne_bytes(seed)))
}

/// What the first bytes of a caller are.
enum Beginning {
    Plain,
    Encrypted,
    TooFew,
}

fn beginning(bytes: &[u8]) -> Beginning {
    let len = bytes.len().min(PLAIN_PREFIX.len());
    match bytes[..len] == PLAIN_PREFIX[..len] {
        true if len == PLAIN_PREFIX.len() => Beginning::Plain,
        true => Beginning::TooFew,
        false => Beginning::Encrypted,
    }
}

fn accept(encryption: Encryption) -> Accept {
    match encryption {
        Encryption::Require => Accept::OnlyRc4,
        Encryption::Prefer => Accept::RatherRc4,
        Encryption::Allow | Encryption::Off => Accept::RatherPlain,
    }
}

impl Driver {
    /// Goes on with a stream of which it is not known how it goes on.
    pub(super) fn secure(&mut self, now: Instant, key: PeerKey) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        if let Crypt::Unknown(input) = &mut conn.crypt {
            match beginning(input) {
                Beginning::TooFew => return,
                Beginning::Plain if self.encryption == Encryption::Require => {
                    if input.len() < HANDSHAKE_LEN {
                        return;
                    }
                    if let Ok(Some(handshake)) = Handshake::decode(input) {
                        let event = Event::CalledPlainly { peer: key, info_hash: handshake.info_hash };
                        self.engine.handle(now, event, &mut self.out);
                    }
                    return self.lost(now, key, "it does not speak encrypted, which --encryption asks for");
                }
                Beginning::Plain => {
                    let input = std::mem::take(input);
                    conn.crypt = Crypt::Plain;
                    return self.present(now, key, input);
                }
                Beginning::Encrypted => {
                    let input = std::mem::take(input);
                    let Ok((private, seed)) = randomness() else {
                        return self.closed(now, key, "there is no randomness to be had", CloseCause::Local);
                    };
                    let mse = Mse::answer(accept(self.encryption), private, seed);
                    conn.crypt = Crypt::Handshake(Box::new(mse), input);
                }
            }
        }
        self.go_on(now, key);
    }

    /// Arithmetic for a handshake is done.
    pub(super) fn on_worked(&mut self, now: Instant, key: PeerKey, worked: KeyResult) {
        let Some(Conn { crypt: Crypt::Handshake(mse, _), .. }) = self.conns.get_mut(key) else { return };
        match mse.handle_key(worked) {
            Ok(()) => self.go_on(now, key),
            Err(error) => self.lost(now, key, &error.to_string()),
        }
    }

    fn go_on(&mut self, now: Instant, key: PeerKey) {
        let Some(conn) = self.conns.get_mut(key) else { return };
        let Crypt::Handshake(mse, input) = &mut conn.crypt else { return };
        let step = mse.handle(input, |obfuscated| self.engine.swarm_of(obfuscated));
        let output = mse.poll_transmit();
        let is_too_much = input.len() > MAX_EARLY_BYTES;
        match step {
            Err(error) => self.lost(now, key, &error.to_string()),
            Ok(Step::More) if is_too_much => self.lost(now, key, "it talks before the handshake is done"),
            Ok(Step::More) => {
                conn.push_raw(output);
                self.want_flush(key);
            }
            Ok(Step::Work(work)) => {
                conn.push_raw(output);
                self.want_flush(key);
                if !self.keys.work(key, work) {
                    self.closed(now, key, "too many encrypted handshakes at a time", CloseCause::Local);
                }
            }
            Ok(Step::Done(done)) => {
                let mut rest = std::mem::take(input);
                conn.push_raw(output);
                conn.crypt = Crypt::Ciphers(done.ciphers);
                conn.crypt.take_in(&mut rest, 0);
                self.want_flush(key);
                tracing::debug!(peer = key.as_u64(), method = ?done.method, "encrypted handshake done");
                let event = Event::Secured { peer: key, info_hash: done.info_hash, method: done.method };
                self.engine.handle(now, event, &mut self.out);
                self.present(now, key, rest);
            }
        }
    }

    /// Gives the engine the first bytes of a stream.
    fn present(&mut self, now: Instant, key: PeerKey, mut data: BytesMut) {
        if data.is_empty() {
            return;
        }
        self.engine.handle(now, Event::Received { peer: key, data: &mut data }, &mut self.out);
        if let Some(conn) = self.conns.get_mut(key) {
            conn.tail = data.to_vec();
        }
    }
}
