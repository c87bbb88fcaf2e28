//! Torrents that are added.

use super::act::{absolute, name_of, peers_of};
use super::files::{check_files, merge};
use super::trackers::{changed, check_url, tiers_of};
use super::web_seeds::{changed as changed_web_seeds, check_web_seed, with_given};
use super::{Daemon, in_background};
use crate::bulk::Saved;
use crate::clock::now_unix_s;
use crate::core::Load;
use crate::error::DaemonError;
use crate::goals::goals_of;
use crate::manager::NewTorrent;
use crate::record::{FileOptions, Folder, Publication, Record};
use crate::store::Table;
use data_encoding::BASE64;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use ztor_api::{
    AddOptions, AddRequest, AddResult, AddSource, Added, Layout, StopAfter, TrackerChange, WebSeedChange,
};
use ztor_policy::{CategoryId, Goals, TorrentKey, check_category_path, check_tags};
use ztor_session::{
    AddMagnet, InfoHashes, Magnet, MetadataError, Metainfo, Publisher, RateLimits, TorrentHandle, WebSource,
    fetch_url, fetch_url_with_cookies, redact_url,
};

/// Maximum number of torrents in one request.
const MAX_SOURCES: usize = 1000;
/// Maximum length of a torrent file, in bytes.
pub(super) const MAX_TORRENT: usize = 64 << 20;

/// A torrent to add, parsed.
#[derive(Debug, Clone)]
pub enum NewContent {
    /// A torrent file.
    Metainfo(Arc<Metainfo>),
    /// A magnet link.
    Magnet(Box<Magnet>),
}

/// Options of a request, parsed.
pub(super) struct Parsed<'o> {
    /// Download folder; `None` for that of the category or the settings.
    dir: Option<PathBuf>,
    /// Folder of incomplete files: `Some(None)` for no such folder, `None` for that of the settings.
    incomplete_dir: Option<Option<PathBuf>>,
    /// Path of a category, which may not exist yet.
    category: Option<&'o str>,
    goals: Goals,
    name: Option<String>,
    peers: Vec<SocketAddr>,
    options: &'o AddOptions,
}

/// Choices for a torrent, by the options and the settings.
struct Choices<'o> {
    dir: PathBuf,
    category: Option<CategoryId>,
    peers: Vec<SocketAddr>,
    /// Treatment of the files.
    files: FileOptions,
    /// True if the torrent stops at once, and false if the options and the settings decide.
    stops_now: bool,
    parsed: &'o Parsed<'o>,
}

impl Daemon {
    /// Adds torrents. One that cannot be used does not stop the others. Goes on if the future is dropped.
    ///
    /// # Errors
    /// An option cannot be used, or the state cannot be saved.
    pub async fn add(&self, request: &AddRequest) -> Result<AddResult, DaemonError> {
        let (daemon, request) = (self.clone(), request.clone());
        self.detached(async move { daemon.add_all(&request).await }).await
    }

    async fn add_all(&self, request: &AddRequest) -> Result<AddResult, DaemonError> {
        if request.sources.len() > MAX_SOURCES {
            let message =
                format!("cannot add {} torrents at once: give at most {MAX_SOURCES}", request.sources.len());
            return Err(DaemonError::BadValue(message));
        }
        // A request with bad options is refused as a whole.
        let parsed = Parsed::of(&request.options)?;
        let mut result = AddResult::default();
        for source in &request.sources {
            let added = match self.open_followed(source).await {
                Ok((content, publication)) => {
                    let added = self.add_parsed(content, &parsed).await;
                    if let (Ok(Added::Added { id, .. }), Some(publication)) = (&added, publication) {
                        let follow = |record: &mut Record| record.publication = Some(publication.clone());
                        self.change_records(&[TorrentKey::new(*id)], follow).await?;
                    }
                    added
                }
                Err(error) => Err(error),
            };
            result.results.push(added.unwrap_or_else(|error| Added::Failed { problem: error.into() }));
        }
        Ok(result)
    }

