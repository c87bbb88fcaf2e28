//! Web seeds of torrents.

use super::Daemon;
use super::trackers::is_url;
use crate::error::DaemonError;
use ztor_api::{WebSeed, WebSeedChange};
use ztor_policy::TorrentKey;
use ztor_session::{
    Metainfo, WebOrigin, WebSeedKind, WebSeedState, WebSeedStatus, WebSource, named_web_seeds,
    redact_web_seed,
};

/// Maximum number of web seeds of a torrent that can be set.
const MAX_WEB_SEEDS: usize = 64;

impl Daemon {
    /// Returns the web seeds of a torrent.
    ///
    /// # Errors
    /// The torrent is unknown or not loaded.
    pub async fn web_seeds(&self, key: TorrentKey) -> Result<Vec<WebSeed>, DaemonError> {
        Ok(self.handle(key)?.web_seeds().await?.into_iter().map(to_api).collect())
    }

    /// Changes the web seeds of a torrent.
    pub(super) async fn edit_web_seeds(
        &self,
        key: TorrentKey,
        change: &WebSeedChange,
    ) -> Result<(), DaemonError> {
        change.add.iter().try_for_each(|url| check_web_seed(url))?;
        let torrent = self.handle(key)?;
        let old = torrent.web_seeds().await?.into_iter().map(|seed| seed.source).collect();
        let seeds = changed(old, change)?;
        torrent.set_web_seeds(seeds.clone()).await?;
        let mut core = self.core();
        let entry = core.entry_mut(key).ok_or(DaemonError::NoTorrent)?;
        entry.record_mut().web_seeds = Some(seeds);
        core.touch(key);
        self.put_record(&core, key);
        Ok(())
    }
}

/// Returns the web seeds of a torrent that is added: those that it names, and those of the user.
pub(super) fn with_given(meta: &Metainfo, given: &[String]) -> Result<Option<Vec<WebSource>>, DaemonError> {
    if given.is_empty() {
        return Ok(None);
    }
    let change = WebSeedChange { add: given.to_vec(), ..WebSeedChange::default() };
    changed(named_web_seeds(meta), &change).map(Some)
}

/// Applies a change. URLs to remove may be without their passwords, as front ends see them, if only one looks like that.
/// Those of the user come first, and leave less room for those of the torrent.
pub(super) fn changed(old: Vec<WebSource>, change: &WebSeedChange) -> Result<Vec<WebSource>, DaemonError> {
    let mut seeds = old;
    for named in &change.remove {
        let shown = redact_web_seed(named);
        let alike: Vec<usize> =
            (0..seeds.len()).filter(|at| redact_web_seed(&seeds[*at].url) == shown).collect();
        let exact = seeds.iter().position(|seed| seed.url == *named);
        match (exact, &alike[..]) {
            (Some(at), _) | (None, &[at]) => drop(seeds.remove(at)),
            (None, []) => {
                return Err(DaemonError::NotFound(format!("the torrent does not have the web seed {shown}")));
            }
            (None, _) => {
                let message = format!("several web seeds look like {shown}: give the whole URL");
                return Err(DaemonError::BadValue(message));
            }
        }
    }
    let kind = if change.scripts { WebSeedKind::Pieces } else { WebSeedKind::Files };
    for url in &change.add {
        // A URL of the torrent that the user gives as well may lead where the user likes.
        seeds.retain(|seed| seed.url != *url);
        seeds.push(WebSource { kind, ..WebSource::given(url) });
    }
    seeds.sort_by_key(|seed| seed.origin != WebOrigin::User);
    let given = seeds.iter().filter(|seed| seed.origin == WebOrigin::User).count();
    if given > MAX_WEB_SEEDS {
        let message = format!("cannot set {given} web seeds: a torrent has at most {MAX_WEB_SEEDS}");
        return Err(DaemonError::BadValue(message));
    }
    seeds.truncate(MAX_WEB_SEEDS);
    Ok(seeds)
}

/// Checks the URL of a web seed.
pub(super) fn check_web_seed(url: &str) -> Result<(), DaemonError> {
    if is_url(url, &["http://", "https://"]) {
        return Ok(());
    }
    let shown: String = redact_web_seed(url).chars().take(60).collect();
    Err(DaemonError::BadValue(format!(
        "cannot use the web seed {shown:?}: give a URL that begins with http:// or https://"
    )))
}

fn to_api(seed: WebSeedStatus) -> WebSeed {
    WebSeed {
        url: seed.shown_url,
        kind: match seed.source.kind {
            WebSeedKind::Files => "files",
            WebSeedKind::Pieces => "pieces",
        }
        .to_owned(),
        added: seed.source.origin == WebOrigin::User,
        state: match seed.state {
            WebSeedState::Idle => "idle",
            WebSeedState::Fetching => "fetching",
            WebSeedState::Waiting => "waiting",
            WebSeedState::Discarded => "discarded",
        }
        .to_owned(),
        message: seed.fault.map(|fault| fault.to_string()),
        retries_in_s: seed.retries_in.map(|time| time.as_secs()),
        down_per_s: seed.down_per_s,
        downloaded_bytes: seed.downloaded_bytes,
        missing_files: seed.missing_files,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn change(remove: &[&str], add: &[&str]) -> WebSeedChange {
        let of = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect();
        WebSeedChange { remove: of(remove), add: of(add), scripts: false }
    }

    #[test]
    fn changed_removes_urls_as_shown_and_prefers_those_of_the_user() {
        let old = vec![WebSource::given("http://me:secret@a/"), WebSource::named("http://b/")];
        let seeds = changed(old.clone(), &change(&["http://x"], &[])).unwrap_err();
        assert!(seeds.to_string().contains("does not have the web seed"), "{seeds}");
        let shown = redact_web_seed("http://me:secret@a/");
        let seeds = changed(old, &change(&[&shown], &["http://b/", "http://c/"])).unwrap();
        assert_eq!(seeds, [WebSource::given("http://b/"), WebSource::given("http://c/")]);
    }

    #[test]
    fn changed_removes_only_one_of_urls_that_look_alike() {
        let old = vec![WebSource::given("http://a/x?t=1"), WebSource::given("http://a/x?t=2")];
        let shown = redact_web_seed("http://a/x?t=1");
        assert!(changed(old.clone(), &change(&[&shown], &[])).is_err());
        assert_eq!(
            changed(old, &change(&["http://a/x?t=1"], &[])).unwrap(),
            [WebSource::given("http://a/x?t=2")]
        );
    }

    #[test]
    fn changed_makes_room_for_the_users_among_many_of_the_torrent() {
        let old = (0..100).map(|n| WebSource::named(format!("http://{n}/"))).collect();
        let seeds = changed(old, &change(&[], &["http://mine/"])).unwrap();
        assert_eq!((seeds.len(), &*seeds[0].url), (MAX_WEB_SEEDS, "http://mine/"));
    }

    #[test]
    fn changed_beyond_the_bound_is_an_error() {
        let urls: Vec<String> = (0..=MAX_WEB_SEEDS).map(|n| format!("http://{n}/")).collect();
        let change = WebSeedChange { add: urls, ..WebSeedChange::default() };
        assert!(changed(Vec::new(), &change).is_err());
    }

    #[test]
    fn check_web_seed_refuses_other_schemes() {
        for url in ["", "ftp://x/", "file:///etc/passwd", "http://", "http://a b"] {
            assert!(check_web_seed(url).is_err(), "{url:?}");
        }
        check_web_seed("https://user:word@host/dir/").unwrap();
    }
}
