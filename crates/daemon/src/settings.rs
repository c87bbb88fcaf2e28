//! Settings of the daemon: one table, from which their types, validation, descriptions and documentation follow.
//!
//! [`Sources`] combines defaults, the configuration file, the environment, flags and stored changes of front ends into
//! [`Resolved`], which front ends read and change. The last change counts, wherever it was made: a stored change
//! replaces the value of the file, and a later change of the file replaces the stored change.
//!
//! Modules: `table` declares the settings. `kind` validates values, with the help of `shape` for texts and
//! `schedule_text` for entries of the schedule; `typed` and `choices` convert them to the types of [`Settings`], and
//! `convert` these to the configuration of the session and the policy. `file` reads TOML, `sources` the rest.
//! `reference` writes documentation.

mod choices;
mod convert;
mod error;
mod file;
mod kind;
mod nearest;
mod pin;
mod reference;
mod resolved;
mod schedule_text;
mod secret;
mod shape;
mod sources;
mod table;
mod typed;

pub use choices::LogFormat;
pub use error::{MAX_ERRORS, Place, Problem, SettingError};
pub use file::MAX_FILE;
pub use ipnet::IpNet;
pub use kind::Kind;
pub use reference::{commented_toml, reference};
pub use resolved::{Edit, Resolved, Stored};
pub(crate) use secret::masked_url;
pub(crate) use shape::is_url;
pub use shape::{Shape, is_username};
pub use sources::{ENVIRONMENT_PREFIX, FileError, Sources};
pub use table::{Declaration, SECTIONS, Settings, TABLE};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
