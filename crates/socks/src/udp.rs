//! Datagrams between a client and the relay of a SOCKS5 proxy (RFC 1928, section 7).

use crate::target::Target;

/// Maximum length of a header, in bytes: that of the longest name.
pub const MAX_HEADER: usize = 4 + 1 + 255 + 2;
/// Length of the header with an IPv4 address, in bytes.
pub const HEADER_V4: usize = 10;

/// Appends the header of a datagram to a target. The payload follows it.
pub fn encode_header(target: &Target, out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0]);
    target.encode(out);
}

/// Splits a datagram of the relay into its source and payload; `None` if it is malformed or a fragment.
pub fn decode(datagram: &[u8]) -> Option<(Target, &[u8])> {
    // The reserved bytes are not looked at. Fragments are optional, and nobody sends them.
    let [_, _, 0, rest @ ..] = datagram else { return None };
    let (source, len) = Target::decode(rest).ok()??;
    Some((source, &rest[len..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use proptest::prelude::*;

    #[test]
    fn header_has_the_target_and_fragments_are_dropped() {
        let mut out = Vec::new();
        encode_header(&Target::Addr(([192, 0, 2, 1], 80).into()), &mut out);
        assert_eq!((&out[..], out.len()), (&[0, 0, 0, 1, 192, 0, 2, 1, 0, 80][..], HEADER_V4));
        out.extend_from_slice(b"payload");
        assert_eq!(decode(&out), Some((Target::Addr(([192, 0, 2, 1], 80).into()), &b"payload"[..])));
        out[2] = 1;
        assert_eq!(decode(&out), None);
        let mut out = Vec::new();
        encode_header(&Target::Name("a".repeat(255), 1), &mut out);
        assert_eq!(out.len(), MAX_HEADER);
    }

    proptest! {
        #[test]
        fn decode_of_any_bytes_keeps_the_payload(bytes in any::<Vec<u8>>()) {
            if let Some((_, payload)) = decode(&bytes) {
                prop_assert!(bytes.ends_with(payload));
            }
        }
    }
}
