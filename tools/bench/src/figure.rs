//! Figures of a benchmark, and their output.

use serde::Serialize;

/// A measured number.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figure {
    /// Scenario and quantity, with `/` between.
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    /// Explanation of the value; empty if the name is enough.
    pub(crate) note: String,
}

/// Output of a scenario: prints each figure as it is added.
pub(crate) struct Report {
    scenario: &'static str,
    is_json: bool,
}

impl Report {
    pub(crate) fn new(scenario: &'static str, is_json: bool) -> Self {
        Self { scenario, is_json }
    }

    /// Returns the name of the scenario.
    pub(crate) fn scenario(&self) -> &'static str {
        self.scenario
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
