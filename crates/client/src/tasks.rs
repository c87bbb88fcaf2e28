//! Requests of front ends that draw and must not wait: each runs on a runtime, and wakes the front end at its end.

use crate::{Client, ClientError};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Longest time for a request. Peers may be asked for metadata, and a URL be fetched.
const LONGEST: Duration = Duration::from_secs(150);

/// A function that makes a front end draw again.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Makes requests in the background.
#[derive(Clone)]
pub struct Tasks {
    client: Client,
    runtime: tokio::runtime::Handle,
    wake: Wake,
}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tasks").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Tasks {
    /// Creates it. `wake` is called on a thread of the runtime, and must not block.
    pub fn new(client: Client, runtime: tokio::runtime::Handle, wake: Wake) -> Self {
        Self { client, runtime, wake }
    }

    /// Returns the client.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the runtime.
    pub fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }

    /// Returns the function that makes the front end draw again.
    pub fn wake(&self) -> &Wake {
        &self.wake
    }

    /// Begins a request, which fails after a time without an answer. It goes on if the result is dropped.
    pub fn ask<T, F>(&self, request: impl FnOnce(Client) -> F) -> Pending<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let (request, wake) = (request(self.client.clone()), Arc::clone(&self.wake));
        let target = self.client.target.to_string();
        let silent = ClientError::Connection { target, reason: "it did not answer in time".to_owned() };
        self.runtime.spawn(async move {
            let result = tokio::time::timeout(LONGEST, request).await;
            // Nobody may wait for the result any more.
            let _ = sender.send(result.unwrap_or(Err(silent)));
            wake();
        });
        Pending { receiver: Some(receiver) }
    }
}

/// A request that was begun.
#[derive(Debug)]
pub struct Pending<T> {
    receiver: Option<oneshot::Receiver<Result<T, ClientError>>>,
}

impl<T> Pending<T> {
    /// Returns the result once, when it is there.
    pub fn poll(&mut self) -> Option<Result<T, ClientError>> {
        match self.receiver.as_mut()?.try_recv() {
            Ok(result) => {
                self.receiver = None;
                Some(result)
            }
            Err(oneshot::error::TryRecvError::Empty) => None,
            // The runtime ends, or the request has panicked.
            Err(oneshot::error::TryRecvError::Closed) => {
                self.receiver = None;
                Some(Err(ClientError::Answer("the request was given up; try it again".to_owned())))
            }
        }
    }
}

/// A value that is requested again and again while it is shown. The last one remains until another arrives.
#[derive(Debug)]
pub struct Loaded<T> {
    value: Option<T>,
    error: Option<ClientError>,
    pending: Option<Pending<T>>,
    asked_at: Option<Instant>,
    /// Number of values so far.
    version: u64,
}

impl<T> Default for Loaded<T> {
    fn default() -> Self {
        Self { value: None, error: None, pending: None, asked_at: None, version: 0 }
    }
}

impl<T: Send + 'static> Loaded<T> {
    /// Takes over what has arrived, and requests the value if it was requested longer than `every` ago. Returns true if
    /// something has arrived.
    pub fn refresh<F>(&mut self, tasks: &Tasks, every: Duration, request: impl FnOnce(Client) -> F) -> bool
    where
        F: Future<Output = Result<T, ClientError>> + Send + 'static,
    {
        let result = self.pending.as_mut().and_then(Pending::poll);
        let has_arrived = result.is_some();
        match result {
            Some(Ok(value)) => {
                (self.value, self.error) = (Some(value), None);
                self.version += 1;
            }
            Some(Err(error)) => self.error = Some(error),
            None => {}
        }
        if has_arrived {
            self.pending = None;
        }
        let is_due = self.asked_at.is_none_or(|asked_at| asked_at.elapsed() >= every);
        if self.pending.is_none() && is_due {
            self.asked_at = Some(Instant::now());
            self.pending = Some(tasks.ask(request));
        }
        has_arrived
    }

    /// Requests the value with the next refresh, however short ago it was requested.
    pub fn expire(&mut self) {
        self.asked_at = None;
    }

    /// Returns the last value.
    pub fn value(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns the failure of the last request.
    pub fn error(&self) -> Option<&ClientError> {
        self.error.as_ref()
    }

    /// Returns the number of values so far, so that what is made of one is made once.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Returns the time until the next request; `None` while one is under way.
    pub fn due_in(&self, every: Duration) -> Option<Duration> {
        if self.pending.is_some() {
            return None;
        }
        Some(self.asked_at.map_or(Duration::ZERO, |asked_at| every.saturating_sub(asked_at.elapsed())))
    }
}
