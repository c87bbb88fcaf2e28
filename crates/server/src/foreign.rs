//! What the APIs of other programs share: the daemon, access to it, and rows of all torrents.

mod rows;

pub(crate) use rows::{RowCache, Table};

use crate::access::Access;
use crate::api::LogBuffer;
use std::sync::Arc;
use ztor_daemon::Daemon;

/// State that the APIs of other programs share. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Foreign(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    access: Access,
    log: LogBuffer,
    rows: RowCache,
}

impl Foreign {
    pub(crate) fn new(daemon: &Daemon, access: &Access, log: &LogBuffer) -> Self {
        let rows = RowCache::new(daemon);
        Self(Arc::new(Inner { daemon: daemon.clone(), access: access.clone(), log: log.clone(), rows }))
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        &self.0.daemon
    }

    pub(crate) fn access(&self) -> &Access {
        &self.0.access
    }

    pub(crate) fn log(&self) -> &LogBuffer {
        &self.0.log
    }

    /// Returns the rows of all torrents at present.
    pub(crate) fn table(&self) -> Arc<Table> {
        self.0.rows.table()
    }
}
