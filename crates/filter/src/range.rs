//! Ranges of IP addresses, and their text forms.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use thiserror::Error;

/// Longest text of an address, in bytes: an IPv6 address that ends with an IPv4 address.
const MAX_ADDR_LEN: usize = 45;

/// A range of IP addresses of one family, both ends included. IPv4-mapped IPv6 addresses count as IPv4.
///
/// The text form is an address, a network, or two addresses:
///
/// ```
/// use ztor_filter::IpRange;
///
/// let range: IpRange = "192.0.2.7/24".parse()?;
/// assert_eq!(range.to_string(), "192.0.2.0/24");
/// assert!(range.has("192.0.2.255".parse()?));
/// assert_eq!("2001:db8::7".parse::<IpRange>()?.to_string(), "2001:db8::7");
/// assert_eq!("192.0.2.1 - 192.0.2.9".parse::<IpRange>()?.to_string(), "192.0.2.1-192.0.2.9");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpRange(pub(crate) Bounds);

/// The first and the last address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Bounds {
    V4(u32, u32),
    V6(u128, u128),
}

/// A text that is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "cannot read {text:?} as addresses: give an address, a network such as 192.0.2.0/24, or a range such as \
     192.0.2.1-192.0.2.9"
)]
pub struct ParseRangeError {
    text: String,
}

impl IpRange {
    /// Creates a range; `None` if the ends are of different families or in the wrong order.
    pub fn new(first: IpAddr, last: IpAddr) -> Option<Self> {
        let bounds = match (first.to_canonical(), last.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(last)) => Bounds::V4(first.into(), last.into()),
            (IpAddr::V6(first), IpAddr::V6(last)) => Bounds::V6(first.into(), last.into()),
            _ => return None,
        };
        let is_ordered = match bounds {
            Bounds::V4(first, last) => first <= last,
            Bounds::V6(first, last) => first <= last,
        };
        is_ordered.then_some(Self(bounds))
    }

    /// Returns the first address.
    pub fn first(self) -> IpAddr {
        match self.0 {
            Bounds::V4(first, _) => Ipv4Addr::from(first).into(),
            Bounds::V6(first, _) => Ipv6Addr::from(first).into(),
        }
    }

    /// Returns the last address.
    pub fn last(self) -> IpAddr {
        match self.0 {
            Bounds::V4(_, last) => Ipv4Addr::from(last).into(),
            Bounds::V6(_, last) => Ipv6Addr::from(last).into(),
        }
    }

    /// Returns true if an address is in the range.
    pub fn has(self, ip: IpAddr) -> bool {
        match (self.0, ip.to_canonical()) {
            (Bounds::V4(first, last), IpAddr::V4(ip)) => (first..=last).contains(&ip.into()),
            (Bounds::V6(first, last), IpAddr::V6(ip)) => (first..=last).contains(&ip.into()),
            _ => false,
        }
    }

    /// Returns the number of bits that all addresses of the range share, if it is a whole network.
    fn prefix_len(self) -> Option<u32> {
        let (differing, is_aligned, width) = match self.0 {
            Bounds::V4(first, last) => {
                let bits = first ^ last;
                (32 - bits.leading_zeros(), first & bits == 0 && is_mask(bits.into()), 32)
            }
            Bounds::V6(first, last) => {
                let bits = first ^ last;
                (128 - bits.leading_zeros(), first & bits == 0 && is_mask(bits), 128)
            }
        };
        is_aligned.then_some(width - differing)
    }

    /// Returns a measure of the number of addresses, to compare ranges of one family.
    pub(crate) fn span(self) -> u128 {
        match self.0 {
            Bounds::V4(first, last) => u128::from(last - first),
            Bounds::V6(first, last) => last - first,
        }
    }
}

/// Returns true if the bits that are set are the lowest ones.
fn is_mask(bits: u128) -> bool {
    bits & bits.wrapping_add(1) == 0
}

impl From<IpAddr> for IpRange {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(Bounds::V4(ip.into(), ip.into())),
            IpAddr::V6(ip) => Self(Bounds::V6(ip.into(), ip.into())),
        }
    }
}

impl fmt::Display for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.first(), self.last());
        match self.prefix_len() {
            _ if first == last => first.fmt(f),
            Some(len) => write!(f, "{first}/{len}"),
            None => write!(f, "{first}-{last}"),
        }
    }
}

impl fmt::Debug for IpRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for IpRange {
    type Err = ParseRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_range(text.as_bytes()).ok_or_else(|| {
            let shown = text.chars().filter(|char| !char.is_control()).take(60);
            ParseRangeError { text: shown.collect() }
        })
    }
}

