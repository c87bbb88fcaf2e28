//! What the daemon has promised by its answers.

use super::client::{Client, Failure};
use super::world::World;
use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Settings that are changed, with their values.
const SETTINGS: [(&str, &[&str]); 4] = [
    ("max_downloads", &["2", "3", "5"]),
    ("limit_down", &["4MiB/s", "20MiB/s", "unlimited"]),
    ("max_peers", &["50", "60", "70"]),
    ("start_paused", &["true", "false"]),
];
const CATEGORIES: [&str; 3] = ["linux", "linux/iso", "films"];
const TAGS: [&str; 3] = ["a", "b", "c"];

/// A value of which the daemon has answered that it holds, or two while a change is under way.
#[derive(Debug, Clone)]
struct Allowed<T>(Vec<T>);

impl<T: PartialEq + Clone + std::fmt::Debug> Allowed<T> {
    fn one(value: T) -> Self {
        Self(vec![value])
    }

    /// A change to this value begins.
    fn begin(&mut self, value: T) {
        self.0.push(value);
    }

    /// The change was answered.
    fn answered(&mut self) {
        let last = self.0.pop();
        self.0 = last.into_iter().collect();
    }

    /// Fails unless a value is allowed. Afterwards it is the only one.
    fn settle(&mut self, what: &str, value: T) -> Result<()> {
        if !self.0.contains(&value) {
            bail!("{what} is {value:?}, and must be one of {:?}", self.0);
        }
        self.0 = vec![value];
        Ok(())
    }
}

/// Promises about a torrent.
#[derive(Debug)]
struct Torrent {
    exists: Allowed<bool>,
    category: Allowed<Option<String>>,
    tags: Allowed<Vec<String>>,
    paused: Allowed<bool>,
    dir: Allowed<PathBuf>,
    /// True if the daemon has reported the end of the download.
    is_finished: bool,
    /// Bytes received when it was first seen finished in this run of the daemon; `None` before that.
    downloaded: Option<u64>,
}

/// Promises of the daemon.
pub(super) struct Model {
    torrents: BTreeMap<String, Torrent>,
    settings: BTreeMap<&'static str, Allowed<Option<String>>>,
}

impl Model {
    pub(super) fn new(world: &World) -> Self {
        let fresh = || Torrent {
            exists: Allowed::one(false),
            category: Allowed::one(None),
            tags: Allowed::one(Vec::new()),
            paused: Allowed::one(false),
            dir: Allowed::one(world.folders()[0].clone()),
            is_finished: false,
            downloaded: None,
        };
        Self {
            torrents: world.torrents.iter().map(|content| (content.name.clone(), fresh())).collect(),
            settings: SETTINGS.iter().map(|(key, _)| (*key, Allowed::one(None))).collect(),
        }
    }

