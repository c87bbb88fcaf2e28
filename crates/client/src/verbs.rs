//! The requests, one method each.

use crate::Client;
use crate::error::ClientError;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use serde::de::IgnoredAny;
use ztor_api::{
    Action, ActionRequest, ActionResult, AddRequest, AddResult, Category, CategoryEdit, CategoryRename,
    Daemon, Detail, DownloadLink, DownloadLinkRequest, File, List, ListQuery, LogLine, Peer, Pieces, Setting,
    SettingChange, SettingValue, Statistics, Tag, TagRename, Tracker, WebSeed,
};

/// Characters to escape in a path: all but the unreserved ones.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

pub(crate) fn escape(text: &str) -> impl std::fmt::Display {
    utf8_percent_encode(text, ESCAPED)
}

impl Client {
    /// Returns the description of the daemon.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn about(&self) -> Result<Daemon, ClientError> {
        self.get("/daemon").await
    }

    /// Returns statistics of the whole.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn statistics(&self) -> Result<Statistics, ClientError> {
        self.get("/statistics").await
    }

    /// Returns the last lines of the log after the line `since`, of `level` and more severe ones, about one torrent or all.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn log(
        &self,
        since: u64,
        level: &str,
        limit: usize,
        torrent: Option<u64>,
    ) -> Result<Vec<LogLine>, ClientError> {
        let torrent = torrent.map_or_else(String::new, |id| format!("&torrent={id}"));
        self.get(&format!("/log?since={since}&level={}&limit={limit}{torrent}", escape(level))).await
    }

    /// Returns a list of torrents.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn list(&self, query: &ListQuery) -> Result<List, ClientError> {
        self.get(&format!("/torrents?{}", parameters(query))).await
    }

    /// Adds torrents.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request. Failures for single torrents are in the result.
    pub async fn add(&self, request: &AddRequest) -> Result<AddResult, ClientError> {
        self.send(Method::POST, "/torrents", request).await
    }

    /// Carries out an action on the torrents that terms select.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request. Failures for single torrents are in the result.
    pub async fn act(&self, torrents: Vec<String>, action: Action) -> Result<ActionResult, ClientError> {
        self.send(Method::POST, "/torrents/actions", &ActionRequest { torrents, action }).await
    }

    /// Returns the torrent that a term names.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn detail(&self, torrent: &str) -> Result<Detail, ClientError> {
        self.get(&format!("/torrents/{}", escape(torrent))).await
    }

    /// Returns the files of a torrent.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn files(&self, torrent: &str) -> Result<Vec<File>, ClientError> {
        self.get(&format!("/torrents/{}/files", escape(torrent))).await
    }

    /// Returns the peers of a torrent.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn peers(&self, torrent: &str) -> Result<Vec<Peer>, ClientError> {
        self.get(&format!("/torrents/{}/peers", escape(torrent))).await
    }

    /// Returns the web seeds of a torrent.
    ///
    /// # Errors
    /// The daemon cannot be reached, or the torrent is unknown or not loaded.
    pub async fn web_seeds(&self, torrent: &str) -> Result<Vec<WebSeed>, ClientError> {
        self.get(&format!("/torrents/{}/web-seeds", escape(torrent))).await
    }

    /// Returns the trackers of a torrent, with the passkeys in their URLs only if `has_secrets` is true.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn trackers(&self, torrent: &str, has_secrets: bool) -> Result<Vec<Tracker>, ClientError> {
        self.get(&format!("/torrents/{}/trackers?secrets={has_secrets}", escape(torrent))).await
    }

    /// Makes a link to a complete file, which is valid for a number of seconds and needs no credentials.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn link_file(
        &self,
        torrent: &str,
        index: usize,
        valid_s: u64,
    ) -> Result<DownloadLink, ClientError> {
        let path = format!("/torrents/{}/files/{index}/link", escape(torrent));
        self.send(Method::POST, &path, &DownloadLinkRequest { valid_s }).await
    }

    /// Returns the pieces of a torrent.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn pieces(&self, torrent: &str) -> Result<Pieces, ClientError> {
        self.get(&format!("/torrents/{}/pieces", escape(torrent))).await
    }

    /// Returns the content of the torrent file of a torrent.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn export(&self, torrent: &str) -> Result<Vec<u8>, ClientError> {
        let path = format!("/torrents/{}/torrent-file", escape(torrent));
        self.bytes(self.request(Method::GET, &path)).await
    }

    /// Returns all settings.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn settings(&self) -> Result<Vec<Setting>, ClientError> {
        self.get("/settings").await
    }

    /// Returns a setting.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn setting(&self, key: &str) -> Result<Setting, ClientError> {
        self.get(&format!("/settings/{}", escape(key))).await
    }

    /// Changes a setting. A text is parsed as in the configuration file.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn change_setting(&self, key: &str, value: SettingValue) -> Result<Setting, ClientError> {
        self.send(Method::PUT, &format!("/settings/{}", escape(key)), &SettingChange { value }).await
    }

    /// Takes back the change of a setting.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn reset_setting(&self, key: &str) -> Result<Setting, ClientError> {
        self.json(self.request(Method::DELETE, &format!("/settings/{}", escape(key)))).await
    }

    /// Returns all categories.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn categories(&self) -> Result<Vec<Category>, ClientError> {
        self.get("/categories").await
    }

    /// Creates or changes a category.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn put_category(&self, path: &str, edit: &CategoryEdit) -> Result<(), ClientError> {
        let path = format!("/categories/by-path/{}", escape_path(path));
        self.send::<IgnoredAny>(Method::PUT, &path, edit).await.map(drop)
    }

    /// Moves a category to another path.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn rename_category(&self, from: &str, to: &str) -> Result<(), ClientError> {
        let rename = CategoryRename { from: from.to_owned(), to: to.to_owned() };
        self.send::<IgnoredAny>(Method::POST, "/categories/rename", &rename).await.map(drop)
    }

    /// Removes a category.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn remove_category(&self, path: &str) -> Result<(), ClientError> {
        let path = format!("/categories/by-path/{}", escape_path(path));
        self.json::<IgnoredAny>(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Returns all tags.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn tags(&self) -> Result<Vec<Tag>, ClientError> {
        self.get("/tags").await
    }

    /// Creates a tag.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn create_tag(&self, name: &str) -> Result<(), ClientError> {
        let path = format!("/tags/by-name/{}", escape(name));
        self.json::<IgnoredAny>(self.request(Method::PUT, &path)).await.map(drop)
    }

    /// Renames a tag.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn rename_tag(&self, from: &str, to: &str) -> Result<(), ClientError> {
        let rename = TagRename { from: from.to_owned(), to: to.to_owned() };
        self.send::<IgnoredAny>(Method::POST, "/tags/rename", &rename).await.map(drop)
    }

    /// Removes a tag.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn remove_tag(&self, name: &str) -> Result<(), ClientError> {
        let path = format!("/tags/by-name/{}", escape(name));
        self.json::<IgnoredAny>(self.request(Method::DELETE, &path)).await.map(drop)
    }
}

/// Escapes a path with slashes.
fn escape_path(path: &str) -> String {
    path.split('/').map(|part| escape(part).to_string()).collect::<Vec<_>>().join("/")
}

/// Returns a query as parameters of a URL.
fn parameters(query: &ListQuery) -> String {
    let pairs: Vec<String> =
        query.to_pairs().iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    pairs.join("&")
}
