//! A parser of lists that takes them in parts.

use crate::error::ListError;
use crate::line::{self, Line};
use crate::p2b::{self, Decoder, Step};
use crate::range::{Bounds, IpRange};
use crate::report::{MAX_LEN, MAX_RANGES, Report};
use crate::table::{Table, merge};

/// Longest line that is read, in bytes.
const MAX_LINE: usize = 4096;
const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";
/// Length of the magic and the version of a P2B list.
const HEADER_LEN: usize = p2b::MAGIC.len() + 1;

/// A parser of a list in any format.
#[derive(Debug, Default)]
pub struct Parser {
    state: State,
    /// Number of bytes so far.
    len: usize,
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    report: Report,
    /// True if the first line that is no comment begins like a page.
    is_page: bool,
}

#[derive(Debug)]
enum State {
    /// The start of a list, whose format is not known.
    Start(Vec<u8>),
    Text(Text),
    P2b(Decoder),
}

/// The lines of a list.
#[derive(Debug, Default)]
struct Text {
    /// Start of a line whose end has not arrived, [`MAX_LINE`] bytes at most.
    rest: Vec<u8>,
    /// True if the line is longer than that.
    is_too_long: bool,
    /// Number of lines so far.
    lines: u64,
}

/// A list that was read.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// Blocked addresses.
    pub table: Table,
    /// Counts of the list.
    pub report: Report,
}

impl Default for State {
    fn default() -> Self {
        Self::Start(Vec::with_capacity(HEADER_LEN))
    }
}

impl Parser {
    /// Reads the next part of the list.
    ///
    /// # Errors
    /// The list is too long, or has too many ranges.
    pub fn feed(&mut self, mut bytes: &[u8]) -> Result<(), ListError> {
        self.len = self.len.saturating_add(bytes.len());
        if self.len > MAX_LEN {
            return Err(ListError::TooLong);
        }
        if let State::Start(start) = &mut self.state {
            let (head, tail) = bytes.split_at(bytes.len().min(HEADER_LEN - start.len()));
            start.extend_from_slice(head);
            bytes = tail;
            if start.len() < HEADER_LEN {
                return Ok(());
            }
            self.choose_format()?;
        }
        self.feed_rest(bytes)
    }

    /// Detects the format by the start of the list, and reads it.
    fn choose_format(&mut self) -> Result<(), ListError> {
        let State::Start(start) = std::mem::replace(&mut self.state, State::Text(Text::default())) else {
            return Ok(());
        };
        let version = start.strip_prefix(p2b::MAGIC).and_then(|rest| rest.first());
        if let Some(version) = version {
            let decoder = Decoder::new(*version).ok_or(ListError::NotSupported("this version of P2B"))?;
            self.state = State::P2b(decoder);
            return Ok(());
        }
        self.feed_rest(start.strip_prefix(UTF8_BOM).unwrap_or(&start))
    }

    fn feed_rest(&mut self, bytes: &[u8]) -> Result<(), ListError> {
        if let State::P2b(decoder) = &mut self.state {
            for byte in bytes {
                match decoder.step(*byte) {
                    Step::More => {}
                    Step::Entry(range) => {
                        self.report.entries += 1;
                        push(&mut self.v4, &mut self.v6, range)?;
                    }
                    Step::Bad => self.report.bad(self.report.entries + self.report.bad + 1, b"a bad entry"),
                }
            }
            return Ok(());
        }
        let mut lines = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = lines.next() {
            let is_whole = lines.peek().is_some();
            let State::Text(text) = &mut self.state else { return Ok(()) };
            if text.rest.is_empty() && is_whole && part.len() <= MAX_LINE && !text.is_too_long {
                self.on_line(part)?;
                continue;
            }
            let room = MAX_LINE - text.rest.len();
            text.is_too_long |= part.len() > room;
            text.rest.extend_from_slice(&part[..part.len().min(room)]);
            if is_whole {
                self.end_line()?;
            }
        }
        Ok(())
    }

    /// Reads the line whose parts were collected.
    fn end_line(&mut self) -> Result<(), ListError> {
        let State::Text(text) = &mut self.state else { return Ok(()) };
        let mut line = std::mem::take(&mut text.rest);
        if std::mem::take(&mut text.is_too_long) {
            text.lines += 1;
            self.report.bad(text.lines, &line);
        } else {
            self.on_line(&line)?;
        }
        line.clear();
        if let State::Text(text) = &mut self.state {
            text.rest = line;
        }
        Ok(())
    }

    fn on_line(&mut self, line: &[u8]) -> Result<(), ListError> {
        let State::Text(text) = &mut self.state else { return Ok(()) };
        text.lines += 1;
        match line::parse(line) {
            Line::Nothing => {}
            Line::Allowed => self.report.allowed += 1,
            Line::Blocked(range) => {
                self.report.entries += 1;
                push(&mut self.v4, &mut self.v6, range)?;
            }
            Line::Bad => {
                let is_first = self.report == Report::default();
                self.is_page |= is_first && line.trim_ascii().starts_with(b"<");
                self.report.bad(text.lines, line);
            }
        }
        Ok(())
    }

