//! State machine of the handshake.

use bytes::{Buf, BytesMut};
use fastrand::Rng;
use sha1::{Digest, Sha1};
use thiserror::Error;
use ztor_base::{Sha1Digest, SwarmId};

use super::keys::{KEY_LEN, KeyResult, PRIVATE_LEN, Private, PublicKey, Secret, Work};
use super::{Accept, Ciphers, Method, Methods, Rc4};

/// Maximum length of a padding in bytes.
const MAX_PAD: usize = 512;
/// The verification constant: zeros, which are sent encrypted.
const VC: [u8; 8] = [0; 8];
const HASH_LEN: usize = 20;
/// Length in bytes of the verification constant, the methods and the length of the padding.
const NEGOTIATION_LEN: usize = VC.len() + 4 + 2;

/// Error of a handshake.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MseError {
    /// A synchronization mark that is missing within the longest padding.
    #[error("no {expected} in the first {within} bytes after the public key: not an encrypted handshake")]
    NoSync {
        /// Name of the mark.
        expected: &'static str,
        /// Number of bytes searched.
        within: usize,
    },
    /// A public key that makes the secret predictable.
    #[error("a public key of 0, 1, P - 1 or more")]
    BadKey,
    /// A caller that names no info-hash known here.
    #[error("an encrypted handshake for an unknown torrent")]
    UnknownTorrent,
    /// A wrong constant: the other side has another secret or info-hash.
    #[error("a wrong verification constant in an encrypted handshake")]
    BadConstant,
    /// Provided methods that are not accepted, or a selected one that was not provided.
    #[error("no encryption method in common: {theirs:#x} was {what}")]
    NoMethod {
        /// Methods of the other side, as on the wire.
        theirs: u32,
        /// Role of `theirs`: "provided" or "selected".
        what: &'static str,
    },
    /// A padding beyond the maximum length.
    #[error("a padding of {0} bytes, expected at most 512")]
    BadPadding(usize),
}

/// Next step of a handshake.
#[derive(Debug)]
pub enum Step {
    /// Wait for more bytes.
    More,
    /// Run this and pass the result to [`Mse::handle_key`]. Until then [`Mse::handle`] consumes no bytes.
    Work(Work),
    /// The handshake is complete. The remaining bytes are the start of the stream, still to be decrypted.
    Done(Box<Established>),
}

/// Result of a handshake.
#[derive(Debug)]
pub struct Established {
    /// Info-hash that both sides know.
    pub info_hash: SwarmId,
    /// Agreed method.
    pub method: Method,
    /// Ciphers for the stream after the handshake.
    pub ciphers: Ciphers,
}

#[derive(Debug)]
enum Role {
    Caller { info_hash: SwarmId, provides: Methods },
    Called { accepts: Accept },
}

#[derive(Debug)]
enum Stage {
    /// Caller: its public key is still to compute.
    Begin,
    TheirKey,
    Working,
    /// Called: waits for the hash of the secret, after the padding.
    Hash(Secret),
    /// Called: waits for the constant, provided methods and padding.
    Provided {
        info_hash: SwarmId,
        send: Box<Rc4>,
        recv: Box<Rc4>,
    },
    /// Caller: waits for the encrypted constant, after the padding.
    Constant {
        info_hash: SwarmId,
        send: Box<Rc4>,
        recv: Box<Rc4>,
    },
    /// Caller: waits for the selected method and the padding.
    Selected {
        info_hash: SwarmId,
        send: Box<Rc4>,
        recv: Box<Rc4>,
    },
    Over,
}

/// One side of a handshake.
#[derive(Debug)]
pub struct Mse {
    role: Role,
    stage: Stage,
    /// First bytes of the caller's stream; empty for the called side.
    initial: Vec<u8>,
    private: Private,
    pads: Rng,
    output: Vec<u8>,
}

/// Returns the hash by which a caller names a swarm: `HASH('req2', SKEY)`. It finds a torrent without trying every one.
pub fn obfuscated_swarm(info_hash: SwarmId) -> Sha1Digest {
    hash(&[b"req2", info_hash.as_ref()]).into()
}

