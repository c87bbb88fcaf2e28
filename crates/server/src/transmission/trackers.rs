//! Trackers of torrents: their ids, what is known of them, and changes.

use super::dialect::{Args, Dialect, Key, int_of};
use super::failure::{Code, Failure};
use super::json::Json;
use serde_json::Value;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};
use ztor_api::TrackerChange;
use ztor_daemon::Row;
use ztor_daemon::session::{TrackerIssue, TrackerState, TrackerStatus, redact_url};

/// Maximum number of URLs that get a small id. Those of a hundred thousand torrents take some 10 MiB.
const MAX_IDS: usize = 100_000;

/// Ids of announce URLs, which clients use to change or remove them. An URL keeps its id until the daemon ends.
#[derive(Debug, Default)]
pub(crate) struct TrackerIds(Mutex<HashMap<String, i64>>);

impl TrackerIds {
    /// Returns the id of an URL.
    pub(crate) fn id(&self, url: &str) -> i64 {
        let mut ids = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = ids.get(url) {
            return *id;
        }
        let next = ids.len();
        if next >= MAX_IDS {
            return by_hash(url);
        }
        let id = i64::try_from(next).unwrap_or(i64::MAX);
        ids.insert(url.to_owned(), id);
        id
    }
}

/// Returns an id above those that are counted (FNV-1a).
fn by_hash(url: &str) -> i64 {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    i64::from(url.bytes().fold(0x811c_9dc5, step) & 0x3fff_ffff | 0x4000_0000)
}

/// Returns the URL for scrapes, by the convention for announce URLs; empty if there is none.
fn scrape_url(announce: &str) -> String {
    if announce.starts_with("udp://") {
        return announce.to_owned();
    }
    let path_end = announce.find(['?', '#']).unwrap_or(announce.len());
    let (path, query) = announce.split_at(path_end);
    match path.rsplit_once('/') {
        Some((before, last)) if last.starts_with("announce") && before.contains("//") => {
            format!("{before}/scrape{}{query}", last.get("announce".len()..).unwrap_or_default())
        }
        _ => String::new(),
    }
}

/// Returns the host in an URL with its port, and the host alone.
fn host_of(url: &str) -> (String, String) {
    let parsed = url::Url::parse(url).ok();
    let host = parsed.as_ref().and_then(|url| url.host_str()).unwrap_or_default().to_owned();
    let port = parsed.as_ref().and_then(|parsed| {
        let default = match parsed.scheme() {
            "http" | "ws" => Some(80),
            "https" | "wss" => Some(443),
            _ => None,
        };
        parsed.port().or(default)
    });
    let with_port = port.map_or_else(|| host.clone(), |port| format!("{host}:{port}"));
    (with_port, host)
}

/// Returns the name of a site, as people call it: `example` for `tracker.example.org`.
fn sitename(host: &str) -> String {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if bare.parse::<IpAddr>().is_ok() {
        return bare.to_owned();
    }
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    // Below some countries, names have one more part: example.co.uk.
    let is_short = |label: &str| label.len() <= 3;
    let at = match labels.as_slice() {
        [.., _, second, top] if top.len() == 2 && is_short(second) => labels.len().saturating_sub(3),
        [.., _, _] => labels.len().saturating_sub(2),
        _ => 0,
    };
    labels.get(at).copied().unwrap_or_default().to_owned()
}

/// Writes `trackers`.
pub(crate) fn write_trackers(json: &mut Json, row: &Row, ids: &TrackerIds) {
    json.begin_list();
    for (tier, url) in with_tiers(row) {
        json.begin_object();
        json.key("announce");
        json.text(&url);
        json.key("id");
        json.int(ids.id(&url));
        json.key("scrape");
        json.text(&scrape_url(&url));
        json.key("sitename");
        json.text(&sitename(&host_of(&url).1));
        json.key("tier");
        json.count(tier);
        json.end_object();
    }
    json.end_list();
}

