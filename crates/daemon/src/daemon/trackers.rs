//! Trackers of torrents.

use super::Daemon;
use crate::error::DaemonError;
use std::collections::HashMap;
use ztor_api::{Tracker, TrackerChange};
use ztor_policy::TorrentKey;
use ztor_session::{MAX_TRACKERS, Magnet, TrackerState, TrackerStatus, redact_url};

/// Maximum length of an announce URL in bytes.
const MAX_URL: usize = 4096;

impl Daemon {
    /// Returns the trackers of a torrent, with passkeys only if `has_secrets` is true. Those that were just added are idle.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn trackers(&self, key: TorrentKey, has_secrets: bool) -> Result<Vec<Tracker>, DaemonError> {
        let tiers = self.announce_urls(key).await?;
        // The status follows a change of the trackers within a moment.
        let status = self.handle(key)?.status().ok_or(DaemonError::NoTorrent)?;
        let mut known: HashMap<String, TrackerStatus> =
            status.trackers.into_iter().map(|tracker| (tracker.url.clone(), tracker)).collect();
        let urls = tiers.iter().enumerate().flat_map(|(tier, urls)| urls.iter().map(move |url| (tier, url)));
        let trackers = urls.map(|(tier, url)| {
            let redacted = redact_url(url);
            let tracker = match known.remove(&redacted) {
                Some(tracker) => Tracker { tier, ..to_api(tracker) },
                None => idle(redacted, tier),
            };
            match has_secrets {
                true => Tracker { url: url.clone(), ..tracker },
                false => tracker,
            }
        });
        Ok(trackers.collect())
    }

    /// Returns the announce URLs of a torrent with their passkeys, tier by tier.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn announce_urls(&self, key: TorrentKey) -> Result<Vec<Vec<String>>, DaemonError> {
        let known = self.with(|core| {
            let record = core.entry(key)?.record();
            if let Some(trackers) = &record.trackers {
                return Some(Some(trackers.clone()));
            }
            let of_link = || record.magnet.parse().map(|magnet| tiers_of(&magnet)).unwrap_or_default();
            Some(record.size.is_none().then(of_link))
        });
        if let Some(trackers) = known.ok_or(DaemonError::NoTorrent)? {
            return Ok(trackers);
        }
        Ok(self.handle(key)?.metadata().await?.trackers.clone())
    }

    /// Changes the trackers of a torrent.
    pub(super) async fn edit_trackers(
        &self,
        key: TorrentKey,
        change: &TrackerChange,
    ) -> Result<(), DaemonError> {
        new_urls(change).try_for_each(|url| check_url(url))?;
        self.put_trackers(key, change).await
    }

    /// Changes the trackers of a torrent. Unlike the action, it takes texts that are no announce URLs, as other clients do:
    /// they are listed and never asked. Returns when that is durable.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded, a text is empty or too long, or there are too many.
    pub async fn change_trackers(&self, key: TorrentKey, change: TrackerChange) -> Result<(), DaemonError> {
        let is_plain = |url: &String| {
            !url.is_empty()
                && url.len() <= MAX_URL
                && !url.chars().any(|c| c.is_control() || c.is_whitespace())
        };
        if let Some(bad) = new_urls(&change).find(|url| !is_plain(url)) {
            let message = format!("cannot use the tracker {}: give an announce URL", redact_url(bad));
            return Err(DaemonError::BadValue(message));
        }
        let daemon = self.clone();
        self.detached(async move {
            daemon.put_trackers(key, &change).await?;
            daemon.commit().await
        })
        .await
    }

    async fn put_trackers(&self, key: TorrentKey, change: &TrackerChange) -> Result<(), DaemonError> {
        let old = self.announce_urls(key).await?;
        let tiers = changed(old, change)?;
        let torrent = self.handle(key)?;
        torrent.set_trackers(tiers.clone()).await?;
        let mut core = self.core();
        let entry = core.entry_mut(key).ok_or(DaemonError::NoTorrent)?;
        entry.record_mut().trackers = Some(tiers);
        core.touch(key);
        self.put_record(&core, key);
        Ok(())
    }

    /// Adds trackers that the torrent does not have. Returns true if there were any.
    pub(super) async fn merge_trackers(
        &self,
        key: TorrentKey,
        tiers: &[Vec<String>],
    ) -> Result<bool, DaemonError> {
        let old = self.announce_urls(key).await?;
        let is_new = |url: &&String| !old.iter().flatten().any(|known| known == *url);
        // A torrent file may have URLs of other kinds, and any number of them.
        let is_usable = |url: &&String| check_url(url).is_ok();
        let free = MAX_TRACKERS.saturating_sub(old.iter().map(Vec::len).sum());
        let new = tiers.iter().flatten().filter(is_new).filter(is_usable);
        let add: Vec<String> = new.take(free).cloned().collect();
        if add.is_empty() {
            return Ok(false);
        }
        self.edit_trackers(key, &TrackerChange { add, ..TrackerChange::default() }).await?;
        Ok(true)
    }
}

/// Returns the announce URLs that a change adds.
fn new_urls(change: &TrackerChange) -> impl Iterator<Item = &String> {
    change.set.iter().flatten().flatten().chain(&change.add).chain(change.replace.values())
}

