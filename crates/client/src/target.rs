//! Addresses of daemons.

use crate::error::ClientError;
use reqwest::{ClientBuilder, RequestBuilder};
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

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
        /// Certificates in PEM to trust in addition to those of the system.
        certificates: Option<Vec<u8>>,
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

    pub(crate) fn authorize(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Socket(_) | Self::Url { credentials: Credentials::None, .. } => request,
            Self::Url { credentials: Credentials::Token(token), .. } => request.bearer_auth(token),
            Self::Url { credentials: Credentials::Password { username, password }, .. } => {
                request.basic_auth(username, Some(password))
            }
        }
    }

    pub(crate) fn http(&self, builder: ClientBuilder) -> Result<reqwest::Client, ClientError> {
        let bad = |reason: String| ClientError::BadTarget { target: self.to_string(), reason };
        let builder = match self {
            Self::Socket(path) => builder.unix_socket(path.clone()),
            Self::Url { base, .. } => {
                if !base.starts_with("http://") && !base.starts_with("https://") {
                    return Err(bad("write it with http:// or https://".into()));
                }
                // A redirect would send the credentials elsewhere.
                builder.redirect(reqwest::redirect::Policy::none())
            }
        };
        let builder = builder.tls_backend_preconfigured(self.tls().map_err(bad)?).no_proxy();
        builder.build().map_err(|error| bad(error.to_string()))
    }

    fn tls(&self) -> Result<ClientConfig, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        // A machine without certificates of its own still reaches public servers.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if let Self::Url { certificates: Some(pem), .. } = self {
            use rustls::pki_types::pem::PemObject as _;
            for certificate in rustls::pki_types::CertificateDer::pem_slice_iter(pem) {
                let certificate =
                    certificate.map_err(|error| format!("cannot read the certificate: {error}"))?;
                roots.add(certificate).map_err(|error| format!("cannot use the certificate: {error}"))?;
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| error.to_string())?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
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
