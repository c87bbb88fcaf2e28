//! Sessions of the web UI, and one-time codes that begin them. Sessions outlive the process, codes do not.

use super::secret::Digest;
use std::collections::HashMap;
use std::time::{Duration, Instant};
use ztor_daemon::StoredSession;

/// Maximum number of sessions. Beyond it, the one that has been idle longest ends.
const MAX_SESSIONS: usize = 1000;
/// Maximum number of codes. Beyond it, the one that expires first is dropped.
const MAX_CODES: usize = 16;
/// Time between two saves of the times of use.
const SAVE_EVERY: Duration = Duration::from_secs(60 * 60);
/// Time for which a code is valid.
pub(crate) const CODE_TIME: Duration = Duration::from_secs(300);

/// Sessions and codes, by the digests of their secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: HashMap<Digest, Session>,
    codes: HashMap<Digest, Code>,
    /// Time of the last save; `None` before the first.
    saved_at: Option<Instant>,
}

/// A session.
#[derive(Debug, Clone)]
struct Session {
    /// Time of the last request.
    used: Instant,
    /// Name of the token that has made its code, and with which it ends.
    token: Option<String>,
}

/// A code that begins a session.
#[derive(Debug, Clone)]
struct Code {
    expires: Instant,
    token: Option<String>,
}

impl Sessions {
    /// Returns the sessions of the last run. Those that have expired are left out.
    pub(crate) fn from_stored(
        rows: &[StoredSession],
        now: Instant,
        now_unix_s: u64,
        lifetime: Duration,
    ) -> Self {
        let used = rows.iter().take(MAX_SESSIONS).filter_map(|row| {
            // A clock that was set back must not make a session live longer.
            let idle = Duration::from_secs(now_unix_s.saturating_sub(row.used_unix_s));
            let used = now.checked_sub(idle).filter(|_| idle < lifetime)?;
            Some((Digest::from_hex(&row.sha256)?, Session { used, token: row.token.clone() }))
        });
        Self { open: used.collect(), ..Self::default() }
    }

    /// Returns the sessions for the next run, and takes note of the save.
    pub(crate) fn take_stored(&mut self, now: Instant, now_unix_s: u64) -> Vec<StoredSession> {
        self.saved_at = Some(now);
        let row = |(digest, session): (&Digest, &Session)| StoredSession {
            sha256: digest.to_hex(),
            used_unix_s: now_unix_s.saturating_sub(now.duration_since(session.used).as_secs()),
            token: session.token.clone(),
        };
        self.open.iter().map(row).collect()
    }

    /// Returns true if the times of use were saved long ago.
    pub(crate) fn is_stale(&self, now: Instant) -> bool {
        self.saved_at.is_none_or(|saved| now.duration_since(saved) > SAVE_EVERY)
    }

    /// Begins a session, by a code that a token has made or without one.
    pub(crate) fn begin(&mut self, secret: &str, now: Instant, lifetime: Duration, token: Option<String>) {
        if self.open.len() >= MAX_SESSIONS {
            self.open.retain(|_, session| session.used + lifetime > now);
        }
        if self.open.len() >= MAX_SESSIONS {
            remove_first(&mut self.open, |session| session.used);
        }
        self.open.insert(Digest::of(secret), Session { used: now, token });
    }

    /// Returns the session of a secret, and prolongs it; `None` if it has ended.
    pub(crate) fn touch(&mut self, secret: &str, now: Instant, lifetime: Duration) -> Option<Digest> {
        let digest = Digest::of(secret);
        let session = self.open.get_mut(&digest)?;
        if session.used + lifetime <= now {
            self.open.remove(&digest);
            return None;
        }
        session.used = now;
        Some(digest)
    }

    /// Returns true if a session has not ended.
    pub(crate) fn is_open(&self, session: &Digest, now: Instant, lifetime: Duration) -> bool {
        self.open.get(session).is_some_and(|session| session.used + lifetime > now)
    }

    /// Ends a session.
    pub(crate) fn end(&mut self, session: &Digest) {
        self.open.remove(session);
    }

    /// Ends all sessions but one, and drops all codes.
    pub(crate) fn end_others(&mut self, kept: Option<Digest>) {
        self.open.retain(|session, _| Some(*session) == kept);
        self.codes.clear();
    }

    /// Returns the token that has made the code of a session.
    pub(crate) fn token_of(&self, session: &Digest) -> Option<String> {
        self.open.get(session)?.token.clone()
    }

    /// Ends the sessions and codes that a token has made.
    pub(crate) fn end_of_token(&mut self, name: &str) {
        self.open.retain(|_, session| session.token.as_deref() != Some(name));
        self.codes.retain(|_, code| code.token.as_deref() != Some(name));
    }