fn to_api(tracker: TrackerStatus) -> Tracker {
    Tracker {
        tier: tracker.tier,
        state: match tracker.state {
            TrackerState::Untried => "idle",
            TrackerState::Queued | TrackerState::Announcing => "announcing",
            TrackerState::Working => "working",
            TrackerState::Failing | TrackerState::GaveUp | TrackerState::NotSupported => "failing",
        }
        .to_owned(),
        message: tracker.issue.map(|issue| issue.to_string()),
        announces_in_s: tracker.announces_in.map(|time| time.as_secs()),
        fails: tracker.fails,
        peers: tracker.peers,
        seeders: tracker.seeders,
        leechers: tracker.leechers,
        downloads: tracker.downloads,
        url: tracker.url,
    }
}

/// Returns a tracker that was not asked yet.
fn idle(url: String, tier: usize) -> Tracker {
    Tracker {
        url,
        tier,
        state: "idle".to_owned(),
        message: None,
        announces_in_s: None,
        fails: 0,
        peers: None,
        seeders: None,
        leechers: None,
        downloads: None,
    }
}

/// Applies a change. URLs to remove or replace may be without their passkeys, as front ends see them.
pub(super) fn changed(
    old: Vec<Vec<String>>,
    change: &TrackerChange,
) -> Result<Vec<Vec<String>>, DaemonError> {
    let is_same = |url: &str, named: &str| url == named || redact_url(url) == named;
    let mut tiers = change.set.clone().unwrap_or(old);
    for named in change.remove.iter().chain(change.replace.keys()) {
        if !tiers.iter().flatten().any(|url| is_same(url, named)) {
            let shown = redact_url(named);
            return Err(DaemonError::NotFound(format!("the torrent does not have the tracker {shown}")));
        }
    }
    for tier in &mut tiers {
        tier.retain(|url| !change.remove.iter().any(|named| is_same(url, named)));
        for url in tier.iter_mut() {
            if let Some((_, new)) = change.replace.iter().find(|(named, _)| is_same(url, named)) {
                url.clone_from(new);
            }
        }
    }
    tiers.extend(change.add.iter().map(|url| vec![url.clone()]));
    let mut seen = std::collections::HashSet::new();
    for tier in &mut tiers {
        tier.retain(|url| seen.insert(url.clone()));
    }
    tiers.retain(|tier| !tier.is_empty());
    if seen.len() > MAX_TRACKERS {
        let message = format!("cannot set {} trackers: a torrent has at most {MAX_TRACKERS}", seen.len());
        return Err(DaemonError::BadValue(message));
    }
    Ok(tiers)
}

/// Returns the trackers of a link, each as a tier of its own.
pub(super) fn tiers_of(magnet: &Magnet) -> Vec<Vec<String>> {
    magnet.trackers.iter().map(|url| vec![url.clone()]).collect()
}

/// Returns true if a URL begins with one of the schemes, and has a usual length and no spaces.
pub(super) fn is_url(url: &str, schemes: &[&str]) -> bool {
    let has_scheme = schemes.iter().any(|scheme| {
        url.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme))
            && url.len() > scheme.len()
    });
    has_scheme && url.len() <= MAX_URL && !url.chars().any(|char| char.is_control() || char == ' ')
}

/// Checks an announce URL.
pub(super) fn check_url(url: &str) -> Result<(), DaemonError> {
    if is_url(url, &["http://", "https://", "udp://", "ws://", "wss://"]) {
        return Ok(());
    }
    let shown = redact_url(url);
    Err(DaemonError::BadValue(format!(
        "cannot use the tracker {shown}: give an announce URL that begins with http://, https:// or udp://"
    )))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn tiers(tiers: &[&[&str]]) -> Vec<Vec<String>> {
        tiers.iter().map(|tier| tier.iter().map(|url| (*url).to_owned()).collect()).collect()
    }

    #[test]
    fn changed_applies_removals_replacements_and_additions() {
        let key = "0123456789abcdef0123456789abcdef";
        let with_key = format!("https://t.example/{key}/announce");
        let old = tiers(&[&["udp://a:1", "udp://b:1"], &[&with_key]]);
        let change = TrackerChange {
            remove: vec!["udp://a:1".into(), redact_url(&with_key)],
            replace: [("udp://b:1".to_owned(), "udp://c:1".to_owned())].into(),
            add: vec!["udp://d:1".into(), "udp://c:1".into()],
            ..TrackerChange::default()
        };
        assert_eq!(changed(old, &change).unwrap(), tiers(&[&["udp://c:1"], &["udp://d:1"]]));
    }

    #[test]
    fn changed_with_an_unknown_tracker_is_an_error_without_its_passkey() {
        let change = TrackerChange {
            remove: vec!["http://x.example/0123456789abcdef0123456789abcdef/announce".into()],
            ..TrackerChange::default()
        };
        let error = changed(Vec::new(), &change).unwrap_err().to_string();
        assert!(error.contains("x.example") && !error.contains("0123456789"), "{error}");
    }

    #[test]
    fn check_url_refuses_what_no_tracker_has() {
        for url in ["", "t.example", "file:///etc/passwd", "http://", "http://a b/", "udp://\n"] {
            assert!(check_url(url).is_err(), "{url:?}");
        }
        check_url("HTTPS://t.example/announce").unwrap();
    }
}