/// Returns `trackerList`: tiers with an empty line between them.
pub(crate) fn list_of(row: &Row) -> String {
    let tiers: Vec<String> = row.trackers().iter().map(|tier| tier.join("\n")).collect();
    tiers.join("\n\n")
}

fn with_tiers(row: &Row) -> Vec<(u64, String)> {
    let trackers = row.trackers();
    let tiers = trackers.iter().zip(0_u64..);
    tiers.flat_map(|(tier, number)| tier.iter().map(move |url| (number, url.clone()))).collect()
}

/// Returns the time of the status.
fn status_unix_s(row: &Row) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(row.status_at.elapsed()).as_secs()
}

/// Returns the time from which all trackers that have answered allow an announce; 0 if none has.
pub(crate) fn allowed_unix_s(row: &Row) -> u64 {
    let trackers = row.status.iter().flat_map(|status| &status.trackers);
    let wait = trackers.filter_map(|tracker| tracker.allowed_in).max();
    wait.map_or(0, |wait| status_unix_s(row).saturating_add(wait.as_secs()))
}

/// Writes `trackerStats`.
pub(crate) fn write_stats(json: &mut Json, row: &Row, ids: &TrackerIds, dialect: Dialect) {
    let statuses = row.status.iter().flat_map(|status| &status.trackers);
    let times = row.answered_unix_s.iter().copied().chain(std::iter::repeat(0));
    let known: HashMap<&str, (&TrackerStatus, u64)> =
        statuses.zip(times).map(|(tracker, answered)| (tracker.url.as_str(), (tracker, answered))).collect();
    let status_unix_s = status_unix_s(row);
    json.begin_list();
    let mut last_tier = None;
    for (tier, url) in with_tiers(row) {
        let (status, answered_unix_s) = known.get(redact_url(&url).as_str()).copied().unzip();
        // Only one tracker of a tier is in use at a time; the others are its backup.
        let is_backup = last_tier.replace(tier) == Some(tier)
            && status.is_none_or(|status| status.state == TrackerState::Untried);
        let stats = Stats {
            url: &url,
            id: ids.id(&url),
            tier,
            is_backup,
            status,
            status_unix_s,
            answered_unix_s: answered_unix_s.unwrap_or(0),
        };
        stats.write(json, dialect);
    }
    json.end_list();
}

struct Stats<'s> {
    url: &'s str,
    id: i64,
    tier: u64,
    is_backup: bool,
    /// `None` while the torrent is not loaded, and for a new tracker.
    status: Option<&'s TrackerStatus>,
    status_unix_s: u64,
    answered_unix_s: u64,
}