/// Parses an address, a network, or two addresses with a hyphen between them.
pub(crate) fn parse_range(text: &[u8]) -> Option<IpRange> {
    let text = text.trim_ascii();
    // Most lines that are no range end here.
    if !text.first().is_some_and(|byte| byte.is_ascii_hexdigit() || *byte == b':') {
        return None;
    }
    if let Some((first, last)) = split_once(text, b'-') {
        return IpRange::new(parse_ip(first)?, parse_ip(last)?);
    }
    match split_once(text, b'/') {
        Some((ip, len)) => network(parse_ip(ip)?, parse_number(len.trim_ascii(), 3)?),
        None => parse_ip(text).map(IpRange::from),
    }
}

/// Returns the network with an address in it.
fn network(ip: IpAddr, prefix_len: u32) -> Option<IpRange> {
    match ip {
        IpAddr::V4(ip) if prefix_len <= 32 => {
            let host = u32::MAX.checked_shr(prefix_len).unwrap_or(0);
            let first = u32::from(ip) & !host;
            Some(IpRange(Bounds::V4(first, first | host)))
        }
        IpAddr::V6(ip) if prefix_len <= 128 => {
            let host = u128::MAX.checked_shr(prefix_len).unwrap_or(0);
            let first = u128::from(ip) & !host;
            // Networks of IPv4-mapped addresses become networks of IPv4.
            IpRange::new(Ipv6Addr::from(first).into(), Ipv6Addr::from(first | host).into())
        }
        _ => None,
    }
}

/// Parses an address. The numbers of an IPv4 address may have leading zeros, as in DAT lists.
pub(crate) fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    let text = text.trim_ascii();
    if text.is_empty() || text.len() > MAX_ADDR_LEN {
        return None;
    }
    if text.contains(&b':') {
        let ip: Ipv6Addr = std::str::from_utf8(text).ok()?.parse().ok()?;
        return Some(ip.into());
    }
    let mut octets = [0; 4];
    let mut parts = text.split(|byte| *byte == b'.');
    for octet in &mut octets {
        *octet = u8::try_from(parts.next().and_then(|part| parse_number(part, 3))?).ok()?;
    }
    parts.next().is_none().then(|| IpAddr::from(octets))
}

/// Parses a decimal number of at most `max_digits` digits, nine at most.
pub(crate) fn parse_number(text: &[u8], max_digits: usize) -> Option<u32> {
    let is_number = (1..=max_digits).contains(&text.len()) && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// Splits at the first separator.
pub(crate) fn split_once(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        text.parse::<IpRange>().unwrap().to_string()
    }

    #[test]
    fn ranges_in_every_form_are_parsed() {
        for (text, expected) in [
            ("1.2.3.4", "1.2.3.4"),
            (" 001.002.003.004 ", "1.2.3.4"),
            ("1.2.3.4/32", "1.2.3.4"),
            ("1.2.3.4/31", "1.2.3.4/31"),
            ("1.2.3.5/8", "1.0.0.0/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("1.2.3.4-1.2.3.4", "1.2.3.4"),
            ("1.2.3.4 - 1.2.3.6", "1.2.3.4-1.2.3.6"),
            ("1.2.4.0-1.2.5.255", "1.2.4.0/23"),
            ("1.2.3.0-1.2.4.255", "1.2.3.0-1.2.4.255"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("::/0", "::/0"),
            ("2001:db8::1-2001:db8::2", "2001:db8::1-2001:db8::2"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("::ffff:1.2.3.0/120", "1.2.3.0/24"),
        ] {
            assert_eq!(shown(text), expected, "{text}");
        }
    }

    #[test]
    fn other_texts_are_errors() {
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.0004",
            "1.2.3.4/33",
            "1.2.3.4/",
            "1.2.3.4-",
            "1.2.3.5-1.2.3.4",
            "1.2.3.4-::1",
            "::1/129",
            "name",
            "-",
            "a.b.c.d",
            "1.2.3.4 5.6.7.8",
        ] {
            assert!(text.parse::<IpRange>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_of_a_range_parses_as_the_same(a: u128, b: u128, is_v4: bool) {
            let (a, b) = if is_v4 { (a & 0xffff_ffff, b & 0xffff_ffff) } else { (a, b) };
            let ip = |number: u128| match is_v4 {
                true => IpAddr::V4((number as u32).into()),
                false => IpAddr::V6(number.into()),
            };
            let range = IpRange::new(ip(a.min(b)), ip(a.max(b))).unwrap();
            prop_assert_eq!(range.to_string().parse::<IpRange>().unwrap(), range);
            prop_assert!(range.has(range.first()) && range.has(range.last()));
        }
    }
}
