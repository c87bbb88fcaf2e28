//! Peer ids, and the client names in them (BEP 20).

use std::fmt;

use crate::bytes::byte_array;

byte_array! {
    /// The 20-byte id of a client in one session. The peer chooses it, so it proves nothing.
    ///
    /// `Display` writes the client's name and version if the id follows a known convention, else the id's printable
    /// characters. The text is always short, printable ASCII.
    PeerId, 20
}

impl PeerId {
    /// Start of the ids of this client: its code and version.
    pub const PREFIX: [u8; 8] = *b"-ZR0100-";

    /// Creates an id of this client. `random` should come from the system's random generator, fresh for each session.
    pub fn from_random(random: [u8; 12]) -> Self {
        let mut id = [0; 20];
        id[..8].copy_from_slice(&Self::PREFIX);
        id[8..].copy_from_slice(&random);
        Self(id)
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((code, version)) = azureus_style(&self.0) {
            match AZUREUS_CODES.iter().find(|(known, _)| *known == code) {
                Some((_, name)) => f.write_str(name)?,
                None => write!(f, "{}{}", char::from(code[0]), char::from(code[1]))?,
            }
            return write_version(f, version);
        }
        if let Some((name, version)) = dashed_style(&self.0) {
            return write!(f, "{name} {version}");
        }
        write_printable(f, &self.0)
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({})", self.0.escape_ascii())
    }
}

const AZUREUS_CODES: &[(&[u8; 2], &str)] = &[
    (b"7T", "aTorrent"),
    (b"AG", "Ares"),
    (b"AZ", "Vuze"),
    (b"BC", "BitComet"),
    (b"BI", "BiglyBT"),
    (b"BT", "BitTorrent"),
    (b"DE", "Deluge"),
    (b"FD", "Free Download Manager"),
    (b"FL", "Flud"),
    (b"FX", "Freebox"),
    (b"JT", "JavaTorrent"),
    (b"KT", "KTorrent"),
    (b"LP", "Lphant"),
    (b"LT", "libtorrent"),
    (b"LW", "LimeWire"),
    (b"PI", "PicoTorrent"),
    (b"SD", "Xunlei"),
    (b"TL", "Tribler"),
    (b"TR", "Transmission"),
    (b"TT", "TuoTu"),
    (b"UM", "uTorrent Mac"),
    (b"UT", "uTorrent"),
    (b"UW", "uTorrent Web"),
    (b"WW", "WebTorrent"),
    (b"WD", "WebTorrent Desktop"),
    (b"XL", "Xunlei"),
    (b"ZR", "ztor"),
    (b"lt", "rTorrent"),
    (b"qB", "qBittorrent"),
    (b"rQ", "rqbit"),
];

/// Returns the code and version of an id in Azureus style: `-XX1234-` and twelve random bytes.
fn azureus_style(id: &[u8; 20]) -> Option<(&[u8; 2], &[u8])> {
    let fits = id[0] == b'-'
        && id[7] == b'-'
        && id[1..3].iter().all(|b| b.is_ascii_alphanumeric())
        && id[3..7].iter().all(|b| b.is_ascii_alphanumeric());
    if !fits {
        return None;
    }
    Some((id[1..].first_chunk()?, &id[3..7]))
}

/// Writes one component per character (`A` is 10), without trailing zeros after the second component.
fn write_version(f: &mut fmt::Formatter<'_>, version: &[u8]) -> fmt::Result {
    let used = version.iter().rposition(|&b| b != b'0').map_or(0, |last| last + 1).max(2);
    for (i, &b) in version.iter().take(used).enumerate() {
        let component = match b {
            b'0'..=b'9' => b - b'0',
            b'A'..=b'Z' => b - b'A' + 10,
            b'a'..=b'z' => b - b'a' + 36,
            _ => 0,
        };
        write!(f, "{}{component}", if i == 0 { ' ' } else { '.' })?;
    }
    Ok(())
}

/// Returns name and version of an id such as `M7-10-5--…` (the first client) or `A2-1-37-0-…` (aria2).
fn dashed_style(id: &[u8; 20]) -> Option<(&'static str, String)> {
    let (name, rest) = match &id[..] {
        [b'M', rest @ ..] => ("BitTorrent", rest),
        [b'A', b'2', b'-', rest @ ..] => ("aria2", rest),
        _ => return None,
    };
    let mut parts = rest.split(|&b| b == b'-');
    let mut numbers = Vec::with_capacity(3);
    for _ in 0..3 {
        let part = parts.next().filter(|p| (1..=3).contains(&p.len()) && p.iter().all(u8::is_ascii_digit))?;
        numbers.push(std::str::from_utf8(part).ok()?);
    }
    parts.next()?;
    Some((name, numbers.join(".")))
}

fn write_printable(f: &mut fmt::Formatter<'_>, id: &[u8; 20]) -> fmt::Result {
    let visible: String =
        id.iter().filter(|b| b.is_ascii_graphic()).map(|&b| char::from(b)).take(8).collect();
    if visible.len() < 4 { f.write_str("unknown client") } else { write!(f, "unknown client ({visible})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn display_of_an_id_names_client_and_version() {
        for (id, shown) in [
            (b"-TR4060-abcdefghijkl", "Transmission 4.0.6"),
            (b"-LT2110-abcdefghijkl", "libtorrent 2.1.1"),
            (b"-qB4650-abcdefghijkl", "qBittorrent 4.6.5"),
            (b"-DE13F0-abcdefghijkl", "Deluge 1.3.15"),
            (b"-Q#1000-abcdefghijkl", "unknown client (-Q#1000-)"),
            (b"-Qx1000-abcdefghijkl", "Qx 1.0"),
            (b"A2-1-37-0-abcdefghij", "aria2 1.37.0"),
            (b"M7-10-5--abcdefghijk", "BitTorrent 7.10.5"),
            (b"M---7-10-5--abcdefgh", "unknown client (M---7-10)"),
            (&[0; 20], "unknown client"),
        ] {
            assert_eq!(PeerId::new(*id).to_string(), shown);
        }
        assert_eq!(PeerId::from_random([7; 12]).to_string(), "ztor 0.1");
    }

    proptest! {
        #[test]
        fn any_id_shows_as_short_printable_text(id: [u8; 20]) {
            let shown = PeerId::new(id).to_string();
            prop_assert!(shown.len() <= 40 && shown.bytes().all(|b| (b' '..=b'~').contains(&b)), "{}", shown);
        }
    }
}
