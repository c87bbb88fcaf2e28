//! Messages of SOCKS5 (RFC 1928) and of its login (RFC 1929).

use crate::error::{Refusal, TunnelError};
use crate::proxy::Credentials;
use crate::target::Target;

const VERSION: u8 = 5;
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const LOGIN_VERSION: u8 = 1;
/// Command of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Connect = 1,
    UdpAssociate = 3,
}

/// Returns the offer of methods. Credentials are offered only if there are any.
pub(crate) fn greeting(credentials: Option<&Credentials>) -> Vec<u8> {
    match credentials {
        None => vec![VERSION, 1, NO_LOGIN],
        Some(_) => vec![VERSION, 2, NO_LOGIN, LOGIN],
    }
}

/// Decodes the choice of a method: true for a login. `Ok(None)` needs more bytes; on success, the answer has two bytes.
pub(crate) fn method(bytes: &[u8], credentials: Option<&Credentials>) -> Result<Option<bool>, TunnelError> {
    match bytes {
        [] => Ok(None),
        [VERSION] => Ok(None),
        [VERSION, NO_LOGIN, ..] => Ok(Some(false)),
        [VERSION, LOGIN, ..] if credentials.is_some() => Ok(Some(true)),
        [VERSION, 0xff, ..] if credentials.is_some() => Err(TunnelError::LoginRefused),
        [VERSION, 0xff | LOGIN, ..] => Err(TunnelError::LoginRequired),
        _ => Err(TunnelError::NotProxy),
    }
}

/// Returns the login.
pub(crate) fn login(credentials: &Credentials) -> Vec<u8> {
    let mut out = vec![LOGIN_VERSION];
    for text in [credentials.user(), credentials.password()] {
        // The parser of proxies admits no longer ones.
        let text = &text.as_bytes()[..text.len().min(255)];
        out.push(text.len() as u8);
        out.extend_from_slice(text);
    }
    out
}

/// Decodes the answer to the login, of two bytes. `Ok(false)` needs more bytes. The version is not looked at, as several
/// proxies send that of SOCKS.
pub(crate) fn logged_in(bytes: &[u8]) -> Result<bool, TunnelError> {
    match bytes {
        [] | [_] => Ok(false),
        [_, 0, ..] => Ok(true),
        _ => Err(TunnelError::LoginRefused),
    }
}

/// Returns a request.
pub(crate) fn request(command: Command, target: &Target) -> Vec<u8> {
    let mut out = vec![VERSION, command as u8, 0];
    target.encode(&mut out);
    out
}

/// Decodes the reply: the address in it, and its length in bytes. `Ok(None)` needs more bytes.
pub(crate) fn reply(bytes: &[u8]) -> Result<Option<(Target, usize)>, TunnelError> {
    match bytes {
        [] | [VERSION] => Ok(None),
        [VERSION, 0] | [VERSION, 0, _] => Ok(None),
        // The rest of a refusal says nothing, and some proxies leave it out.
        [VERSION, code @ 1..=255, ..] => Err(TunnelError::Refused(Refusal::Socks5(*code))),
        [VERSION, 0, _, rest @ ..] => match Target::decode(rest) {
            Ok(decoded) => Ok(decoded.map(|(target, len)| (target, len + 3))),
            Err(_) => Err(TunnelError::NotProxy),
        },
        _ => Err(TunnelError::NotProxy),
    }
}
