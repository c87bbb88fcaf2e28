//! Binary lists of PeerGuardian (P2B).
//!
//! Versions 1 and 2 have entries of a name that ends with NUL, and two addresses. Version 3 begins with a table of names,
//! and its entries have the index of a name. All have IPv4 addresses in network byte order.

use crate::range::{Bounds, IpRange};

/// Start of a list, before the byte of the version.
pub(crate) const MAGIC: &[u8; 7] = b"\xff\xff\xff\xffP2B";

/// A decoder that takes one byte at a time.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    number: u32,
    /// Bytes of the number that are still missing.
    missing: u8,
    first: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the name of an entry of version 1 or 2.
    Name,
    /// In the number of names of version 3.
    NameCount,
    /// In the table of names, of which this many are left.
    Names(u32),
    /// In the number of entries of version 3.
    EntryCount,
    /// In the index of the name of an entry of version 3, of which this many are left.
    NameIndex(u32),
    First(Left),
    Last(Left),
    /// After the last entry.
    End,
}

/// Number of entries of version 3 that are left after this one; `None` for other versions.
type Left = Option<u32>;

/// A step of the decoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The entry goes on.
    More,
    /// An entry is complete.
    Entry(IpRange),
    /// An entry is complete, and its addresses are in the wrong order.
    Bad,
}

impl Decoder {
    /// Creates a decoder for a version; `None` if there is no such version.
    pub(crate) fn new(version: u8) -> Option<Self> {
        let state = match version {
            1 | 2 => State::Name,
            3 => State::NameCount,
            _ => return None,
        };
        Some(Self { state, number: 0, missing: 4, first: 0 })
    }

    /// Returns true if the list ends here.
    pub(crate) fn is_at_end(&self) -> bool {
        self.state == State::End || (self.state == State::Name && self.first == 0)
    }

    pub(crate) fn step(&mut self, byte: u8) -> Step {
        match self.state {
            State::Name => {
                // Marks that the entry has begun.
                self.first = u32::from(byte != 0).max(self.first);
                if byte == 0 {
                    self.state = State::First(None);
                }
                return Step::More;
            }
            State::Names(left) => {
                if byte == 0 {
                    self.state = if left > 1 { State::Names(left - 1) } else { State::EntryCount };
                }
                return Step::More;
            }
            State::End => return Step::More,
            _ => {}
        }
        self.number = self.number << 8 | u32::from(byte);
        self.missing -= 1;
        if self.missing > 0 {
            return Step::More;
        }
        self.missing = 4;
        let number = std::mem::take(&mut self.number);
        self.state = match self.state {
            State::NameCount if number == 0 => State::EntryCount,
            State::NameCount => State::Names(number),
            State::EntryCount if number == 0 => State::End,
            State::EntryCount => State::NameIndex(number - 1),
            State::NameIndex(left) => State::First(Some(left)),
            State::First(left) => {
                self.first = number;
                State::Last(left)
            }
            State::Last(left) => {
                let first = std::mem::take(&mut self.first);
                self.state = match left {
                    None => State::Name,
                    Some(0) => State::End,
                    Some(left) => State::NameIndex(left - 1),
                };
                let range = IpRange(Bounds::V4(first, number));
                return if first <= number { Step::Entry(range) } else { Step::Bad };
            }
            state @ (State::Name | State::Names(_) | State::End) => state,
        };
        Step::More
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use crate::parser::Parser;
    use crate::report::Report;

    fn read(bytes: &[u8]) -> (Vec<String>, Report) {
        let mut parser = Parser::default();
        bytes.iter().for_each(|byte| parser.feed(&[*byte]).unwrap());
        let parsed = parser.finish().unwrap();
        (parsed.table.ranges().map(|range| range.to_string()).collect(), parsed.report)
    }

    #[test]
    fn lists_of_all_versions_are_decoded() {
        let first =
            b"\xff\xff\xff\xffP2B\x01a\0\x01\x02\x03\0\x01\x02\x03\xff\0\x05\x05\x05\x05\x05\x05\x05\x05";
        for version in [1, 2] {
            let mut list = *first;
            list[7] = version;
            let (ranges, report) = read(&list);
            assert_eq!((ranges.join(" ").as_str(), report.entries), ("1.2.3.0/24 5.5.5.5", 2));
        }
        let third =
            b"\xff\xff\xff\xffP2B\x03\0\0\0\x02a\0b\0\0\0\0\x02\0\0\0\x01\x01\x02\x03\0\x01\x02\x03\xff\
            \0\0\0\0\x05\x05\x05\x05\x05\x05\x05\x04 rest";
        let (ranges, report) = read(third);
        assert_eq!((ranges.join(" ").as_str(), report.entries, report.bad), ("1.2.3.0/24", 1, 1));
    }

    #[test]
    fn list_that_ends_within_an_entry_has_a_bad_one() {
        let list = b"\xff\xff\xff\xffP2B\x02a\0\x01\x02\x03\0\x01\x02\x03\xffb\0\x05";
        assert_eq!(read(list).1.bad, 1);
        assert_eq!(read(&list[..list.len() - 3]).1.bad, 0);
    }
}
