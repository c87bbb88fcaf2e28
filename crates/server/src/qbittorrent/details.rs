//! Details of one torrent.

use super::Call;
use super::answer::{Failure, Outcome, Reply};
use super::cells::{Times, is_complete, limit, real};
use data_encoding::{BASE64, HEXLOWER};
use serde_json::{Map, Value, json};
use std::ops::Range;
use std::time::Instant;
use ztor_api::FilePriority;
use ztor_daemon::Row;
use ztor_daemon::policy::TorrentKey;

/// Key of the files that have the highest priority, by the id of their torrent, among the kept values: the daemon has one
/// high priority, where clients know two.
const HIGHEST: &str = "highest";
/// Names of the sources of peers that clients show among the trackers, and the source of peers by its name here.
const SOURCES: [(&str, &str); 3] = [("** [DHT] **", "dht"), ("** [PeX] **", "pex"), ("** [LSD] **", "local")];

/// Answers endpoints about one torrent.
pub(super) async fn call(call: &Call, action: &str) -> Outcome {
    match action {
        "properties" => Reply::json(&properties(call, &*call.row("hash")?)),
        "trackers" => trackers(call).await,
        "webseeds" => {
            let row = call.row("hash")?;
            let seeds = call.daemon().web_seeds(call.key()?).await;
            let urls = match seeds {
                Ok(seeds) => seeds.into_iter().map(|seed| seed.url).collect(),
                Err(_) if row.status.is_none() => Vec::new(),
                Err(error) => return Err(error.into()),
            };
            Reply::json(&urls.into_iter().map(|url: String| json!({"url": url})).collect::<Vec<_>>())
        }
        "files" => files(call).await,
        "pieceStates" => piece_states(call).await,
        "pieceHashes" => piece_hashes(call).await,
        "export" => {
            let row = call.row("hash")?;
            if row.meta.is_none() {
                return Err(Failure::conflict("Unable to export torrent file: metadata is unknown"));
            }
            Ok(Reply::Torrent(call.daemon().export(call.key()?).await?, row.torrent.name.clone()))
        }
        "SSLParameters" => {
            call.row("hash")?;
            Reply::json(&json!({"ssl_certificate": "", "ssl_private_key": "", "ssl_dh_params": ""}))
        }
        // Torrents whose connections need certificates are not supported.
        "setSSLParameters" => {
            call.row("hash")?;
            let text = "SSL torrents are not supported";
            Err(Failure::new(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE, text))
        }
        _ => Err(Failure::not_found()),
    }
}

fn properties(call: &Call, row: &Row) -> Value {
    let torrent = &row.torrent;
    let status = row.status.as_deref();
    let times = Times::at(row, Instant::now());
    let optional_limit = |of: Option<u64>| of.map_or(-1, |_| i64::try_from(limit(of)).unwrap_or(i64::MAX));
    let average = |bytes: u64, seconds: u64| bytes / seconds.max(1);
    let meta = row.meta.as_deref();
    let number = |of: Option<u64>| of.map_or(-1, |value| i64::try_from(value).unwrap_or(i64::MAX));
    let seen = Some(row.times.complete_unix_s).filter(|time| *time > 0);
    let pieces_num = meta.map(|meta| u64::from(meta.layout.piece_count()));
    let piece_size = meta.map(|meta| u64::from(meta.layout.piece_length()));
    let connections = call.qb.settings().max_peers_per_torrent;
    let incomplete_dir = row.incomplete_dir.as_ref().map(|dir| dir.to_string_lossy());
    let ratio = torrent.ratio.map_or(0.0, real);
    let months = times.active_s as f64 / (30.0 * 24.0 * 3600.0);
    let mut properties = json!({
        "addition_date": torrent.added_unix_s,
        "comment": meta.and_then(|meta| meta.comment.as_deref()).unwrap_or_default(),
        "completion_date": number(torrent.finished_unix_s),
        "created_by": meta.and_then(|meta| meta.created_by.as_deref()).unwrap_or_default(),
        "creation_date": meta.and_then(|meta| meta.creation_date).unwrap_or(-1),
        "dl_limit": optional_limit(torrent.limits.down_per_s),
        "dl_speed": torrent.down_per_s,
        "dl_speed_avg": average(torrent.downloaded_bytes, times.active_s.saturating_sub(times.seeding_s)),
        "download_path": incomplete_dir.as_deref().unwrap_or_default(),
        "eta": torrent.eta_s.unwrap_or(8_640_000).min(8_640_000),
        "has_metadata": torrent.is_private.is_some(),
        "hash": super::lines::short(&torrent.hash),
        "infohash_v1": row.hashes.v1().map(|hash| hash.to_string()).unwrap_or_default(),
        "infohash_v2": torrent.hash_v2.as_deref().unwrap_or_default(),
        "is_private": torrent.is_private.unwrap_or(false),
        "last_seen": number(seen),
        "name": torrent.name,
        "nb_connections": torrent.peers,
        "nb_connections_limit": connections,
        "peers": torrent.peers.saturating_sub(torrent.seeds),
        "peers_total": torrent.swarm_leechers.unwrap_or(0),
        "piece_size": number(piece_size),
        "pieces_have": status.map_or(0, |status| status.have_pieces),
        "pieces_num": number(pieces_num),
        "popularity": if months > 0.0 { real(ratio / months) } else { 0.0 },
        "private": torrent.is_private,
        "progress": real(torrent.progress),
        "reannounce": times.reannounce_s,
        "save_path": torrent.dir,
        "seeding_time": times.seeding_s,
    });
    let more = json!({
        "seeds": torrent.seeds,
        "seeds_total": torrent.swarm_seeds.unwrap_or(0),
        "share_ratio": ratio,
        "time_elapsed": times.active_s,
        "total_downloaded": torrent.downloaded_bytes,
        "total_downloaded_session": status.map_or(0, |status| status.session_downloaded_bytes),
        "total_size": torrent.is_private.map_or(-1, |_| i64::try_from(torrent.total_bytes).unwrap_or(i64::MAX)),
        "total_uploaded": torrent.uploaded_bytes,
        "total_uploaded_session": status.map_or(0, |status| status.session_uploaded_bytes),
        "total_wasted": status.map_or(0, |status| status.wasted_bytes),
        "up_limit": optional_limit(torrent.limits.up_per_s),
        "up_speed": torrent.up_per_s,
        "up_speed_avg": average(torrent.uploaded_bytes, times.active_s),
    });
    if let (Some(all), Value::Object(more)) = (properties.as_object_mut(), more) {
        all.extend(more);
    }
    properties
}

