//! Files and peers of a torrent.

use super::dialect::{Dialect, Key};
use super::extras::priority_of_unwanted;
use super::json::Json;
use super::lookups::Lookup;
use std::collections::HashMap;
use std::net::SocketAddr;
use ztor_api::{FilePriority, Peer};
use ztor_daemon::Row;
use ztor_daemon::session::Metainfo;

/// A file of a torrent. Pads are left out.
#[derive(Debug)]
pub(crate) struct FileOf<'r> {
    /// Index in the torrent, pads included.
    pub(crate) index: usize,
    /// Path below the download folder, if it is not the one in the metadata.
    path: Option<&'r str>,
    pub(crate) length: u64,
    /// Bytes in pieces that are present.
    pub(crate) have: u64,
    pub(crate) is_wanted: bool,
    /// -1 low, 0 normal, 1 high; also of files that are not wanted.
    pub(crate) priority: i64,
    /// First piece, and the one after the last.
    pieces: (u32, u32),
}

/// Returns the files of a torrent; none while the metadata is unknown.
pub(crate) fn files_of<'r>(row: &'r Row, lookup: Option<&'r Lookup>) -> impl Iterator<Item = FileOf<'r>> {
    let looked = lookup.and_then(|lookup| lookup.files.as_deref()).unwrap_or_default();
    let known: HashMap<usize, &ztor_api::File> = looked.iter().map(|file| (file.index, file)).collect();
    let meta = row.meta.as_deref();
    let is_complete = row
        .status
        .as_ref()
        .zip(meta)
        .is_some_and(|(status, meta)| status.have_pieces >= meta.layout.piece_count());
    let files = meta.map(|meta| meta.layout.files()).unwrap_or_default();
    let plain = files.iter().enumerate().filter(|(_, file)| !file.pad);
    plain.map(move |(index, file)| {
        let known = known.get(&index);
        let priority = row.priority(index);
        let pieces = meta.map_or(0..0, |meta| meta.layout.pieces_of(index));
        FileOf {
            index,
            path: known.map(|file| file.path.as_str()),
            length: file.length,
            have: match known {
                Some(file) => file.have_bytes,
                None if is_complete => file.length,
                None => 0,
            },
            is_wanted: priority != FilePriority::Skip,
            priority: match priority {
                FilePriority::Low => -1,
                FilePriority::Normal => 0,
                FilePriority::High => 1,
                FilePriority::Skip => priority_of_unwanted(row, index),
            },
            pieces: (pieces.start, pieces.end),
        }
    })
}

/// Returns the indexes in the torrent of the files that are no pads, by their place among them.
pub(crate) fn indexes(meta: &Metainfo) -> Vec<usize> {
    meta.layout.files().iter().enumerate().filter(|(_, file)| !file.pad).map(|(index, _)| index).collect()
}

/// Writes `files`.
pub(crate) fn write_files(json: &mut Json, row: &Row, lookup: Option<&Lookup>, dialect: Dialect) {
    let name = |snake, legacy| Key::new(snake, legacy).name(dialect);
    json.begin_list();
    for file in files_of(row, lookup) {
        json.begin_object();
        json.key(name("begin_piece", "beginPiece"));
        json.count(file.pieces.0.into());
        json.key(name("bytes_completed", "bytesCompleted"));
        json.count(file.have);
        json.key(name("end_piece", "endPiece"));
        json.count(file.pieces.1.into());
        json.key("length");
        json.count(file.length);
        json.key("name");
        match (file.path, &row.meta) {
            (Some(path), _) => json.text(path),
            (None, Some(meta)) => json.text(&meta.relative_path(file.index).to_string_lossy()),
            (None, None) => json.text(""),
        }
        json.end_object();
    }
    json.end_list();
}

/// Writes `fileStats`.
pub(crate) fn write_file_stats(json: &mut Json, row: &Row, lookup: Option<&Lookup>, dialect: Dialect) {
    let bytes_completed = Key::new("bytes_completed", "bytesCompleted").name(dialect);
    json.begin_list();
    for file in files_of(row, lookup) {
        json.begin_object();
        json.key(bytes_completed);
        json.count(file.have);
        json.key("priority");
        json.int(file.priority);
        json.key("wanted");
        json.flag(file.is_wanted);
        json.end_object();
    }
    json.end_list();
}

/// Writes `peers`.
pub(crate) fn write_peers(json: &mut Json, lookup: Option<&Lookup>, dialect: Dialect) {
    json.begin_list();
    for peer in lookup.and_then(|lookup| lookup.peers.as_deref()).unwrap_or_default() {
        write_peer(json, peer, dialect);
    }
    json.end_list();
}

