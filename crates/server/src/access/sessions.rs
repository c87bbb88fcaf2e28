//! Sessions of the web UI, and one-time codes that begin them. Both live in memory only.

use super::secret::Digest;
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Maximum number of sessions. Beyond it, the one that has been idle longest ends.
const MAX_SESSIONS: usize = 1000;
/// Maximum number of codes. Beyond it, the one that expires first is dropped.
const MAX_CODES: usize = 16;
/// Time for which a code is valid.
pub(crate) const CODE_TIME: Duration = Duration::from_secs(300);

/// Sessions and codes, by the digests of their secrets.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    /// Time of the last request of each.
    used: HashMap<Digest, Instant>,
    /// Time at which each expires.
    codes: HashMap<Digest, Instant>,
}

impl Sessions {
    /// Begins a session.
    pub(crate) fn begin(&mut self, secret: &str, now: Instant, lifetime: Duration) {
        if self.used.len() >= MAX_SESSIONS {
            self.used.retain(|_, used| *used + lifetime > now);
        }
        if self.used.len() >= MAX_SESSIONS {
            remove_first(&mut self.used);
        }
        self.used.insert(Digest::of(secret), now);
    }

    /// Returns the session of a secret, and prolongs it; `None` if it has ended.
    pub(crate) fn touch(&mut self, secret: &str, now: Instant, lifetime: Duration) -> Option<Digest> {
        let digest = Digest::of(secret);
        let used = self.used.get_mut(&digest)?;
        if *used + lifetime <= now {
            self.used.remove(&digest);
            return None;
        }
        *used = now;
        Some(digest)
    }

    /// Returns true if a session has not ended.
    pub(crate) fn is_open(&self, session: &Digest, now: Instant, lifetime: Duration) -> bool {
        self.used.get(session).is_some_and(|used| *used + lifetime > now)
    }

    /// Ends a session.
    pub(crate) fn end(&mut self, session: &Digest) {
        self.used.remove(session);
    }

    /// Ends all sessions, and drops all codes.
    pub(crate) fn end_all(&mut self) {
        self.used.clear();
        self.codes.clear();
    }

    /// Adds a code.
    pub(crate) fn add_code(&mut self, code: &str, now: Instant) {
        self.codes.retain(|_, expires| *expires > now);
        if self.codes.len() >= MAX_CODES {
            remove_first(&mut self.codes);
        }
        self.codes.insert(Digest::of(code), now + CODE_TIME);
    }

    /// Removes a code. Returns true if it was valid.
    pub(crate) fn take_code(&mut self, code: &str, now: Instant) -> bool {
        self.codes.remove(&Digest::of(code)).is_some_and(|expires| expires > now)
    }
}

fn remove_first(map: &mut HashMap<Digest, Instant>) {
    let first = map.iter().min_by_key(|(_, time)| **time).map(|(digest, _)| *digest);
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
        sessions.begin("a", start, LIFETIME);
        assert!(sessions.touch("b", start, LIFETIME).is_none());
        for n in 1..10 {
            assert!(sessions.touch("a", start + LIFETIME * n / 2, LIFETIME).is_some(), "{n}");
        }
        let last = start + LIFETIME * 9 / 2;
        assert!(sessions.touch("a", last + LIFETIME, LIFETIME).is_none());
        assert!(sessions.touch("a", last, LIFETIME).is_none(), "an expired session does not come back");
    }

    #[test]
    fn session_that_is_ended_is_gone() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.begin("a", start, LIFETIME);
        sessions.begin("b", start, LIFETIME);
        sessions.end(&Digest::of("a"));
        let is_open = |sessions: &Sessions, secret, at| sessions.is_open(&Digest::of(secret), at, LIFETIME);
        assert!(!is_open(&sessions, "a", start) && is_open(&sessions, "b", start));
        assert!(!is_open(&sessions, "b", start + LIFETIME), "it has expired");
        sessions.end_all();
        assert!(sessions.touch("b", start, LIFETIME).is_none());
    }

    #[test]
    fn sessions_are_bounded_and_the_longest_idle_leaves() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        for n in 0..=MAX_SESSIONS as u32 {
            let now = start + Duration::from_millis(n.into());
            sessions.begin(&n.to_string(), now, LIFETIME);
            assert!(n == MAX_SESSIONS as u32 || sessions.touch("0", now, LIFETIME).is_some());
        }
        assert_eq!(sessions.used.len(), MAX_SESSIONS);
        let is_open = |secret| sessions.is_open(&Digest::of(secret), start, LIFETIME);
        assert!(is_open("0") && !is_open("1"));
    }

    #[test]
    fn code_works_once_and_for_five_minutes() {
        let (mut sessions, start) = (Sessions::default(), Instant::now());
        sessions.add_code("a", start);
        sessions.add_code("b", start);
        assert!(!sessions.take_code("c", start));
        assert!(sessions.take_code("a", start) && !sessions.take_code("a", start));
        assert!(!sessions.take_code("b", start + CODE_TIME));
        (0..100).for_each(|n| sessions.add_code(&n.to_string(), start));
        assert_eq!(sessions.codes.len(), MAX_CODES);
    }
}
