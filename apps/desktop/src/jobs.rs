//! Requests of dialogs and pages whose end is told in a notice.

use ztor_client::tasks::{Pending, Tasks};
use ztor_client::{Client, ClientError};
use ztor_view::front::{Front, NoticeKind};

/// Requests under way.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pending: Vec<(Pending<()>, String)>,
    /// Number of requests that have ended.
    ended: u64,
}

impl Jobs {
    /// Begins a request. `done` is told when it has succeeded, unless it is empty.
    pub(crate) fn begin<F>(
        &mut self,
        tasks: &Tasks,
        done: impl Into<String>,
        request: impl FnOnce(Client) -> F,
    ) where
        F: Future<Output = Result<(), ClientError>> + Send + 'static,
    {
        self.pending.push((tasks.ask(request), done.into()));
    }

    /// Tells what has ended.
    pub(crate) fn poll(&mut self, front: &mut Front) {
        let mut ended = 0;
        self.pending.retain_mut(|(pending, done)| match pending.poll() {
            None => true,
            Some(result) => {
                ended += 1;
                match result {
                    Ok(()) if done.is_empty() => {}
                    Ok(()) => front.say(NoticeKind::Info, done),
                    Err(error) => front.fail(&error),
                }
                false
            }
        });
        if ended > 0 {
            front.expire_labels();
        }
        self.ended += ended;
    }

    /// Returns the number of requests that have ended: a page that shows what they change loads it again.
    pub(crate) fn ended(&self) -> u64 {
        self.ended
    }
}
