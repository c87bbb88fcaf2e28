//! The text format of Prometheus, version 0.0.4.
//!
//! The crate `prometheus-client` keeps metrics in a registry of cells. Here all values are in the daemon already, and are
//! read when Prometheus asks for them.

use std::fmt::Write as _;

/// Media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics in text form.
#[derive(Debug, Default)]
pub(super) struct Text(String);

/// Kind of a metric.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// A value that rises and falls.
    Gauge,
    /// A value that only rises, until the daemon starts again.
    Counter,
}

impl Text {
    /// Begins a metric. Its samples must follow.
    pub(super) fn family(&mut self, name: &str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Gauge => "gauge",
            Kind::Counter => "counter",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"))
    }

    /// Adds a sample with its labels.
    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: u64) -> &mut Self {
        let pairs: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escape(text))).collect();
        match pairs.is_empty() {
            true => self.line(format_args!("{name} {value}")),
            false => self.line(format_args!("{name}{{{}}} {value}", pairs.join(","))),
        }
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) -> &mut Self {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
        self
    }
}

/// Escapes the value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
