//! `sync/torrentPeers`: the peers of a torrent, and what has changed since the last answer.

use super::Call;
use super::answer::{Outcome, Reply};
use super::cells::{Cells, real};
use super::track::{Track, rid_of};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use ztor_api::Peer;

type Peers = Arc<BTreeMap<String, Cells>>;

/// What a client knows of the peers of one torrent.
#[derive(Debug, Default)]
pub(super) struct PeerSync {
    /// Id of the torrent.
    torrent: u64,
    track: Track<Peers>,
}

/// Answers `sync/torrentPeers`.
pub(super) async fn torrent_peers(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let peers = match call.daemon().peers(call.key()?).await {
        Ok(peers) => peers,
        // It is just being loaded.
        Err(_) if row.status.is_none() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let present: Peers = Arc::new(peers.iter().map(|peer| (peer.addr.clone(), cells_of(peer))).collect());
    let rid = rid_of(call.params.integer("rid"));
    let (next, known) = {
        let mut sync = call.session.peers();
        if sync.torrent != row.torrent.id {
            *sync = PeerSync { torrent: row.torrent.id, track: Track::default() };
        }
        sync.track.answer(rid, Arc::clone(&present))
    };
    Ok(Reply::Json(write(next, known.as_deref(), &present).into_bytes()))
}

fn write(rid: u32, known: Option<&BTreeMap<String, Cells>>, present: &BTreeMap<String, Cells>) -> String {
    let mut text = format!("{{\"rid\":{rid}");
    if known.is_none() {
        text.push_str(",\"full_update\":true,\"show_flags\":true");
    }
    let none = Cells::default();
    let mut changes = Vec::new();
    for (addr, cells) in present {
        let old = known.and_then(|known| known.get(addr));
        if old != Some(cells) {
            let mut change = String::new();
            cells.write_changes(old.unwrap_or(&none), &mut change);
            changes.push(format!("\"{addr}\":{{{change}}}"));
        }
    }
    // Writing to a text does not fail.
    if known.is_none() || !changes.is_empty() {
        let _ = write!(text, ",\"peers\":{{{}}}", changes.join(","));
    }
    let gone = known.into_iter().flat_map(BTreeMap::keys).filter(|addr| !present.contains_key(*addr));
    let gone: Vec<String> = gone.map(|addr| format!("\"{addr}\"")).collect();
    if !gone.is_empty() {
        let _ = write!(text, ",\"peers_removed\":[{}]", gone.join(","));
    }
    text.push('}');
    text
}

fn cells_of(peer: &Peer) -> Cells {
    let (ip, port) = match peer.addr.parse::<std::net::SocketAddr>() {
        Ok(addr) => (addr.ip().to_string(), addr.port()),
        Err(_) => (peer.addr.clone(), 0),
    };
    let (flags, description) = flags(peer);
    let connection = if peer.transport == "utp" { "μTP" } else { "BT" };
    let mut cells = Cells::default();
    cells.push_text("client", peer.client.as_deref().unwrap_or_default());
    cells.push_text("connection", connection);
    // The countries of addresses are unknown.
    cells.push_text("country", "");
    cells.push_text("country_code", "");
    cells.push("dl_speed", peer.down_per_s);
    cells.push("downloaded", peer.downloaded_bytes);
    cells.push_text("files", "");
    cells.push_text("flags", &flags);
    cells.push_text("flags_desc", &description);
    cells.push_text("ip", &ip);
    cells.push_text("peer_id_client", "");
    cells.push("port", port);
    cells.push("progress", real(peer.progress));
    cells.push("relevance", 0);
    cells.push("up_speed", peer.up_per_s);
    cells.push("uploaded", peer.uploaded_bytes);
    cells
}

/// Returns the flags of a peer, and their meaning, one a line.
fn flags(peer: &Peer) -> (String, String) {
    let has = |source: &str| peer.sources.iter().any(|known| known == source);
    let (wants, chokes) = (peer.we_are_interested, peer.chokes_us);
    let (wanted, choked) = (peer.is_interested, peer.we_choke);
    let all = [
        (wants && chokes, "d = Interested (local) and choked (peer)"),
        (wants && !chokes, "D = Interested (local) and unchoked (peer)"),
        (wanted && choked, "u = Interested (peer) and choked (local)"),
        (wanted && !choked, "U = Interested (peer) and unchoked (local)"),
        (!chokes && !wants, "K = Not interested (local) and unchoked (peer)"),
        (!choked && !wanted, "? = Not interested (peer) and unchoked (local)"),
        (peer.is_snubbed, "S = Peer snubbed"),
        (peer.is_incoming, "I = Incoming connection"),
        (has("dht"), "H = Peer from DHT"),
        (has("pex"), "X = Peer from PEX"),
        (has("local"), "L = Peer from LSD"),
        (peer.is_encrypted, "E = Encrypted traffic"),
        (peer.transport == "utp", "P = μTP"),
    ];
    let set: Vec<&str> = all.into_iter().filter(|(is_set, _)| *is_set).map(|(_, text)| text).collect();
    let letters: Vec<&str> = set.iter().filter_map(|text| text.split(' ').next()).collect();
    (letters.join(" "), set.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_has_what_differs() {
        let peers = |rates: &[(&str, u32)]| -> BTreeMap<String, Cells> {
            let cells = |rate: &u32| Cells::of_pairs(&[("a", "1".into()), ("rate", rate.to_string())]);
            rates.iter().map(|(addr, rate)| ((*addr).to_owned(), cells(rate))).collect()
        };
        let (one, two) = (peers(&[("a:1", 1), ("b:1", 2)]), peers(&[("b:1", 3), ("c:1", 4)]));
        assert_eq!(
            write(1, None, &BTreeMap::new()),
            r#"{"rid":1,"full_update":true,"show_flags":true,"peers":{}}"#
        );
        let changes =
            r#"{"rid":2,"peers":{"b:1":{"rate":3},"c:1":{"a":1,"rate":4}},"peers_removed":["a:1"]}"#;
        assert_eq!(write(2, Some(&one), &two), changes);
        assert_eq!(write(3, Some(&two), &two), r#"{"rid":3}"#);
    }
}
