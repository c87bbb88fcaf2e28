//! New versions of torrents: from the feed that a torrent names (BEP 39), or from a publisher in the DHT (BEP 46).

use super::add::{MAX_TORRENT, NewContent, parse};
use super::{Daemon, in_background};
use crate::clock::now_unix_s;
use crate::error::DaemonError;
use crate::record::{Publication, Record, Share};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use ztor_api::{AddOptions, Added, FilePriority, State};
use ztor_policy::TorrentKey;
use ztor_session::{
    DHT_ROUTERS, FetchedFeed, InfoHashes, Magnet, Metainfo, Published, Publisher, SignatureState, Use,
    fetch_feed, look_up_publishers, redact_url,
};

/// Time limit of the lookups in the DHT.
const DHT_PATIENCE: Duration = Duration::from_secs(60);
/// Interval of the look at the schedule.
const TICK: Duration = Duration::from_secs(20);
/// Maximum number of torrents that are checked in one round. The others follow in the next one.
const MAX_ROUND: usize = 50;

/// A new version of a torrent.
struct NewVersion {
    content: NewContent,
    /// Publisher to follow from then on; `None` for a feed, which the new torrent names itself.
    publication: Option<Publication>,
    /// True to leave it stopped: nothing shows that it comes from the originator.
    is_doubtful: bool,
}

impl Daemon {
    /// Looks for new versions by the schedule of the settings, until the daemon ends.
    pub(super) fn start_updates(&self) {
        let shared = Arc::downgrade(&self.0);
        self.0.runtime.spawn(async move {
            let mut tick = tokio::time::interval(TICK);
            loop {
                tick.tick().await;
                let Some(daemon) = shared.upgrade().map(Daemon) else { return };
                if daemon.is_ending() {
                    return;
                }
                let settings = Arc::clone(&daemon.settings_changes().borrow());
                if settings.check_updates {
                    daemon.check_due(settings.update_interval).await;
                }
            }
        });
    }

    /// Checks the torrents whose last check is older than this.
    async fn check_due(&self, every: Duration) {
        let now = now_unix_s();
        let due: Vec<TorrentKey> = {
            let core = self.core();
            let is_due = |record: &Record| {
                record.may_be_updated() && record.update_checked_unix_s + every.as_secs() <= now
            };
            let due = core.entries().filter(|(_, entry)| !entry.is_leaving() && is_due(entry.record()));
            due.map(|(key, _)| key).take(MAX_ROUND).collect()
        };
        for key in due {
            if self.is_ending() {
                return;
            }
            if let Err(error) = self.clone().check_update(key).await {
                tracing::warn!(id = key.as_u64(), %error, "cannot look for a new version of a torrent");
            }
        }
    }

    /// Looks for a new version of a torrent, and adds it.
    pub(super) async fn check_update(self, key: TorrentKey) -> Result<(), DaemonError> {
        let (record, hashes) = {
            let core = self.core();
            let entry = core.entry(key).ok_or(DaemonError::NoTorrent)?;
            (entry.record().clone(), *entry.hashes())
        };
        self.change_record(key, |record| record.update_checked_unix_s = now_unix_s());
        let found = match (&record.publication, &record.update_url) {
            _ if record.is_updated => None,
            (Some(publication), _) => self.of_publisher(key, publication, &hashes).await?,
            (None, Some(url)) => self.of_feed(key, url, &hashes).await?,
            (None, None) => {
                let message = "the torrent names no feed of new versions, and has no publisher";
                return Err(DaemonError::Conflict(message.into()));
            }
        };
        if let Some(version) = found {
            self.add_version(key, &record, version).await?;
        }
        self.commit().await
    }

