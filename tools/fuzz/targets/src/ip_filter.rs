use crate::assert_plain;
use std::net::IpAddr;
use ztor_filter::{IpRange, MAX_BAD_LINES, Parsed, Parser, read};

/// Checks that a list gives ordered ranges that do not touch, the same ones in any parts, and plain messages.
pub fn ip_filter(data: &[u8]) {
    match read(data) {
        Ok(parsed) => check(&parsed),
        Err(error) => check_text(&error.to_string()),
    }
    // Without decompression, in two parts whose border is in the data.
    let border = data.first().map_or(0, |byte| usize::from(*byte).min(data.len()));
    let (whole, parts) = (parse(&[data]), parse(&[&data[..border], &data[border..]]));
    match (&whole, &parts) {
        (Ok(whole), Ok(parts)) => {
            assert_eq!(whole.table, parts.table, "cut at {border}");
            assert_eq!(whole.report, parts.report, "cut at {border}");
        }
        (whole, parts) => assert_eq!(whole.as_ref().err(), parts.as_ref().err(), "cut at {border}"),
    }
    if let Ok(text) = std::str::from_utf8(data) {
        match text.parse::<IpRange>() {
            Ok(range) => assert_eq!(range.to_string().parse::<IpRange>(), Ok(range)),
            Err(error) => check_text(&error.to_string()),
        }
    }
}

fn parse(parts: &[&[u8]]) -> Result<Parsed, ztor_filter::ListError> {
    let mut parser = Parser::default();
    parts.iter().try_for_each(|part| parser.feed(part))?;
    parser.finish()
}

fn check(parsed: &Parsed) {
    let (table, report) = (&parsed.table, &parsed.report);
    assert!(table.len() as u64 <= report.entries);
    assert!(report.first_bad.len() as u64 <= report.bad && report.first_bad.len() <= MAX_BAD_LINES);
    report.first_bad.iter().for_each(|bad| check_text(&bad.to_string()));
    let ranges: Vec<IpRange> = table.ranges().collect();
    assert_eq!(ranges.len(), table.len());
    for range in &ranges {
        assert!(range.first() <= range.last());
        assert_eq!(table.find(range.first()), Some(*range));
        assert_eq!(table.find(range.last()), Some(*range));
        assert_eq!(range.to_string().parse::<IpRange>(), Ok(*range));
    }
    for pair in ranges.windows(2) {
        let (before, after) = (pair[0].last(), pair[1].first());
        let is_apart = match (before, after) {
            (IpAddr::V4(before), IpAddr::V4(after)) => u32::from(before) + 1 < u32::from(after),
            (IpAddr::V6(before), IpAddr::V6(after)) => u128::from(before) + 1 < u128::from(after),
            (before, after) => before.is_ipv4() && after.is_ipv6(),
        };
        assert!(is_apart, "{before} and {after} overlap, touch or are out of order");
    }
    assert_eq!(ranges.into_iter().collect::<ztor_filter::Table>(), *table);
}

fn check_text(text: &str) {
    assert_plain(text);
    assert!(text.len() < 400, "{text}");
}
