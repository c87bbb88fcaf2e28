//! Environment of one case.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, Result};

use super::payload::{Content, Payloads};
use crate::net::Net;
use crate::process::{Invocation, Patience};
use crate::tools::Tools;

/// Number and folder of a case, and the parts that all cases share.
pub(super) struct CaseEnv<'a> {
    /// Unique among the cases of a run.
    pub(super) number: usize,
    /// Folder of the case, which keeps its logs.
    pub(super) dir: &'a Path,
    pub(super) payloads: &'a Payloads,
    pub(super) tools: &'a Tools,
    /// Set when the run is interrupted.
    pub(super) stop: &'a AtomicBool,
}

impl CaseEnv<'_> {
    /// Returns a waiter for conditions, which gives up after `limit` in all and when the run is interrupted.
    pub(super) fn patience(&self, limit: Duration) -> Patience<'_> {
        Patience::new(limit, self.stop)
    }

    /// Makes the seeder's folder with the content in it, and an empty folder for the leecher.
    pub(super) fn folders(&self, content: Content) -> Result<(PathBuf, PathBuf)> {
        let (source, target) = (self.dir.join("source"), self.dir.join("target"));
        std::fs::create_dir_all(&target)?;
        self.payloads.copy(content, &source)?;
        Ok((source, target))
    }

    /// Returns the path of the case's torrent file.
    pub(super) fn torrent(&self) -> PathBuf {
        self.dir.join("case.torrent")
    }

    /// Has ztor make a v1 torrent of the content, without a tracker.
    pub(super) fn make_torrent(&self, content: &Path) -> Result<PathBuf> {
        self.make_tracked(content, &[])
    }

    /// Has ztor make a v1 torrent of the content, with these trackers in tiers of their own.
    pub(super) fn make_tracked(&self, content: &Path, trackers: &[&str]) -> Result<PathBuf> {
        let torrent = self.torrent();
        let create = Invocation::new(self.tools.program("ztor")?);
        let create =
            create.args(["create", "--piece-length", "32KiB", "--output"]).arg(&torrent).arg(content);
        let create = trackers.iter().fold(create, |create, url| create.args(["--tracker", url]));
        create.output(None, self.dir).context("making the torrent")?;
        Ok(torrent)
    }

    /// Sets up the case's network.
    pub(super) fn network(&self) -> Result<Net> {
        Net::up(super::NET_PREFIX, self.number).context("setting up the network")
    }

    /// Sets up a network with a router that translates addresses. It needs `nft`.
    pub(super) fn network_with_nat(&self) -> Result<Net> {
        let nft = self.tools.program("nft")?;
        Net::up_with_nat(super::NET_PREFIX, self.number, nft).context("setting up the network")
    }
}
