//! The relay of a SOCKS5 proxy: datagrams with a header that names the other side.

use super::tokens::RELAY;
use crate::aliases::{Aliases, is_alias};
use crate::bind::{Bind, Own};
use mio::net::UdpSocket;
use mio::{Interest, Registry};
use socket2::{Domain, Protocol, Socket, Type};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use ztor_base::addr::canonical;
use ztor_socks::{Target, udp};

/// Longest datagram that is received, in bytes.
const MAX_DATAGRAM: usize = 4096;
/// Maximum number of aliases that answers are expected from. The oldest is forgotten.
const MAX_ASKED: usize = 64;

/// A relay.
pub(super) struct Relay {
    /// Connected to the relay, so that the system drops datagrams of anybody else.
    socket: UdpSocket,
    aliases: Aliases,
    buf: Vec<u8>,
    /// Reused for every datagram that is sent.
    out: RefCell<Vec<u8>>,
    /// Aliases that were sent to, the last ones last: answers to them show the address that the proxy has resolved.
    asked: RefCell<VecDeque<SocketAddr>>,
}

impl Relay {
    /// Opens a socket for the relay at this address.
    pub(super) fn open(
        registry: &Registry,
        bind: &Bind,
        relay: SocketAddr,
        aliases: Aliases,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(relay), Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_nonblocking(true)?;
        bind.hold(&socket)?;
        let any: IpAddr = match relay {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let own = match bind.toward(relay.ip(), 0).ok_or(io::ErrorKind::AddrNotAvailable)? {
            Own::Ip(ip) => ip,
            Own::Any => any,
        };
        socket.bind(&SocketAddr::new(own, 0).into())?;
        socket.connect(&relay.into())?;
        let mut socket = UdpSocket::from_std(socket.into());
        registry.register(&mut socket, RELAY, Interest::READABLE | Interest::WRITABLE)?;
        let (out, asked) = (RefCell::default(), RefCell::default());
        Ok(Self { socket, aliases, buf: vec![0; MAX_DATAGRAM], out, asked })
    }

    /// Sends one datagram.
    pub(super) fn send(&self, to: SocketAddr, payload: &[u8]) -> io::Result<()> {
        let to = canonical(to);
        let target = match self.aliases.name_of(to.ip()).filter(|_| is_alias(to.ip())) {
            Some(name) => {
                self.note_asked(to);
                Target::Name(name.to_string(), to.port())
            }
            None if is_alias(to.ip()) => return Err(io::ErrorKind::AddrNotAvailable.into()),
            None => Target::Addr(to),
        };
        let mut out = self.out.borrow_mut();
        out.clear();
        udp::encode_header(&target, &mut out);
        out.extend_from_slice(payload);
        self.socket.send(&out).map(drop)
    }

    fn note_asked(&self, alias: SocketAddr) {
        let mut asked = self.asked.borrow_mut();
        asked.retain(|known| *known != alias);
        if asked.len() >= MAX_ASKED {
            asked.pop_front();
        }
        asked.push_back(alias);
    }

    /// Receives one datagram, and passes it on with its sources: the address from which it came, and before it the aliases
    /// that may stand for it. Returns its length with the header.
    pub(super) fn receive(&mut self, mut take: impl FnMut(SocketAddr, &[u8])) -> io::Result<usize> {
        let len = self.socket.recv(&mut self.buf)?;
        let Some((Target::Addr(from), payload)) = udp::decode(&self.buf[..len]) else { return Ok(len) };
        let from = canonical(from);
        // Of what the proxy has resolved, only the port is known. The right alias knows the transaction.
        if from.is_ipv4() && is_answer(payload) {
            let asked = self
                .asked
                .borrow()
                .iter()
                .filter(|alias| alias.port() == from.port())
                .copied()
                .collect::<Vec<_>>();
            asked.into_iter().for_each(|alias| take(alias, payload));
        }
        if !is_alias(from.ip()) {
            take(from, payload);
        }
        Ok(len)
    }
}

/// Returns true for an answer of a tracker (BEP 15), or of a DHT node (BEP 5), which ends with its type.
fn is_answer(payload: &[u8]) -> bool {
    payload.first() == Some(&0) || (payload.first() == Some(&b'd') && payload.ends_with(b"1:y1:re"))
}
