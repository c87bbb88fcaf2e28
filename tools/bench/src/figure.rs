//! What a benchmark has to say.

use serde::Serialize;

/// One number.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// Scenario and quantity.
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// How it came about, where the name does not say.
    pub(crate) note: String,
}

/// Where a scenario puts its figures, which are printed as they come.
pub(crate) struct Report {
    scenario: &'static str,
    is_json: bool,
}

impl Report {
    pub(crate) fn new(scenario: &'static str, is_json: bool) -> Self {
        Self { scenario, is_json }
    }

    pub(crate) fn add(&mut self, name: &str, value: f64, unit: &'static str, note: impl Into<String>) {
        let figure = Figure { name: format!("{}/{name}", self.scenario), value, unit, note: note.into() };
        if !self.is_json {
            println!("{:<42} {:>14.3} {:<12} {}", figure.name, figure.value, figure.unit, figure.note);
            return;
        }
        match serde_json::to_string(&figure) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("{}: {error}", figure.name),
        }
    }
}
