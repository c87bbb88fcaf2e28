//! The record as Markdown.

use std::fmt::{self, Write};

use super::client::Client;
use super::figures::{FIGURES, Figure};
use super::payload::Load;
use super::record::{Record, Transfer};
use super::stats::Spread;

/// Returns the content of RESULTS.md. `plot` is the name of the plot beside it.
pub(super) fn markdown(record: &Record, plot: &str) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write(&mut text, record, plot);
    text
}

fn write(out: &mut String, record: &Record, plot: &str) -> fmt::Result {
    head(out, record)?;
    compared(out, record)?;
    writeln!(out, "![The table as bars; the lines go from the least to the most of all runs]({plot})\n")?;
    if record.versions.contains_key(&Client::ZtorBase) {
        against_base(out, record)?;
    }
    transfers(out, record, Load::OneFile, "Every transfer")?;
    transfers(out, record, Load::SmallFile, "Transfers of a smaller file")?;
    transfers(out, record, Load::ManyTorrents, "Twenty torrents at once")?;
    scenarios(out, record)?;
    missing(out, record)
}

fn head(out: &mut String, record: &Record) -> fmt::Result {
    let Record { begun, commit, machine, runs, .. } = record;
    let mib = |bytes: u64| bytes >> 20;
    writeln!(out, "# Measurements\n")?;
    writeln!(
        out,
        "Made by `cargo lab bench`; [README.md](README.md) says how, and what the figures mean. Compare"
    )?;
    writeln!(out, "within this page only: another machine or another hour gives other absolutes.\n")?;
    writeln!(out, "| | |\n|---|---|")?;
    writeln!(out, "| begun | {begun}, commit {commit} |")?;
    writeln!(
        out,
        "| measured | a file of {} MiB in pieces of {} MiB; median of {runs} runs, least and most in parentheses |",
        mib(record.size_bytes),
        mib(record.piece_bytes),
    )?;
    writeln!(
        out,
        "| machine | {}, {} cores, {} MiB of memory; {}, Linux {} |",
        cell(&machine.cpu),
        machine.cores,
        machine.memory_mib,
        cell(&machine.system),
        cell(&machine.kernel),
    )?;
    for (client, version) in &record.versions {
        writeln!(out, "| {client} | {} |", cell(version))?;
    }
    writeln!(out)
}

