//! Addresses of daemons.

use crate::error::ClientError;
use crate::tls::{Tls, Trust};
use data_encoding::BASE64;
use reqwest::ClientBuilder;
use std::fmt;
use std::path::PathBuf;

/// Address of a daemon.
#[derive(Clone)]
pub enum Target {
    /// Its local socket.
    Socket(PathBuf),
    /// Its HTTP or HTTPS address.
    Url {
        /// Beginning of all URLs, without `/api/v1` and without a slash at the end.
        base: String,
        /// Credentials.
        credentials: Credentials,
        /// Certificates to trust.
        trust: Trust,
    },
}

/// Credentials for a daemon.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// None.
    None,
    /// A token.
    Token(String),
    /// User name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
}

impl Target {
    /// Returns the beginning of all URLs.
    pub(crate) fn base(&self) -> &str {
        match self {
            // Any host: the connection is to the socket.
            Self::Socket(_) => "http://localhost",
            Self::Url { base, .. } => base,
        }
    }

    /// Returns the trust in certificates.
    pub(crate) fn trust(&self) -> &Trust {
        match self {
            Self::Socket(_) => &Trust::System,
            Self::Url { trust, .. } => trust,
        }
    }

    /// Returns the error for a certificate that was refused since the last call.
    pub(crate) fn explain(&self, tls: &Tls) -> Option<ClientError> {
        let target = self.to_string();
        Some(match tls.take_refused()? {
            (found, Some(expected)) => ClientError::ChangedCertificate { target, expected, found },
            (found, None) => ClientError::UnknownCertificate { target, found },
        })
    }

    /// Makes an error of one of a request.
    pub(crate) fn failed(&self, error: reqwest::Error) -> ClientError {
        let socket = match self {
            Self::Socket(path) => Some(path.as_path()),
            Self::Url { .. } => None,
        };
        ClientError::of(error, socket, self.to_string())
    }

    /// Returns the value of the header `Authorization`; `None` without credentials.
    pub(crate) fn authorization(&self) -> Option<String> {
        let Self::Url { credentials, .. } = self else { return None };
        match credentials {
            Credentials::None => None,
            Credentials::Token(token) => Some(format!("Bearer {token}")),
            Credentials::Password { username, password } => {
                Some(format!("Basic {}", BASE64.encode(format!("{username}:{password}").as_bytes())))
            }
        }
    }

    pub(crate) fn http(&self, builder: ClientBuilder, tls: &Tls) -> Result<reqwest::Client, ClientError> {
        let bad = |reason: String| ClientError::BadTarget { target: self.to_string(), reason };
        let builder = match self {
            Self::Socket(path) => builder.unix_socket(path.clone()),
            Self::Url { base, .. } => {
                if !base.starts_with("http://") && !base.starts_with("https://") {
                    return Err(bad("write it with http:// or https://".into()));
                }
                let authority = base.split('/').nth(2).unwrap_or_default();
                if authority.contains('@') {
                    let hint = "it has a user name or password in it; put them into a profile, as username and password_file";
                    return Err(bad(hint.into()));
                }
                // A redirect would send the credentials elsewhere.
                builder.redirect(reqwest::redirect::Policy::none())
            }
        };
        let builder = builder.tls_backend_preconfigured((*tls.config).clone()).no_proxy();
        builder.build().map_err(|error| bad(error.to_string()))
    }
}

/// Writes the address without credentials.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Url { base, .. } => {
                let (scheme, rest) = base.split_once("://").unwrap_or(("", base));
                let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
                write!(f, "{scheme}://{rest}")
            }
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Token(_) => "Token",
            Self::Password { .. } => "Password",
        })
    }
}
