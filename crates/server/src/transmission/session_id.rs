//! The session id: a token against requests of foreign pages, which cannot read it.

use crate::access::random_text;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time after which a new id replaces it.
const LIFETIME: Duration = Duration::from_secs(3600);

/// The present id.
#[derive(Debug, Default)]
pub(crate) struct SessionId(Mutex<Option<(String, Instant)>>);

impl SessionId {
    /// Returns the present id. Empty if the system has no random numbers, which nothing matches then.
    pub(crate) fn get(&self) -> String {
        self.get_at(Instant::now())
    }

    fn get_at(&self, now: Instant) -> String {
        let mut present = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, made)) = &*present
            && now.saturating_duration_since(*made) < LIFETIME
        {
            return id.clone();
        }
        match random_text() {
            Ok(id) => present.insert((id, now)).0.clone(),
            Err(error) => {
                tracing::error!(%error, "cannot get random numbers from the system");
                *present = None;
                String::new()
            }
        }
    }

    /// Returns true for the present id.
    pub(crate) fn is_present(&self, id: &str) -> bool {
        !id.is_empty() && self.get() == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_is_long_and_changes_after_an_hour() {
        let (id, start) = (SessionId::default(), Instant::now());
        let first = id.get_at(start);
        assert!(first.len() >= 20);
        assert_eq!(id.get_at(start + LIFETIME - Duration::from_secs(1)), first);
        assert_ne!(id.get_at(start + LIFETIME), first);
        assert!(!id.is_present("") && !id.is_present("stale"));
    }
}