async fn trackers(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let key = call.key()?;
    let settings = call.qb.settings();
    let is_private = row.torrent.is_private == Some(true);
    // Both fail only while the torrent is loaded.
    let peers = call.daemon().peers(key).await.unwrap_or_default();
    let known = match call.daemon().trackers(key, true).await {
        Ok(known) => known,
        Err(_) if row.status.is_none() => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let source = |(name, source): (&str, &str)| {
        let is_on = match source {
            "dht" => settings.dht,
            "pex" => settings.peer_exchange,
            _ => settings.local_discovery,
        };
        let from = peers.iter().filter(|peer| peer.sources.iter().any(|known| known == source));
        let (seeds, others): (Vec<_>, Vec<_>) = from.partition(|peer| peer.progress >= 1.0);
        json!({
            "url": name,
            "tier": -1,
            "status": if is_on && !is_private { 2 } else { 0 },
            "msg": if is_private { "This torrent is private" } else { "" },
            "num_peers": seeds.len() + others.len(),
            "num_seeds": seeds.len(),
            "num_leeches": others.len(),
            "num_downloaded": 0,
        })
    };
    let count = |count: Option<u32>| count.map_or(-1, i64::from);
    let tracker = |tracker: ztor_api::Tracker| {
        let status = match tracker.state.as_str() {
            "working" => 2,
            "announcing" => 3,
            "failing" => 4,
            _ => 1,
        };
        json!({
            "url": tracker.url,
            "tier": tracker.tier,
            "status": status,
            "msg": tracker.message.unwrap_or_default(),
            "num_peers": tracker.peers.map_or(-1, |peers| i64::try_from(peers).unwrap_or(i64::MAX)),
            "num_seeds": count(tracker.seeders),
            "num_leeches": count(tracker.leechers),
            "num_downloaded": count(tracker.downloads),
        })
    };
    let all: Vec<Value> = SOURCES.into_iter().map(source).chain(known.into_iter().map(tracker)).collect();
    Reply::json(&all)
}

async fn files(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let Some(meta) = row.meta.clone() else { return Reply::json(&Vec::<Value>::new()) };
    let wanted: Option<Vec<usize>> = match call.params.text("indexes") {
        None => None,
        Some(_) => {
            let parts = call.params.list("indexes", '|');
            let indexes: Result<_, _> = parts.iter().map(|part| part.parse()).collect();
            Some(indexes.map_err(|_| Failure::conflict("indexes: expected numbers"))?)
        }
    };
    let files = call.daemon().files(call.key()?).await?;
    if wanted.iter().flatten().any(|index| *index >= files.len()) {
        return Err(Failure::conflict("Index is out of bounds"));
    }
    let highest = call.qb.kept().object(HIGHEST);
    let highest =
        highest.get(&row.torrent.id.to_string()).and_then(Value::as_array).cloned().unwrap_or_default();
    let is_seed = is_complete(&row.torrent);
    let available = available(call, &row).await;
    let mut all = Vec::with_capacity(files.len());
    for (number, file) in files.into_iter().enumerate() {
        if wanted.as_ref().is_some_and(|wanted| !wanted.contains(&number)) {
            continue;
        }
        let pieces = meta.layout.pieces_of(file.index);
        let range = match pieces.is_empty() {
            // An empty file is in the piece at its place.
            true => [pieces.start, pieces.start],
            false => [pieces.start, pieces.end - 1],
        };
        let is_top = highest.iter().any(|index| index.as_u64() == Some(file.index as u64));
        let progress = match file.size_bytes {
            0 => 1.0,
            size => real(file.have_bytes as f64 / size as f64).min(1.0),
        };
        let mut value = json!({
            "index": number,
            "name": file.path,
            "size": file.size_bytes,
            "progress": progress,
            "priority": priority_number(file.priority, is_top),
            "piece_range": range,
            "availability": available.as_ref().map_or(-1.0, |available| fraction(available, &pieces)),
        });
        if let Some(value) = value.as_object_mut().filter(|_| all.is_empty()) {
            value.insert("is_seed".into(), is_seed.into());
        }
        all.push(value);
    }
    Reply::json(&all)
}

/// Returns for each piece whether a connected peer has it; `None` for a torrent that needs none.
async fn available(call: &Call, row: &Row) -> Option<Vec<bool>> {
    if row.status.is_none() || is_complete(&row.torrent) {
        return None;
    }
    // Fails only while the torrent is loaded.
    let pieces = call.daemon().pieces(TorrentKey::new(row.torrent.id)).await.ok()?;
    let peers = BASE64.decode(pieces.availability.as_bytes()).ok()?;
    Some(peers.into_iter().map(|peers| peers > 0).collect())
}

/// Returns the fraction of pieces that peers have. An empty file has none to wait for.
fn fraction(available: &[bool], pieces: &Range<u32>) -> f64 {
    let end = available.len().min(pieces.end as usize);
    let of = available.get(pieces.start as usize..end).unwrap_or_default();
    match of.len() {
        0 => 1.0,
        count => of.iter().filter(|is_there| **is_there).count() as f64 / count as f64,
    }
}

/// Keeps which files of a torrent have the highest priority.
pub(super) async fn keep_highest(call: &Call, id: u64, files: &[usize], on: bool) -> Result<(), Failure> {
    let known = call.qb.foreign().table();
    let key = id.to_string();
    let change = |values: &mut Map<String, Value>| {
        let mut all = values.get(HIGHEST).and_then(Value::as_object).cloned().unwrap_or_default();
        let mut present: Vec<u64> =
            all.get(&key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_u64).collect();
        present.retain(|index| !files.iter().any(|file| *file as u64 == *index));
        if on {
            present.extend(files.iter().map(|file| *file as u64));
        }
        all.insert(key, present.into());
        let is_known = |id: &str| id.parse().is_ok_and(|id| known.get(id).is_some());
        all.retain(|id, files| is_known(id) && files.as_array().is_some_and(|files| !files.is_empty()));
        values.insert(HIGHEST.into(), all.into());
    };
    call.qb.kept().change(call.daemon(), change).await
}

async fn piece_states(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    if row.meta.is_none() {
        return Reply::json(&Vec::<u8>::new());
    }
    let pieces = call.daemon().pieces(call.key()?).await?;
    let have = BASE64.decode(pieces.have.as_bytes()).unwrap_or_default();
    let has = |piece: u32| have.get(piece as usize / 8).is_some_and(|byte| byte & (0x80 >> (piece % 8)) != 0);
    let mut states: Vec<u8> = (0..pieces.count).map(|piece| if has(piece) { 2 } else { 0 }).collect();
    for piece in pieces.partial {
        if let Some(state) = states.get_mut(piece as usize).filter(|state| **state == 0) {
            *state = 1;
        }
    }
    Reply::json(&states)
}

async fn piece_hashes(call: &Call) -> Outcome {
    let row = call.row("hash")?;
    let Some(meta) = row.meta.clone() else { return Reply::json(&Vec::<String>::new()) };
    // Reads the database.
    let read = tokio::task::spawn_blocking(move || {
        let bulk = meta.bulk().map_err(|error| Failure::conflict(error.to_string()))?;
        let hashes = bulk.hashes();
        let of = |piece: u32| match hashes.v1(piece) {
            Some(hash) => HEXLOWER.encode(hash.as_ref()),
            None => hashes.v2(piece).map(|hash| HEXLOWER.encode(hash.as_ref())).unwrap_or_default(),
        };
        Ok::<Vec<String>, Failure>((0..meta.layout.piece_count()).map(of).collect())
    });
    let hashes = read.await.map_err(|_| Failure::conflict("the metadata cannot be read"))??;
    Reply::json(&hashes)
}

/// Returns the number of a priority of a file.
fn priority_number(priority: FilePriority, is_top: bool) -> u8 {
    match priority {
        FilePriority::Skip => 0,
        FilePriority::Low | FilePriority::Normal => 1,
        FilePriority::High if is_top => 7,
        FilePriority::High => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fraction_counts_the_pieces_that_peers_have() {
        let available = [true, false, true, true];
        assert_eq!([fraction(&available, &(0..4)), fraction(&available, &(1..2))], [0.75, 0.0]);
        assert_eq!([fraction(&available, &(0..0)), fraction(&available, &(3..9))], [1.0, 1.0]);
    }
}
