//! Requests about the account and tokens.

use crate::Client;
use crate::error::ClientError;
use crate::verbs::escape;
use reqwest::Method;
use serde::de::IgnoredAny;
use ztor_api::{Account, AccountChange, LoginLink, LoginState, NewToken, Token, TokenRequest};

impl Client {
    /// Returns the credentials that this client has.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn login_state(&self) -> Result<LoginState, ClientError> {
        self.get("/session").await
    }

    /// Makes a code that begins one session of the web UI.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn make_login_link(&self) -> Result<LoginLink, ClientError> {
        self.json(self.request(Method::POST, "/session/link")).await
    }

    /// Returns the account.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn account(&self) -> Result<Account, ClientError> {
        self.get("/account").await
    }

    /// Replaces the password, and the user name if one is given. All sessions end.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn change_account(&self, change: &AccountChange) -> Result<Account, ClientError> {
        self.send(Method::PUT, "/account", change).await
    }

    /// Returns all tokens, without their secrets.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn tokens(&self) -> Result<Vec<Token>, ClientError> {
        self.get("/tokens").await
    }

    /// Adds a token.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn add_token(&self, name: &str) -> Result<NewToken, ClientError> {
        self.send(Method::POST, "/tokens", &TokenRequest { name: name.to_owned() }).await
    }

    /// Removes a token.
    ///
    /// # Errors
    /// The daemon cannot be reached, or refuses the request.
    pub async fn remove_token(&self, name: &str) -> Result<(), ClientError> {
        let path = format!("/tokens/{}", escape(name));
        self.json::<IgnoredAny>(self.request(Method::DELETE, &path)).await.map(drop)
    }
}
