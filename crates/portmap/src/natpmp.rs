//! Datagrams of NAT-PMP (RFC 6886).

use crate::transport::{Transport, array, u16_at, u32_at};
use std::net::Ipv4Addr;

/// Version of the protocol, the first byte of each datagram.
pub const VERSION: u8 = 0;
/// Bit of the opcode that marks a response.
const IS_RESPONSE: u8 = 0x80;

/// Request to a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Request {
    /// Asks for the external address.
    Address,
    /// Maps a port, or removes the mapping with a lifetime of 0.
    Map {
        /// Transport.
        transport: Transport,
        /// Port of this machine.
        internal: u16,
        /// Suggested port of the gateway; 0 for any.
        external: u16,
        /// Lifetime in seconds.
        lifetime_s: u32,
    },
}

/// Response of a gateway.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Response {
    /// The external address.
    Address {
        /// Seconds since the mappings of the gateway were last lost.
        epoch_s: u32,
        /// The address.
        ip: Ipv4Addr,
    },
    /// A mapping.
    Map {
        /// Seconds since the mappings of the gateway were last lost.
        epoch_s: u32,
        /// Transport.
        transport: Transport,
        /// Port of this machine.
        internal: u16,
        /// Port of the gateway.
        external: u16,
        /// Lifetime in seconds.
        lifetime_s: u32,
    },
    /// A refusal.
    Refused {
        /// Opcode of the request.
        opcode: u8,
        /// Reason.
        code: Code,
        /// Seconds since the mappings of the gateway were last lost; `None` in short responses.
        epoch_s: Option<u32>,
    },
}

/// Reason of a refusal (RFC 6886 §3.5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Code(pub u16);

impl Code {
    /// The version of the request is not supported. Gateways that only speak NAT-PMP answer PCP with it.
    pub const UNSUPPORTED_VERSION: Self = Self(1);

    /// Returns the meaning in plain words.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            1 => "it does not support this version",
            2 => "port mapping is turned off in it",
            3 => "it has no external address",
            4 => "it has no more room for mappings",
            5 => "it does not support this request",
            _ => "it gave an unknown reason",
        }
    }
}

impl Request {
    /// Returns the datagram.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION, self.opcode()];
        if let Self::Map { internal, external, lifetime_s, .. } = self {
            bytes.extend([0; 2]);
            bytes.extend(internal.to_be_bytes());
            bytes.extend(external.to_be_bytes());
            bytes.extend(lifetime_s.to_be_bytes());
        }
        bytes
    }

    /// Decodes a datagram; `None` if it is no request.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, opcode, ..] = bytes else { return None };
        let Some(transport) = transport_of(*opcode) else {
            return (*opcode == 0 && bytes.len() == 2).then_some(Self::Address);
        };
        let (internal, external) = (u16_at(bytes, 4)?, u16_at(bytes, 6)?);
        Some(Self::Map { transport, internal, external, lifetime_s: u32_at(bytes, 8)? })
    }

    /// Returns true for a response to this request, a refusal included.
    pub fn is_answered_by(&self, response: &Response) -> bool {
        match (self, response) {
            (Self::Address, Response::Address { .. }) => true,
            (Self::Map { transport, internal, .. }, Response::Map { transport: t, internal: i, .. }) => {
                transport == t && internal == i
            }
            (_, Response::Refused { opcode, .. }) => self.opcode() == *opcode,
            _ => false,
        }
    }

    fn opcode(&self) -> u8 {
        match self {
            Self::Address => 0,
            Self::Map { transport, .. } => opcode_of(*transport),
        }
    }
}

