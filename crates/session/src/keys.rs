//! A thread for the arithmetic of encrypted handshakes, of which hundreds may come at once.

use crate::inbox::Inbox;
use crate::message::ToNet;
use crossbeam_channel::{Sender, unbounded};
use std::sync::Arc;
use ztor_engine::PeerKey;
use ztor_wire::mse::Work;

/// Where the work goes. The queue is bounded by the number of connections, each of which waits for one answer at most.
/// The thread ends with it.
#[derive(Debug)]
pub(crate) struct Keys(Sender<(PeerKey, Work)>);

impl Keys {
    pub(crate) fn start(inbox: &Arc<Inbox<ToNet>>) -> std::io::Result<Self> {
        let (jobs, queue) = unbounded::<(PeerKey, Work)>();
        let inbox = Arc::clone(inbox);
        std::thread::Builder::new().name("keys".into()).spawn(move || {
            while let Ok((peer, work)) = queue.recv() {
                inbox.push(ToNet::Worked { peer, worked: work.run() });
            }
        })?;
        Ok(Self(jobs))
    }

    pub(crate) fn work(&self, peer: PeerKey, work: Work) {
        // The thread lives as long as this does.
        let _ = self.0.send((peer, work));
    }
}
