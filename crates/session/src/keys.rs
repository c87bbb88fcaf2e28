//! A thread for the key arithmetic of encrypted handshakes, of which hundreds may arrive at once.

use crate::inbox::Inbox;
use crate::message::NetEvent;
use crossbeam_channel::{Sender, bounded};
use std::sync::Arc;
use ztor_engine::PeerKey;
use ztor_wire::mse::Work;

/// Maximum number of waiting jobs, of about 0.2 ms each. Closed connections leave theirs behind, so the limit of
/// connections does not bound them.
const MAX_WAITING: usize = 512;

/// Queue of the thread, which ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Keys(Sender<(PeerKey, Work)>);

impl Keys {
    pub(crate) fn start(inbox: &Arc<Inbox<NetEvent>>) -> std::io::Result<Self> {
        let (jobs, queue) = bounded::<(PeerKey, Work)>(MAX_WAITING);
        let inbox = Arc::clone(inbox);
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            while let Ok((peer, work)) = queue.recv() {
                inbox.push(NetEvent::KeyResult { peer, result: work.run() });
            }
        })?;
        Ok(Self(jobs))
    }

    /// Queues a job. Returns false if too many are waiting.
    pub(crate) fn work(&self, peer: PeerKey, work: Work) -> bool {
        self.0.try_send((peer, work)).is_ok()
    }
}
