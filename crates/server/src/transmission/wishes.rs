//! Changes of several torrents. Those that are alike are made together, as each one waits for the disk.

use super::failure::Failure;
use super::methods::first_failure;
use serde_json::{Map, Value};
use ztor_api::Action;
use ztor_daemon::{Daemon, ForeignApi};

/// Changes of torrents, in the order in which they are made.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    actions: Vec<(Action, Vec<u64>)>,
    values: Vec<(Map<String, Value>, Vec<u64>)>,
}

impl Wishes {
    /// Adds an action on a torrent.
    pub(crate) fn act(&mut self, id: u64, action: Action) {
        match self.actions.iter_mut().find(|(known, _)| *known == action) {
            Some((_, ids)) => ids.push(id),
            None => self.actions.push((action, vec![id])),
        }
    }

    /// Adds values of a torrent that only this API has; `null` removes one.
    pub(crate) fn keep(&mut self, id: u64, values: Map<String, Value>) {
        if values.is_empty() {
            return;
        }
        match self.values.iter_mut().find(|(known, _)| *known == values) {
            Some((_, ids)) => ids.push(id),
            None => self.values.push((values, vec![id])),
        }
    }

    /// Makes the changes. The first failure ends it; what was done before stays.
    pub(crate) async fn carry_out(self, daemon: &Daemon) -> Result<(), Failure> {
        for (values, ids) in &self.values {
            daemon.change_torrent_values(ForeignApi::Transmission, ids, values).await?;
        }
        for (action, ids) in &self.actions {
            first_failure(daemon.act_on_ids(ids, action).await?)?;
        }
        Ok(())
    }
}