fn hash(parts: &[&[u8]]) -> [u8; HASH_LEN] {
    let mut sha = Sha1::new();
    parts.iter().for_each(|part| sha.update(part));
    sha.finalize().into()
}

impl Mse {
    /// Creates the calling side, for a swarm.
    ///
    /// The stream starts with `initial`, which is sent before a method is agreed on and saves a round trip. It is
    /// always encrypted, and cut to 65,535 bytes. `private` must be unpredictable. `seed` determines the paddings.
    pub fn call(
        info_hash: SwarmId,
        provides: Methods,
        initial: &[u8],
        private: [u8; PRIVATE_LEN],
        seed: u64,
    ) -> Self {
        let initial = initial[..initial.len().min(usize::from(u16::MAX))].to_vec();
        Self { initial, ..Self::new(Role::Caller { info_hash, provides }, Stage::Begin, private, seed) }
    }

    /// Creates the called side. `private` must be unpredictable. `seed` determines the paddings.
    pub fn answer(accepts: Accept, private: [u8; PRIVATE_LEN], seed: u64) -> Self {
        Self::new(Role::Called { accepts }, Stage::TheirKey, private, seed)
    }

    fn new(role: Role, stage: Stage, private: [u8; PRIVATE_LEN], seed: u64) -> Self {
        let (private, pads) = (Private(private), Rng::with_seed(seed));
        Self { role, stage, initial: Vec::new(), private, pads, output: Vec::new() }
    }

