//! Datagrams of the Port Control Protocol (RFC 6887): its opcodes ANNOUNCE and MAP, without options.

use crate::transport::{Transport, array, u16_at, u32_at};
use std::net::{IpAddr, Ipv6Addr};

/// Version of the protocol, the first byte of each datagram.
pub const VERSION: u8 = 2;
/// Longest datagram of the protocol, in bytes (§7).
pub const MAX_LEN: usize = 1100;
const IS_RESPONSE: u8 = 0x80;
const HEADER_LEN: usize = 24;
const MAP_LEN: usize = 36;
const ANNOUNCE: u8 = 0;
const MAP: u8 = 1;

/// Nonce of a mapping. Only its holder can change the mapping.
pub type Nonce = [u8; 12];

/// Request to a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Request {
    /// Lifetime in seconds; 0 removes a mapping.
    pub lifetime_s: u32,
    /// Address of this machine, as the gateway must see it.
    pub client: IpAddr,
    /// Operation.
    pub body: Body,
}

/// Response of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Response {
    /// Result.
    pub code: Code,
    /// Lifetime in seconds: of the mapping, or of an error.
    pub lifetime_s: u32,
    /// Seconds since the mappings of the gateway were last lost.
    pub epoch_s: u32,
    /// Operation.
    pub body: Body,
}

/// Operation of a request or response.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Body {
    /// Asks for the epoch, or announces it (§14.1).
    Announce,
    /// Maps a port (§11).
    Map(Map),
    /// An operation that is not used here.
    Other(u8),
}

/// A mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Map {
    /// Nonce.
    pub nonce: Nonce,
    /// Transport.
    pub transport: Transport,
    /// Port of this machine.
    pub internal: u16,
    /// Port of the gateway: suggested, or assigned. 0 suggests none.
    pub external: u16,
    /// Address of the gateway: suggested, or assigned. An unspecified one suggests none.
    pub ip: IpAddr,
}

/// Result code (§7.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code(pub u8);

impl Code {
    /// Success.
    pub const SUCCESS: Self = Self(0);
    /// The version of the request is not supported.
    pub const UNSUPPORTED_VERSION: Self = Self(1);
    /// The suggested port or address cannot be given.
    pub const CANNOT_PROVIDE_EXTERNAL: Self = Self(11);

    /// Returns the meaning in plain words.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0 => "it succeeded",
            1 => "it does not support this version",
            2 => "port mapping is turned off in it",
            3 | 6 => "it does not understand the request",
            4 => "it does not support this request",
            5 => "it does not support an option of the request",
            7 => "it has no external address",
            8 => "it has no more room for mappings",
            9 => "it does not support this transport",
            10 => "this machine has too many mappings",
            11 => "another machine has this external port",
            12 => "there is another NAT between it and this machine",
            13 => "the mapping names too many remote peers",
            _ => "it gave an unknown reason",
        }
    }
}

impl Request {
    /// Returns the datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.body.opcode(), 0, 0];
        bytes.extend(self.lifetime_s.to_be_bytes());
        bytes.extend(octets(self.client));
        self.body.encode(&mut bytes);
        bytes
    }

    /// Decodes a datagram; `None` if it is no request.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, opcode, ..] = bytes else { return None };
        if opcode & IS_RESPONSE != 0 || bytes.len() > MAX_LEN {
            return None;
        }
        let client = ip_at(bytes, 8)?;
        Some(Self { lifetime_s: u32_at(bytes, 4)?, client, body: Body::decode(*opcode, bytes)? })
    }

    /// Returns true for a response to this request, a refusal included.
    pub fn is_answered_by(&self, response: &Response) -> bool {
        match (&self.body, &response.body) {
            (Body::Announce, Body::Announce) => true,
            (Body::Map(a), Body::Map(b)) => {
                a.nonce == b.nonce && a.transport == b.transport && a.internal == b.internal
            }
            _ => false,
        }
    }
}

impl Response {
    /// Decodes a datagram; `None` if it is no response of this version. Options after its end are ignored.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, opcode, _, code, ..] = bytes else { return None };
        let opcode = opcode.checked_sub(IS_RESPONSE)?;
        if bytes.len() < HEADER_LEN || bytes.len() > MAX_LEN {
            return None;
        }
        Some(Self {
            code: Code(*code),
            lifetime_s: u32_at(bytes, 4)?,
            epoch_s: u32_at(bytes, 8)?,
            body: Body::decode(opcode, bytes)?,
        })
    }

    /// Returns the datagram, as a gateway sends it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, IS_RESPONSE | self.body.opcode(), 0, self.code.0];
        bytes.extend(self.lifetime_s.to_be_bytes());
        bytes.extend(self.epoch_s.to_be_bytes());
        bytes.extend([0; 12]);
        self.body.encode(&mut bytes);
        bytes
    }
}