impl Response {
    /// Decodes a datagram; `None` if it is no response of this protocol. Bytes after its end are ignored.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let [VERSION, opcode, ..] = bytes else { return None };
        let opcode = opcode.checked_sub(IS_RESPONSE)?;
        let code = u16_at(bytes, 2)?;
        if code != 0 {
            return Some(Self::Refused { opcode, code: Code(code), epoch_s: u32_at(bytes, 4) });
        }
        let epoch_s = u32_at(bytes, 4)?;
        let Some(transport) = transport_of(opcode) else {
            let is_address = opcode == 0;
            return is_address.then_some(Self::Address { epoch_s, ip: array::<4>(bytes, 8)?.into() });
        };
        let (internal, external) = (u16_at(bytes, 8)?, u16_at(bytes, 10)?);
        Some(Self::Map { epoch_s, transport, internal, external, lifetime_s: u32_at(bytes, 12)? })
    }

    /// Returns the datagram, as a gateway sends it.
    pub fn encode(&self) -> Vec<u8> {
        let (opcode, code, epoch_s) = match self {
            Self::Address { epoch_s, .. } => (0, 0, Some(*epoch_s)),
            Self::Map { epoch_s, transport, .. } => (opcode_of(*transport), 0, Some(*epoch_s)),
            Self::Refused { opcode, code, epoch_s } => (*opcode, code.0, *epoch_s),
        };
        let mut bytes = vec![VERSION, IS_RESPONSE | opcode];
        bytes.extend(code.to_be_bytes());
        bytes.extend(epoch_s.into_iter().flat_map(u32::to_be_bytes));
        match self {
            Self::Address { ip, .. } => bytes.extend(ip.octets()),
            Self::Map { internal, external, lifetime_s, .. } => {
                bytes.extend(internal.to_be_bytes());
                bytes.extend(external.to_be_bytes());
                bytes.extend(lifetime_s.to_be_bytes());
            }
            Self::Refused { .. } => {}
        }
        bytes
    }
}

fn opcode_of(transport: Transport) -> u8 {
    match transport {
        Transport::Udp => 1,
        Transport::Tcp => 2,
    }
}

fn transport_of(opcode: u8) -> Option<Transport> {
    Transport::ALL.into_iter().find(|transport| opcode_of(*transport) == opcode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_bytes_of_the_standard() {
        assert_eq!(Request::Address.encode(), [0, 0]);
        let map = Request::Map { transport: Transport::Tcp, internal: 80, external: 8080, lifetime_s: 7200 };
        assert_eq!(map.encode(), [0, 2, 0, 0, 0, 80, 0x1f, 0x90, 0, 0, 0x1c, 0x20]);
        assert_eq!(Request::decode(&map.encode()), Some(map));
        assert_eq!(Request::decode(&[0, 0]), Some(Request::Address));
        assert_eq!(Request::decode(&[2, 0]), None, "PCP");
    }

    #[test]
    fn responses_answer_their_request_only() {
        let response = Response::decode(&[0, 130, 0, 0, 0, 0, 1, 0, 0, 80, 0x1f, 0x90, 0, 0, 0x0e, 0x10]);
        let expected = Response::Map {
            epoch_s: 256,
            transport: Transport::Tcp,
            internal: 80,
            external: 8080,
            lifetime_s: 3600,
        };
        assert_eq!(response, Some(expected));
        let ask = |internal, transport| Request::Map { transport, internal, external: 0, lifetime_s: 1 };
        assert!(ask(80, Transport::Tcp).is_answered_by(&expected));
        assert!(!ask(81, Transport::Tcp).is_answered_by(&expected));
        assert!(!ask(80, Transport::Udp).is_answered_by(&expected));
        assert!(!Request::Address.is_answered_by(&expected));
    }

    #[test]
    fn short_and_foreign_datagrams_are_no_responses() {
        assert_eq!(Response::decode(&[]), None);
        assert_eq!(Response::decode(&[0, 128, 0, 0, 0, 0, 0, 1, 10, 0, 0]), None, "cut off");
        assert_eq!(Response::decode(&[0, 0, 0, 0, 0, 0, 0, 1, 10, 0, 0, 1]), None, "a request");
        assert_eq!(Response::decode(&[2, 129, 0, 0, 0, 0, 0, 1]), None, "PCP");
        let refused = Response::Refused { opcode: 0, code: Code::UNSUPPORTED_VERSION, epoch_s: None };
        assert_eq!(Response::decode(&[0, 128, 0, 1]), Some(refused));
        assert_eq!(refused.encode(), [0, 128, 0, 1]);
    }
}
