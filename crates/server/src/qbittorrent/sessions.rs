//! Sessions of clients: the cookie `SID`, and what a client has been told so far.

use super::peers::PeerSync;
use super::sync::MainSync;
use crate::access::{Access, Digest, Pass, random_text};
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Name of the cookie.
pub(super) const COOKIE_NAME: &str = "SID";
/// Maximum number of sessions. Beyond it, the one that was not used for the longest time leaves.
const MAX_SESSIONS: usize = 256;
/// Maximum number of cookies with that name that are looked at.
const MAX_COOKIES: usize = 4;
/// Maximum number of sessions whose last answers are remembered. The others get full updates.
const MAX_SYNCED: usize = 16;

/// A session of a client.
#[derive(Debug)]
pub(super) struct Session {
    /// Credentials with which it began, and with which it ends.
    pass: Pass,
    main: Mutex<MainSync>,
    peers: Mutex<PeerSync>,
}

impl Session {
    fn new(pass: Pass) -> Arc<Self> {
        Arc::new(Self { pass, main: Mutex::default(), peers: Mutex::default() })
    }

    /// Returns what the client knows of the whole.
    pub(super) fn main(&self) -> MutexGuard<'_, MainSync> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns what the client knows of the peers of a torrent.
    pub(super) fn peers(&self) -> MutexGuard<'_, PeerSync> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self) {
        *self.main() = MainSync::default();
        *self.peers() = PeerSync::default();
    }
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<Digest, Entry>>);

#[derive(Debug)]
struct Entry {
    session: Arc<Session>,
    used: Instant,
}

impl Sessions {
    /// Returns the session of a request that has a good cookie.
    pub(super) fn find(
        &self,
        access: &Access,
        headers: &HeaderMap,
        now: Instant,
        lifetime: Duration,
    ) -> Option<Arc<Session>> {
        let mut table = self.table();
        secrets(headers).into_iter().find_map(|secret| {
            let digest = Digest::of(secret);
            let entry = table.get_mut(&digest)?;
            if now.saturating_duration_since(entry.used) >= lifetime || !access.is_valid(&entry.session.pass)
            {
                table.remove(&digest);
                return None;
            }
            entry.used = now;
            Some(Arc::clone(&entry.session))
        })
    }

    /// Begins a session. Returns the secret of its cookie.
    pub(super) fn begin(&self, pass: Pass, now: Instant) -> Result<String, getrandom::Error> {
        let secret = random_text()?;
        self.insert(Digest::of(&secret), pass, now);
        Ok(secret)
    }

    /// Returns the session of a token that is sent with each request.
    pub(super) fn of_token(&self, token: &str, pass: Pass, now: Instant) -> Arc<Session> {
        // No cookie has such a secret.
        let digest = Digest::of(&format!("Bearer {token}"));
        if let Some(entry) = self.table().get_mut(&digest)
            && entry.session.pass == pass
        {
            entry.used = now;
            return Arc::clone(&entry.session);
        }
        self.insert(digest, pass, now)
    }

    fn insert(&self, digest: Digest, pass: Pass, now: Instant) -> Arc<Session> {
        let session = Session::new(pass);
        let mut table = self.table();
        table.insert(digest, Entry { session: Arc::clone(&session), used: now });
        while table.len() > MAX_SESSIONS {
            let oldest = table.iter().min_by_key(|(_, entry)| entry.used).map(|(digest, _)| *digest);
            oldest.and_then(|digest| table.remove(&digest));
        }
        let mut known: Vec<(Instant, &Arc<Session>)> =
            table.values().map(|entry| (entry.used, &entry.session)).collect();
        if known.len() > MAX_SYNCED {
            known.sort_by_key(|(used, _)| std::cmp::Reverse(*used));
            known.into_iter().skip(MAX_SYNCED).for_each(|(_, session)| session.forget());
        }
        session
    }

    /// Ends the sessions of a request.
    pub(super) fn end(&self, headers: &HeaderMap) {
        let mut table = self.table();
        secrets(headers).into_iter().for_each(|secret| drop(table.remove(&Digest::of(secret))));
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Digest, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the secrets in the cookies of a request. Some clients send back the whole line that has set the cookie.
fn secrets(headers: &HeaderMap) -> Vec<&str> {
    let values = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs =
        values.flat_map(|value| value.split([';', ','])).filter_map(|pair| pair.trim().split_once('='));
    let ours = pairs.filter(|(name, _)| name.trim() == COOKIE_NAME);
    ours.map(|(_, value)| value.trim().trim_matches('"')).take(MAX_COOKIES).collect()
}

/// Returns the value of `Set-Cookie` that begins a session, or ends it without a secret.
pub(super) fn set_cookie(secret: Option<&str>, is_secure: bool) -> String {
    let secure = if is_secure { "; secure" } else { "" };
    let (secret, end) = match secret {
        Some(secret) => (secret, ""),
        None => ("", "; expires=Thu, 01-Jan-1970 00:00:00 GMT"),
    };
    format!("{COOKIE_NAME}={secret}; HttpOnly; SameSite=Strict; path=/{secure}{end}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn secrets_are_found_in_any_form_of_cookie() {
        let headers = |text| HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(text))]);
        assert_eq!(secrets(&headers("a=b; SID=one; x")), ["one"]);
        assert_eq!(secrets(&headers("SID=one; HttpOnly; SameSite=Strict; path=/")), ["one"]);
        assert_eq!(secrets(&headers("SID=\"one\",SID=two")), ["one", "two"]);
        assert_eq!(secrets(&headers("sid=one; QBT_SID=two")).len(), 0);
        assert_eq!(secrets(&HeaderMap::new()).len(), 0);
    }
}