    /// Opens a source. Of a link to a publisher, also returns what to follow (BEP 46).
    async fn open_followed(
        &self,
        source: &AddSource,
    ) -> Result<(NewContent, Option<Publication>), DaemonError> {
        let AddSource::Magnet(link) = source else { return Ok((self.open(source).await?, None)) };
        let Ok(publisher) = link.parse::<Publisher>() else { return Ok((magnet(link)?, None)) };
        let link = publisher.to_string();
        let Some(published) = self.look_up_publisher(&link).await? else {
            let message = "cannot use the magnet link: no DHT node knows a torrent of its publisher";
            return Err(DaemonError::BadTorrent(message.into()));
        };
        let content = Magnet::new(InfoHashes::V1(published.info_hash));
        let publication = Publication { link, seq: published.seq };
        Ok((NewContent::Magnet(Box::new(content)), Some(publication)))
    }

    /// Parses a source, and fetches it if it is a URL.
    pub(super) async fn open(&self, source: &AddSource) -> Result<NewContent, DaemonError> {
        match source {
            AddSource::Torrent(text) => {
                let text = text.clone();
                in_background(move || {
                    let bytes = BASE64.decode(text.as_bytes()).map_err(|error| {
                        let reason = format!("cannot use the torrent file: it is not in base64: {error}");
                        DaemonError::BadTorrent(reason)
                    })?;
                    parse(&bytes)
                })
                .await
            }
            AddSource::Magnet(link) => magnet(link),
            AddSource::Url(url) => self.fetch_torrent(url, None).await,
        }
    }

    /// Fetches a torrent file from a URL, with cookies for its server if there are any.
    ///
    /// # Errors
    /// The URL cannot be fetched, or there is no torrent.
    pub async fn fetch_torrent(&self, url: &str, cookies: Option<&str>) -> Result<NewContent, DaemonError> {
        let (asked, route, cookies) = (url.to_owned(), self.options().route, cookies.map(str::to_owned));
        in_background(move || {
            let fetched = match &cookies {
                Some(cookies) => fetch_url_with_cookies(&asked, &route, MAX_TORRENT, cookies),
                None => fetch_url(&asked, &route, MAX_TORRENT),
            };
            match fetched {
                Ok(bytes) => parse(&bytes),
                Err(error) => Err(DaemonError::Fetch { url: redact_url(&asked), error }),
            }
        })
        .await
    }

    /// Adds a torrent.
    ///
    /// # Errors
    /// An option or the torrent cannot be used, or the state cannot be saved.
    pub async fn add_content(&self, content: NewContent, options: &AddOptions) -> Result<Added, DaemonError> {
        self.add_parsed(content, &Parsed::of(options)?).await
    }

    async fn add_parsed(&self, content: NewContent, parsed: &Parsed<'_>) -> Result<Added, DaemonError> {
        self.add_chosen(content, self.choices(parsed)?).await
    }

    /// Adds a torrent whose files are in its download folder already, under their own names.
    pub(super) async fn add_in_place(
        &self,
        content: NewContent,
        parsed: &Parsed<'_>,
    ) -> Result<Added, DaemonError> {
        let choices = Choices { files: FileOptions::default(), ..self.choices(parsed)? };
        self.add_chosen(content, choices).await
    }

    /// Adds a new version of a torrent, with this treatment of its files.
    pub(super) async fn add_version_of(
        &self,
        content: NewContent,
        options: &AddOptions,
        files: FileOptions,
    ) -> Result<Added, DaemonError> {
        let parsed = Parsed::of(options)?;
        let choices = Choices { files, ..self.choices(&parsed)? };
        self.add_chosen(content, choices).await
    }

