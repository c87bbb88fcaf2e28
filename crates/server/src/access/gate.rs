//! Decisions about requests, and sessions.

use super::clock::now_unix_s;
use super::credentials::{Credentials, cookies, credentials};
use super::denied::{Challenge, Denied};
use super::request::{Connection, FETCH_MODE, Source, examine};
use super::secret::{Digest, random_text};
use super::sessions::CODE_TIME;
use super::shared::{Access, Caller, Pass, closed, no_random, random};
use axum::http::Method;
use axum::http::request::Parts;
use std::net::IpAddr;
use std::time::Instant;
use tokio::sync::watch;
use ztor_api::{BASE, Login, LoginKind, LoginLink, LoginState, ProblemKind};

impl Access {
    /// Decides about a request over TCP.
    pub(crate) async fn check(&self, connection: Connection, parts: &Parts) -> Result<Caller, Denied> {
        let route = self.route(parts);
        let link = self.check_link(parts, route);
        let source = examine(&self.0.rules, connection, parts, matches!(link, Some(Ok(()))))?;
        let caller = |pass| Caller { pass, client: Some(source.client), is_secure: source.is_secure };
        // Everyone may see the page of the web UI, which shows nothing without the API.
        let is_public = route == Some("/health") || self.is_web(parts);
        if is_public && matches!(parts.method, Method::GET | Method::HEAD) {
            return Ok(caller(None));
        }
        if !source.is_private && !self.settings().allow_remote_without_tls {
            return Err(Denied::new(
                ProblemKind::Forbidden,
                "requests from other machines need TLS, as others could read the credentials: set tls_certificate and \
                 tls_key, add the reverse proxy to trusted_proxies, or set allow_remote_without_tls",
            ));
        }
        if matches!((&parts.method, route), (&Method::POST, Some("/session"))) {
            return Ok(caller(None));
        }
        if let Some(decision) = link {
            return decision.map(|()| caller(None));
        }
        match self.authenticate(source, parts).await {
            Ok(pass) => Ok(caller(Some(pass))),
            Err(denied) => Err(without_dialog(denied, parts)),
        }
    }

    async fn authenticate(&self, source: Source, parts: &Parts) -> Result<Pass, Denied> {
        let now = Instant::now();
        let lifetime = self.settings().session_time;
        for secret in cookies(&parts.headers) {
            let (session, is_stale) = {
                let mut state = self.state();
                let session = state.sessions.touch(secret, now, lifetime);
                (session, state.sessions.is_stale(now))
            };
            if let Some(session) = session {
                if is_stale {
                    self.save_sessions();
                }
                return Ok(Pass::Session(session));
            }
        }
        match credentials(&parts.headers) {
            None if self.is_closed() => Err(closed()),
            None => Err(Denied::unauthorized(
                "credentials are missing: log in, or send a token in the header Authorization",
            )),
            Some(Credentials::Malformed) => Err(self.on_failure(
                Some(source.client),
                "the header Authorization is malformed: expected Bearer TOKEN or Basic",
            )),
            Some(Credentials::Bearer(token)) => self.verify_token(source.client, &token),
            Some(Credentials::Basic { username, password }) => {
                self.verify(Some(source.client), &username, &password).await.map(Pass::Password)
            }
        }
    }

    /// Returns the token with a text. A ban does not concern good tokens, which nobody can guess.
    pub(super) fn verify_token(&self, client: IpAddr, token: &str) -> Result<Pass, Denied> {
        let found = self.state().tokens.find(token, now_unix_s());
        let Some((name, news)) = found else { return Err(self.on_failure(Some(client), "unknown token")) };
        if let Some(row) = news {
            self.0.daemon.update_token(&name, &row);
        }
        Ok(Pass::Token(name))
    }

