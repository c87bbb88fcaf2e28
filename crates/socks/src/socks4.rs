//! Messages of SOCKS4a.

use crate::error::{Refusal, TunnelError};
use crate::proxy::Credentials;
use crate::target::Target;
use std::net::IpAddr;

const VERSION: u8 = 4;
const CONNECT: u8 = 1;
const GRANTED: u8 = 90;
/// An address of this form says that a name follows.
const NAME_FOLLOWS: [u8; 4] = [0, 0, 0, 1];
const REPLY_LEN: usize = 8;

/// Returns a request.
///
/// # Errors
/// The target is an IPv6 address, or one that the protocol takes for the mark of a name.
pub(crate) fn request(target: &Target, credentials: Option<&Credentials>) -> Result<Vec<u8>, TunnelError> {
    let mut out = vec![VERSION, CONNECT];
    out.extend_from_slice(&target.port().to_be_bytes());
    let user = credentials.map_or(&[][..], |credentials| credentials.user().as_bytes());
    match target {
        Target::Addr(addr) => match addr.ip().to_canonical() {
            IpAddr::V4(ip) if !matches!(ip.octets(), [0, 0, 0, _]) => out.extend_from_slice(&ip.octets()),
            _ => return Err(TunnelError::Unsupported),
        },
        Target::Name(..) => out.extend_from_slice(&NAME_FOLLOWS),
    }
    out.extend_from_slice(user);
    out.push(0);
    if let Target::Name(name, _) = target {
        out.extend_from_slice(name.as_bytes());
        out.push(0);
    }
    Ok(out)
}

/// Decodes the reply. Returns its length in bytes; `Ok(None)` needs more.
pub(crate) fn reply(bytes: &[u8]) -> Result<Option<usize>, TunnelError> {
    match bytes {
        [] | [0] => Ok(None),
        [0, GRANTED, ..] => Ok((bytes.len() >= REPLY_LEN).then_some(REPLY_LEN)),
        [0, code @ 91..=93, ..] => Err(TunnelError::Refused(Refusal::Socks4(*code))),
        _ => Err(TunnelError::NotProxy),
    }
}