impl Stats<'_> {
    fn write(&self, json: &mut Json, dialect: Dialect) {
        let status = self.status;
        let count = |of: fn(&TrackerStatus) -> Option<u32>| status.and_then(of).map_or(-1, i64::from);
        let state = status.map(|status| status.state);
        let has_answered = self.answered_unix_s > 0;
        let is_good = state == Some(TrackerState::Working);
        let is_timeout = matches!(
            status.and_then(|status| status.issue.as_ref()).map(TrackerIssue::kind),
            Some("timeout")
        );
        let result = match status.and_then(|status| status.issue.as_ref()) {
            Some(issue) => issue.to_string(),
            None if is_good => "Success".to_owned(),
            None => String::new(),
        };
        let next = status.and_then(|status| status.announces_in);
        let next = next.map_or(0, |wait| self.status_unix_s.saturating_add(wait.as_secs()));
        let announce_state = match state {
            Some(TrackerState::Queued) => 2,
            Some(TrackerState::Announcing) => 3,
            Some(TrackerState::Working | TrackerState::Failing) if next > 0 => 1,
            _ => 0,
        };
        let has_scraped = status.is_some_and(|status| status.seeders.is_some());
        let (host, name) = host_of(self.url);
        let key = |json: &mut Json, snake, legacy| json.key(Key::new(snake, legacy).name(dialect));
        json.begin_object();
        let ints: [(&'static str, &'static str, i64); 8] = [
            ("announce_state", "announceState", announce_state),
            ("download_count", "downloadCount", count(|status| status.downloads)),
            ("downloader_count", "downloaderCount", -1),
            ("id", "id", self.id),
            (
                "last_announce_peer_count",
                "lastAnnouncePeerCount",
                status
                    .and_then(|status| status.peers)
                    .and_then(|peers| i64::try_from(peers).ok())
                    .unwrap_or(0),
            ),
            ("leecher_count", "leecherCount", count(|status| status.leechers)),
            ("scrape_state", "scrapeState", 0),
            ("seeder_count", "seederCount", count(|status| status.seeders)),
        ];
        for (snake, legacy, number) in ints {
            key(json, snake, legacy);
            json.int(number);
        }
        let last = self.answered_unix_s;
        let times: [(&'static str, &'static str, u64); 6] = [
            ("last_announce_start_time", "lastAnnounceStartTime", last),
            ("last_announce_time", "lastAnnounceTime", last),
            ("last_scrape_start_time", "lastScrapeStartTime", 0),
            ("last_scrape_time", "lastScrapeTime", if has_scraped { last } else { 0 }),
            ("next_announce_time", "nextAnnounceTime", next),
            ("next_scrape_time", "nextScrapeTime", 0),
        ];
        for (snake, legacy, time) in times {
            key(json, snake, legacy);
            json.count(time);
        }
        let flags: [(&'static str, &'static str, bool); 7] = [
            ("has_announced", "hasAnnounced", has_answered),
            ("has_scraped", "hasScraped", has_scraped),
            ("is_backup", "isBackup", self.is_backup),
            ("last_announce_succeeded", "lastAnnounceSucceeded", is_good),
            ("last_announce_timed_out", "lastAnnounceTimedOut", is_timeout),
            ("last_scrape_succeeded", "lastScrapeSucceeded", has_scraped),
            ("last_scrape_timed_out", "lastScrapeTimedOut", false),
        ];
        for (snake, legacy, flag) in flags {
            key(json, snake, legacy);
            json.flag(flag);
        }
        let texts: [(&'static str, &'static str, &str); 6] = [
            ("announce", "announce", self.url),
            ("host", "host", &host),
            ("last_announce_result", "lastAnnounceResult", &result),
            ("last_scrape_result", "lastScrapeResult", ""),
            ("scrape", "scrape", &scrape_url(self.url)),
            ("sitename", "sitename", &sitename(&name)),
        ];
        for (snake, legacy, text) in texts {
            key(json, snake, legacy);
            json.text(text);
        }
        key(json, "tier", "tier");
        json.count(self.tier);
        json.end_object();
    }
}

/// Parses a tracker list: one URL a line, with an empty line between tiers. URLs of the same host share a tier, whatever the
/// lines say, as in the genuine server.
pub(crate) fn parse_list(text: &str) -> Result<Vec<Vec<String>>, Failure> {
    let mut tiers: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    let mut is_new = true;
    for line in text.lines().map(str::trim) {
        if line.is_empty() {
            is_new = true;
            continue;
        }
        if !is_announce_url(line) {
            return Err(Code::TrackerList.into());
        }
        let host = host_of(line).1;
        let known = tiers.iter().position(|(hosts, _)| hosts.contains(&host));
        let at = match known {
            Some(at) => at,
            None if is_new || tiers.is_empty() => {
                tiers.push(Default::default());
                tiers.len().saturating_sub(1)
            }
            None => tiers.len().saturating_sub(1),
        };
        is_new = false;
        if let Some((hosts, urls)) = tiers.get_mut(at) {
            hosts.push(host);
            if !urls.iter().any(|url| url == line) {
                urls.push(line.to_owned());
            }
        }
    }
    Ok(tiers.into_iter().map(|(_, urls)| urls).collect())
}