    async fn add_chosen(&self, content: NewContent, mut choices: Choices<'_>) -> Result<Added, DaemonError> {
        let parsed = choices.parsed;
        let options = parsed.options;
        let content = match content {
            NewContent::Magnet(magnet) => match self.0.previews.metadata_of(&magnet) {
                Some(meta) => {
                    choices
                        .peers
                        .extend(magnet.peers.iter().filter_map(|peer| peer.parse::<SocketAddr>().ok()));
                    choices.stops_now |= options.stop_after.is_some();
                    NewContent::Metainfo(meta)
                }
                None => NewContent::Magnet(magnet),
            },
            content => content,
        };
        if matches!(content, NewContent::Metainfo(_)) {
            // It is checked while it is stopped.
            choices.stops_now |= options.stop_after == Some(StopAfter::Check);
        }
        let own = TrackerChange { add: options.trackers.clone(), ..TrackerChange::default() };
        let hashes = match &content {
            NewContent::Metainfo(meta) => meta.info_hashes,
            NewContent::Magnet(magnet) => magnet.info_hashes,
        };
        let mut record = self.new_record(&choices);
        match &content {
            NewContent::Metainfo(meta) => {
                check_files(meta, &options.files)?;
                record.set_meta(meta);
                record.magnet = crate::record::bare_magnet(hashes);
                record.web_seeds = with_given(meta, &options.web_seeds)?;
                if !options.trackers.is_empty() {
                    record.trackers = Some(changed(meta.trackers.clone(), &own)?);
                }
            }
            NewContent::Magnet(magnet) => {
                let mut link = (**magnet).clone();
                let tiers = link.trackers.into_iter().map(|url| vec![url]).collect();
                link.trackers = changed(tiers, &own)?.into_iter().flatten().collect();
                if !options.web_seeds.is_empty() {
                    let named = magnet.web_seeds.iter().map(WebSource::named).collect();
                    let add = options.web_seeds.clone();
                    let change = WebSeedChange { add, ..WebSeedChange::default() };
                    record.web_seeds = Some(changed_web_seeds(named, &change)?);
                }
                record.magnet = link.to_string();
                record.stops_at_metadata = options.stop_after.is_some();
                record.name = magnet.name.clone().unwrap_or_else(|| hashes.to_string());
            }
        }
        let name = record.shown_name().to_owned();
        let hash = hashes.to_string();
        // The hash is taken before the session opens the files, so that a second request finds it.
        let taken = self.with(|core| match core.find(&hashes) {
            Some(known) => Err(known),
            None => {
                let key = core.take_id();
                core.insert(key, hashes, record.clone());
                if let Some(entry) = core.entry_mut(key) {
                    entry.set_load(Load::Adding);
                }
                Ok(key)
            }
        });
        let key = match taken {
            Ok(key) => key,
            Err(known) => return self.merge(known, &content, parsed).await,
        };
        self.0.previews.end(&hashes).await;
        // In the session, the metadata has its source in the database from the beginning.
        let (content, saved) = match content {
            NewContent::Metainfo(meta) => match Saved::pin(&self.0.store, &self.0.bulks, key, &meta) {
                Ok((meta, saved)) => (NewContent::Metainfo(meta), Some(saved)),
                Err(error) => {
                    self.with(|core| core.remove(key));
                    return Err(MetadataError::from(error).into());
                }
            },
            magnet @ NewContent::Magnet(_) => (magnet, None),
        };
        let added = self.add_to_session(&content, &record, &choices).await;
        let torrent = match added {
            Ok(torrent) => torrent,
            Err(error) => {
                self.with(|core| core.remove(key));
                self.publish();
                return Err(error);
            }
        };
        self.manage(key, &torrent, &record, &content, &choices)?;
        if let Some(saved) = saved {
            saved.unpin();
        }
        self.settle(&[key]);
        self.commit().await?;
        tracing::info!(torrent = name, id = key.as_u64(), "torrent added");
        Ok(Added::Added { id: key.as_u64(), hash, name })
    }

    async fn add_to_session(
        &self,
        content: &NewContent,
        record: &Record,
        choices: &Choices<'_>,
    ) -> Result<TorrentHandle, DaemonError> {
        match content {
            NewContent::Metainfo(meta) => {
                let add = record.to_add(Arc::clone(meta))?.peers(choices.peers.clone());
                Ok(self.0.session.add(add).await?)
            }
            NewContent::Magnet(_) => {
                let magnet = record.magnet.parse().map_err(|error| {
                    DaemonError::BadTorrent(format!("cannot use the magnet link: {error}"))
                })?;
                Ok(self.add_magnet(AddMagnet::new(magnet).peers(choices.peers.clone())).await?)
            }
        }
    }

