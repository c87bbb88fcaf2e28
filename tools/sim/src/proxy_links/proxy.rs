//! The model of a SOCKS5 proxy.

use fastrand::Rng;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use ztor_base::Duration;

pub(super) const PORT: u16 = 1080;
const NAME: &str = "proxy.example";
/// Result of a connection that nobody accepts.
pub(super) const NO_ANSWER: &str = "no answer in time";

/// Behaviour of the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    Works,
    /// It refuses connections.
    Dead,
    /// It accepts connections, and says nothing.
    Hangs,
    /// Packets to it are lost.
    Unreachable,
    /// It carries connections, and refuses associations.
    HasNoRelay,
    /// It carries connections, and ends associations at once.
    EndsAssociations,
    /// It grants associations, and closes connections.
    CarriesNothing,
    /// It refuses the login.
    RefusesLogin,
    /// Its answers are not those of a proxy.
    Garbage,
    /// Its name cannot be resolved, and it is restarted.
    NoName,
    /// It works, at another address, which its name has from then on.
    Moves,
}

impl Behaviour {
    const FAULTS: [Self; 10] = [
        Self::Dead,
        Self::Hangs,
        Self::Unreachable,
        Self::HasNoRelay,
        Self::EndsAssociations,
        Self::CarriesNothing,
        Self::RefusesLogin,
        Self::Garbage,
        Self::NoName,
        Self::Moves,
    ];

    pub(super) fn any_fault(rng: &mut Rng) -> Self {
        Self::FAULTS[rng.usize(..Self::FAULTS.len())]
    }

    pub(super) fn number(self) -> u64 {
        self as u64
    }
}

/// Event of a connection.
#[derive(Debug, Clone)]
pub(super) enum Reaction {
    Open,
    Bytes(Vec<u8>),
    Closed(&'static str),
}

/// A proxy.
#[derive(Debug)]
pub(super) struct Proxy {
    behaviour: Behaviour,
    ip: IpAddr,
    /// Relays that were granted, by connection, until the client closes it.
    relays: BTreeMap<u64, SocketAddr>,
    last_relay: u16,
    /// Address to which the last connection was made.
    connected: (u64, IpAddr),
}

impl Proxy {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let ip = any_ip(rng);
        let (behaviour, relays) = (Behaviour::Works, BTreeMap::new());
        Self { behaviour, ip, relays, last_relay: 10_000, connected: (0, ip) }
    }

    /// Returns the proxy as the client knows it.
    pub(super) fn as_named(&self) -> ztor_socks::Proxy {
        let url = format!("socks5://{NAME}:{PORT}");
        url.parse().unwrap_or_else(|error| unreachable!("a valid URL: {error}"))
    }

    /// Changes the behaviour. Returns true if that cuts open connections.
    pub(super) fn change(&mut self, behaviour: Behaviour, rng: &mut Rng) -> bool {
        use Behaviour::{CarriesNothing, HasNoRelay, Works};
        // Rules that apply to new connections only.
        let is_soft = matches!(behaviour, Works | HasNoRelay | CarriesNothing)
            && matches!(self.behaviour, Works | HasNoRelay | CarriesNothing);
        if behaviour == Behaviour::Moves {
            self.ip = any_ip(rng);
        }
        self.behaviour = behaviour;
        !is_soft
    }

    /// Returns true if a client can use it for connections.
    pub(super) fn works(&self) -> bool {
        use Behaviour::{EndsAssociations, HasNoRelay, Moves, Works};
        matches!(self.behaviour, Works | HasNoRelay | EndsAssociations | Moves)
    }

    pub(super) fn relays(&self) -> bool {
        matches!(self.behaviour, Behaviour::Works | Behaviour::Moves)
    }

    /// Returns true if a client can do nothing with it.
    pub(super) fn is_broken(&self) -> bool {
        use Behaviour::{CarriesNothing, Dead, Garbage, Hangs, RefusesLogin, Unreachable};
        matches!(self.behaviour, Dead | Hangs | Unreachable | RefusesLogin | Garbage)
            // It is used for a moment after each attempt.
            && self.behaviour != CarriesNothing
    }