    /// Returns the current torrent of a publisher; `None` if the DHT does not know any.
    pub(super) async fn look_up_publisher(&self, link: &str) -> Result<Option<Published>, DaemonError> {
        let publisher: Publisher = link
            .parse()
            .map_err(|error| DaemonError::BadTorrent(format!("cannot use the magnet link: {error}")))?;
        let settings = Arc::clone(&self.settings_changes().borrow());
        if !settings.dht {
            return Err(DaemonError::Conflict(
                "cannot ask for the publisher's torrent: the DHT is off".into(),
            ));
        }
        if settings.proxy_policy().proxy_for(Use::Peers).is_some() {
            return Err(DaemonError::Conflict(
                "cannot ask for the publisher's torrent: the lookup in the DHT does not go through a proxy"
                    .into(),
            ));
        }
        let mut nodes = settings.dht_bootstrap.clone();
        if nodes.is_empty() {
            nodes = DHT_ROUTERS.iter().map(|router| (*router).to_owned()).collect();
        }
        let route = settings
            .proxy_policy()
            .route(&settings.bind, Use::Peers, settings.anonymous)
            .dns_servers(settings.dns_servers.clone());
        in_background(move || {
            let found = look_up_publishers(&[publisher], &route, &nodes, DHT_PATIENCE);
            let found = found.map_err(|error| {
                DaemonError::Conflict(format!("cannot ask for the publisher's torrent: {error}"))
            })?;
            Ok(found.into_iter().flatten().next())
        })
        .await
    }

    async fn of_publisher(
        &self,
        key: TorrentKey,
        known: &Publication,
        hashes: &InfoHashes,
    ) -> Result<Option<NewVersion>, DaemonError> {
        let Some(published) = self.look_up_publisher(&known.link).await? else { return Ok(None) };
        if published.seq <= known.seq {
            return Ok(None);
        }
        let publication = Publication { link: known.link.clone(), seq: published.seq };
        if hashes.v1() == Some(published.info_hash) {
            self.change_record(key, |record| record.publication = Some(publication));
            return Ok(None);
        }
        let magnet = Magnet::new(InfoHashes::V1(published.info_hash));
        let content = NewContent::Magnet(Box::new(magnet));
        Ok(Some(NewVersion { content, publication: Some(publication), is_doubtful: false }))
    }

    /// Fetches the torrent of a feed. One of an originator, or a signed one, is replaced only by a torrent with the same
    /// signature.
    async fn of_feed(
        &self,
        key: TorrentKey,
        url: &str,
        hashes: &InfoHashes,
    ) -> Result<Option<NewVersion>, DaemonError> {
        let old = self.handle(key)?.metadata().await?;
        let (url, route, hashes) = (url.to_owned(), self.options().route, *hashes);
        in_background(move || {
            let hash = hashes.v1().map_or_else(|| hashes.to_string(), |v1| v1.to_string());
            let FetchedFeed { body, is_secure } = match fetch_feed(&url, &hash, &route, MAX_TORRENT) {
                Ok(fetched) => fetched,
                // The feed has nothing new.
                Err(error) if error.is_not_found() => return Ok(None),
                Err(error) => return Err(DaemonError::Fetch { url: redact_url(&url), error }),
            };
            let NewContent::Metainfo(new) = parse(&body)? else {
                let message =
                    "cannot use the new version: the feed leads to a magnet link, not to a torrent file";
                return Err(DaemonError::BadTorrent(message.into()));
            };
            if new.info_hashes == hashes {
                return Ok(None);
            }
            let signers = signers_of(&old)?;
            let bulk = new.bulk().map_err(ztor_session::MetadataError::from)?;
            if !signers.is_empty() && !signers.iter().all(|signer| new.is_signed_by(&bulk, signer)) {
                let message = "cannot use the new version: the originator of the torrent has not signed it";
                return Err(DaemonError::BadTorrent(message.into()));
            }
            let is_doubtful = signers.is_empty() && !is_secure;
            Ok(Some(NewVersion { content: NewContent::Metainfo(new), publication: None, is_doubtful }))
        })
        .await
    }

