//! A thread for the arithmetic of encrypted handshakes, of which hundreds may come at once.

use crate::inbox::Inbox;
use crate::message::NetEvent;
use crossbeam_channel::{Sender, bounded};
use std::sync::Arc;
use ztor_engine::PeerKey;
use ztor_wire::mse::Work;

/// Jobs that may wait, of some 0.2 ms each. Callers that are gone leave theirs behind, so the limit of
/// connections does not bound them.
const MAX_WAITING: usize = 512;

/// The queue of the thread, which ends with it.
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

    /// False if too much is waiting already.
    pub(crate) fn work(&self, peer: PeerKey, work: Work) -> bool {
        self.0.try_send((peer, work)).is_ok()
    }
}
