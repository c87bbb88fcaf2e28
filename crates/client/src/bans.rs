//! Requests about bans and the IP filter.

use crate::Client;
use crate::error::ClientError;
use crate::verbs::escape;
use reqwest::Method;
use serde::de::IgnoredAny;
use ztor_api::{Ban, BanRequest, IpFilter};

impl Client {
    /// Returns the bans in force.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn bans(&self) -> Result<Vec<Ban>, ClientError> {
        self.get("/bans").await
    }

    /// Bans addresses.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn ban(&self, request: &BanRequest) -> Result<(), ClientError> {
        self.send::<IgnoredAny>(Method::POST, "/bans", request).await.map(drop)
    }

    /// Lifts the ban of an address, a network or a range.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn unban(&self, address: &str) -> Result<(), ClientError> {
        let path = format!("/bans?address={}", escape(address));
        self.json::<IgnoredAny>(self.request(Method::DELETE, &path)).await.map(drop)
    }

    /// Returns the state of the IP filter.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn ip_filter(&self) -> Result<IpFilter, ClientError> {
        self.get("/ip-filter").await
    }

    /// Lets the daemon read the list of the IP filter again.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn refresh_ip_filter(&self) -> Result<(), ClientError> {
        self.json::<IgnoredAny>(self.request(Method::POST, "/ip-filter/refresh")).await.map(drop)
    }
}