/// Writes the table that compares the clients, each on both sides of its transfer.
fn compared(out: &mut String, record: &Record) -> fmt::Result {
    let clients: Vec<Client> =
        record.versions.keys().copied().filter(|client| client.base() == *client).collect();
    writeln!(out, "## Side by side\n")?;
    writeln!(out, "Each client on both sides of its transfer. × is the ratio to the floor.")?;
    if clients.contains(&Client::Transmission) {
        writeln!(out, "Transmission is slow: its transfers are of a file of at most 256 MiB.")?;
    }
    writeln!(out)?;
    write!(out, "| |")?;
    clients.iter().try_for_each(|client| write!(out, " {client} |"))?;
    writeln!(out, "\n|---|{}", "--:|".repeat(clients.len()))?;
    for figure in &FIGURES {
        write!(out, "| {}, {} |", figure.name, figure.unit)?;
        for &client in &clients {
            write!(out, " {} |", figure_cell(record, figure, client))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn figure_cell(record: &Record, figure: &Figure, client: Client) -> String {
    let failed = match figure.failed_count(record, client) {
        0 => String::new(),
        count => format!(" **{count} failed**"),
    };
    let Some(spread) = figure.of(record, client) else {
        return if failed.is_empty() { "–".to_owned() } else { failed.trim_start().to_owned() };
    };
    let floor = figure.of(record, Client::Floor).filter(|_| client != Client::Floor);
    let ratio = floor.and_then(|floor| ratio(spread, floor)).map(|ratio| format!(" ×{ratio:.2}"));
    format!("{}{}{failed}", shown(spread, figure.digits), ratio.unwrap_or_default())
}

/// Least number of runs that show a spread.
const ENOUGH_RUNS: usize = 3;

fn against_base(out: &mut String, record: &Record) -> fmt::Result {
    writeln!(out, "## Against the other ztor\n\n| | ztor-base | ztor | change | |\n|---|--:|--:|--:|---|")?;
    for figure in &FIGURES {
        let (base, now) = (figure.of(record, Client::ZtorBase), figure.of(record, Client::Ztor));
        let (Some(base), Some(now)) = (base, now) else { continue };
        let change =
            ratio(now, base).map_or("–".to_owned(), |ratio| format!("{:+.1} %", (ratio - 1.0) * 100.0));
        let overlap = now.min <= base.max && base.min <= now.max;
        let verdict = match (overlap, (now.median < base.median) == figure.less_is_better) {
            _ if now.count.min(base.count) < ENOUGH_RUNS => "too few runs to tell",
            (true, _) => "within the spread",
            (false, true) => "better",
            (false, false) => "worse",
        };
        let (base, now) = (shown(base, figure.digits), shown(now, figure.digits));
        writeln!(out, "| {}, {} | {base} | {now} | {change} | {verdict} |", figure.name, figure.unit)?;
    }
    writeln!(out)
}

/// A column of the table of transfers: its title, the figure, and the digits after the decimal point.
type Column = (&'static str, fn(&Transfer) -> f64, usize);

const COLUMNS: [Column; 6] = [
    ("MB/s", |transfer| transfer.mb_per_s, 0),
    ("seed CPU, s/GiB", Transfer::seed_cpu_s_per_gib, 2),
    ("leech CPU, s/GiB", Transfer::leech_cpu_s_per_gib, 2),
    ("seed RSS, MiB", Transfer::seed_peak_rss_mib, 0),
    ("leech RSS, MiB", Transfer::leech_peak_rss_mib, 0),
    ("start to end, s", |transfer| transfer.wall_s, 1),
];

fn transfers(out: &mut String, record: &Record, load: Load, title: &str) -> fmt::Result {
    let pairs = record.pairs(load);
    if pairs.is_empty() {
        return Ok(());
    }
    writeln!(out, "## {title}\n")?;
    write!(out, "| seeder:leecher |")?;
    COLUMNS.iter().try_for_each(|(title, ..)| write!(out, " {title} |"))?;
    writeln!(out, "\n|---|{}", "--:|".repeat(COLUMNS.len()))?;
    for pair in pairs {
        write!(out, "| {pair} |")?;
        for (_, figure, digits) in COLUMNS {
            let spread = record.transfer(load, pair, figure);
            write!(out, " {} |", spread.map_or("**failed**".to_owned(), |spread| shown(spread, digits)))?;
        }
        writeln!(out)?;
    }
    writeln!(out)
}

fn scenarios(out: &mut String, record: &Record) -> fmt::Result {
    if record.scenarios.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Many peers, many torrents: one session of ztor\n\n| | | |\n|---|--:|---|")?;
    for scenario in &record.scenarios {
        let is_whole = scenario.value.fract() == 0.0;
        let digits = if is_whole || scenario.value.abs() >= 100.0 { 0 } else { 2 };
        let (name, unit, note) = (cell(&scenario.name), cell(&scenario.unit), cell(&scenario.note));
        writeln!(out, "| {name} | {:.digits$} {unit} | {note} |", scenario.value)?;
    }
    writeln!(out)
}

fn missing(out: &mut String, record: &Record) -> fmt::Result {
    let failures = record.failures();
    if !failures.is_empty() {
        writeln!(out, "## What failed\n")?;
        for (what, why) in failures {
            writeln!(out, "- {what}: {}", cell(why))?;
        }
        writeln!(out)?;
    }
    if !record.left_out.is_empty() {
        writeln!(out, "## What was left out\n")?;
        record.left_out.iter().try_for_each(|why| writeln!(out, "- {}", cell(why)))?;
        writeln!(out)?;
    }
    Ok(())
}

/// Formats the median, with least and most if they differ.
fn shown(spread: Spread, digits: usize) -> String {
    let Spread { median, min, max, .. } = spread;
    let [median, min, max] = [median, min, max].map(|value| format!("{value:.digits$}"));
    if min == max { median } else { format!("{median} ({min}–{max})") }
}

fn ratio(of: Spread, to: Spread) -> Option<f64> {
    (to.median > 0.0).then(|| of.median / to.median)
}

/// Escapes text for a cell of a table.
fn cell(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// Formats a line on a transfer, for the terminal.
pub(super) fn line(transfer: &Transfer) -> String {
    format!(
        "{:5.0} MB/s, CPU {:.2} and {:.2} s/GiB, peak RSS {:.0} and {:.0} MiB",
        transfer.mb_per_s,
        transfer.seed_cpu_s_per_gib(),
        transfer.leech_cpu_s_per_gib(),
        transfer.seed_peak_rss_mib(),
        transfer.leech_peak_rss_mib(),
    )
}

/// Returns the medians of each pair, for the end of the terminal's output.
pub(super) fn summary(record: &Record) -> String {
    let mut text = String::new();
    for load in [Load::OneFile, Load::SmallFile, Load::ManyTorrents] {
        for pair in record.pairs(load) {
            let figure = |figure: fn(&Transfer) -> f64| {
                record.transfer(load, pair, figure).map(|spread| spread.median)
            };
            let figures = [
                figure(|transfer| transfer.mb_per_s),
                figure(Transfer::seed_cpu_s_per_gib),
                figure(Transfer::leech_cpu_s_per_gib),
            ];
            let row = match figures {
                [Some(rate), Some(seed), Some(leech)] => format!("{rate:6.0} {seed:9.2} {leech:10.2}"),
                _ => "failed".to_owned(),
            };
            let _ = writeln!(text, "{:25} {:12} {row}", pair, load.name());
        }
    }
    if text.is_empty() {
        return text;
    }
    format!("{:38} {:>6} {:>9} {:>10}\n{text}", "medians", "MB/s", "seed CPU", "leech CPU")
}

#[cfg(test)]
mod tests {
    use super::super::client::Pair;
    use super::super::record::tests::sample;
    use super::*;

    #[test]
    fn markdown_of_a_record_has_medians_spreads_and_ratios() {
        let text = markdown(&sample(), "results.svg");
        let row =
            "| seed CPU, s/GiB | 0.23 (0.22–0.24) | 0.92 (0.88–0.96) ×4.00 | 0.46 (0.44–0.48) ×2.00 |\n";
        assert!(text.contains("| | floor | libtorrent | ztor |\n|---|--:|--:|--:|\n"), "{text}");
        assert!(text.contains(row), "{text}");
        assert!(text.contains("| 20 torrents to itself, MB/s | – | – | – |"), "{text}");
        assert!(text.contains("| peak RSS, leech, MiB | – | 20 | 20 |"), "{text}");
        assert!(text.contains("A \\| CPU"), "{text}");
        assert!(text.contains("50,000 idle torrents | 1.50 ms/s"), "{text}");
    }

    #[test]
    fn markdown_of_a_record_lists_failed_and_left_out_parts() {
        let text = markdown(&sample(), "results.svg");
        assert!(text.contains("| ztor:libtorrent | **failed** |"), "{text}");
        assert!(
            text.contains("- ztor:libtorrent, one file, run 1: the leecher ended: exit status: 1\n"),
            "{text}"
        );
        assert!(text.contains("- rqbit is not installed\n"), "{text}");
        assert!(
            !text.contains("Against the other ztor") && !text.contains("Twenty torrents at once"),
            "{text}"
        );
    }

    #[test]
    fn markdown_with_an_older_ztor_compares_with_it() {
        let mut record = sample();
        record.versions.insert(Client::ZtorBase, "old".to_owned());
        for run in record.transfers.iter_mut().filter(|run| run.pair == Pair::of(Client::Libtorrent)) {
            run.pair = Pair::of(Client::ZtorBase);
        }
        let few = markdown(&record, "results.svg");
        assert!(few.contains("-50.0 % | too few runs to tell |"), "{few}");
        record.transfers.extend(record.transfers.clone());
        let text = markdown(&record, "results.svg");
        assert!(
            text.contains("| seed CPU, s/GiB | 0.92 (0.88–0.96) | 0.46 (0.44–0.48) | -50.0 % | better |"),
            "{text}"
        );
        assert!(text.contains("| peak RSS, seed, MiB | 10 | 10 | +0.0 % | within the spread |"), "{text}");
    }

    #[test]
    fn summary_of_a_record_has_a_row_for_each_pair() {
        let text = summary(&sample());
        assert_eq!(text.lines().count(), 5);
        assert!(text.contains("ztor:libtorrent           one file     failed"), "{text}");
    }
}
