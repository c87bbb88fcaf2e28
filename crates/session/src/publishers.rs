//! Lookups of the current torrents of publishers (BEP 46), and their announcement.

use crate::dht_client::DhtClient;
use crate::route::Route;
use crate::start_error::StartError;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use thiserror::Error;
use ztor_dht::{Event, Item, ItemError, LookupId, mutable_target};
use ztor_metainfo::{InfoHashV1, Publisher, announced_hash, announced_value};

/// Maximum number of publishers per lookup.
pub const MAX_PUBLISHERS: usize = 64;

/// Torrent that a publisher says is current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Published {
    /// Info-hash of the torrent.
    pub info_hash: InfoHashV1,
    /// Sequence number, which grows with each version.
    pub seq: i64,
}

/// Reason that a lookup or an announcement failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The DHT cannot be entered.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The socket has failed.
    #[error("cannot use the socket of the DHT: {0}")]
    Socket(#[from] std::io::Error),
    /// The item cannot be stored.
    #[error("cannot store the item: {0}")]
    Item(#[from] ItemError),
    /// No node of the DHT answered in time.
    #[error("no DHT node answered")]
    Silent,
    /// The number before is not lower.
    #[error("a version with the number {0} is published already; give a higher one")]
    Stale(i64),
}

/// Looks up the current torrents of publishers in the DHT, each `None` if it is unknown or its value is no torrent. Blocks for
/// at most `patience`, besides the lookup of the bootstrap nodes. Values that are found are stored again, which keeps them alive (BEP 44).
///
/// # Errors
/// The DHT cannot be entered, or nobody there answers.
pub fn look_up_publishers(
    publishers: &[Publisher],
    route: &Route,
    bootstrap: &[String],
    patience: Duration,
) -> Result<Vec<Option<Published>>, PublishError> {
    let mut client = DhtClient::start(route, bootstrap)?;
    let now = client.now();
    let asked = publishers.iter().take(MAX_PUBLISHERS).enumerate();
    let mut open: BTreeMap<LookupId, usize> = asked
        .map(|(at, of)| (client.node.get(now, mutable_target(&of.key, &of.salt), &of.salt), at))
        .collect();
    let mut found: Vec<Option<Item>> = vec![None; publishers.len()];
    let (until, mut has_answer) = (Instant::now() + patience, false);
    let mut puts = Vec::new();
    while (!open.is_empty() || !puts.is_empty()) && Instant::now() < until {
        for event in client.step()? {
            match event {
                Event::Item { lookup, item } => {
                    if let Some(slot) = open.get(&lookup).and_then(|at| found.get_mut(*at))
                        && slot.as_ref().is_none_or(|known| known.seq() < item.seq())
                    {
                        *slot = Some(item);
                    }
                }
                Event::Done { lookup, summary } => {
                    puts.retain(|put| *put != lookup);
                    has_answer |= summary.nodes_answered > 0;
                    let at = open.remove(&lookup);
                    if let Some(item) = at.and_then(|at| found.get(at).cloned().flatten()) {
                        puts.extend(client.node.put(client.now(), item, None).ok());
                    }
                }
                _ => {}
            }
        }
    }
    if !has_answer && found.iter().all(Option::is_none) {
        return Err(PublishError::Silent);
    }
    let of_item =
        |item: &Item| Some(Published { info_hash: announced_hash(item.value())?, seq: item.seq()? });
    Ok(found.iter().map(|item| item.as_ref().and_then(of_item)).collect())
}

/// Announces the current torrent of a publisher, whose key is given by its seed. Without `seq`, the number follows that of the
/// version before. Blocks for at most `patience`. Returns the publisher, the number, and the number of nodes that store it.
///
/// # Errors
/// The DHT cannot be entered, nobody answers, or a version with this number is published.
pub fn publish(
    key_seed: &[u8; 32],
    salt: &[u8],
    (info_hash, seq): (InfoHashV1, Option<i64>),
    (route, bootstrap): (&Route, &[String]),
    patience: Duration,
) -> Result<(Publisher, i64, usize), PublishError> {
    // The number is signed, so the value before is looked up first.
    let draft = Item::sign(key_seed, salt.to_vec(), 0, announced_value(info_hash))?;
    let Item::Mutable { key, .. } = &draft else { return Err(PublishError::Silent) };
    let publisher = Publisher { key: *key, salt: salt.to_vec() };
    let half = patience / 2;
    let before = look_up_publishers(std::slice::from_ref(&publisher), route, bootstrap, half)?;
    let before = before.into_iter().flatten().next().map(|published| published.seq);
    let seq = match (seq, before) {
        (Some(seq), Some(before)) if seq <= before => return Err(PublishError::Stale(before)),
        (Some(seq), _) => seq,
        (None, before) => before.map_or(1, |before| before.saturating_add(1)),
    };
    let item = Item::sign(key_seed, salt.to_vec(), seq, announced_value(info_hash))?;
    let mut client = DhtClient::start(route, bootstrap)?;
    let lookup = client.node.put(client.now(), item, None)?;
    let until = Instant::now() + half;
    let mut nodes = 0;
    while Instant::now() < until {
        for event in client.step()? {
            match event {
                Event::Put { lookup: of, stored, .. } if of == lookup => nodes = stored,
                Event::Done { lookup: of, .. } if of == lookup && nodes == 0 => {
                    return Err(PublishError::Silent);
                }
                Event::Done { lookup: of, .. } if of == lookup => return Ok((publisher, seq, nodes)),
                _ => {}
            }
        }
    }
    Err(PublishError::Silent)
}