fn write_peer(json: &mut Json, peer: &Peer, dialect: Dialect) {
    let addr: Option<SocketAddr> = peer.addr.parse().ok();
    let ip = addr.map_or_else(|| peer.addr.clone(), |addr| addr.ip().to_string());
    let is_utp = peer.transport == "utp";
    let is_downloading = peer.we_are_interested && !peer.chokes_us;
    let is_uploading = peer.is_interested && !peer.we_choke;
    json.begin_object();
    let flags = flags_of(peer);
    let texts = [
        ("address", "address", ip.as_str()),
        ("client_name", "clientName", peer.client.as_deref().unwrap_or_default()),
        ("flag_str", "flagStr", &flags),
        // The id says no more than the name of the client, which is taken from it.
        ("peer_id", "peer_id", ""),
    ];
    for (snake, legacy, text) in texts {
        json.key(Key::new(snake, legacy).name(dialect));
        json.text(text);
    }
    let flags = [
        ("client_is_choked", "clientIsChoked", peer.chokes_us),
        ("client_is_interested", "clientIsInterested", peer.we_are_interested),
        ("is_downloading_from", "isDownloadingFrom", is_downloading),
        ("is_encrypted", "isEncrypted", peer.is_encrypted),
        ("is_incoming", "isIncoming", peer.is_incoming),
        ("is_uploading_to", "isUploadingTo", is_uploading),
        ("is_utp", "isUTP", is_utp),
        ("peer_is_choked", "peerIsChoked", peer.we_choke),
        ("peer_is_interested", "peerIsInterested", peer.is_interested),
    ];
    for (snake, legacy, flag) in flags {
        json.key(Key::new(snake, legacy).name(dialect));
        json.flag(flag);
    }
    let counts = [
        ("bytes_to_client", "bytesToClient", peer.downloaded_bytes),
        ("bytes_to_peer", "bytesToPeer", peer.uploaded_bytes),
        ("port", "port", addr.map_or(0, |addr| addr.port()).into()),
        ("rate_to_client", "rateToClient", peer.down_per_s),
        ("rate_to_peer", "rateToPeer", peer.up_per_s),
    ];
    for (snake, legacy, count) in counts {
        json.key(Key::new(snake, legacy).name(dialect));
        json.count(count);
    }
    json.key("progress");
    json.real(peer.progress);
    json.end_object();
}

/// Returns the letters that clients show of a peer.
fn flags_of(peer: &Peer) -> String {
    let has = |source: &str| peer.sources.iter().any(|known| known == source);
    let mut flags = String::new();
    let mut add = |is_set: bool, flag: char| {
        if is_set {
            flags.push(flag);
        }
    };
    add(peer.transport == "utp", 'T');
    add(peer.we_are_interested && !peer.chokes_us, 'D');
    add(peer.we_are_interested && peer.chokes_us, 'd');
    add(peer.is_interested && !peer.we_choke, 'U');
    add(peer.is_interested && peer.we_choke, 'u');
    add(!peer.chokes_us && !peer.we_are_interested, 'K');
    add(!peer.we_choke && !peer.is_interested, '?');
    add(peer.is_encrypted, 'E');
    add(has("dht"), 'H');
    add(has("pex"), 'X');
    add(peer.is_incoming, 'I');
    flags
}

/// Writes `peersFrom`: the number of peers by the first source of their address.
pub(crate) fn write_peers_from(json: &mut Json, lookup: Option<&Lookup>, dialect: Dialect) {
    let peers = lookup.and_then(|lookup| lookup.peers.as_deref()).unwrap_or_default();
    let count = |named: fn(&str) -> bool| {
        let first = |peer: &&Peer| {
            let source = peer.sources.first().map_or("incoming", String::as_str);
            named(if peer.is_incoming { "incoming" } else { source })
        };
        peers.iter().filter(first).count() as u64
    };
    json.begin_object();
    let counts = [
        (
            "from_cache",
            "fromCache",
            count(|source| {
                !matches!(source, "dht" | "incoming" | "local" | "pex" | "hole_punch" | "tracker")
            }),
        ),
        ("from_dht", "fromDht", count(|source| source == "dht")),
        ("from_incoming", "fromIncoming", count(|source| source == "incoming")),
        ("from_lpd", "fromLpd", count(|source| source == "local")),
        ("from_ltep", "fromLtep", 0),
        ("from_pex", "fromPex", count(|source| matches!(source, "pex" | "hole_punch"))),
        ("from_tracker", "fromTracker", count(|source| source == "tracker")),
    ];
    for (snake, legacy, number) in counts {
        json.key(Key::new(snake, legacy).name(dialect));
        json.count(number);
    }
    json.end_object();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn peers_have_flags_and_are_counted_by_their_source() {
        let peer = Peer {
            addr: "[2001:db8::1]:6881".into(),
            client: Some("x".into()),
            is_incoming: false,
            transport: "utp".into(),
            is_encrypted: true,
            sources: vec!["dht".into(), "pex".into()],
            progress: 0.5,
            down_per_s: 1,
            up_per_s: 0,
            downloaded_bytes: 7,
            uploaded_bytes: 0,
            chokes_us: false,
            we_choke: true,
            is_interested: true,
            we_are_interested: true,
            is_snubbed: false,
            is_upload_only: false,
            connected_s: 1,
        };
        assert_eq!(flags_of(&peer), "TDuEHX");
        let lookup = Lookup { peers: Some(vec![peer]), ..Lookup::default() };
        let mut json = Json::default();
        json.begin_list();
        write_peers(&mut json, Some(&lookup), Dialect::Legacy);
        write_peers_from(&mut json, Some(&lookup), Dialect::JsonRpc);
        json.end_list();
        let value: Value = serde_json::from_slice(&json.into_bytes()).unwrap();
        let peer = &value[0][0];
        assert_eq!((&peer["address"], &peer["port"]), (&Value::from("2001:db8::1"), &Value::from(6881)));
        assert_eq!((&peer["isUTP"], &peer["bytesToClient"]), (&Value::from(true), &Value::from(7)));
        assert_eq!(peer.as_object().unwrap().len(), 19);
        assert_eq!((&value[1]["from_dht"], &value[1]["from_pex"]), (&Value::from(1), &Value::from(0)));
    }
}