    /// Gives a torrent of the session to the policy, and queues its rows.
    fn manage(
        &self,
        key: TorrentKey,
        torrent: &TorrentHandle,
        record: &Record,
        content: &NewContent,
        choices: &Choices<'_>,
    ) -> Result<(), DaemonError> {
        let options = choices.parsed.options;
        let new = NewTorrent {
            goals: choices.parsed.goals,
            category: choices.category,
            is_paused: choices.stops_now || options.paused.unwrap_or_else(|| self.options().start_paused),
            at_top: options.to_top,
        };
        let mut core = self.core();
        if core.entry(key).is_none_or(|entry| entry.is_leaving()) {
            drop(core);
            drop(torrent.remove());
            return Err(DaemonError::Conflict("the torrent was removed while it was added".into()));
        }
        let managed = core.manager_mut().add(key, torrent.clone(), new);
        if let Err(error) = managed {
            core.remove(key);
            drop(torrent.remove());
            return Err(error.into());
        }
        let policy = core.manager_mut().policy_mut();
        let tagged = options.tags.iter().try_for_each(|tag| policy.add_tag(key, tag).map(drop));
        if let Err(error) = tagged {
            // There are too many tags; a torrent without a row would be lost at the next start.
            core.remove(key);
            drop(torrent.remove());
            return Err(error.into());
        }
        if let Some(entry) = core.entry_mut(key) {
            entry.set_load(Load::Loaded);
            if let NewContent::Metainfo(meta) = content {
                entry.set_meta(Arc::clone(meta));
            }
        }
        core.touch(key);
        if let NewContent::Metainfo(meta) = content {
            let bytes = meta.to_bytes().map_err(MetadataError::from)?;
            self.0.store.put(Table::Metainfo, key.as_u64(), bytes);
        }
        self.put_next_id(&core);
        self.put_record(&core, key);
        self.put_policy(&core, key);
        if !options.tags.is_empty() {
            self.put_labels(&core, &BTreeSet::new());
        }
        if options.to_top == Some(true) {
            self.put_queue(&core);
        }
        drop(core);
        let limits = record.limits;
        if limits != ztor_api::Limits::default() {
            drop(torrent.set_limits(RateLimits { down: limits.down_per_s, up: limits.up_per_s }));
        }
        Ok(())
    }

    /// Adds trackers, tags and peers of a torrent that the daemon has already.
    async fn merge(
        &self,
        key: TorrentKey,
        content: &NewContent,
        parsed: &Parsed<'_>,
    ) -> Result<Added, DaemonError> {
        let options = parsed.options;
        let (hash, name, is_private) = {
            let core = self.core();
            let entry = core.entry(key).ok_or(DaemonError::NoTorrent)?;
            if entry.is_leaving() {
                let message = "the torrent is still being removed; try again in a moment";
                return Err(DaemonError::Conflict(message.into()));
            }
            if core.manager().policy().mode(key).is_none() {
                return Err(DaemonError::Conflict("the torrent is just being added".into()));
            }
            let record = entry.record();
            let is_private = record.size.is_some_and(|size| size.is_private);
            (entry.hashes().to_string(), record.shown_name().to_owned(), is_private)
        };
        let tiers = match content {
            NewContent::Metainfo(meta) => meta.trackers.clone(),
            NewContent::Magnet(magnet) => tiers_of(magnet),
        };
        // The peers of a private torrent are the business of its own tracker (BEP 27).
        if !is_private && self.handle(key).is_ok() {
            self.merge_trackers(key, &tiers).await?;
            self.merge_trackers(key, std::slice::from_ref(&options.trackers)).await?;
        }
        if !options.tags.is_empty() {
            let tagged = self.edit_tags(&[key], &options.tags, true).await?;
            if let Some(failed) = tagged.failed.into_iter().next() {
                return Ok(Added::Failed { problem: failed.problem });
            }
        }
        if let Ok(torrent) = self.handle(key)
            && !parsed.peers.is_empty()
        {
            torrent.add_peers(parsed.peers.clone()).await?;
        }
        self.commit().await?;
        Ok(Added::Duplicate { id: key.as_u64(), hash, name })
    }

