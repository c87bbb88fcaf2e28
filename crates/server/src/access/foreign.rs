//! Parts of the decisions about requests, for the APIs of other programs. Credentials, bans and rules are those of the native
//! API; only the order of the checks and the form of refusals are what the clients of the other program expect.

use super::clock::now_unix_s;
use super::credentials::{Credentials, credentials};
use super::denied::Denied;
use super::request::{Connection, Source, host_of, is_same_origin, source_of};
use super::shared::{Access, Pass, closed};
use axum::http::request::Parts;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use ztor_api::ProblemKind;

impl Access {
    /// Returns where a request comes from. Refuses requests of other machines without TLS, as the native API does.
    pub(crate) fn source(&self, connection: Connection, parts: &Parts) -> Result<Source, Denied> {
        let source = source_of(&self.0.rules, connection, parts);
        if source.is_private || self.settings().allow_remote_without_tls {
            return Ok(source);
        }
        Err(Denied::new(
            ProblemKind::Forbidden,
            "requests from other machines need TLS, as others could read the credentials: set tls_certificate and \
             tls_key, add the reverse proxy to trusted_proxies, or set allow_remote_without_tls",
        ))
    }

    /// Returns true if the header `Host` names this server: an IP address, `localhost`, or a name of `allowed_hosts`.
    pub(crate) fn is_host_allowed(&self, parts: &Parts) -> bool {
        host_of(parts).is_ok_and(|host| host.is_allowed(&self.0.rules.allowed_hosts))
    }

    /// Returns true unless a page of another origin makes the request.
    pub(crate) fn is_own_page(&self, source: Source, parts: &Parts) -> bool {
        host_of(parts).is_ok_and(|host| is_same_origin(&parts.headers, &host, source.is_secure))
    }

    #[allow(dead_code, reason = "one of the APIs needs it")]
    /// Returns the time for which an address may not try passwords; `None` if it may.
    pub(crate) fn ban_of(&self, client: IpAddr) -> Option<Duration> {
        self.state().limiter.ban(client, Instant::now())
    }

    /// Verifies a user name with its password, or any user name with a token as password.
    pub(crate) async fn verify_login(
        &self,
        client: IpAddr,
        username: &str,
        password: &str,
    ) -> Result<Pass, Denied> {
        if self.is_closed() {
            return Err(closed());
        }
        // A ban does not concern good tokens, which nobody can guess.
        let token = self.state().tokens.find(password, now_unix_s());
        if let Some((name, news)) = token {
            if let Some(row) = news {
                self.0.daemon.update_token(&name, &row);
            }
            return Ok(Pass::Token(name));
        }
        self.verify(Some(client), username, password).await.map(Pass::Password)
    }

    /// Verifies the header `Authorization`: user name and password, or a token. `None` if there is none.
    pub(crate) async fn verify_header(&self, client: IpAddr, parts: &Parts) -> Option<Result<Pass, Denied>> {
        Some(match credentials(&parts.headers)? {
            Credentials::Basic { username, password } => {
                self.verify_login(client, &username, &password).await
            }
            Credentials::Bearer(token) => self.verify_token(client, &token),
            Credentials::Malformed => {
                Err(self.on_failure(Some(client), "the header Authorization is malformed"))
            }
        })
    }
}
