//! The surroundings of one case.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};

use super::payload::{Content, Payloads};
use crate::net::Net;
use crate::process::{Invocation, Patience};
use crate::tools::Tools;

/// A case's number, its folder, and what all cases share.
pub(super) struct CaseEnv<'a> {
    /// Tells the cases of a run apart.
    pub(super) number: usize,
    /// The case's own folder, where the logs stay.
    pub(super) dir: &'a Path,
    pub(super) payloads: &'a Payloads,
    pub(super) tools: &'a Tools,
    /// Set when the run is interrupted.
    pub(super) stop: &'a AtomicBool,
}

impl CaseEnv<'_> {
    /// Waits for conditions, for `limit` in all and until the run is interrupted.
    pub(super) fn patience(&self, limit: Duration) -> Patience<'_> {
        Patience::new(limit, self.stop)
    }

    /// The seeder's folder with the content in it, and an empty folder for the leecher.
    pub(super) fn folders(&self, content: Content) -> Result<(PathBuf, PathBuf)> {
        let (source, target) = (self.dir.join("source"), self.dir.join("target"));
        std::fs::create_dir_all(&target)?;
        self.payloads.copy(content, &source)?;
        Ok((source, target))
    }

    /// The place of the case's torrent file.
    pub(super) fn torrent(&self) -> PathBuf {
        self.dir.join("case.torrent")
    }

    /// Has ztor make a v1 torrent of the content, without a tracker.
    pub(super) fn make_torrent(&self, content: &Path) -> Result<PathBuf> {
        let torrent = self.torrent();
        let create = Invocation::new(self.tools.program("ztor")?);
        let create =
            create.args(["create", "--piece-length", "32KiB", "--output"]).arg(&torrent).arg(content);
        create.output(None, self.dir).context("making the torrent")?;
        Ok(torrent)
    }

    /// Sets up the case's network.
    pub(super) fn network(&self) -> Result<Net> {
        Net::up(super::NET_PREFIX, self.number).context("setting up the network")
    }
}
