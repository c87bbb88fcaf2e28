//! One address, several ways to it: which are tried beside each other, and which one after the other.
//!
//! An address is tried over one transport first, and after a head start over both; the first to stand wins. An
//! attempt that fails makes place for the next way: the other transport if nobody answered, the other beginning if
//! somebody did and hung up. Only when there is none left does the address count as failed. A transport that stood and
//! carried nothing is not the first the next time. The two addresses that a peer may have, of IPv4 and IPv6, are raced as any two addresses are: the
//! connection that stands later is known for a double by its peer id.

use crate::connect::Again;
use crate::event::CloseCause;
use crate::outbox::{Close, Outbox};
use crate::peer::{Peer, Stage};
use crate::way::Way;
use crate::{Engine, PeerKey};
use ztor_base::Instant;

/// An attempt to reach a peer.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) way: Way,
    /// The attempt over the other transport that is under way beside it.
    pub(crate) rival: Option<PeerKey>,
    /// When the other transport joins, if it has not.
    pub(crate) race_at: Option<Instant>,
    /// Another attempt takes its place.
    pub(crate) is_succeeded: bool,
}

impl Engine {
    /// Has the other transport join, if this attempt has had its head start.
    pub(crate) fn race(&mut self, now: Instant, key: PeerKey) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| peer.stage == Stage::Connecting) else {
            return;
        };
        let (Some(torrent), addr) = (peer.torrent, peer.addr) else { return };
        let Some(dial) = peer.dial.as_mut().filter(|dial| dial.race_at.is_some_and(|at| at <= now)) else {
            return;
        };
        dial.race_at = None;
        let way = dial.way.over_other_transport();
        self.queue_again(Again { torrent, addr, way, rival: Some(key) });
    }

    /// A connection stands: the attempt beside it is given up.
    pub(crate) fn won_race(&mut self, now: Instant, key: PeerKey, out: &mut Outbox) {
        let Some(dial) = self.peers.get_mut(key).and_then(|peer| peer.dial.as_mut()) else { return };
        dial.race_at = None;
        let rival = dial.rival;
        let Some(rival) = rival.filter(|rival| self.is_calling(*rival)) else { return };
        // It is the loser's own link to us that keeps its address from counting as failed.
        if self.remove_peer(now, rival, CloseCause::Remote).is_some() {
            out.closes.push(Close { peer: rival, reason: "the other transport was quicker".to_owned() });
        }
    }

    /// An attempt is over: the one beside it, if any, is alone now.
    pub(crate) fn leave_race(&mut self, peer: &Peer) {
        let rival = peer.dial.as_ref().and_then(|dial| dial.rival);
        if let Some(dial) = rival.and_then(|rival| self.peers.get_mut(rival)).and_then(|r| r.dial.as_mut()) {
            dial.rival = None;
        }
    }

    /// An attempt has failed: another way is tried at once, if there is one. Where the cause lies with us, the peer has
    /// not refused how it was spoken to.
    pub(crate) fn try_another_way(&mut self, key: PeerKey, cause: CloseCause) {
        let Some(peer) = self.peers.get_mut(key).filter(|peer| !peer.is_live()) else { return };
        let reached = peer.stage != Stage::Connecting;
        let (Some(torrent), addr) = (peer.torrent, peer.addr) else { return };
        let Some(dial) = peer.dial.as_mut().filter(|dial| dial.rival.is_none()) else { return };
        let Some(way) = dial.way.after_failure(reached).filter(|_| !(reached && cause == CloseCause::Local))
        else {
            return;
        };
        dial.is_succeeded = true;
        self.queue_again(Again { torrent, addr, way, rival: None });
    }
}
