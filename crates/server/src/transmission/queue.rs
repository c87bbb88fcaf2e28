//! Positions in the queue. Here every torrent has one; in the daemon, only downloads have. The order of downloads is that of
//! the daemon; where the others are between them lasts until the daemon ends.

use super::State;
use super::failure::Failure;
use crate::foreign::Table;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

/// Positions of all torrents by id, from 0.
pub(crate) type Positions = Arc<HashMap<u64, usize>>;

/// Target of a move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Top,
    Up,
    Down,
    Bottom,
    At(usize),
}

/// The order of all torrents.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    order: Vec<u64>,
    /// Positions, with the revision of the table that they are of.
    positions: Option<(u64, Positions)>,
}

impl Queue {
    /// Returns the positions of all torrents.
    pub(crate) fn positions(&self, table: &Table) -> Positions {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((revision, positions)) = &kept.positions
            && *revision == table.revision()
        {
            return Arc::clone(positions);
        }
        kept.order = merged(&kept.order, table);
        let positions = Arc::new(kept.order.iter().enumerate().map(|(at, id)| (*id, at)).collect());
        kept.positions = Some((table.revision(), Arc::clone(&positions)));
        positions
    }

    /// Moves torrents. Returns the downloads whose order has changed, in their new order, each with its position among the
    /// downloads.
    fn shift(&self, table: &Table, ids: &[u64], target: Target) -> Vec<(u64, usize)> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut order = merged(&kept.order, table);
        let is_queued = |id: &u64| table.get(*id).is_some_and(|row| row.torrent.queue_position.is_some());
        let before: Vec<u64> = order.iter().copied().filter(is_queued).collect();
        shift(&mut order, &ids.iter().copied().collect(), target);
        let after: Vec<u64> = order.iter().copied().filter(is_queued).collect();
        *kept = Kept { order, positions: None };
        if before == after {
            return Vec::new();
        }
        let chosen: BTreeSet<u64> = ids.iter().copied().collect();
        after.into_iter().enumerate().filter(|(_, id)| chosen.contains(id)).map(|(at, id)| (id, at)).collect()
    }
}

impl State {
    /// Moves torrents in the queue.
    pub(crate) async fn move_in_queue(&self, ids: &[u64], target: Target) -> Result<(), Failure> {
        let table = self.foreign.table();
        let mut moved = self.queue.shift(&table, ids, target);
        if matches!(target, Target::Down | Target::Bottom) {
            // The last first, so that each finds its place among those that stay.
            moved.reverse();
        }
        for (id, position) in moved {
            self.foreign.daemon().queue_at(&[id], position).await?;
        }
        Ok(())
    }
}

/// Returns the order of all torrents of the table. Downloads are in the order of the daemon, and take the places that downloads
/// had; others keep their places. New ones are at the end.
fn merged(order: &[u64], table: &Table) -> Vec<u64> {
    let known: BTreeSet<u64> = order.iter().copied().collect();
    let mut all: Vec<u64> = order.iter().copied().filter(|id| table.get(*id).is_some()).collect();
    all.extend(table.rows().map(|row| row.torrent.id).filter(|id| !known.contains(id)));
    let queued: BTreeMap<usize, u64> =
        table.rows().filter_map(|row| Some((row.torrent.queue_position?, row.torrent.id))).collect();
    let mut queued = queued.into_values();
    for id in &mut all {
        if table.get(*id).is_some_and(|row| row.torrent.queue_position.is_some())
            && let Some(next) = queued.next()
        {
            *id = next;
        }
    }
    all
}

fn shift(order: &mut Vec<u64>, chosen: &BTreeSet<u64>, target: Target) {
    match target {
        Target::Up => swap_forward(order, chosen),
        Target::Down => {
            order.reverse();
            swap_forward(order, chosen);
            order.reverse();
        }
        Target::Top | Target::Bottom | Target::At(_) => {
            let moved: Vec<u64> = order.iter().copied().filter(|id| chosen.contains(id)).collect();
            order.retain(|id| !chosen.contains(id));
            let at = match target {
                Target::Top => 0,
                Target::At(at) => at.min(order.len()),
                _ => order.len(),
            };
            order.splice(at..at, moved);
        }
    }
}

/// Swaps each chosen id with the one before it, unless that is a chosen one that could not move either.
fn swap_forward(order: &mut [u64], chosen: &BTreeSet<u64>) {
    let mut free = 0;
    for index in 0..order.len() {
        if order.get(index).is_some_and(|id| chosen.contains(id)) {
            if index > free {
                order.swap(index - 1, index);
                free = index;
            } else {
                free = index + 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(chosen: &[u64], target: Target) -> Vec<u64> {
        let mut order = vec![0, 1, 2, 3, 4];
        shift(&mut order, &chosen.iter().copied().collect(), target);
        order
    }

    #[test]
    fn shift_keeps_the_order_of_what_it_moves() {
        assert_eq!(after(&[4, 1], Target::Top), [1, 4, 0, 2, 3]);
        assert_eq!(after(&[4, 1], Target::Bottom), [0, 2, 3, 1, 4]);
        assert_eq!(after(&[4], Target::At(1)), [0, 4, 1, 2, 3]);
        assert_eq!(after(&[0, 9], Target::At(99)), [1, 2, 3, 4, 0]);
        assert_eq!(after(&[0, 2], Target::Up), [0, 2, 1, 3, 4]);
        assert_eq!(after(&[3, 4], Target::Down), [0, 1, 2, 3, 4]);
        assert_eq!(after(&[0, 1], Target::Down), [2, 0, 1, 3, 4]);
    }
}
