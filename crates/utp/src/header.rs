//! Wire format of packets (BEP 29, "header format").

use crate::seq::SeqNr;

/// Bytes of a header without extensions.
pub(crate) const HEADER_BYTES: usize = 20;
/// Protocol version 1, the only one.
const VERSION: u8 = 1;
const EXT_NONE: u8 = 0;
const EXT_SELECTIVE_ACK: u8 = 1;
/// libutp's "extension bits": eight bytes without a use.
const EXT_BITS: u8 = 2;
const EXT_BITS_BYTES: usize = 8;
/// An unassigned extension, which peers skip. It must not be the first: libutp rejects a packet whose first extension
/// is above 2 (`UTP_Version`).
const EXT_PADDING: u8 = 0x7f;
/// Minimum padding in bytes: the two extensions above with an empty second one.
pub(crate) const MIN_PADDING_BYTES: usize = 2 + EXT_BITS_BYTES + 2;
/// Maximum length of a selective ack in bytes: the largest multiple of four that fits a length of one byte.
pub(crate) const MAX_SACK_BYTES: usize = 252;

/// Type of a packet (BEP 29, "type").
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Type {
    Data = 0,
    Fin = 1,
    State = 2,
    Reset = 3,
    Syn = 4,
}

/// Fixed part of a packet, in wire order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Header {
    pub(crate) kind: Type,
    pub(crate) conn_id: u16,
    /// `timestamp_microseconds`: the sender's clock, modulo 2³².
    pub(crate) timestamp_us: u32,
    /// `timestamp_difference_microseconds`: one-way delay of the last packet that the sender received, by two clocks; 0
    /// before the first.
    pub(crate) delay_us: u32,
    /// `wnd_size`: receive window in bytes.
    pub(crate) wnd_bytes: u32,
    pub(crate) seq_nr: SeqNr,
    pub(crate) ack_nr: SeqNr,
}

/// A parsed packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Packet<'a> {
    pub(crate) header: Header,
    /// Bits of the first selective ack; `None` without one.
    pub(crate) sack: Option<&'a [u8]>,
    pub(crate) payload: &'a [u8],
}

/// Returns true if a datagram looks like µTP, even if the rest is malformed. DHT messages and responses of UDP trackers
/// never start like that.
pub(crate) fn is_utp(datagram: &[u8]) -> bool {
    datagram.len() >= HEADER_BYTES && datagram[0] & 0xf == VERSION && datagram[0] >> 4 <= Type::Syn as u8
}

impl<'a> Packet<'a> {
    /// Parses a datagram. Returns `None` if it is not µTP or its extensions do not fit into it. Skips unknown
    /// extensions.
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let (&[type_ver, extension, head @ ..], mut rest) = datagram.split_first_chunk::<HEADER_BYTES>()?;
        if type_ver & 0xf != VERSION {
            return None;
        }
        let kind = match type_ver >> 4 {
            0 => Type::Data,
            1 => Type::Fin,
            2 => Type::State,
            3 => Type::Reset,
            4 => Type::Syn,
            _ => return None,
        };
        let [i0, i1, t0, t1, t2, t3, d0, d1, d2, d3, w0, w1, w2, w3, s0, s1, a0, a1] = head;
        let header = Header {
            kind,
            conn_id: u16::from_be_bytes([i0, i1]),
            timestamp_us: u32::from_be_bytes([t0, t1, t2, t3]),
            delay_us: u32::from_be_bytes([d0, d1, d2, d3]),
            wnd_bytes: u32::from_be_bytes([w0, w1, w2, w3]),
            seq_nr: SeqNr(u16::from_be_bytes([s0, s1])),
            ack_nr: SeqNr(u16::from_be_bytes([a0, a1])),
        };
        let mut sack = None;
        let mut extension = extension;
        while extension != EXT_NONE {
            let (&[next, len], after) = rest.split_first_chunk::<2>()?;
            let (body, after) = after.split_at_checked(usize::from(len))?;
            if extension == EXT_SELECTIVE_ACK && sack.is_none() {
                sack = Some(body);
            }
            extension = next;
            rest = after;
        }
        Some(Self { header, sack, payload: rest })
    }
}

impl Header {
    /// Appends a header, with a selective ack unless `sack` is empty. `sack` has at most [`MAX_SACK_BYTES`], in
    /// multiples of four.
    pub(crate) fn write(&self, sack: &[u8], buf: &mut Vec<u8>) {
        let sack = &sack[..sack.len().min(MAX_SACK_BYTES)];
        self.write_fixed(if sack.is_empty() { EXT_NONE } else { EXT_SELECTIVE_ACK }, buf);
        if !sack.is_empty() {
            buf.extend_from_slice(&[EXT_NONE, sack.len() as u8]);
            buf.extend_from_slice(sack);
        }
    }

