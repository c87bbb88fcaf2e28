//! Lines of lists in text form.

use crate::range::{IpRange, parse_ip, parse_number, parse_range, split_once};
use std::net::IpAddr;

/// Highest access level of a DAT list that means blocked.
const MAX_BLOCKED_LEVEL: u32 = 127;

/// The meaning of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// An empty line or a comment.
    Nothing,
    /// A range that the list allows.
    Allowed,
    /// A range that the list blocks.
    Blocked(IpRange),
    /// Something else.
    Bad,
}

/// Parses a line. Its encoding does not matter, as addresses are ASCII in all of them.
pub(crate) fn parse(line: &[u8]) -> Line {
    let line = line.trim_ascii();
    if line.is_empty() || line.starts_with(b"#") || line.starts_with(b";") || line.starts_with(b"//") {
        return Line::Nothing;
    }
    if let Some(range) = parse_range(line) {
        // A name may look like the start of an IPv6 address.
        let named = if range.first().is_ipv6() { p2p(line) } else { None };
        return Line::Blocked(named.filter(|named| named.span() < range.span()).unwrap_or(range));
    }
    dat(line).or_else(|| with_comment(line).or_else(|| p2p(line)).map(Line::Blocked)).unwrap_or(Line::Bad)
}

/// Parses `first - last , level , text`. Some lists have no level.
fn dat(line: &[u8]) -> Option<Line> {
    let (range, rest) = split_once(line, b',')?;
    let range = parse_range(range)?;
    let level = rest.split(|byte| *byte == b',').next().unwrap_or_default();
    let is_allowed = parse_number(level.trim_ascii(), 9).is_some_and(|level| level > MAX_BLOCKED_LEVEL);
    Some(if is_allowed { Line::Allowed } else { Line::Blocked(range) })
}

fn with_comment(line: &[u8]) -> Option<IpRange> {
    let is_start = |byte: &u8| matches!(byte, b'#' | b';');
    let marks = [line.iter().position(is_start), line.windows(2).position(|two| two == b"//")];
    parse_range(&line[..marks.into_iter().flatten().min()?])
}

/// Parses `name:first-last`. The name may contain colons and hyphens, and IPv6 addresses contain colons.
fn p2p(line: &[u8]) -> Option<IpRange> {
    let hyphen = line.iter().rposition(|byte| *byte == b'-');
    let ranged = hyphen.and_then(|at| match parse_ip(&line[at + 1..])? {
        last @ IpAddr::V4(_) => {
            let (_, first) = split_name(&line[..at])?;
            IpRange::new(parse_ip(first)?, last)
        }
        last => narrowest(&line[..at], last),
    });
    // Some lists have single addresses and networks in this form.
    ranged.or_else(|| parse_range(split_name(line)?.1))
}

/// Splits off a name that ends with the last colon.
fn split_name(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|byte| *byte == b':')?;
    Some((&text[..at], &text[at + 1..]))
}

/// Returns the smallest range to `last` whose first address is at the end of a name, as the name may look like a part
/// of it.
fn narrowest(name_and_first: &[u8], last: IpAddr) -> Option<IpRange> {
    let colons = name_and_first.iter().enumerate().filter(|(_, byte)| **byte == b':').map(|(at, _)| at);
    let ranges = colons.filter_map(|colon| IpRange::new(parse_ip(&name_and_first[colon + 1..])?, last));
    ranges.min_by_key(|range| range.span())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn blocked(line: &[u8]) -> String {
        match parse(line) {
            Line::Blocked(range) => range.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn lines_of_every_format_are_parsed() {
        for (line, expected) in [
            (&b"001.002.003.004 - 001.002.003.255 , 000 , Some, name"[..], "1.2.3.4-1.2.3.255"),
            (b"1.2.3.0-1.2.3.255,127,x", "1.2.3.0/24"),
            (b"1.2.3.0 - 1.2.3.255 , 128 , allowed", "Allowed"),
            (b"1.2.3.0 - 1.2.3.255 , 9999999999 , x", "1.2.3.0/24"),
            (b"1.2.3.0/24,spam", "1.2.3.0/24"),
            (b"Some Org, Inc.: a-b:1.2.3.4-1.2.3.5", "1.2.3.4/31"),
            (b"caf\xe9 \xff:1.2.3.4-1.2.3.4\r", "1.2.3.4"),
            (b"name:2001:db8::1-2001:db8::2", "2001:db8::1-2001:db8::2"),
            (b"abc:def:2001:db8::1-2001:db8::2", "2001:db8::1-2001:db8::2"),
            (b"name:1.2.3.4", "1.2.3.4"),
            (b"name:1.2.3.0/24", "1.2.3.0/24"),
            (b":1.2.3.4-1.2.3.5", "1.2.3.4/31"),
            (b"1.2.3.0/24 ; SBL123", "1.2.3.0/24"),
            (b"1.2.3.4#x", "1.2.3.4"),
            (b"1.2.3.4 // x # y", "1.2.3.4"),
            (b"# 1.2.3.4", "Nothing"),
            (b"//1.2.3.4", "Nothing"),
            (b" \t\r", "Nothing"),
            (b"1.2.3", "Bad"),
            (b"name:1.2.3.5-1.2.3.4", "Bad"),
            (b"<!DOCTYPE html>", "Bad"),
            (b"name", "Bad"),
            (b"-", "Bad"),
            (b":", "Bad"),
        ] {
            assert_eq!(blocked(line), expected, "{}", line.escape_ascii());
        }
    }
}
