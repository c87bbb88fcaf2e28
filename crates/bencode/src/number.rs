//! The rules for digits, which the decoder and the streaming reader share.

use crate::{ErrorKind, Mode};

/// Digits of an integer, its sign not counted. Integers have no bound in BEP 3, but nothing needs 100 digits.
pub(crate) const MAX_INT_DIGITS: usize = 100;
/// Digits of a string's length. Leading zeroes of the lenient mode count.
pub(crate) const MAX_LEN_DIGITS: usize = 19;

/// Checks the text between `i` and `e`, of which all but a leading `-` are known to be digits.
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

/// The value of a string's length, of which all bytes are known to be digits and at most [`MAX_LEN_DIGITS`].
pub(crate) fn string_len(digits: &[u8], mode: Mode) -> Result<u64, ErrorKind> {
    if mode == Mode::Strict && digits.len() > 1 && digits[0] == b'0' {
        return Err(ErrorKind::NotCanonical);
    }
    Ok(digits.iter().fold(0, |n, d| n * 10 + u64::from(d - b'0')))
}
