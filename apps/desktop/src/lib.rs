//! The desktop app of ztor: a window over a daemon of this machine or a remote one.
//!
//! [`App`] is the whole window. It draws with egui, follows the daemon through [`ztor_view::front::Front`], and starts a
//! daemon in this process if none runs.
#![forbid(unsafe_code)]

mod app;
mod app_icon;
mod args;
mod connection;
mod context;
mod details;
mod dialogs;
mod host;
mod instance;
mod jobs;
pub mod log;
mod look;
mod notify;
mod pages;
mod picker;
mod prefs;
mod reader;
mod remotes;
mod shell;
mod shots;
mod source;
mod table;
mod tray;
mod wording;

pub use app::{App, Options};
pub use app_icon::app_icon;
pub use args::Args;
pub use host::Flags;
pub use instance::{Instance, Start};