    pub(super) fn resolve(&self) -> Result<Vec<IpAddr>, String> {
        match self.behaviour {
            Behaviour::NoName => Err("there is no such name".to_owned()),
            _ => Ok(vec![self.ip]),
        }
    }

    /// Returns the relay that was granted on a connection; `None` if none was, or the client has closed it.
    pub(super) fn granted(&self, connection: u64) -> Option<SocketAddr> {
        self.relays.get(&connection).copied()
    }

    pub(super) fn on_closed(&mut self, connection: u64) {
        self.relays.remove(&connection);
    }

    /// Returns the events of a new connection to an address, each with the time after the one before.
    pub(super) fn on_connect(&mut self, connection: u64, addr: SocketAddr) -> Vec<(Duration, Reaction)> {
        use Behaviour::{Dead, Unreachable};
        self.connected = (connection, addr.ip());
        match self.behaviour {
            _ if addr.ip() != self.ip => Vec::new(),
            Unreachable => Vec::new(),
            Dead => vec![(Duration::ZERO, Reaction::Closed("it is refused"))],
            _ => vec![(Duration::ZERO, Reaction::Open)],
        }
    }

    /// Returns the events that bytes of a client cause.
    pub(super) fn on_bytes(
        &mut self,
        connection: u64,
        bytes: &[u8],
        rng: &mut Rng,
    ) -> Vec<(Duration, Reaction)> {
        let say = |bytes: &[u8]| (Duration::ZERO, Reaction::Bytes(bytes.to_vec()));
        let close = |after| (after, Reaction::Closed("it closes the connection"));
        // Nothing is left at an earlier address.
        if self.connected != (connection, self.ip) {
            return Vec::new();
        }
        match (self.behaviour, bytes) {
            (Behaviour::Dead | Behaviour::Hangs | Behaviour::Unreachable, _) => Vec::new(),
            (Behaviour::Garbage, _) => vec![say(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
            (Behaviour::RefusesLogin, _) => vec![say(&[5, 0xff]), close(Duration::ZERO)],
            (_, [5, _, 0]) => vec![say(&[5, 0])],
            (Behaviour::HasNoRelay, _) => vec![say(&[5, 7, 0, 1, 0, 0, 0, 0, 0, 0])],
            (behaviour, [5, 3, ..]) => {
                self.last_relay = self.last_relay.checked_add(1).unwrap_or(10_000);
                let [high, low] = self.last_relay.to_be_bytes();
                self.relays.insert(connection, SocketAddr::new(self.ip, self.last_relay));
                let granted = say(&[5, 0, 0, 1, 0, 0, 0, 0, high, low]);
                match behaviour {
                    Behaviour::EndsAssociations => {
                        vec![granted, close(Duration::from_micros(rng.u64(0..3_000_000)))]
                    }
                    _ => vec![granted],
                }
            }
            _ => vec![close(Duration::ZERO)],
        }
    }

    /// Carries a connection to a peer, from a client that connects to an address.
    pub(super) fn carry(&self, addr: SocketAddr) -> Result<(), &'static str> {
        use Behaviour::{
            CarriesNothing, Dead, EndsAssociations, Hangs, HasNoRelay, Moves, NoName, Unreachable, Works,
        };
        match self.behaviour {
            _ if addr.ip() != self.ip => Err(NO_ANSWER),
            Hangs | Unreachable => Err(NO_ANSWER),
            Dead => Err("it is refused"),
            CarriesNothing => Err("it closes the connection"),
            Works | HasNoRelay | EndsAssociations | Moves | NoName => Ok(()),
            _ => Err("the answer is not that of a proxy of this kind"),
        }
    }
}

fn any_ip(rng: &mut Rng) -> IpAddr {
    Ipv4Addr::new(185, rng.u8(..), rng.u8(..), rng.u8(1..255)).into()
}
