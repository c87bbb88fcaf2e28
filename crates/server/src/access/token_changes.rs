//! Changes of tokens.

use super::clock::now_unix_s;
use super::denied::Denied;
use super::shared::{Access, random};
use super::tokens::{AddError, MAX_NAME, MAX_TOKENS, PREFIX, is_name};
use ztor_api::{NewToken, ProblemKind, Token};

impl Access {
    /// Returns all tokens.
    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.state().tokens.list()
    }

    /// Adds a token.
    pub(crate) async fn add_token(&self, name: &str) -> Result<NewToken, Denied> {
        if !is_name(name) {
            let detail = format!("a token's name has 1 to {MAX_NAME} characters, without slashes");
            return Err(Denied::new(ProblemKind::BadRequest, detail));
        }
        let token = format!("{PREFIX}{}", random()?);
        let _changing = self.0.changing.lock().await;
        let added = self.state().tokens.add(name, &token, now_unix_s());
        let row = added.map_err(|error| {
            Denied::new(
                ProblemKind::Conflict,
                match error {
                    AddError::Exists => {
                        format!("the token {name:?} exists: remove it first, or use another name")
                    }
                    AddError::TooMany => {
                        format!("there are {MAX_TOKENS} tokens, the maximum: remove one first")
                    }
                },
            )
        })?;
        if let Err(error) = self.0.daemon.store_token(name, Some(&row)).await {
            // Nobody has seen it.
            self.state().tokens.remove(name);
            if let Err(error) = self.0.daemon.store_token(name, None).await {
                tracing::debug!(%error, "the removal of the token waits for the next commit");
            }
            return Err(error.into());
        }
        Ok(NewToken { name: name.to_owned(), token })
    }

    /// Removes a token. Logins by its links end too.
    pub(crate) async fn remove_token(&self, name: &str) -> Result<(), Denied> {
        let _changing = self.0.changing.lock().await;
        if !self.state().tokens.remove(name) {
            let shown: String = name.chars().take(MAX_NAME).collect();
            return Err(Denied::new(ProblemKind::NotFound, format!("there is no token {shown:?}")));
        }
        self.state().sessions.end_of_token(name);
        self.save_sessions();
        self.0.revoked.send_replace(());
        Ok(self.0.daemon.store_token(name, None).await?)
    }
}
