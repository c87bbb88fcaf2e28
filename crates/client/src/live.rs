//! A list that is followed over a WebSocket: its rows as they change, with counts and statistics.
//!
//! One request is open at a time: the latest of several calls of [`Live::follow`] waits for the answer to the one before,
//! so that a fast scroll does not flood the daemon. The protocol does not resume: a new connection gets the whole window,
//! so that nothing is missed.

mod connection;
mod socket;
mod store;

pub use store::Snapshot;

use crate::{Client, ClientError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use ztor_api::ListQuery;

/// Pauses before attempts to connect: the first doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// State of the connection.
#[derive(Debug, Clone)]
pub enum LiveState {
    /// A connection is made, or its first answer is awaited.
    Connecting,
    /// Updates arrive.
    Live,
    /// The connection failed, and is made again.
    Offline {
        /// Reason in plain words.
        error: Arc<ClientError>,
        /// Time of the next attempt.
        retry_at: std::time::Instant,
    },
    /// The daemon does not let this client in. It is asked again after [`Live::retry`] only.
    Refused(Arc<ClientError>),
}

/// A list that is followed, until it is dropped. Clones are not possible: there is one window.
#[derive(Debug)]
pub struct Live {
    shared: Arc<Shared>,
    query: watch::Sender<Arc<ListQuery>>,
    task: JoinHandle<()>,
}

pub(crate) struct Shared {
    snapshot: Mutex<Arc<Snapshot>>,
    retry: Notify,
    wake: Box<dyn Fn() + Send + Sync>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Shared {
    fn publish(&self, change: impl FnOnce(&mut Snapshot)) {
        {
            let mut shown = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
            change(Arc::make_mut(&mut shown));
        }
        (self.wake)();
    }
}

impl Live {
    /// Follows a list of a daemon. `wake` is called after each change of the [snapshot](Self::snapshot), on a thread of
    /// `runtime`; it must not block.
    pub fn start(
        client: &Client,
        query: ListQuery,
        runtime: &tokio::runtime::Handle,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        let shared =
            Arc::new(Shared { snapshot: Mutex::default(), retry: Notify::new(), wake: Box::new(wake) });
        let (query, queries) = watch::channel(Arc::new(query));
        let task = runtime.spawn(run(client.clone(), Arc::clone(&shared), queries));
        Self { shared, query, task }
    }

    /// Follows another query, or another window of the list. The rows remain until others arrive.
    pub fn follow(&self, query: ListQuery) {
        self.query.send_if_modified(|followed| {
            let is_new = **followed != query;
            if is_new {
                *followed = Arc::new(query);
            }
            is_new
        });
    }

    /// Returns the rows and all that belongs to them as they are now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.snapshot.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the query that is followed; the rows of the snapshot may still belong to another.
    pub fn query(&self) -> Arc<ListQuery> {
        Arc::clone(&self.query.borrow())
    }

    /// Connects now, or checks the connection if there is one: after a sleep of the machine it may be dead without a
    /// sign.
    pub fn retry(&self) {
        self.shared.retry.notify_one();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reason for the end of a connection.
enum End {
    /// The connection may work again.
    Broken(ClientError),
    /// The daemon does not let this client in.
    Refused(ClientError),
    /// The list is not followed any more.
    Dropped,
}

async fn run(client: Client, shared: Arc<Shared>, mut queries: watch::Receiver<Arc<ListQuery>>) {
    let mut attempts = 0;
    loop {
        shared.publish(|snapshot| snapshot.state = LiveState::Connecting);
        let end = connection::follow(&client, &shared, &mut queries, &mut attempts).await;
        match end {
            End::Dropped => return,
            End::Refused(error) => {
                shared.publish(|snapshot| snapshot.state = LiveState::Refused(Arc::new(error)));
                shared.retry.notified().await;
                attempts = 0;
            }
            End::Broken(error) => {
                let pause = pause_after(attempts);
                attempts += 1;
                let retry_at = Instant::now() + pause;
                let error = Arc::new(error);
                shared.publish(|snapshot| {
                    snapshot.state = LiveState::Offline { error, retry_at: retry_at.into_std() };
                });
                tokio::select! {
                    () = tokio::time::sleep_until(retry_at) => {}
                    () = shared.retry.notified() => attempts = 0,
                }
            }
        }
    }
}

/// Returns the pause after a number of failures. Half of it differs from one client to the next, so that many do not
/// return to a restarted daemon at once.
fn pause_after(failures: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << failures.min(16)).min(LONGEST_PAUSE);
    let mut byte = [0; 1];
    // Without random numbers the pause is the longest one.
    let part = getrandom::fill(&mut byte).map_or(1.0, |()| f64::from(byte[0]) / 255.0);
    longest.mul_f64(0.5 + part / 2.0)
}
