//! Execution of an engine's effects.

use crate::ids::{PeerKey, TorrentId};
use crate::outbox::{
    Close, Connect, DhtDatagram, HttpGet, KeepBlocks, Outbox, Resolve, SendBlock, WriteBlock,
};
use crate::torrent_event::TorrentEvent;
use crate::web::WebEffect;
use std::net::SocketAddr;
use ztor_wire::LocalAnnounce;

/// A world that executes effects. The methods are in the order in which [`carry_out`] calls them.
pub trait Effects {
    /// Sends protocol messages without piece data.
    fn send(&mut self, peer: PeerKey, bytes: &[u8]);
    /// Sends answers to questions, answered by `Sent`.
    fn send_reply(&mut self, peer: PeerKey, bytes: &[u8]);
    /// Reads and sends piece data, answered by `Sent`.
    fn send_block(&mut self, send: SendBlock);
    /// Writes a block, answered by `Written`.
    fn write(&mut self, write: WriteBlock);
    /// Abandons the running hashes of a torrent.
    fn forget(&mut self, torrent: TorrentId);
    /// Checks the files of a torrent, answered by `Checked`.
    fn check(&mut self, torrent: TorrentId);
    /// Looks for a piece on disk, answered by `Looked`.
    fn look(&mut self, torrent: TorrentId, piece: u32);
    /// Keeps blocks of a piece that hashed wrong, answered by `Kept`.
    fn keep(&mut self, keep: KeepBlocks);
    /// Hashes the blocks of a verified piece, answered by `Leaves`.
    fn hash_leaves(&mut self, torrent: TorrentId, piece: u32);
    /// Loads the info dictionary and the hashes of a torrent, answered by `BulkLoaded`.
    fn load_bulk(&mut self, torrent: TorrentId);
    /// Sends an HTTP request, answered by `Http`.
    fn http(&mut self, get: HttpGet);
    /// Starts, feeds or ends a request to a web seed, answered by `Web`.
    fn web(&mut self, effect: WebEffect);
    /// Looks up a name, answered by `Resolved`.
    fn resolve(&mut self, resolve: Resolve);
    /// Sends an announce to the local network.
    fn local_announce(&mut self, announce: LocalAnnounce);
    /// Sends a datagram.
    fn datagram(&mut self, to: SocketAddr, datagram: Vec<u8>);
    /// Sends a datagram of a DHT node of ours.
    fn dht_datagram(&mut self, datagram: DhtDatagram) {
        self.datagram(datagram.to, datagram.data);
    }
    /// Opens a connection, answered by `Connected` or `Closed`.
    fn connect(&mut self, connect: Connect);
    /// Closes a connection.
    fn close(&mut self, close: Close);
    /// Reports news to front ends.
    fn torrent_event(&mut self, event: TorrentEvent);
}

/// Executes the effects of one turn and empties `out`, which keeps its memory. Returns true if there were any.
pub fn carry_out(out: &mut Outbox, effects: &mut impl Effects) -> bool {
    let had_effects = !out.is_empty();
    let Outbox {
        bytes,
        sends,
        replies,
        blocks,
        connects,
        closes,
        writes,
        forgets,
        checks,
        looks,
        keeps,
        leaves,
        bulks,
        https,
        web,
        resolves,
        tracker_datagrams,
        datagrams,
        local_announces,
        events,
    } = out;
    sends.drain(..).for_each(|send| effects.send(send.peer, &bytes[send.range]));
    replies.drain(..).for_each(|send| effects.send_reply(send.peer, &bytes[send.range]));
    blocks.drain(..).for_each(|block| effects.send_block(block));
    writes.drain(..).for_each(|write| effects.write(write));
    forgets.drain(..).for_each(|torrent| effects.forget(torrent));
    checks.drain(..).for_each(|torrent| effects.check(torrent));
    looks.drain(..).for_each(|(torrent, piece)| effects.look(torrent, piece));
    keeps.drain(..).for_each(|keep| effects.keep(keep));
    leaves.drain(..).for_each(|(torrent, piece)| effects.hash_leaves(torrent, piece));
    bulks.drain(..).for_each(|torrent| effects.load_bulk(torrent));
    https.drain(..).for_each(|get| effects.http(get));
    web.drain(..).for_each(|effect| effects.web(effect));
    resolves.drain(..).for_each(|resolve| effects.resolve(resolve));
    local_announces.drain(..).for_each(|announce| effects.local_announce(announce));
    tracker_datagrams.drain(..).for_each(|(to, datagram)| effects.datagram(to, datagram));
    datagrams.drain(..).for_each(|datagram| effects.dht_datagram(datagram));
    connects.drain(..).for_each(|connect| effects.connect(connect));
    closes.drain(..).for_each(|close| effects.close(close));
    events.drain(..).for_each(|event| effects.torrent_event(event));
    bytes.clear();
    had_effects
}
