//! Rules for digits that the decoder and the streaming reader share.

use crate::{ErrorKind, Mode};

/// Maximum digits of an integer, without its sign. BEP 3 sets no limit, but nothing needs 100 digits.
pub(crate) const MAX_INT_DIGITS: usize = 100;
/// Maximum digits of a string's length, including leading zeros in lenient mode.
pub(crate) const MAX_LEN_DIGITS: usize = 19;

/// Checks the text between `i` and `e`, which must consist of digits after an optional `-`.
pub(crate) fn check_int(text: &[u8], mode: Mode) -> Result<(), ErrorKind> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    if digits.is_empty() {
        return Err(ErrorKind::Unexpected { found: b'e', expected: "a digit" });
    }
    let padded = digits.len() > 1 && digits[0] == b'0';
    let negative_zero = digits.len() < text.len() && digits[0] == b'0';
    if mode == Mode::Strict && (padded || negative_zero) {
        return Err(ErrorKind::NotCanonical);
    }
    Ok(())
}

/// Returns the value of a string's length, which must consist of at most [`MAX_LEN_DIGITS`] digits.
pub(crate) fn string_len(digits: &[u8], mode: Mode) -> Result<u64, ErrorKind> {
    if mode == Mode::Strict && digits.len() > 1 && digits[0] == b'0' {
        return Err(ErrorKind::NotCanonical);
    }
    Ok(digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}
