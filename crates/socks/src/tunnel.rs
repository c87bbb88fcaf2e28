//! The negotiation on a connection to a proxy.

use crate::error::TunnelError;
use crate::http;
use crate::proxy::{Credentials, Proxy, ProxyKind};
use crate::socks4;
use crate::socks5::{self, Command};
use crate::target::Target;
use std::net::{Ipv4Addr, SocketAddr};

/// Maximum number of bytes of one answer of a proxy.
pub const MAX_ANSWER: usize = http::MAX_HEAD;

/// Result of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// More bytes of the proxy are needed. There may be something to send.
    More,
    /// The negotiation is done.
    Done {
        /// Address in the reply: for a UDP association, that of the relay. `None` if the protocol has none.
        bound: Option<Target>,
        /// Bytes after the answer, which are those of the target.
        rest: Vec<u8>,
    },
}

#[derive(Debug)]
enum State {
    /// SOCKS5: the proxy chooses a method.
    Method {
        command: Command,
    },
    /// SOCKS5: the proxy checks the login.
    Login {
        command: Command,
    },
    /// SOCKS5: the proxy carries out the request.
    Socks5,
    Socks4,
    Http,
    Done,
}

/// A negotiation with a proxy for one connection, or for the relay of datagrams.
///
/// The caller sends what [`poll_transmit`](Self::poll_transmit) returns, and passes what it receives to
/// [`handle`](Self::handle). Bytes of at most [`MAX_ANSWER`] are kept.
#[derive(Debug)]
pub struct Tunnel {
    state: State,
    target: Target,
    credentials: Option<Credentials>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl Tunnel {
    /// Starts a connection to a target.
    ///
    /// # Errors
    /// The protocol cannot carry the target.
    pub fn connect(proxy: &Proxy, target: &Target) -> Result<Self, TunnelError> {
        if !target.is_sendable() {
            return Err(TunnelError::Unsupported);
        }
        let credentials = proxy.credentials();
        let (state, output) = match proxy.kind() {
            ProxyKind::Socks5 => (State::Method { command: Command::Connect }, socks5::greeting(credentials)),
            ProxyKind::Socks4a => (State::Socks4, socks4::request(target, credentials)?),
            ProxyKind::Http => (State::Http, http::request(target, credentials)),
        };
        Ok(Self::new(state, target.clone(), proxy, output))
    }

    /// Starts an association for datagrams, which lasts as long as the connection.
    ///
    /// # Errors
    /// The protocol has no datagrams.
    pub fn associate(proxy: &Proxy) -> Result<Self, TunnelError> {
        if !proxy.kind().has_udp() {
            return Err(TunnelError::Unsupported);
        }
        // The source of the datagrams is not known, as there may be a NAT on the way.
        let any = Target::Addr(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
        let output = socks5::greeting(proxy.credentials());
        Ok(Self::new(State::Method { command: Command::UdpAssociate }, any, proxy, output))
    }

    fn new(state: State, target: Target, proxy: &Proxy, output: Vec<u8>) -> Self {
        Self { state, target, credentials: proxy.credentials().cloned(), input: Vec::new(), output }
    }

    /// Returns true if the proxy has not sent anything yet.
    pub fn is_unanswered(&self) -> bool {
        let is_first = matches!(self.state, State::Method { .. } | State::Socks4 | State::Http);
        is_first && self.input.is_empty()
    }

    /// Takes the bytes to send.
    pub fn poll_transmit(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// Handles bytes of the proxy. After [`Step::Done`], bytes are those of the target, and are returned as they are.
    ///
    /// # Errors
    /// The proxy refuses, or its answer is not of the protocol. The connection must be closed.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<Step, TunnelError> {
        if let State::Done = self.state {
            return Ok(Step::Done { bound: None, rest: bytes.to_vec() });
        }
        // The rest belongs to the target only once the answer is complete, which it is not for so long a one.
        let room = MAX_ANSWER - self.input.len();
        let (kept, beyond) = bytes.split_at(room.min(bytes.len()));
        self.input.extend_from_slice(kept);
        loop {
            match self.advance()? {
                None if self.input.len() >= MAX_ANSWER => return Err(TunnelError::TooLong),
                None => return Ok(Step::More),
                Some(Advance::Next(len)) => drop(self.input.drain(..len)),
                Some(Advance::Done(bound, len)) => {
                    self.state = State::Done;
                    let mut rest = std::mem::take(&mut self.input);
                    rest.drain(..len.min(rest.len()));
                    rest.extend_from_slice(beyond);
                    return Ok(Step::Done { bound, rest });
                }
            }
        }
    }

    /// Decodes one answer; `None` if it is not complete.
    fn advance(&mut self) -> Result<Option<Advance>, TunnelError> {
        let credentials = self.credentials.as_ref();
        match self.state {
            State::Method { command } => {
                let Some(needs_login) = socks5::method(&self.input, credentials)? else { return Ok(None) };
                match credentials.filter(|_| needs_login) {
                    Some(credentials) => {
                        self.output.extend(socks5::login(credentials));
                        self.state = State::Login { command };
                    }
                    None => self.request(command),
                }
                Ok(Some(Advance::Next(2)))
            }
            State::Login { command } => {
                if !socks5::logged_in(&self.input)? {
                    return Ok(None);
                }
                self.request(command);
                Ok(Some(Advance::Next(2)))
            }
            State::Socks5 => {
                let reply = socks5::reply(&self.input)?;
                Ok(reply.map(|(bound, len)| Advance::Done(Some(bound), len)))
            }
            State::Socks4 => Ok(socks4::reply(&self.input)?.map(|len| Advance::Done(None, len))),
            State::Http => {
                let response = http::response(&self.input, credentials.is_some())?;
                Ok(response.map(|len| Advance::Done(None, len)))
            }
            State::Done => Ok(None),
        }
    }

    fn request(&mut self, command: Command) {
        self.output.extend(socks5::request(command, &self.target));
        self.state = State::Socks5;
    }
}

/// A complete answer, with its length in bytes.
enum Advance {
    Next(usize),
    Done(Option<Target>, usize),
}

#[cfg(test)]
mod tests;
