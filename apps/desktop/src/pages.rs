//! The pages beside the list.

mod appearance;
mod edit;
mod labels;
mod log;
mod names;
mod settings;
mod statistics;
mod watch;

pub(crate) use log::LogPage;
pub(crate) use settings::SettingsPage;
pub(crate) use statistics::StatisticsPage;

/// Name of the section with categories and tags.
pub(crate) const LABELS: &str = "Categories and tags";
