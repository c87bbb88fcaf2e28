//! Queries to name servers and their answers: the addresses of a host, and the ports of trackers (BEP 34).
//!
//! A host may say that it runs no tracker, or on which ports it does. The decoder reads only what it needs, and follows no
//! pointer.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use thiserror::Error;

/// Maximum length of a name in bytes, as text.
const MAX_NAME_LEN: usize = 253;
/// Maximum number of records read from an answer.
const MAX_RECORDS: usize = 64;
/// Maximum number of ports kept from a record.
const MAX_PORTS: usize = 16;
const IN: u16 = 1;
/// Flags of a query: recursion desired.
const QUERY: u16 = 0x0100;
const RESPONSE: u16 = 0x8000;
const TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;

/// Kind of records that are asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecordKind {
    /// IPv4 addresses.
    A,
    /// Texts.
    Txt,
    /// IPv6 addresses.
    Aaaa,
}

impl RecordKind {
    fn code(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Txt => 16,
            Self::Aaaa => 28,
        }
    }
}

/// Protocol of a tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// UDP.
    Udp,
    /// HTTP(S).
    Tcp,
}

/// Trackers of a host, those that it prefers first (BEP 34). Without any, it runs none.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TrackerPorts(Vec<(Protocol, u16)>);

/// Consequence for one tracker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PortChoice {
    /// Its port is right.
    Keep,
    /// It is on this port.
    Use(u16),
    /// The host runs no tracker.
    Denied,
    /// The host runs trackers of another protocol only.
    OtherProtocol(Protocol, u16),
}

/// Reason that an answer cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum DnsError {
    /// It is no answer to the query.
    #[error("not an answer to the query")]
    NotMine,
    /// It is cut or malformed.
    #[error("a malformed answer")]
    Malformed,
    /// It does not fit into a datagram.
    #[error("an answer too long for a datagram")]
    TooLong,
    /// The server refuses, with this code.
    #[error("the server answered with error {0}")]
    Refused(u16),
}

impl TrackerPorts {
    /// Returns the trackers that a text record names; `None` if it is of another kind.
    pub fn of_text(text: &str) -> Option<Self> {
        let mut words = text.split(' ').filter(|word| !word.is_empty());
        if words.next() != Some("BITTORRENT") {
            return None;
        }
        let tracker = |word: &str| {
            let (protocol, port) = word.split_once(':')?;
            let protocol = match protocol {
                "UDP" => Protocol::Udp,
                "TCP" => Protocol::Tcp,
                _ => return None,
            };
            Some((protocol, port.parse().ok().filter(|port| *port != 0)?))
        };
        Some(Self(words.filter_map(tracker).take(MAX_PORTS).collect()))
    }

    /// Returns what becomes of a tracker of this protocol and port.
    pub fn choose(&self, protocol: Protocol, port: u16) -> PortChoice {
        let mine = || self.0.iter().filter(|(of, _)| *of == protocol).map(|(_, port)| *port);
        match (mine().next(), self.0.first()) {
            _ if mine().any(|of| of == port) => PortChoice::Keep,
            (Some(first), _) => PortChoice::Use(first),
            (None, Some((other, port))) => PortChoice::OtherProtocol(*other, *port),
            (None, None) => PortChoice::Denied,
        }
    }
}

