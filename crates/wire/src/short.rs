//! Extensions whose messages are a single number: `upload_only` (BEP 21) and `lt_donthave` (BEP 54).

use crate::WireError;

/// Name of the extension of libtorrent with which a peer says later that it only uploads (BEP 21), or not any more.
pub const UPLOAD_ONLY: &str = "upload_only";
/// Name of the extension with which a peer says that it has lost a piece (BEP 54).
pub const LT_DONTHAVE: &str = "lt_donthave";

/// Returns the payload of a message of [`UPLOAD_ONLY`].
///
/// ```
/// use ztor_wire::{decode_upload_only, encode_upload_only};
///
/// assert_eq!(decode_upload_only(&encode_upload_only(true)), Ok(true));
/// ```
pub fn encode_upload_only(upload_only: bool) -> [u8; 1] {
    [u8::from(upload_only)]
}

/// Decodes the payload of a message of [`UPLOAD_ONLY`]: one byte, 0 for false. Ignores bytes after it.
pub fn decode_upload_only(payload: &[u8]) -> Result<bool, WireError> {
    let wrong = WireError::Extension { extension: UPLOAD_ONLY, field: "message", expected: "a byte" };
    payload.first().map(|byte| *byte != 0).ok_or(wrong)
}

/// Returns the payload of a message of [`LT_DONTHAVE`].
///
/// ```
/// use ztor_wire::{decode_dont_have, encode_dont_have};
///
/// assert_eq!(decode_dont_have(&encode_dont_have(7)), Ok(7));
/// ```
pub fn encode_dont_have(piece: u32) -> [u8; 4] {
    piece.to_be_bytes()
}

/// Decodes the payload of a message of [`LT_DONTHAVE`]: the index of the piece. Ignores bytes after it.
pub fn decode_dont_have(payload: &[u8]) -> Result<u32, WireError> {
    let wrong = WireError::Extension { extension: LT_DONTHAVE, field: "message", expected: "a piece index" };
    payload.first_chunk().map(|index| u32::from_be_bytes(*index)).ok_or(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decode_of_a_short_payload_is_an_error_and_of_a_long_one_ignores_the_rest() {
        assert!(decode_upload_only(&[]).is_err());
        assert_eq!(decode_upload_only(&[2, 9]), Ok(true));
        assert!(decode_dont_have(&[0, 0, 1]).is_err());
        assert_eq!(decode_dont_have(&[0, 0, 1, 0, 7]), Ok(256));
    }
}
