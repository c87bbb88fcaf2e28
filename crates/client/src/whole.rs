//! Requests about the daemon as a whole, its folders, and torrents that it does not have.

use crate::Client;
use crate::error::ClientError;
use crate::verbs::escape;
use reqwest::Method;
use ztor_api::{AddSource, Folder, History, LimitsChange, LimitsChoice, Ports, Preview, PreviewRequest};

impl Client {
    /// Returns the rates over a time of 300, 3600, 86,400, 604,800 or 2,592,000 seconds.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn history(&self, span_s: u64) -> Result<History, ClientError> {
        self.get(&format!("/statistics/history?span_s={span_s}")).await
    }

    /// Returns the ports at which peers reach the daemon, and their mapping by routers.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn ports(&self) -> Result<Ports, ClientError> {
        self.get("/ports").await
    }

    /// Returns a folder on the machine of the daemon. `dir` is an absolute path.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn folder(&self, dir: &str) -> Result<Folder, ClientError> {
        self.get(&format!("/folders?dir={}", escape(dir))).await
    }

    /// Returns which limits of the whole are in force.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn alternative_limits(&self) -> Result<LimitsChoice, ClientError> {
        Ok(self.get::<LimitsChange>("/limits/alternative").await?.limits)
    }

    /// Chooses the limits of the whole.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn set_alternative_limits(&self, limits: LimitsChoice) -> Result<(), ClientError> {
        self.send::<LimitsChange>(Method::PUT, "/limits/alternative", &LimitsChange { limits })
            .await
            .map(drop)
    }

    /// Looks into a torrent without adding it. Peers are asked for the metadata of a magnet link, which can take long.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn preview(&self, source: AddSource) -> Result<Preview, ClientError> {
        self.send(Method::POST, "/preview", &PreviewRequest { source }).await
    }
}
