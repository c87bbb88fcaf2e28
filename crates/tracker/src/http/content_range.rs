//! The header of partial responses, from web seeds (BEP 19).

/// A `Content-Range` header (RFC 9110 §14.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ContentRange {
    /// First and last byte, the first not behind the last; `None` for an unsatisfied range.
    pub range: Option<(u64, u64)>,
    /// Length of the whole file in bytes; `None` if unknown.
    pub whole: Option<u64>,
}

impl ContentRange {
    /// Parses the value of the header; `None` if it is invalid, or counts other units than bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let (unit, rest) = text.trim().split_once(' ')?;
        let (range, whole) = rest.split_once('/')?;
        let range = match range.trim() {
            "*" => None,
            range => {
                let (first, last) = range.split_once('-')?;
                let (first, last) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
                if first > last {
                    return None;
                }
                Some((first, last))
            }
        };
        let whole = match whole.trim() {
            "*" => None,
            whole => Some(whole.parse().ok()?),
        };
        unit.eq_ignore_ascii_case("bytes").then_some(Self { range, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_of_valid_and_invalid_texts() {
        let of = |range, whole| Some(ContentRange { range, whole });
        assert_eq!(ContentRange::parse("bytes 0-9/10"), of(Some((0, 9)), Some(10)));
        assert_eq!(ContentRange::parse(" Bytes 5-9/*"), of(Some((5, 9)), None));
        assert_eq!(ContentRange::parse("bytes */10"), of(None, Some(10)));
        for bad in ["", "bytes", "bytes 1-2", "lines 0-9/10", "bytes 9-0/10", "bytes -9/10", "bytes 0-x/10"] {
            assert_eq!(ContentRange::parse(bad), None, "{bad}");
        }
        assert_eq!(ContentRange::parse("bytes 0-99999999999999999999/1"), None);
    }
}
