//! Logins, tokens and the account.

use serde::{Deserialize, Serialize};

/// The user who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Account {
    /// User name.
    pub username: String,
    /// True if a password is set. Without one, nobody can log in with a password.
    pub has_password: bool,
    /// True if the password is from the setting `password_file`, so that it cannot be changed here.
    pub is_from_file: bool,
}

/// New user name and password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct AccountChange {
    /// User name; `null` for the present one.
    #[serde(default)]
    pub username: Option<String>,
    /// New password, 8 to 1024 bytes.
    #[cfg_attr(feature = "schema", schema(format = Password, max_length = 1024))]
    pub password: String,
    /// Present password. Over the local socket and without a present password it is not needed.
    #[serde(default)]
    pub current_password: Option<String>,
}

/// Credentials that begin a session.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(untagged, deny_unknown_fields, expecting = "expected username and password, or code")]
pub enum Login {
    /// User name and password.
    Password {
        /// User name.
        username: String,
        /// Password.
        password: String,
    },
    /// Code of a [`LoginLink`].
    Code {
        /// The code.
        code: String,
    },
}

/// The credentials that a request has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LoginState {
    /// Kind of the credentials.
    pub by: LoginKind,
    /// User name; `null` for tokens and the local socket.
    pub username: Option<String>,
    /// Name of the token; `null` for other kinds.
    pub token: Option<String>,
}

/// Kind of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginKind {
    /// Access to the local socket.
    Socket,
    /// The cookie of a session.
    Session,
    /// A token.
    Token,
    /// User name and password in each request.
    Password,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// A code that begins one session without a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct LoginLink {
    /// The code, which works once.
    pub code: String,
    /// Time until the code expires, in seconds.
    pub valid_s: u64,
}

/// A token, without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Token {
    /// Name.
    pub name: String,
    /// Time of its creation.
    pub created_unix_s: u64,
    /// Time of its last use, accurate to about an hour; `null` before the first use.
    pub last_used_unix_s: Option<u64>,
}

/// Request for a new token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Name, 1 to 64 characters.
    #[cfg_attr(feature = "schema", schema(min_length = 1, max_length = 64))]
    pub name: String,
}

/// A new token with its secret, which is shown only once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// Name.
    pub name: String,
    /// The token, for `Authorization: Bearer`.
    pub token: String,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn login_is_a_password_or_a_code_and_nothing_else() {
        let parse = |text: &str| serde_json::from_str::<Login>(text);
        let password = parse(r#"{"username":"a","password":"b"}"#).unwrap();
        assert!(password == Login::Password { username: "a".into(), password: "b".into() });
        assert!(parse(r#"{"code":"c"}"#).unwrap() == Login::Code { code: "c".into() });
        for text in ["{}", r#"{"username":"a"}"#, r#"{"code":"c","username":"a"}"#, "[]", r#"{"code":1}"#] {
            let error = parse(text).err().unwrap().to_string();
            assert!(error.contains("expected username and password, or code"), "{text}: {error}");
        }
    }
}