    /// Checks everything that the daemon has answered before. Returns the number of finished torrents.
    pub(super) fn check(
        &mut self,
        world: &World,
        client: &mut Client,
        limit: Duration,
    ) -> Result<u32, Failure> {
        let end = Instant::now() + limit;
        let list = loop {
            let list = client.ask("GET", "/torrents", None)?;
            let torrents = list["torrents"].as_array().cloned().context("no list")?;
            if torrents.iter().all(|torrent| torrent["state"] != "loading" && torrent["state"] != "checking")
            {
                break torrents;
            }
            if Instant::now() > end {
                return Err(anyhow!("the torrents are not loaded within {limit:?}: {torrents:?}").into());
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let settings = client.ask("GET", "/settings", None)?;
        self.check_torrents(world, &list)?;
        self.check_settings(&settings)?;
        let finished = self.torrents.values().filter(|torrent| torrent.is_finished).count();
        self.check_some_files(world)?;
        Ok(u32::try_from(finished).unwrap_or(u32::MAX))
    }

    fn check_torrents(&mut self, world: &World, list: &[Value]) -> Result<()> {
        let rows: BTreeMap<&str, &Value> =
            list.iter().filter_map(|row| Some((row["name"].as_str()?, row))).collect();
        if rows.len() != list.len() {
            bail!("a torrent is there twice, or has another name: {list:?}");
        }
        for (name, torrent) in &mut self.torrents {
            let row = rows.get(name.as_str());
            torrent.exists.settle(&format!("the presence of {name}"), row.is_some())?;
            let Some(row) = row else {
                torrent.forget();
                world.remove_data(name)?;
                continue;
            };
            torrent.settle(name, row)?;
        }
        Ok(())
    }

    fn check_settings(&mut self, settings: &Value) -> Result<()> {
        for (key, allowed) in &mut self.settings {
            let setting =
                settings.as_array().and_then(|all| all.iter().find(|setting| setting["key"] == **key));
            let setting = setting.with_context(|| format!("there is no setting {key}"))?;
            let is_changed = setting["source"]["source"] == "changed";
            let value = is_changed.then(|| setting["value"].to_string());
            // The daemon answers with the value in its own form, which is recorded at the answer.
            allowed.settle(&format!("the setting {key}"), value)?;
        }
        Ok(())
    }

    /// Compares the files of finished torrents with their source. For speed only one of them.
    fn check_some_files(&self, world: &World) -> Result<()> {
        let finished: Vec<&String> = self.finished().collect();
        if let Some(name) = finished.get(fastrand::usize(..finished.len().max(1))) {
            self.check_files_of(world, name)?;
        }
        Ok(())
    }

    fn finished(&self) -> impl Iterator<Item = &String> {
        self.torrents.iter().filter(|(_, torrent)| torrent.is_finished).map(|(name, _)| name)
    }

    /// Compares the files of all finished torrents with their source.
    pub(super) fn check_files(&self, world: &World) -> Result<()> {
        self.finished().try_for_each(|name| self.check_files_of(world, name))
    }

    fn check_files_of(&self, world: &World, name: &str) -> Result<()> {
        let content = world.torrents.iter().find(|content| content.name == name).context("no content")?;
        let torrent = self.torrents.get(name).context("no torrent")?;
        let [dir] = torrent.dir.0.as_slice() else { return Ok(()) };
        for (path, bytes) in &content.files {
            let path = dir.join(path);
            let found =
                std::fs::read(&path).with_context(|| format!("{name} is finished: {}", path.display()))?;
            if found != *bytes {
                bail!("{name} is finished, and {} differs from its source", path.display());
            }
        }
        Ok(())
    }

    /// Makes a random change, or looks at the progress.
    pub(super) fn change(
        &mut self,
        world: &World,
        client: &mut Client,
        rng: &mut fastrand::Rng,
    ) -> Result<(), Failure> {
        let content = rng.choice(&world.torrents).context("no torrents")?;
        let name = content.name.clone();
        let torrent = self.torrents.get_mut(&name).context("no torrent")?;
        let exists = torrent.exists.0 == [true];
        match rng.u32(..100) {
            0..25 => return self.look(client),
            25..37 => return self.set(client, rng),
            _ if !exists => {
                let category = rng.choice(CATEGORIES).map(str::to_owned);
                let paused = rng.u32(..4) == 0;
                let body = json!({
                    "sources": [{ "torrent": content.base64 }],
                    "options": { "category": category, "paused": paused, "peers": [world.peer] },
                });
                torrent.exists.begin(true);
                (torrent.category, torrent.tags) = (Allowed::one(category), Allowed::one(Vec::new()));
                torrent.paused = Allowed::one(paused);
                torrent.dir = Allowed::one(world.folders()[0].clone());
                let answer = client.ask("POST", "/torrents", Some(&body))?;
                if answer["results"][0]["result"] != "added" {
                    return Err(anyhow!("{name} was not added: {answer}").into());
                }
                torrent.exists.answered();
            }
            37..50 => {
                let category = rng.choice(CATEGORIES).map(str::to_owned);
                client.ask("PUT", &format!("/categories/by-path/{}", CATEGORIES[1]), Some(&json!({})))?;
                client.ask("PUT", &format!("/categories/by-path/{}", CATEGORIES[2]), Some(&json!({})))?;
                torrent.category.begin(category.clone());
                act(client, &name, json!({ "kind": "set_category", "category": category }))?;
                torrent.category.answered();
            }
            50..62 => {
                let tag = rng.choice(TAGS).context("no tags")?;
                let mut tags = torrent.tags.0.first().cloned().unwrap_or_default();
                let kind = if tags.iter().any(|known| known == tag) { "remove_tags" } else { "add_tags" };
                match kind {
                    "add_tags" => tags.push(tag.to_owned()),
                    _ => tags.retain(|known| known != tag),
                }
                tags.sort();
                torrent.tags.begin(tags);
                act(client, &name, json!({ "kind": kind, "tags": [tag] }))?;
                torrent.tags.answered();
            }
            62..74 => {
                let paused = rng.u32(..3) == 0;
                torrent.paused.begin(paused);
                act(client, &name, json!({ "kind": if paused { "stop" } else { "start" } }))?;
                torrent.paused.answered();
            }
            74..88 => {
                let folders = world.folders();
                let dir = rng.choice(&folders).context("no folders")?.clone();
                torrent.dir.begin(dir.clone());
                let under_way = act(client, &name, json!({ "kind": "move", "dir": dir }))?;
                if !under_way {
                    torrent.dir.answered();
                }
            }
            _ => {
                let delete = rng.bool();
                torrent.exists.begin(false);
                act(
                    client,
                    &name,
                    json!({ "kind": "remove", "data": if delete { "delete" } else { "keep" } }),
                )?;
                torrent.exists.answered();
                torrent.forget();
                world.remove_data(&name)?;
            }
        }
        Ok(())
    }

    /// Looks at the progress: what is reported as finished must stay.
    fn look(&mut self, client: &mut Client) -> Result<(), Failure> {
        let list = client.ask("GET", "/torrents", None)?;
        for row in list["torrents"].as_array().into_iter().flatten() {
            let name = row["name"].as_str().unwrap_or_default();
            if let Some(torrent) = self.torrents.get_mut(name) {
                torrent.see(name, row)?;
            }
        }
        Ok(())
    }

    fn set(&mut self, client: &mut Client, rng: &mut fastrand::Rng) -> Result<(), Failure> {
        let (key, values) = *rng.choice(&SETTINGS).context("no settings")?;
        let value = *rng.choice(values).context("no values")?;
        let allowed = self.settings.get_mut(key).context("no setting")?;
        // In the form of the daemon, which its answer confirms.
        let shown = match (key, value) {
            ("limit_down", "4MiB/s") => (4 << 20).to_string(),
            ("limit_down", "20MiB/s") => (20 << 20).to_string(),
            ("limit_down", _) => "null".to_owned(),
            (_, value) => value.to_owned(),
        };
        allowed.begin(Some(shown.clone()));
        let answer = client.ask("PUT", &format!("/settings/{key}"), Some(&json!({ "value": value })))?;
        // As JSON, in which `null` is a value too.
        let found = answer["value"].to_string();
        if found != shown {
            return Err(
                anyhow!("the setting {key} is {} after it was set to {value}", answer["value"]).into()
            );
        }
        allowed.answered();
        Ok(())
    }
}

impl Torrent {
    /// Forgets what was promised about a torrent that was removed.
    fn forget(&mut self) {
        (self.is_finished, self.downloaded) = (false, None);
    }

    /// Checks a row after a start.
    fn settle(&mut self, name: &str, row: &Value) -> Result<()> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        self.category.settle(&format!("the category of {name}"), text(&row["category"]))?;
        let tags = row["tags"].as_array().into_iter().flatten().filter_map(text).collect();
        self.tags.settle(&format!("the tags of {name}"), tags)?;
        if row["state"] == "error" {
            bail!("{name} has a fault: {}", row["fault"]);
        }
        self.paused.settle(&format!("the pause of {name}"), row["state"] == "paused")?;
        let dir = PathBuf::from(row["dir"].as_str().unwrap_or_default());
        self.dir.settle(&format!("the folder of {name}"), dir)?;
        self.downloaded = None;
        self.see(name, row)
    }

    /// Checks the progress in a row.
    fn see(&mut self, name: &str, row: &Value) -> Result<()> {
        if row["state"] == "loading" || row["state"] == "checking" {
            return Ok(());
        }
        let is_complete = row["progress"] == 1.0;
        let downloaded = row["downloaded_bytes"].as_u64().unwrap_or(0);
        if self.is_finished && !is_complete {
            bail!("{name} was reported as finished, and now its progress is {}", row["progress"]);
        }
        if let Some(before) = self.downloaded
            && downloaded > before
        {
            bail!("{name} was reported as finished, and {} bytes were fetched again", downloaded - before);
        }
        if is_complete && !row["finished_unix_s"].is_null() {
            (self.is_finished, self.downloaded) = (true, Some(downloaded));
        }
        Ok(())
    }
}

/// Carries out an action on one torrent. Returns true if it goes on in the background.
fn act(client: &mut Client, name: &str, action: Value) -> Result<bool, Failure> {
    let body = json!({ "torrents": [format!("name:{name}")], "action": action });
    let answer = client.ask("POST", "/torrents/actions", Some(&body))?;
    if let Some(failed) = answer["failed"].as_array().and_then(|failed| failed.first()) {
        return Err(anyhow!("{action} of {name} has failed: {failed}").into());
    }
    Ok(answer["under_way"].as_array().is_some_and(|ids| !ids.is_empty()))
}