    /// Appends a header that is `padding` bytes longer than necessary, by extensions that peers skip. Adds no padding
    /// below [`MIN_PADDING_BYTES`].
    pub(crate) fn write_padded(&self, padding: usize, buf: &mut Vec<u8>) {
        if padding < MIN_PADDING_BYTES {
            return self.write(&[], buf);
        }
        self.write_fixed(EXT_BITS, buf);
        buf.extend_from_slice(&[EXT_PADDING, EXT_BITS_BYTES as u8]);
        buf.resize(buf.len() + EXT_BITS_BYTES, 0);
        let mut left = padding - 2 - EXT_BITS_BYTES;
        while left > 0 {
            // An extension is 2 … 257 bytes long, and the rest after it must not be 1.
            let mut len = left.min(257);
            if left - len == 1 {
                len -= 1;
            }
            left -= len;
            buf.extend_from_slice(&[if left == 0 { EXT_NONE } else { EXT_PADDING }, (len - 2) as u8]);
            buf.resize(buf.len() + len - 2, 0);
        }
    }

    /// Returns a whole packet without extensions and payload.
    pub(crate) fn bytes(&self) -> [u8; HEADER_BYTES] {
        self.fixed(EXT_NONE)
    }

    fn write_fixed(&self, extension: u8, buf: &mut Vec<u8>) {
        buf.extend_from_slice(&self.fixed(extension));
    }

    fn fixed(&self, extension: u8) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[0] = (self.kind as u8) << 4 | VERSION;
        bytes[1] = extension;
        bytes[2..4].copy_from_slice(&self.conn_id.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.timestamp_us.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.delay_us.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.wnd_bytes.to_be_bytes());
        bytes[16..18].copy_from_slice(&self.seq_nr.0.to_be_bytes());
        bytes[18..20].copy_from_slice(&self.ack_nr.0.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(kind: u8) -> Header {
        let kind = [Type::Data, Type::Fin, Type::State, Type::Reset, Type::Syn][usize::from(kind % 5)];
        Header {
            kind,
            conn_id: 0x1234,
            timestamp_us: 0x0102_0304,
            delay_us: 0xfffe_fdfc,
            wnd_bytes: 0x8000_0001,
            seq_nr: SeqNr(0xfffe),
            ack_nr: SeqNr(7),
        }
    }

    #[test]
    fn write_of_a_header_matches_bep_29() {
        let mut buf = Vec::new();
        header(4).write(&[], &mut buf);
        let expected =
            [0x41, 0, 0x12, 0x34, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0x80, 0, 0, 1, 0xff, 0xfe, 0, 7];
        assert_eq!(buf, expected);
        buf.clear();
        header(2).write(&[1, 2, 3, 0x80], &mut buf);
        assert_eq!(buf[..2], [0x21, 1]);
        assert_eq!(buf[20..], [0, 4, 1, 2, 3, 0x80]);
    }

    #[test]
    fn write_padded_puts_the_extension_bits_first() {
        let mut buf = Vec::new();
        header(0).write_padded(15, &mut buf);
        assert_eq!(buf[..2], [0x01, 2]);
        assert_eq!(buf[20..], [0x7f, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0]);
        buf.push(b'x');
        assert_eq!(Packet::parse(&buf), Some(Packet { header: header(0), sack: None, payload: b"x" }));
        buf.clear();
        header(0).write_padded(11, &mut buf);
        assert_eq!((buf.len(), buf[1]), (20, 0));
    }

    #[test]
    fn is_utp_for_other_protocols_returns_false() {
        for other in
            [&b"d1:ad2:id20:aaaaaaaaaaaaaaaaaaaae"[..], &[0; 20], &[0, 0, 4, 0x17, 0, 0, 0, 0], &[0x51; 20]]
        {
            assert!(!is_utp(other));
        }
        assert!(!is_utp(&[0x21; 19]));
        assert!(is_utp(&[0x21; 20]));
    }

    #[test]
    fn parse_of_a_cut_extension_returns_none() {
        let mut buf = Vec::new();
        header(2).write(&[1, 2, 3, 4], &mut buf);
        assert_eq!(Packet::parse(&buf).unwrap().sack, Some(&[1, 2, 3, 4][..]));
        for len in 20..26 {
            assert_eq!(Packet::parse(&buf[..len]), None);
        }
        buf[20] = 9;
        assert_eq!(Packet::parse(&buf), None);
        buf.extend_from_slice(&[0, 0, b'x']);
        assert_eq!(Packet::parse(&buf).unwrap().payload, b"x");
    }

    proptest! {
        #[test]
        fn write_padded_with_any_padding_is_exact(padding in 0usize..2000, payload: Vec<u8>, kind: u8) {
            let mut buf = Vec::new();
            header(kind).write_padded(padding, &mut buf);
            let added = if padding < MIN_PADDING_BYTES { 0 } else { padding };
            prop_assert_eq!(buf.len(), HEADER_BYTES + added);
            // Required by libutp (`UTP_Version`).
            prop_assert!(buf[1] < 3);
            buf.extend_from_slice(&payload);
            let packet = Packet::parse(&buf).unwrap();
            prop_assert_eq!(packet, Packet { header: header(kind), sack: None, payload: &payload });
        }

        #[test]
        fn parse_of_any_bytes_agrees_with_is_utp(datagram: Vec<u8>) {
            let parsed = Packet::parse(&datagram);
            prop_assert!(parsed.is_none() || is_utp(&datagram));
        }
    }
}
