//! Tables and keys.

use rusqlite::ToSql;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, Value, ValueRef};

/// A table. All have the columns `key` and `value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Table {
    /// Torrents by number: JSON of [`Record`](crate::record::Record).
    Torrent,
    /// State of torrents in the policy, by number: JSON of [`SavedTorrent`](ztor_policy::SavedTorrent).
    Policy,
    /// Torrent files by number.
    Metainfo,
    /// Resume data by swarm and folder.
    Resume,
    /// Settings that were changed by front ends, by name.
    Setting,
    /// Categories by number: JSON of [`SavedCategory`](ztor_policy::SavedCategory).
    Category,
    /// Watched folders by path, as JSON.
    WatchFolder,
    /// Files that stay in watched folders after they were loaded, by path.
    WatchLoaded,
    /// Tokens of the API by name, as JSON.
    Token,
    /// Single values by name, as JSON.
    Fact,
}

impl Table {
    pub(crate) const ALL: [Self; 10] = [
        Self::Torrent,
        Self::Policy,
        Self::Metainfo,
        Self::Resume,
        Self::Setting,
        Self::Category,
        Self::WatchFolder,
        Self::WatchLoaded,
        Self::Token,
        Self::Fact,
    ];

    /// Returns the name in SQL.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Torrent => "torrent",
            Self::Policy => "policy",
            Self::Metainfo => "metainfo",
            Self::Resume => "resume",
            Self::Setting => "setting",
            Self::Category => "category",
            Self::WatchFolder => "watch_folder",
            Self::WatchLoaded => "watch_loaded",
            Self::Token => "token",
            Self::Fact => "fact",
        }
    }

    /// Returns the type of the keys in SQL.
    pub(crate) fn key_type(self) -> &'static str {
        match self {
            Self::Torrent | Self::Policy | Self::Metainfo | Self::Category => "INTEGER",
            Self::Resume => "BLOB",
            Self::Setting | Self::WatchFolder | Self::WatchLoaded | Self::Token | Self::Fact => "TEXT",
        }
    }
}

/// A key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Key {
    /// A number.
    Number(i64),
    /// A name.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Key {
    /// Returns the number; `None` for other keys and negative numbers.
    pub(crate) fn as_number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => u64::try_from(*number).ok(),
            Self::Text(_) | Self::Bytes(_) => None,
        }
    }

    /// Returns the text; `None` for other keys.
    pub(crate) fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::Bytes(_) => None,
        }
    }
}

impl From<u64> for Key {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl ToSql for Key {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Number(number) => ToSqlOutput::Owned(Value::Integer(*number)),
            Self::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Self::Bytes(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
        })
    }
}

impl FromSql for Key {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        match value {
            ValueRef::Integer(number) => Ok(Self::Number(number)),
            ValueRef::Text(text) => Ok(Self::Text(String::from_utf8_lossy(text).into_owned())),
            ValueRef::Blob(bytes) => Ok(Self::Bytes(bytes.to_owned())),
            ValueRef::Null | ValueRef::Real(_) => Err(FromSqlError::InvalidType),
        }
    }
}
