//! Failures of a negotiation with a proxy.

use std::fmt;
use thiserror::Error;

/// Failure of a negotiation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TunnelError {
    /// The proxy requires a login, and there is none.
    #[error("the proxy requires a user name and password")]
    LoginRequired,
    /// The proxy does not accept the login.
    #[error("the proxy refuses the user name or password")]
    LoginRefused,
    /// The proxy refuses the request.
    #[error("{0}")]
    Refused(Refusal),
    /// The answer is not of the protocol.
    #[error("the answer is not that of a proxy of this kind")]
    NotProxy,
    /// The answer is longer than any of the protocol.
    #[error("the answer of the proxy is too long")]
    TooLong,
    /// The protocol cannot carry the target, such as an IPv6 address over SOCKS4a.
    #[error("the protocol of the proxy cannot carry this address")]
    Unsupported,
}

/// Refusal by a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Reply code of SOCKS5 (RFC 1928, section 6).
    Socks5(u8),
    /// Reply code of SOCKS4.
    Socks4(u8),
    /// Status code of HTTP.
    Http(u16),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self {
            Self::Socks5(1) => "the proxy reports a general failure",
            Self::Socks5(2) => "the rules of the proxy forbid the connection",
            Self::Socks5(3) => "the proxy reports that the network is unreachable",
            Self::Socks5(4) => "the proxy reports that the host is unreachable",
            Self::Socks5(5) => "the proxy reports that the host refuses the connection",
            Self::Socks5(6) => "the proxy reports a time-out",
            Self::Socks5(7) => "the proxy does not support the command",
            Self::Socks5(8) => "the proxy does not support the type of address",
            Self::Socks5(code) => return write!(f, "the proxy refuses with code {code}"),
            Self::Socks4(91) => "the proxy refuses or cannot make the connection",
            Self::Socks4(code) => return write!(f, "the proxy refuses with code {code}"),
            Self::Http(status) => return write!(f, "the proxy answers with HTTP status {status}"),
        };
        f.write_str(words)
    }
}

impl TunnelError {
    /// Returns true if the failure concerns the target of this connection only. Otherwise the proxy is unusable.
    pub fn is_of_target(self) -> bool {
        match self {
            Self::Refused(Refusal::Socks5(code)) => code != 7,
            Self::Refused(Refusal::Socks4(code)) => code == 91,
            // 405 and 501: the server has no method CONNECT.
            Self::Refused(Refusal::Http(status)) => !matches!(status, 405 | 501),
            Self::Unsupported => true,
            Self::LoginRequired | Self::LoginRefused | Self::NotProxy | Self::TooLong => false,
        }
    }
}
