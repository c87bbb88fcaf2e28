//! Request and response of HTTP `CONNECT`.

use crate::error::{Refusal, TunnelError};
use crate::proxy::Credentials;
use crate::target::Target;
use data_encoding::BASE64;

/// Maximum length of a response head, in bytes.
pub(crate) const MAX_HEAD: usize = 8 * 1024;

/// Returns a request. No header describes the client.
pub(crate) fn request(target: &Target, credentials: Option<&Credentials>) -> Vec<u8> {
    let mut out = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(credentials) = credentials {
        let login = format!("{}:{}", credentials.user(), credentials.password());
        out.push_str(&format!("Proxy-Authorization: Basic {}\r\n", BASE64.encode(login.as_bytes())));
    }
    out.push_str("\r\n");
    out.into_bytes()
}

/// Decodes the head of the response. Returns its length in bytes; `Ok(None)` needs more. Informational responses (1xx)
/// before it count as part of it.
pub(crate) fn response(bytes: &[u8], has_credentials: bool) -> Result<Option<usize>, TunnelError> {
    let mut start = 0;
    loop {
        let Some(rest) = bytes.get(start..).filter(|rest| !rest.is_empty()) else { return Ok(None) };
        let status = match status(rest)? {
            None => return Ok(None),
            Some(status) => status,
        };
        let Some(len) = head_len(rest) else {
            // What is refused is known without the rest.
            return if (100..300).contains(&status) {
                Ok(None)
            } else {
                Err(refusal(status, has_credentials))
            };
        };
        start += len;
        match status {
            101 => return Err(TunnelError::NotProxy),
            100..200 => {}
            200..300 => return Ok(Some(start)),
            _ => return Err(refusal(status, has_credentials)),
        }
    }
}

fn refusal(status: u16, has_credentials: bool) -> TunnelError {
    match status {
        407 if has_credentials => TunnelError::LoginRefused,
        407 => TunnelError::LoginRequired,
        _ => TunnelError::Refused(Refusal::Http(status)),
    }
}

/// Returns the status of a status line `HTTP/1.x NNN`, as soon as that is there.
fn status(bytes: &[u8]) -> Result<Option<u16>, TunnelError> {
    const LEN: usize = 12;
    const PATTERN: &[u8; LEN] = b"HTTP/1.# ###";
    let matches = |(byte, pattern): (&u8, &u8)| match pattern {
        b'#' => byte.is_ascii_digit(),
        _ => byte == pattern,
    };
    if !bytes.iter().zip(PATTERN).all(matches) {
        return Err(TunnelError::NotProxy);
    }
    let Some(digits) = bytes.get(9..LEN) else { return Ok(None) };
    let status = digits.iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    match bytes.get(LEN) {
        None => Ok(None),
        Some(b' ' | b'\r' | b'\n') if (100..600).contains(&status) => Ok(Some(status)),
        Some(_) => Err(TunnelError::NotProxy),
    }
}

/// Returns the length of a head with its empty line, which may end in a bare line feed (RFC 9112).
fn head_len(bytes: &[u8]) -> Option<usize> {
    let mut line_start = 0;
    for (at, byte) in bytes.iter().enumerate() {
        if *byte == b'\n' {
            if matches!(&bytes[line_start..at], b"" | b"\r") {
                return Some(at + 1);
            }
            line_start = at + 1;
        }
    }
    None
}