    /// Ends the list.
    ///
    /// # Errors
    /// The list has no entries.
    pub fn finish(mut self) -> Result<Parsed, ListError> {
        if matches!(self.state, State::Start(_)) {
            self.choose_format()?;
        }
        match &self.state {
            State::Text(text) if !text.rest.is_empty() => self.end_line()?,
            State::P2b(decoder) if !decoder.is_at_end() => {
                self.report.bad(self.report.entries + self.report.bad + 1, b"an incomplete entry");
            }
            _ => {}
        }
        let report = self.report;
        if report.entries == 0 && report.allowed == 0 {
            return Err(match report.first_bad.into_iter().next() {
                _ if self.is_page => ListError::WebPage,
                Some(first) => ListError::NoList { first },
                None => ListError::Empty,
            });
        }
        Ok(Parsed { table: Table::from_pairs(self.v4, self.v6), report })
    }
}

/// Adds a range. If the bound is reached, merges those that overlap.
fn push(v4: &mut Vec<(u32, u32)>, v6: &mut Vec<(u128, u128)>, range: IpRange) -> Result<(), ListError> {
    if v4.len() + v6.len() >= MAX_RANGES {
        merge(v4);
        merge(v6);
        // With less space than this, the list would be sorted again and again.
        if v4.len() + v6.len() > MAX_RANGES - MAX_RANGES / 16 {
            return Err(ListError::TooManyRanges);
        }
    }
    match range.0 {
        Bounds::V4(first, last) => v4.push((first, last)),
        Bounds::V6(first, last) => v6.push((first, last)),
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::report::MAX_BAD_LINES;
    use proptest::prelude::*;

    fn parse(parts: &[&[u8]]) -> Result<Parsed, ListError> {
        let mut parser = Parser::default();
        parts.iter().try_for_each(|part| parser.feed(part))?;
        parser.finish()
    }

    fn ranges(parsed: &Parsed) -> Vec<String> {
        parsed.table.ranges().map(|range| range.to_string()).collect()
    }

    #[test]
    fn list_with_bad_lines_counts_them_and_keeps_the_first() {
        let mut list = b"\xef\xbb\xbf# head\r\n1.2.3.4\r\nbad \x1b\xe9\r\n".to_vec();
        list.extend(b"worse\n".repeat(9));
        list.extend(b"1.2.3.9 - 1.2.3.9 , 200 , x\n2.2.2.2");
        let parsed = parse(&[&list]).unwrap();
        assert_eq!(ranges(&parsed), ["1.2.3.4", "2.2.2.2"]);
        assert_eq!((parsed.report.entries, parsed.report.allowed, parsed.report.bad), (2, 1, 10));
        assert_eq!(parsed.report.first_bad.len(), MAX_BAD_LINES);
        assert_eq!(parsed.report.first_bad[0].to_string(), "line 3: bad ??");
    }

    #[test]
    fn content_without_an_entry_is_an_error_that_says_what_it_is() {
        assert_eq!(parse(&[b""]).unwrap_err(), ListError::Empty);
        assert_eq!(parse(&[b"# nothing\n\n"]).unwrap_err(), ListError::Empty);
        assert_eq!(parse(&[b"\n  <!doctype html>\n<p>404"]).unwrap_err(), ListError::WebPage);
        let error = parse(&[b"{\"error\": 5}"]).unwrap_err().to_string();
        assert!(error.ends_with("line 1: {\"error\": 5}"), "{error}");
        assert!(parse(&[b"\xff\xff\xff\xffP2B\x04xxxx"]).unwrap_err().to_string().contains("P2B"));
    }

    #[test]
    fn line_beyond_the_bound_is_bad_and_the_next_one_counts() {
        let long = vec![b'x'; 3 * MAX_LINE];
        let parsed = parse(&[b"1.1.1.1\n", &long, &long, b"\n2.2.2.2\n"]).unwrap();
        assert_eq!((ranges(&parsed).len(), parsed.report.bad, parsed.report.first_bad[0].number), (2, 1, 2));
    }

    #[test]
    fn list_beyond_the_bounds_is_an_error() {
        let line = b"name of some network:1.2.3.4-1.2.3.5\n".repeat(1000);
        let mut parser = Parser::default();
        let result = (0..=MAX_LEN / line.len()).try_for_each(|_| parser.feed(&line));
        assert_eq!(result, Err(ListError::TooLong));
        let mut parser = Parser::default();
        let mut line = String::new();
        let too_many = (0..=MAX_RANGES as u32).try_for_each(|n| {
            use std::fmt::Write;
            line.clear();
            writeln!(line, "{}", std::net::Ipv4Addr::from(n * 2)).unwrap();
            parser.feed(line.as_bytes())
        });
        assert_eq!(too_many, Err(ListError::TooManyRanges));
    }

    proptest! {
        #[test]
        fn list_in_any_parts_gives_the_same(cuts in prop::collection::vec(0_usize..90, 0..6)) {
            let list = b"\xef\xbb\xbfname:1.2.3.4-1.2.3.5\r\n\r\nnonsense\n5.0.0.0 - 5.0.0.255 , 1 , x\n2001:db8::/32\n9.9.9.9";
            let whole = parse(&[list]).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(list.len())).collect();
            cuts.extend([0, list.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &list[pair[0]..pair[1]]).collect();
            let parsed = parse(&parts).unwrap();
            prop_assert_eq!(ranges(&parsed), ranges(&whole));
            prop_assert_eq!(parsed.report, whole.report);
        }
    }
}