/// Returns true for an URL of a tracker.
fn is_announce_url(url: &str) -> bool {
    let Ok(parsed) = url::Url::parse(url) else { return false };
    matches!(parsed.scheme(), "http" | "https" | "udp" | "ws" | "wss") && parsed.host_str().is_some()
}

/// Returns the changes of the trackers of a torrent that a request asks for, in the order in which they are made.
pub(crate) fn changes(row: &Row, args: &Args, ids: &TrackerIds) -> Result<Vec<TrackerChange>, Failure> {
    let mut changes = Vec::new();
    let url_of = |id: &Value| {
        let id = int_of(id)?;
        row.trackers().iter().flatten().find(|url| ids.id(url) == id).cloned()
    };
    if let Some(add) = args.texts("tracker_add") {
        if !add.iter().all(|url| is_announce_url(url)) {
            return Err(Code::AnnounceList.into());
        }
        let known = row.trackers();
        let new = add.into_iter().filter(|url| !known.iter().flatten().any(|known| known == url));
        changes.push(TrackerChange { add: new.map(str::to_owned).collect(), ..TrackerChange::default() });
    }
    if let Some(remove) = args.list("tracker_remove") {
        let urls: Option<Vec<String>> = remove.iter().map(url_of).collect();
        let remove = urls.ok_or(Code::AnnounceList)?;
        changes.push(TrackerChange { remove, ..TrackerChange::default() });
    }
    if let Some(replace) = args.list("tracker_replace") {
        let mut urls = std::collections::BTreeMap::new();
        for pair in replace.chunks(2) {
            let [id, Value::String(new)] = pair else { return Err(Code::AnnounceList.into()) };
            let old = url_of(id).filter(|_| is_announce_url(new)).ok_or(Code::AnnounceList)?;
            urls.insert(old, new.clone());
        }
        changes.push(TrackerChange { replace: urls, ..TrackerChange::default() });
    }
    if let Some(list) = args.text("tracker_list") {
        changes.push(TrackerChange { set: Some(parse_list(list)?), ..TrackerChange::default() });
    }
    Ok(changes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn ids_are_small_and_stay() {
        let ids = TrackerIds::default();
        assert_eq!([ids.id("http://a/"), ids.id("http://b/"), ids.id("http://a/")], [0, 1, 0]);
        assert!(by_hash("http://a/") >= 0x4000_0000 && by_hash("http://a/") != by_hash("http://b/"));
    }

    #[test]
    fn urls_of_scrapes_follow_the_convention() {
        for (announce, scrape) in [
            ("http://t.example/announce", "http://t.example/scrape"),
            ("http://t.example/x/announce.php?key=1", "http://t.example/x/scrape.php?key=1"),
            ("http://t.example/x", ""),
            ("http://announce", ""),
            ("udp://t.example:80", "udp://t.example:80"),
        ] {
            assert_eq!(scrape_url(announce), scrape, "{announce}");
        }
    }

    #[test]
    fn sites_have_short_names() {
        for (host, name) in [
            ("tracker.example.org", "example"),
            ("example.org", "example"),
            ("a.example.co.uk", "example"),
            ("localhost", "localhost"),
            ("127.0.0.1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("", ""),
        ] {
            assert_eq!(sitename(host), name, "{host}");
        }
        assert_eq!(host_of("http://t.example/announce").0, "t.example:80");
        assert_eq!(host_of("udp://t.example:1/announce").0, "t.example:1");
        assert_eq!(host_of("nonsense").0, "");
    }

    #[test]
    fn lists_have_tiers_and_one_host_has_one_tier() {
        let list = "http://a:1/\nhttp://b/\n\nhttp://c/\n\n\nudp://a:2\n";
        let tiers = parse_list(list).unwrap();
        assert_eq!(tiers, [vec!["http://a:1/", "http://b/", "udp://a:2"], vec!["http://c/"]]);
        assert_eq!(parse_list("").unwrap(), Vec::<Vec<String>>::new());
        assert!(parse_list("nonsense").is_err() && parse_list("file:///etc/passwd").is_err());
    }
}