    fn choices<'o>(&self, parsed: &'o Parsed<'o>) -> Result<Choices<'o>, DaemonError> {
        let category = parsed.category.map(|path| self.take_category(path)).transpose()?;
        let dir = parsed
            .dir
            .clone()
            .or_else(|| self.core().manager().policy().categories().save_path(category?))
            .unwrap_or_else(|| self.options().download_dir);
        let mut files = self.options().files;
        if let Some(dir) = &parsed.incomplete_dir {
            files.incomplete_dir.clone_from(dir);
        }
        if let Some(layout) = parsed.options.layout {
            files.layout = match layout {
                Layout::Original => Folder::Original,
                Layout::Subfolder => Folder::Subfolder,
                Layout::NoSubfolder => Folder::NoSubfolder,
            };
        }
        let peers = parsed.peers.clone();
        Ok(Choices { dir, category, peers, files, stops_now: false, parsed })
    }

    fn new_record(&self, choices: &Choices<'_>) -> Record {
        let (defaults, parsed) = (self.options(), choices.parsed);
        let options = parsed.options;
        let mut record = Record {
            user_name: parsed.name.clone(),
            dir: choices.dir.clone(),
            added_unix_s: now_unix_s(),
            limits: options.limits,
            is_sequential: options.sequential.unwrap_or(defaults.is_sequential),
            is_ends_first: options.ends_first.unwrap_or(defaults.is_ends_first),
            is_super_seeding: options.super_seeding.unwrap_or_default(),
            overwrite: options.overwrite,
            files: choices.files.clone(),
            ..Record::default()
        };
        merge(&mut record.priorities, &options.files);
        record
    }
}

impl<'o> Parsed<'o> {
    pub(super) fn of(options: &'o AddOptions) -> Result<Self, DaemonError> {
        options.trackers.iter().try_for_each(|url| check_url(url))?;
        options.web_seeds.iter().try_for_each(|url| check_web_seed(url))?;
        check_tags(options.tags.iter().map(String::as_str))?;
        let category = options.category.as_deref().filter(|path| !path.is_empty());
        category.map(check_category_path).transpose()?;
        Ok(Self {
            dir: options.dir.as_deref().map(absolute).transpose()?,
            incomplete_dir: match options.incomplete_dir.as_deref() {
                None => None,
                Some("") => Some(None),
                Some(dir) => Some(Some(absolute(dir)?)),
            },
            category,
            goals: goals_of(&options.goals)?,
            name: options.name.as_deref().map(name_of).transpose()?.flatten(),
            peers: peers_of(&options.peers)?,
            options,
        })
    }
}

/// Parses a torrent file, or a magnet link in a file.
///
/// # Errors
/// The content is neither, or is malformed.
pub fn parse(bytes: &[u8]) -> Result<NewContent, DaemonError> {
    let start = bytes.trim_ascii_start();
    if start.get(..7).is_some_and(|head| head.eq_ignore_ascii_case(b"magnet:")) {
        let text = String::from_utf8_lossy(start);
        return magnet(text.lines().next().unwrap_or_default());
    }
    if start.first() == Some(&b'<') {
        let message = "cannot use the torrent: it is a web page, not a torrent file; it may ask for a login";
        return Err(DaemonError::BadTorrent(message.into()));
    }
    match Metainfo::from_bytes(bytes) {
        Ok(meta) => Ok(NewContent::Metainfo(Arc::new(meta))),
        Err(error) => Err(DaemonError::BadTorrent(format!("cannot use the torrent file: {error}"))),
    }
}

/// Parses a magnet link or an info-hash.
pub(super) fn magnet(link: &str) -> Result<NewContent, DaemonError> {
    if let Some(magnet) = Magnet::of_hash(link) {
        return Ok(NewContent::Magnet(Box::new(magnet)));
    }
    match link.trim().parse() {
        Ok(magnet) => Ok(NewContent::Magnet(Box::new(magnet))),
        Err(error) => Err(DaemonError::BadTorrent(format!("cannot use the magnet link: {error}"))),
    }
}