    /// Adds a new version below the folder of the old one, whose files it uses where they are the same.
    async fn add_version(
        &self,
        old: TorrentKey,
        record: &Record,
        version: NewVersion,
    ) -> Result<(), DaemonError> {
        let seen = self.with(|core| Some((core.view(old)?.to_row(), *core.entry(old)?.hashes())));
        let (row, hashes) = seen.ok_or(DaemonError::NoTorrent)?;
        let new = match &version.content {
            NewContent::Metainfo(meta) => meta.info_hashes,
            NewContent::Magnet(magnet) => magnet.info_hashes,
        };
        // A torrent of the user's own: another publisher or an old answer names it, and nothing of it may change.
        if self.with(|core| core.find(&new)).is_some() {
            tracing::debug!(torrent = record.shown_name(), "the new version is in the list already");
            return Ok(());
        }
        // The user wants none of it now, or only some of its files, which may have other names.
        let is_held =
            row.state == State::Paused || record.priorities.values().any(|of| *of == FilePriority::Skip);
        let options = AddOptions {
            dir: Some(dir_of_version(&row.dir, &hashes, &new)),
            category: row.category,
            tags: row.tags,
            paused: (version.is_doubtful || is_held).then_some(true),
            limits: record.limits,
            ..AddOptions::default()
        };
        let mut files = record.files.clone();
        if files.share_files == Share::No {
            files.share_files = Share::HardLinks;
        }
        match self.add_version_of(version.content, &options, files).await? {
            Added::Duplicate { .. } => Ok(()),
            Added::Added { id, name, .. } => {
                if let Some(publication) = version.publication {
                    self.change_record(TorrentKey::new(id), |record| record.publication = Some(publication));
                }
                self.change_record(old, |record| record.is_updated = true);
                tracing::info!(
                    old = record.shown_name(),
                    torrent = name,
                    id,
                    "a new version of a torrent was added"
                );
                Ok(())
            }
            Added::Failed { problem } => Err(DaemonError::Conflict(problem.detail)),
        }
    }

    fn change_record(&self, key: TorrentKey, change: impl FnOnce(&mut Record)) {
        self.with(|core| {
            if let Some(entry) = core.entry_mut(key) {
                change(entry.record_mut());
                core.touch(key);
                self.put_record(core, key);
            }
        });
    }
}

/// Returns the folder of a new version: one of its own in that of the first version, as most versions have the same name.
fn dir_of_version(dir: &str, old: &InfoHashes, new: &InfoHashes) -> String {
    let folder = |hashes: &InfoHashes| format!("version-{:.8}", hashes.to_string());
    let dir = Path::new(dir);
    let first = if dir.ends_with(folder(old)) { dir.parent().unwrap_or(dir) } else { dir };
    first.join(folder(new)).display().to_string()
}

/// Returns the certificates of those who may sign a new version: the originator, or else all who have signed the torrent.
fn signers_of(meta: &Metainfo) -> Result<Vec<Vec<u8>>, DaemonError> {
    let bulk = meta.bulk().map_err(ztor_session::MetadataError::from)?;
    let feed = meta.feed(&bulk);
    if let Some(originator) = feed.originator {
        return Ok(vec![originator]);
    }
    let signatures = meta.signatures();
    if signatures.is_empty() {
        return Ok(Vec::new());
    }
    let valid =
        signatures.into_iter().filter(|signature| signature.check(&bulk, &feed) == SignatureState::Valid);
    let signers: Vec<Vec<u8>> = valid.filter_map(|signature| signature.certificate).collect();
    if signers.is_empty() {
        let message = "cannot use a new version: no signature of the torrent can be verified, so none of the new one can";
        return Err(DaemonError::BadTorrent(message.into()));
    }
    Ok(signers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ztor_metainfo::InfoHashV1;

    #[test]
    fn each_version_has_a_folder_in_that_of_the_first() {
        let hashes = [1, 2, 3].map(|byte| InfoHashes::V1(InfoHashV1::new([byte; 20])));
        let second = dir_of_version("/data", &hashes[0], &hashes[1]);
        assert_eq!(second, "/data/version-02020202");
        assert_eq!(dir_of_version(&second, &hashes[1], &hashes[2]), "/data/version-03030303");
        assert_eq!(
            dir_of_version(&second, &hashes[0], &hashes[2]),
            "/data/version-02020202/version-03030303"
        );
    }
}
