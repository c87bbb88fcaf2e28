//! Requests about watched folders.

use crate::Client;
use crate::error::ClientError;
use crate::verbs::escape;
use reqwest::Method;
use serde::de::IgnoredAny;
use ztor_api::{WatchFolder, WatchFolderEdit};

impl Client {
    /// Returns the watched folders.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn watch_folders(&self) -> Result<Vec<WatchFolder>, ClientError> {
        self.get("/watch-folders").await
    }

    /// Watches a folder of the daemon's machine, or replaces the settings of a watched one. `dir` is an absolute path.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn put_watch_folder(&self, dir: &str, settings: &WatchFolderEdit) -> Result<(), ClientError> {
        self.send::<IgnoredAny>(Method::PUT, &path_of(dir), settings).await.map(drop)
    }

    /// Ends the watch of a folder.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn remove_watch_folder(&self, dir: &str) -> Result<(), ClientError> {
        self.json::<IgnoredAny>(self.request(Method::DELETE, &path_of(dir))).await.map(drop)
    }

    /// Scans all watched folders now.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn scan_watch_folders(&self) -> Result<(), ClientError> {
        self.json::<IgnoredAny>(self.request(Method::POST, "/watch-folders/scan")).await.map(drop)
    }
}

fn path_of(dir: &str) -> String {
    format!("/watch-folders?dir={}", escape(dir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn path_of_escapes_the_folder() {
        assert_eq!(path_of("/a b&c+é"), "/watch-folders?dir=%2Fa%20b%26c%2B%C3%A9");
    }
}