    /// Begins a session, and returns the secret of its cookie.
    pub(crate) async fn log_in(
        &self,
        client: Option<IpAddr>,
        login: &Login,
    ) -> Result<(String, Pass), Denied> {
        let secret = random()?;
        let lifetime = self.settings().session_time;
        match login {
            Login::Password { username, password } => {
                let generation = self.verify(client, username, password).await?;
                let mut state = self.state();
                if state.generation != generation {
                    return Err(Denied::unauthorized("the password has changed: log in again"));
                }
                state.sessions.begin(&secret, Instant::now(), lifetime, None);
            }
            Login::Code { code } => {
                let mut state = self.state();
                let Some(token) = state.sessions.take_code(code, Instant::now()) else {
                    drop(state);
                    let detail = "the code is unknown, was used, or has expired: make a new one";
                    return Err(self.on_failure(client, detail));
                };
                state.sessions.begin(&secret, Instant::now(), lifetime, token);
            }
        }
        self.save_sessions();
        let pass = Pass::Session(Digest::of(&secret));
        Ok((secret, pass))
    }

    /// Ends the sessions of cookies. Returns when that is durable.
    pub(crate) async fn log_out(&self, secrets: &[&str]) -> Result<(), Denied> {
        if secrets.is_empty() {
            return Ok(());
        }
        {
            let mut state = self.state();
            secrets.iter().for_each(|secret| state.sessions.end(&Digest::of(secret)));
        }
        self.save_sessions();
        self.0.revoked.send_replace(());
        Ok(self.0.daemon.commit_sessions().await?)
    }

    /// Makes a code that begins one session. If a token makes it, the session ends with the token.
    pub(crate) fn make_link(&self, pass: Option<&Pass>) -> Result<LoginLink, Denied> {
        let token = match pass {
            Some(Pass::Token(name)) => Some(name.clone()),
            Some(Pass::Session(session)) => self.state().sessions.token_of(session),
            _ => None,
        };
        let code = self.make_code(token).map_err(no_random)?;
        Ok(LoginLink { code, valid_s: CODE_TIME.as_secs() })
    }

    /// Makes a code that begins one session, which ends with the token if there is one.
    pub(crate) fn make_code(&self, token: Option<String>) -> Result<String, getrandom::Error> {
        let code = random_text()?;
        self.state().sessions.add_code(&code, Instant::now(), token);
        Ok(code)
    }

    /// Returns a description of credentials.
    pub(crate) fn describe(&self, pass: &Pass) -> LoginState {
        let (by, token) = match pass {
            Pass::Socket => (LoginKind::Socket, None),
            Pass::Session(_) => (LoginKind::Session, None),
            Pass::Token(name) => (LoginKind::Token, Some(name.clone())),
            Pass::Password(_) => (LoginKind::Password, None),
        };
        let is_user = matches!(by, LoginKind::Session | LoginKind::Password);
        LoginState { by, username: is_user.then(|| self.username()), token }
    }

    /// Returns true if credentials have not ended since they were checked.
    pub(crate) fn is_valid(&self, pass: &Pass) -> bool {
        let lifetime = self.settings().session_time;
        let state = self.state();
        match pass {
            Pass::Socket => true,
            Pass::Session(session) => state.sessions.is_open(session, Instant::now(), lifetime),
            Pass::Token(name) => state.tokens.contains(name),
            Pass::Password(generation) => state.generation == *generation,
        }
    }

    /// Subscribes to the end of credentials.
    pub(crate) fn revocations(&self) -> watch::Receiver<()> {
        self.0.revoked.subscribe()
    }

    /// Returns the path before that of the API, empty without one.
    pub(super) fn base_path(&self) -> &str {
        &self.0.rules.base_path
    }

    /// Returns true for the page of the web UI and its files.
    fn is_web(&self, parts: &Parts) -> bool {
        let path = parts.uri.path().strip_prefix(self.0.rules.base_path.as_str());
        path.is_some_and(|path| matches!(path, "" | "/") || path.starts_with("/assets/"))
    }

    /// Returns the route below the API; `None` for other paths.
    fn route<'a>(&self, parts: &'a Parts) -> Option<&'a str> {
        parts.uri.path().strip_prefix(self.0.rules.base_path.as_str())?.strip_prefix(BASE)
    }
}

/// Keeps the browser from showing a dialog of its own for requests of a page.
fn without_dialog(mut denied: Denied, parts: &Parts) -> Denied {
    if denied.challenge.is_some() && parts.headers.contains_key(FETCH_MODE) {
        denied.challenge = Some(Challenge::Bearer);
    }
    denied
}
