//! Common parts of the APIs of other programs: the daemon, access to it, rows of all torrents, files of web clients, and compression.

pub(crate) mod folder;
pub(crate) mod gzip;
pub(crate) mod mime;
mod recent;
mod refusals;
mod rows;

pub(crate) use recent::Changes;
pub(crate) use rows::{RowCache, Table};

use crate::access::Access;
use crate::api::LogBuffer;
use refusals::Refusals;
use std::net::IpAddr;
use std::sync::Arc;
use ztor_daemon::{Daemon, ForeignApi};

/// State that the APIs of other programs share. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Foreign(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    daemon: Daemon,
    access: Access,
    log: LogBuffer,
    about: ztor_api::Daemon,
    rows: RowCache,
    refusals: Refusals,
}

impl Foreign {
    pub(crate) fn new(daemon: &Daemon, access: &Access, log: &LogBuffer, about: &ztor_api::Daemon) -> Self {
        Self(Arc::new(Inner {
            daemon: daemon.clone(),
            access: access.clone(),
            log: log.clone(),
            about: about.clone(),
            rows: RowCache::new(daemon),
            refusals: Refusals::default(),
        }))
    }

    /// Returns the description of the daemon.
    pub(crate) fn about(&self) -> &ztor_api::Daemon {
        &self.0.about
    }

    /// Tells in the log that a client was refused, at most once a minute for each address and kind of refusal.
    pub(crate) fn on_refused(&self, api: ForeignApi, kind: &'static str, client: IpAddr, reason: &str) {
        self.0.refusals.tell((api, kind), client, reason);
    }

    /// Returns the rows of all torrents at present, with what has happened within a minute.
    pub(crate) fn recent(&self) -> (Arc<Table>, Changes) {
        self.0.rows.recent()
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