    /// Adds a code, which a token has made or another login.
    pub(crate) fn add_code(&mut self, code: &str, now: Instant, token: Option<String>) {
        self.codes.retain(|_, code| code.expires > now);
        if self.codes.len() >= MAX_CODES {
            remove_first(&mut self.codes, |code| code.expires);
        }
        self.codes.insert(Digest::of(code), Code { expires: now + CODE_TIME, token });
    }

    /// Removes a code. Returns the token that has made it, if the code was valid.
    pub(crate) fn take_code(&mut self, code: &str, now: Instant) -> Option<Option<String>> {
        self.codes.remove(&Digest::of(code)).filter(|code| code.expires > now).map(|code| code.token)
    }
}

fn remove_first<T>(map: &mut HashMap<Digest, T>, time: impl Fn(&T) -> Instant) {
    let first = map.iter().min_by_key(|(_, value)| time(value)).map(|(digest, _)| *digest);
    if let Some(first) = first {
        map.remove(&first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: Duration = Duration::from_secs(100);

    #[test]
    fn session_slides_and_ends_without_requests() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.begin("a", start, LIFETIME, None);
        assert!(sessions.touch("b", start, LIFETIME).is_none());
        for n in 1..10 {
            assert!(sessions.touch("a", start + LIFETIME * n / 2, LIFETIME).is_some(), "{n}");
        }
        let last = start + LIFETIME * 9 / 2;
        assert!(sessions.touch("a", last + LIFETIME, LIFETIME).is_none());
        assert!(sessions.touch("a", last, LIFETIME).is_none(), "an expired session does not come back");
    }

    #[test]
    fn stored_sessions_go_on_and_expired_or_malformed_ones_are_left_out() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.begin("a", start, LIFETIME, None);
        sessions.begin("b", start + LIFETIME / 2, LIFETIME, None);
        let mut rows = sessions.take_stored(start + LIFETIME / 2, 1000);
        assert!(!sessions.is_stale(start + LIFETIME) && sessions.is_stale(start + 2 * SAVE_EVERY));
        rows.push(StoredSession { sha256: "x".into(), used_unix_s: 1000, token: None });
        let later = start + LIFETIME;
        let mut loaded = Sessions::from_stored(&rows, later, 1000 + LIFETIME.as_secs() / 2, LIFETIME);
        assert_eq!(loaded.open.len(), 1);
        assert!(loaded.touch("b", later, LIFETIME).is_some() && loaded.touch("a", later, LIFETIME).is_none());
        // With a clock that was set back they are as if just used, and not from the future.
        let back = Sessions::from_stored(&rows, later, 1, LIFETIME);
        assert!(!back.is_open(&Digest::of("a"), later + LIFETIME, LIFETIME));
    }

    #[test]
    fn session_that_is_ended_is_gone() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.begin("a", start, LIFETIME, None);
        sessions.begin("b", start, LIFETIME, None);
        sessions.end(&Digest::of("a"));
        let is_open = |sessions: &Sessions, secret, at| sessions.is_open(&Digest::of(secret), at, LIFETIME);
        assert!(!is_open(&sessions, "a", start) && is_open(&sessions, "b", start));
        assert!(!is_open(&sessions, "b", start + LIFETIME), "it has expired");
        sessions.begin("c", start, LIFETIME, None);
        sessions.end_others(Some(Digest::of("c")));
        assert!(!is_open(&sessions, "b", start) && is_open(&sessions, "c", start));
        sessions.end_others(None);
        assert!(!is_open(&sessions, "c", start));
    }

    #[test]
    fn sessions_are_bounded_and_the_longest_idle_leaves() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        for n in 0..=MAX_SESSIONS as u32 {
            let now = start + Duration::from_millis(n.into());
            sessions.begin(&n.to_string(), now, LIFETIME, None);
            assert!(n == MAX_SESSIONS as u32 || sessions.touch("0", now, LIFETIME).is_some());
        }
        assert_eq!(sessions.open.len(), MAX_SESSIONS);
        let is_open = |secret| sessions.is_open(&Digest::of(secret), start, LIFETIME);
        assert!(is_open("0") && !is_open("1"));
    }

    #[test]
    fn code_works_once_and_for_five_minutes() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.add_code("a", start, None);
        sessions.add_code("b", start, None);
        assert!(sessions.take_code("c", start).is_none());
        assert!(sessions.take_code("a", start).is_some() && sessions.take_code("a", start).is_none());
        assert!(sessions.take_code("b", start + CODE_TIME).is_none());
        (0..100).for_each(|n| sessions.add_code(&n.to_string(), start, None));
        assert_eq!(sessions.codes.len(), MAX_CODES);
    }
}