    /// Handles received bytes. Removes complete parts of the handshake from the front of `data`; pass the rest again
    /// with more bytes after it. The rest never exceeds about 1.2 KiB.
    ///
    /// `find` returns the info-hash of an [`obfuscated_swarm`].
    ///
    /// # Errors
    /// If the bytes are no such handshake, or it cannot be completed.
    pub fn handle(
        &mut self,
        data: &mut BytesMut,
        find: impl FnOnce(Sha1Digest) -> Option<SwarmId>,
    ) -> Result<Step, MseError> {
        if let Stage::Hash(secret) = &self.stage {
            let secret = secret.clone();
            if !self.read_hash(&secret, data, find)? {
                return Ok(Step::More);
            }
        }
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Begin => {
                self.stage = Stage::Working;
                Ok(Step::Work(Work { private: self.private, wants_public: true, theirs: None }))
            }
            Stage::TheirKey => Ok(self.read_key(data)),
            Stage::Provided { info_hash, send, recv } => self.read_provided(data, info_hash, send, recv),
            Stage::Constant { info_hash, send, recv } => self.read_constant(data, info_hash, send, recv),
            Stage::Selected { info_hash, send, recv } => self.read_selected(data, info_hash, send, recv),
            stage @ (Stage::Working | Stage::Hash(_) | Stage::Over) => {
                self.stage = stage;
                Ok(Step::More)
            }
        }
    }

    /// Handles the result of the key arithmetic. Call [`handle`](Self::handle) afterwards for bytes that have already
    /// arrived.
    ///
    /// # Errors
    /// If the other side's key makes the secret predictable.
    pub fn handle_key(&mut self, result: KeyResult) -> Result<(), MseError> {
        if let Some(public) = result.public {
            self.output.extend_from_slice(&*public);
            self.pad();
        }
        self.stage = match result.secret {
            None => Stage::TheirKey,
            Some(secret) => {
                let secret = secret.map_err(|_| MseError::BadKey)?;
                match self.role {
                    Role::Called { .. } => Stage::Hash(secret),
                    Role::Caller { info_hash, provides } => self.propose(&secret, info_hash, provides),
                }
            }
        };
        Ok(())
    }

    /// Takes the bytes to send; empty if there are none.
    pub fn poll_transmit(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    fn read_key(&mut self, data: &mut BytesMut) -> Step {
        let Some(theirs) = data.first_chunk::<KEY_LEN>().copied() else {
            self.stage = Stage::TheirKey;
            return Step::More;
        };
        data.advance(KEY_LEN);
        self.stage = Stage::Working;
        let wants_public = matches!(self.role, Role::Called { .. });
        let theirs: Option<Box<PublicKey>> = Some(Box::new(theirs));
        Step::Work(Work { private: self.private, wants_public, theirs })
    }

    /// Finds the hash of the secret after the padding, and the named swarm. Returns false if more bytes are needed.
    fn read_hash(
        &mut self,
        secret: &Secret,
        data: &mut BytesMut,
        find: impl FnOnce(Sha1Digest) -> Option<SwarmId>,
    ) -> Result<bool, MseError> {
        let wanted = hash(&[b"req1", &secret.0]);
        let Some(at) = sync(data, &wanted, "hash of the secret")? else { return Ok(false) };
        let Some(named) = data.get(at + HASH_LEN..at + 2 * HASH_LEN) else { return Ok(false) };
        let mask = hash(&[b"req3", &secret.0]);
        let obfuscated: [u8; HASH_LEN] = std::array::from_fn(|i| named[i] ^ mask[i]);
        let info_hash = find(obfuscated.into()).ok_or(MseError::UnknownTorrent)?;
        data.advance(at + 2 * HASH_LEN);
        let recv = Box::new(Rc4::new(&hash(&[b"keyA", &secret.0, info_hash.as_ref()])));
        let send = Box::new(Rc4::new(&hash(&[b"keyB", &secret.0, info_hash.as_ref()])));
        self.stage = Stage::Provided { info_hash, send, recv };
        Ok(true)
    }

    fn read_provided(
        &mut self,
        data: &mut BytesMut,
        info_hash: SwarmId,
        mut send: Box<Rc4>,
        recv: Box<Rc4>,
    ) -> Result<Step, MseError> {
        let Some((provided, pad_len)) = negotiation(data, &recv)? else {
            self.stage = Stage::Provided { info_hash, send, recv };
            return Ok(Step::More);
        };
        let len = NEGOTIATION_LEN + pad_len + 2;
        let Some(head) = data.get(..len) else {
            self.stage = Stage::Provided { info_hash, send, recv };
            return Ok(Step::More);
        };
        let (mut head, mut recv) = (head.to_vec(), recv);
        recv.apply(&mut head);
        let initial_len = usize::from(u16::from_be_bytes([head[len - 2], head[len - 1]]));
        let Role::Called { accepts } = self.role else { return Ok(Step::More) };
        let method = accepts
            .choose(Methods(provided))
            .ok_or(MseError::NoMethod { theirs: provided, what: "provided" })?;
        data.advance(len);
        self.negotiate(method as u32, &mut send);
        let ciphers = match method {
            Method::Rc4 => Ciphers::rc4(*send, *recv),
            Method::Plain => Ciphers::plain_after(*recv, initial_len),
        };
        Ok(Step::Done(Box::new(Established { info_hash, method, ciphers })))
    }

    /// Writes the caller's second message: proof of the secret, the swarm, the methods.
    fn propose(&mut self, secret: &Secret, info_hash: SwarmId, provides: Methods) -> Stage {
        self.output.extend_from_slice(&hash(&[b"req1", &secret.0]));
        let mask = hash(&[b"req3", &secret.0]);
        self.output.extend(obfuscated_swarm(info_hash).as_bytes().iter().zip(mask).map(|(a, b)| a ^ b));
        let mut send = Box::new(Rc4::new(&hash(&[b"keyA", &secret.0, info_hash.as_ref()])));
        let recv = Box::new(Rc4::new(&hash(&[b"keyB", &secret.0, info_hash.as_ref()])));
        self.negotiate(provides.0, &mut send);
        let mut initial = std::mem::take(&mut self.initial);
        let len = u16::try_from(initial.len()).unwrap_or(u16::MAX);
        initial.splice(..0, len.to_be_bytes());
        send.apply(&mut initial);
        self.output.append(&mut initial);
        Stage::Constant { info_hash, send, recv }
    }

    fn read_constant(
        &mut self,
        data: &mut BytesMut,
        info_hash: SwarmId,
        send: Box<Rc4>,
        recv: Box<Rc4>,
    ) -> Result<Step, MseError> {
        let mut wanted = VC;
        recv.clone().apply(&mut wanted);
        match sync(data, &wanted, "verification constant")? {
            None => {
                self.stage = Stage::Constant { info_hash, send, recv };
                Ok(Step::More)
            }
            Some(at) => {
                data.advance(at);
                self.read_selected(data, info_hash, send, recv)
            }
        }
    }

    fn read_selected(
        &mut self,
        data: &mut BytesMut,
        info_hash: SwarmId,
        send: Box<Rc4>,
        mut recv: Box<Rc4>,
    ) -> Result<Step, MseError> {
        let Some((selected, pad_len)) = negotiation(data, &recv)? else {
            self.stage = Stage::Selected { info_hash, send, recv };
            return Ok(Step::More);
        };
        let len = NEGOTIATION_LEN + pad_len;
        let Some(head) = data.get(..len) else {
            self.stage = Stage::Selected { info_hash, send, recv };
            return Ok(Step::More);
        };
        recv.apply(&mut head.to_vec());
        data.advance(len);
        let Role::Caller { provides, .. } = self.role else { return Ok(Step::More) };
        let method = [Method::Plain, Method::Rc4]
            .into_iter()
            .find(|method| *method as u32 == selected && provides.has(*method))
            .ok_or(MseError::NoMethod { theirs: selected, what: "selected" })?;
        let ciphers = match method {
            Method::Rc4 => Ciphers::rc4(*send, *recv),
            Method::Plain => Ciphers::plain_after(*recv, 0),
        };
        Ok(Step::Done(Box::new(Established { info_hash, method, ciphers })))
    }

    /// Writes constant, methods and padding, encrypted.
    fn negotiate(&mut self, methods: u32, send: &mut Rc4) {
        let pad_len = self.pads.usize(..=MAX_PAD);
        let mut message = Vec::with_capacity(NEGOTIATION_LEN + pad_len);
        message.extend_from_slice(&VC);
        message.extend_from_slice(&methods.to_be_bytes());
        message.extend_from_slice(&(pad_len as u16).to_be_bytes());
        message.resize(NEGOTIATION_LEN + pad_len, 0);
        send.apply(&mut message);
        self.output.extend_from_slice(&message);
    }

    fn pad(&mut self) {
        let len = self.pads.usize(..=MAX_PAD);
        let start = self.output.len();
        self.output.resize(start + len, 0);
        self.pads.fill(&mut self.output[start..]);
    }
}

/// Returns the position of `wanted`, at most the longest padding away; `None` if more bytes are needed.
fn sync(data: &[u8], wanted: &[u8], expected: &'static str) -> Result<Option<usize>, MseError> {
    let within = MAX_PAD + wanted.len();
    let head = &data[..data.len().min(within)];
    let at = head.windows(wanted.len()).position(|window| window == wanted);
    match at {
        None if data.len() >= within => Err(MseError::NoSync { expected, within }),
        at => Ok(at),
    }
}

/// Returns methods and length of the padding, which follow the constant; `None` if more bytes are needed.
fn negotiation(data: &[u8], recv: &Rc4) -> Result<Option<(u32, usize)>, MseError> {
    let Some(mut head) = data.first_chunk::<NEGOTIATION_LEN>().copied() else { return Ok(None) };
    recv.clone().apply(&mut head);
    let [v @ .., m0, m1, m2, m3, p0, p1] = head;
    if v != VC {
        return Err(MseError::BadConstant);
    }
    let pad_len = usize::from(u16::from_be_bytes([p0, p1]));
    if pad_len > MAX_PAD {
        return Err(MseError::BadPadding(pad_len));
    }
    Ok(Some((u32::from_be_bytes([m0, m1, m2, m3]), pad_len)))
}
