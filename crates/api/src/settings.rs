//! Settings, with what dialogs need to show them.

use serde::{Deserialize, Serialize};

/// A setting of the daemon.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Setting {
    /// Name, such as `max_downloads`.
    pub key: String,
    /// Section in dialogs and in the configuration file.
    pub section: String,
    /// Kind of the value.
    pub kind: SettingKind,
    /// Description for users.
    pub help: String,
    /// Default.
    pub default: SettingValue,
    /// Value in effect.
    pub value: SettingValue,
    /// Origin of the value.
    pub source: SettingSource,
    /// True if a change takes effect with the next start of the daemon.
    pub needs_restart: bool,
    /// True if a changed value waits for the next start.
    pub is_pending: bool,
}

/// Kind of a setting's value, and its range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SettingKind {
    /// True or false.
    Bool,
    /// A number.
    Count {
        /// Smallest value.
        min: u64,
        /// Largest value.
        max: u64,
        /// True if `null` is allowed: no limit.
        is_optional: bool,
    },
    /// A rate in bytes per second; `null` is no limit. As text also `5MiB/s`.
    Rate,
    /// A time in seconds; as text also `30m`.
    Time {
        /// Smallest value in seconds.
        min_s: u64,
        /// Largest value in seconds.
        max_s: u64,
        /// True if `null` is allowed: never.
        is_optional: bool,
    },
    /// A ratio; `null` is none.
    Ratio,
    /// One of these words.
    Choice {
        /// Words.
        choices: Vec<String>,
    },
    /// A path of a folder or file, absolute or below the home folder (`~/`).
    Path {
        /// True if `null` is allowed: none.
        is_optional: bool,
    },
    /// A text, such as an address.
    Text {
        /// True if `null` is allowed: none.
        is_optional: bool,
    },
    /// A list of texts.
    List,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Value of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SettingValue {
    /// No value: no limit, none, or never.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Count(u64),
    /// A ratio.
    Real(f64),
    /// A text.
    Text(String),
    /// A list of texts.
    List(Vec<String>),
}

/// One schema for all kinds, as a whole number is a number too.
#[cfg(feature = "schema")]
impl utoipa::PartialSchema for SettingValue {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        use utoipa::openapi::{Object, Type, schema::ArrayItems, schema::SchemaType};
        let types = [Type::Null, Type::Boolean, Type::Number, Type::String, Type::Array];
        let item = Object::with_type(Type::String);
        let items = ArrayItems::RefOrSchema(Box::new(item.into()));
        let schema = utoipa::openapi::ArrayBuilder::new()
            .schema_type(SchemaType::from_iter(types))
            .items(items)
            .description(Some("Value of a setting; `null` is none, no limit, or never."));
        schema.into()
    }
}

#[cfg(feature = "schema")]
impl utoipa::ToSchema for SettingValue {}

/// Origin of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(tag = "source", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SettingSource {
    /// The default.
    Default,
    /// The configuration file.
    File {
        /// Path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// A variable of the environment.
    Environment {
        /// Name of the variable.
        variable: String,
    },
    /// A flag of the command line.
    Flag {
        /// The flag.
        flag: String,
    },
    /// A change by a front end.
    Changed,
    /// An origin that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Change of a setting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct SettingChange {
    /// New value; a text is parsed as in the configuration file.
    pub value: SettingValue,
}
