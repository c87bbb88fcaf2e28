//! The table as a plot: a panel for each figure, a bar for each client.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::ranged1d::SegmentValue;
use plotters::prelude::*;

use super::client::Client;
use super::figures::{FIGURES, Figure};
use super::record::Record;
use super::stats::Spread;

const PANEL: (u32, u32) = (460, 200);
const COLUMNS: usize = 2;
/// Pixels between the end of a bar's line and its number.
const GAP: i32 = 6;
const FONT: &str = "sans-serif";

/// Draws the figures that at least one client has.
pub(super) fn draw(record: &Record, path: &Path) -> Result<()> {
    let is_known =
        |figure: &&Figure| record.versions.keys().any(|&client| figure.of(record, client).is_some());
    let figures: Vec<&Figure> = FIGURES.iter().filter(is_known).collect();
    let rows = figures.len().div_ceil(COLUMNS).max(1);
    let size = (PANEL.0 * COLUMNS as u32, PANEL.1 * rows as u32);
    let root = SVGBackend::new(path, size).into_drawing_area();
    let picture = || -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
        root.fill(&WHITE)?;
        for (figure, area) in figures.into_iter().zip(root.split_evenly((rows, COLUMNS))) {
            panel(record, figure, &area)?;
        }
        root.present()
    };
    picture().map_err(|error| anyhow!("{error}")).with_context(|| format!("drawing {}", path.display()))
}

fn panel<DB: DrawingBackend>(
    record: &Record,
    figure: &Figure,
    area: &DrawingArea<DB, plotters::coord::Shift>,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let clients = record.versions.keys().copied();
    let bars: Vec<(Client, Spread)> =
        clients.filter_map(|client| Some((client, figure.of(record, client)?))).collect();
    let most = bars.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max);
    let (true, Some(last)) = (most > 0.0, bars.len().checked_sub(1)) else { return Ok(()) };
    let better = if figure.less_is_better { "less is better" } else { "more is better" };
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{}, {} ({better})", figure.name, figure.unit), (FONT, 15))
        .margin(8)
        .set_label_area_size(LabelAreaPosition::Left, 90)
        .set_label_area_size(LabelAreaPosition::Bottom, 24)
        // Space for the number behind the longest bar.
        .build_cartesian_2d(0.0..most * 1.2, (0..last).into_segmented())?;
    let name = |segment: &SegmentValue<usize>| match segment {
        SegmentValue::CenterOf(index) => {
            bars.get(*index).map_or_else(String::new, |(client, _)| client.to_string())
        }
        _ => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.1))
        .x_labels(5)
        .x_label_formatter(&|value| format!("{value:.*}", if most < 10.0 { 1 } else { 0 }))
        .y_labels(bars.len() + 1)
        .y_label_formatter(&name)
        .label_style((FONT, 12))
        .draw()?;
    for (index, (client, spread)) in bars.iter().enumerate() {
        let (low, high) = (SegmentValue::Exact(index), SegmentValue::Exact(index + 1));
        let mut bar = Rectangle::new([(0.0, low), (spread.median, high)], colour(*client).filled());
        bar.set_margin(3, 3, 0, 0);
        chart.draw_series([bar])?;
        let middle = || SegmentValue::CenterOf(index);
        chart.draw_series([PathElement::new([(spread.min, middle()), (spread.max, middle())], BLACK)])?;
        let number = Text::new(format!("{:.*}", figure.digits, spread.median), (GAP, -GAP), (FONT, 12));
        chart.draw_series([EmptyElement::at((spread.max, middle())) + number])?;
    }
    Ok(())
}

fn colour(client: Client) -> RGBColor {
    match client {
        Client::Floor => RGBColor(190, 190, 190),
        Client::Ztor => RGBColor(214, 96, 45),
        Client::ZtorBase => RGBColor(240, 178, 140),
        _ => RGBColor(88, 130, 180),
    }
}

const TRANSPARENT: RGBAColor = RGBAColor(0, 0, 0, 0.0);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "that is how a test fails")]

    use super::super::record::tests::sample;
    use super::*;

    #[test]
    fn draw_of_a_record_labels_figures_and_clients() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.svg");
        draw(&sample(), &path).unwrap();
        let svg = std::fs::read_to_string(&path).unwrap();
        for text in ["seed CPU, s/GiB (less is better)", "libtorrent", "0.46", "to itself"] {
            assert!(svg.contains(text), "{text}");
        }
        assert!(!svg.contains("20 torrents"));
        draw(&Record::default(), &path).unwrap();
    }
}