impl Body {
    fn opcode(&self) -> u8 {
        match self {
            Self::Announce => ANNOUNCE,
            Self::Map(_) => MAP,
            Self::Other(opcode) => *opcode & !IS_RESPONSE,
        }
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        let Self::Map(map) = self else { return };
        bytes.extend(map.nonce);
        bytes.extend([map.transport.number(), 0, 0, 0]);
        bytes.extend(map.internal.to_be_bytes());
        bytes.extend(map.external.to_be_bytes());
        bytes.extend(octets(map.ip));
    }

    fn decode(opcode: u8, bytes: &[u8]) -> Option<Self> {
        match opcode {
            ANNOUNCE => Some(Self::Announce),
            MAP => {
                let map = bytes.get(HEADER_LEN..HEADER_LEN + MAP_LEN)?;
                Some(Self::Map(Map {
                    nonce: array(map, 0)?,
                    transport: Transport::of_number(*map.get(12)?)?,
                    internal: u16_at(map, 16)?,
                    external: u16_at(map, 18)?,
                    ip: ip_at(map, 20)?,
                }))
            }
            other => Some(Self::Other(other)),
        }
    }
}

/// Returns an address in the form of the protocol, where IPv4 is mapped into IPv6.
fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
        IpAddr::V6(ip) => ip.octets(),
    }
}

fn ip_at(bytes: &[u8], at: usize) -> Option<IpAddr> {
    array::<16>(bytes, at).map(|octets| IpAddr::V6(Ipv6Addr::from(octets)).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Map {
        Map {
            nonce: [7; 12],
            transport: Transport::Udp,
            internal: 6881,
            external: 6882,
            ip: [203, 0, 113, 9].into(),
        }
    }

    #[test]
    fn request_is_the_bytes_of_the_standard() {
        let client = [192, 168, 1, 2].into();
        let bytes = Request { lifetime_s: 3600, client, body: Body::Map(map()) }.encode();
        assert_eq!(bytes.len(), HEADER_LEN + MAP_LEN);
        assert_eq!(bytes[..8], [2, 1, 0, 0, 0, 0, 0x0e, 0x10]);
        assert_eq!(bytes[8..24], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 168, 1, 2]);
        assert_eq!(bytes[36..44], [17, 0, 0, 0, 0x1a, 0xe1, 0x1a, 0xe2]);
        let announce = Request { lifetime_s: 0, client, body: Body::Announce };
        assert_eq!(announce.encode().len(), HEADER_LEN);
        assert_eq!(Request::decode(&announce.encode()), Some(announce));
    }

    #[test]
    fn responses_answer_their_request_only() {
        let client = [192, 168, 1, 2].into();
        let request = Request { lifetime_s: 3600, client, body: Body::Map(map()) };
        let with = |map| Response { code: Code::SUCCESS, lifetime_s: 60, epoch_s: 5, body: Body::Map(map) };
        let response = with(Map { external: 9999, ..map() });
        assert_eq!(Response::decode(&response.encode()), Some(response));
        assert!(request.is_answered_by(&response));
        assert!(!request.is_answered_by(&with(Map { nonce: [8; 12], ..map() })));
        assert!(!request.is_answered_by(&with(Map { internal: 1, ..map() })));
        assert!(!request.is_answered_by(&with(Map { transport: Transport::Tcp, ..map() })));
        assert!(!request.is_answered_by(&Response { body: Body::Announce, ..response }));
    }

    #[test]
    fn short_long_and_foreign_datagrams_are_no_responses() {
        let response =
            Response { code: Code::SUCCESS, lifetime_s: 60, epoch_s: 5, body: Body::Map(map()) }.encode();
        for len in 0..response.len() {
            assert_eq!(Response::decode(&response[..len]), None, "{len}");
        }
        let mut long = response.clone();
        long.resize(MAX_LEN + 1, 0);
        assert_eq!(Response::decode(&long), None);
        assert_eq!(Response::decode(&[0, 128, 0, 1]), None, "NAT-PMP");
        assert_eq!(Request::decode(&response), None);
    }
}