/// Returns the query for the records of a host; `None` if the name cannot be one.
pub fn encode_query(id: u16, name: &str, kind: RecordKind) -> Option<Vec<u8>> {
    let name = name.trim_end_matches('.');
    if name.is_empty() || name.len() > MAX_NAME_LEN {
        return None;
    }
    let mut query = Vec::with_capacity(18 + name.len());
    for field in [id, QUERY, 1, 0, 0, 0] {
        query.extend(field.to_be_bytes());
    }
    for label in name.split('.') {
        let len = u8::try_from(label.len()).ok().filter(|len| (1..64).contains(len))?;
        query.push(len);
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend([kind.code(), IN].iter().flat_map(|field| field.to_be_bytes()));
    Some(query)
}

/// Reads the TXT records of an answer to the query with this id, each with its strings joined.
///
/// # Errors
/// If the datagram is no such answer, or the server refuses. A name that does not exist has no records.
pub fn decode_answer(id: u16, datagram: &[u8]) -> Result<Vec<String>, DnsError> {
    let mut texts = Vec::new();
    records(id, datagram, RecordKind::Txt, |data| {
        texts.push(text_of(data)?);
        Ok(())
    })?;
    Ok(texts)
}

/// Reads the addresses of an answer to the query with this id, of either family.
///
/// # Errors
/// If the datagram is no such answer, or the server refuses. A name that does not exist has no addresses.
pub fn decode_addresses(id: u16, datagram: &[u8], kind: RecordKind) -> Result<Vec<IpAddr>, DnsError> {
    let mut addrs = Vec::new();
    records(id, datagram, kind, |data| {
        let addr = match kind {
            RecordKind::A => <[u8; 4]>::try_from(data).map(|ip| Ipv4Addr::from(ip).into()),
            RecordKind::Aaaa => <[u8; 16]>::try_from(data).map(|ip| Ipv6Addr::from(ip).into()),
            RecordKind::Txt => return Ok(()),
        };
        addrs.push(addr.map_err(|_| DnsError::Malformed)?);
        Ok(())
    })?;
    Ok(addrs)
}

/// Passes on the data of each record of a kind in an answer.
fn records(
    id: u16,
    datagram: &[u8],
    wanted: RecordKind,
    mut take: impl FnMut(&[u8]) -> Result<(), DnsError>,
) -> Result<(), DnsError> {
    let mut input = Input(datagram);
    let header = [input.u16()?, input.u16()?, input.u16()?, input.u16()?, input.u16()?, input.u16()?];
    let [got, flags, questions, answers, ..] = header;
    if got != id || flags & RESPONSE == 0 || questions != 1 {
        return Err(DnsError::NotMine);
    }
    match flags & RCODE {
        0 => {}
        3 => return Ok(()),
        code => return Err(DnsError::Refused(code)),
    }
    if flags & TRUNCATED != 0 {
        return Err(DnsError::TooLong);
    }
    input.skip_name()?;
    input.take(4)?;
    for _ in 0..usize::from(answers).min(MAX_RECORDS) {
        input.skip_name()?;
        let (kind, class) = (input.u16()?, input.u16()?);
        input.take(4)?;
        let len = input.u16()?;
        let data = input.take(len.into())?;
        if (kind, class) == (wanted.code(), IN) {
            take(data)?;
        }
    }
    Ok(())
}

/// Joins the strings of a TXT record.
fn text_of(data: &[u8]) -> Result<String, DnsError> {
    let (mut strings, mut text) = (Input(data), Vec::new());
    while let Some((len, rest)) = strings.0.split_first() {
        strings.0 = rest;
        text.extend(strings.take(usize::from(*len))?);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], DnsError> {
        let (head, rest) = self.0.split_at_checked(len).ok_or(DnsError::Malformed)?;
        self.0 = rest;
        Ok(head)
    }

    fn u16(&mut self) -> Result<u16, DnsError> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(DnsError::Malformed)?;
        self.0 = rest;
        Ok(u16::from_be_bytes(*bytes))
    }

    /// Skips a name, which ends with an empty label or a pointer.
    fn skip_name(&mut self) -> Result<(), DnsError> {
        loop {
            match self.take(1)? {
                [0] => return Ok(()),
                [len] if *len >= 0xc0 => return self.take(1).map(|_| ()),
                [len] if *len < 64 => drop(self.take(usize::from(*len))?),
                _ => return Err(DnsError::Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    /// Returns an answer of a server, with these texts after an alias.
    fn answer(id: u16, texts: &[&[&str]]) -> Vec<u8> {
        let mut bytes = encode_query(id, "tracker.example", RecordKind::Txt).unwrap();
        bytes[2] = 0x81;
        bytes[7] = texts.len() as u8 + 1;
        bytes.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x0e\x10\x00\x02\xc0\x0c");
        for strings in texts {
            let data: Vec<u8> =
                strings.iter().flat_map(|text| [&[text.len() as u8], text.as_bytes()].concat()).collect();
            bytes.extend(b"\xc0\x0c\x00\x10\x00\x01\x00\x00\x0e\x10");
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }

    #[test]
    fn decode_answer_returns_the_texts_with_their_strings_joined() {
        let bytes = answer(7, &[&["v=spf1 -all"], &["BITTORRENT UDP:1337 ", "TCP:80"]]);
        assert_eq!(decode_answer(7, &bytes).unwrap(), ["v=spf1 -all", "BITTORRENT UDP:1337 TCP:80"]);
        assert_eq!(decode_answer(8, &bytes), Err(DnsError::NotMine));
        for len in 0..bytes.len() {
            assert!(decode_answer(7, &bytes[..len]).is_err(), "{len}");
        }
    }

    #[test]
    fn decode_addresses_returns_those_of_the_kind_that_was_asked_for() {
        let answer = |kind: RecordKind, data: &[u8]| {
            let mut bytes = encode_query(7, "t.example", kind).unwrap();
            (bytes[2], bytes[7]) = (0x81, 2);
            bytes.extend(b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x0e\x10\x00\x02\xc0\x0c");
            bytes.extend(b"\xc0\x0c");
            bytes.extend([kind.code(), IN].iter().flat_map(|field| field.to_be_bytes()));
            bytes.extend([0; 4]);
            bytes.extend((data.len() as u16).to_be_bytes());
            bytes.extend(data);
            decode_addresses(7, &bytes, kind).map(|addrs| addrs.iter().map(ToString::to_string).collect())
        };
        assert_eq!(answer(RecordKind::A, &[192, 0, 2, 7]), Ok(vec!["192.0.2.7".to_owned()]));
        assert_eq!(answer(RecordKind::Aaaa, &[1; 16]).map(|all: Vec<String>| all.len()), Ok(1));
        for (kind, len) in [(RecordKind::A, 3), (RecordKind::A, 16), (RecordKind::Aaaa, 4)] {
            assert_eq!(answer(kind, &vec![1; len]), Err(DnsError::Malformed));
        }
        assert_eq!(answer(RecordKind::Txt, &[1, 65]), Ok(Vec::new()));
    }

    #[test]
    fn answer_with_an_error_or_without_the_name_says_so() {
        let mut bytes = encode_query(7, "x.example", RecordKind::Txt).unwrap();
        assert_eq!(decode_answer(7, &bytes), Err(DnsError::NotMine), "a query");
        (bytes[2], bytes[3]) = (0x81, 3);
        assert_eq!(decode_answer(7, &bytes), Ok(Vec::new()));
        bytes[3] = 2;
        assert_eq!(decode_answer(7, &bytes), Err(DnsError::Refused(2)));
        (bytes[2], bytes[3]) = (0x83, 0);
        assert_eq!(decode_answer(7, &bytes), Err(DnsError::TooLong));
    }

    #[test]
    fn encode_query_of_a_name_that_cannot_be_one_is_none() {
        for name in ["", ".", "a..b", &"a".repeat(64), &"a.".repeat(200)] {
            assert_eq!(encode_query(1, name, RecordKind::A), None, "{name}");
        }
        assert_eq!(encode_query(1, "a.bc.", RecordKind::A), encode_query(1, "a.bc", RecordKind::A));
    }

    #[test]
    fn choice_follows_the_order_of_the_record() {
        use PortChoice::{Denied, Keep, OtherProtocol, Use};
        use Protocol::{Tcp, Udp};
        let of = |text: &str| TrackerPorts::of_text(text).unwrap();
        for text in ["BITTORRENT", "BITTORRENT DENY ALL", "BITTORRENT UDP:0 TCP:x udp:1"] {
            assert_eq!(of(text).choose(Udp, 80), Denied, "{text}");
        }
        let both = of("BITTORRENT UDP:1337 TCP:80 UDP:6969");
        assert_eq!(both.choose(Udp, 6969), Keep);
        assert_eq!(both.choose(Udp, 1), Use(1337));
        assert_eq!(both.choose(Tcp, 8080), Use(80));
        assert_eq!(of("BITTORRENT UDP:1337").choose(Tcp, 80), OtherProtocol(Udp, 1337));
        assert_eq!(TrackerPorts::of_text("bittorrent UDP:1"), None);
        assert_eq!(TrackerPorts::of_text(""), None);
    }
}
