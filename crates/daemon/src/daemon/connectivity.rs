//! The way in which peers are connected, the nodes of the DHT, and the state of the proxy.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use ztor_api::Connectivity;
use ztor_session::{ProxyStatus, Session};

/// Time for which an answer of the session is used.
const FRESH: Duration = Duration::from_secs(5);
/// Time after the first connection within which peers usually call, if they can.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// The last answer of the session.
#[derive(Debug, Default)]
pub(super) struct Reachability(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    callers: u64,
    /// Number of good nodes, and true if ours answers no queries; `None` without a DHT.
    dht: Option<(u64, bool)>,
    proxy: ProxyStatus,
    /// `None` before the first question.
    asked: Option<Instant>,
    /// Time since when there are connections without a call; `None` while there are none.
    lonely_since: Option<Instant>,
}

impl Reachability {
    /// Returns the way of the connections, whether peers most likely cannot call, and the number of DHT nodes with true if
    /// ours is read-only. Asks the session again if its answer is old.
    pub(super) fn get(
        &self,
        runtime: &Handle,
        session: &Session,
        peers: u64,
    ) -> (Connectivity, bool, Option<(u64, bool)>) {
        let now = Instant::now();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.asked.is_none_or(|asked| now.duration_since(asked) > FRESH) {
            state.asked = Some(now);
            self.ask(runtime, session);
        }
        let (way, is_unreachable) = state.judge(now, peers);
        (way, is_unreachable, state.dht)
    }

    /// Returns the state of the proxy, as of the last answer.
    pub(super) fn proxy(&self) -> ProxyStatus {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).proxy.clone()
    }

    /// Asks the session again with the next question, as its settings have changed.
    pub(super) fn expire(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).asked = None;
    }

    fn ask(&self, runtime: &Handle, session: &Session) {
        let (callers, dht, proxy) = (session.callers(), session.dht_stats(), session.proxy());
        let shared = Arc::clone(&self.0);
        runtime.spawn(async move {
            // A session that has ended does not answer, and nobody asks any more.
            let (Ok(callers), Ok(dht), Ok(proxy)) = (callers.await, dht.await, proxy.await) else { return };
            // One may be reached while another is not.
            let dht = (!dht.is_empty()).then(|| {
                let families = dht.iter().flat_map(|dht| [dht.families.v4, dht.families.v6]).flatten();
                (families.map(|family| family.good as u64).sum(), dht.iter().all(|dht| dht.is_read_only))
            });
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            (state.callers, state.dht, state.proxy) = (callers, dht, proxy);
        });
    }
}

impl State {
    fn judge(&mut self, now: Instant, peers: u64) -> (Connectivity, bool) {
        let way = match (self.callers, peers) {
            (1.., _) => Connectivity::Incoming,
            (0, 1..) => Connectivity::Outgoing,
            (0, 0) => Connectivity::None,
        };
        match way {
            Connectivity::Outgoing => drop(self.lonely_since.get_or_insert(now)),
            _ => self.lonely_since = None,
        }
        (way, self.lonely_since.is_some_and(|since| now.duration_since(since) > PATIENCE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemon_is_unreachable_after_a_time_with_connections_but_without_a_call() {
        let (mut state, start) = (State::default(), Instant::now());
        let late = start + PATIENCE + Duration::from_secs(1);
        assert_eq!(state.judge(start, 0), (Connectivity::None, false));
        assert_eq!(state.judge(start, 3), (Connectivity::Outgoing, false));
        assert_eq!(state.judge(late, 3), (Connectivity::Outgoing, true));
        assert_eq!(
            state.judge(late, 0),
            (Connectivity::None, false),
            "without connections there is no evidence"
        );
        state.callers = 1;
        assert_eq!(state.judge(late + PATIENCE, 3), (Connectivity::Incoming, false));
    }
}
