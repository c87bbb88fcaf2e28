//! `ztor list`.

use std::time::Duration;

use ztor_api::{List, ListQuery, Sort, Torrent};
use ztor_view::column::Column;
use ztor_view::format::{Count, Rate, Size};

use super::args::ListArgs;
use super::connection::Connection;
use super::table::{Table, terminal_width};
use crate::exit::{CliError, Exit};

/// Columns of the table.
const COLUMNS: [Column; 11] = [
    Column::Id,
    Column::Name,
    Column::State,
    Column::Progress,
    Column::Size,
    Column::Down,
    Column::Up,
    Column::Ratio,
    Column::Eta,
    Column::Category,
    Column::Tags,
];
/// Interval between two looks with `--watch`.
const EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(args: &ListArgs, connection: &Connection) -> anyhow::Result<Exit> {
    let query = query_of(args)?;
    if args.watch {
        return watch(&query, connection);
    }
    let list = connection.ask(connection.client.list(&query))?;
    if list.total == 0 && query != ListQuery::default() && !connection.console.is_json() {
        connection.console.line("No torrent matches.");
        return Ok(Exit::Ok);
    }
    show(&list, connection, terminal_width());
    Ok(Exit::Ok)
}

fn query_of(args: &ListArgs) -> Result<ListQuery, CliError> {
    let sort: Result<Vec<Sort>, String> = args.sort.iter().cloned().map(Sort::try_from).collect();
    Ok(ListQuery {
        select: args.torrents.clone(),
        state: args.state.clone(),
        category: args.category.clone(),
        tag: args.tag.clone(),
        tracker: args.tracker.clone(),
        dir: args.dir.clone(),
        all_tags: args.all_tags,
        any: args.any,
        search: args.search.clone(),
        is_regex: args.regex,
        sort: sort.map_err(|error| CliError::usage(format!("cannot use --sort: {error}")))?,
        offset: args.offset,
        limit: args.limit,
        ..ListQuery::default()
    })
}

fn show(list: &List, connection: &Connection, width: Option<usize>) {
    if connection.console.is_json() {
        list.torrents.iter().for_each(|torrent| connection.console.json(torrent));
        return;
    }
    for line in lines(list, width) {
        connection.console.line(&line);
    }
}

/// Returns the table, and a line with the sums.
pub(super) fn lines(list: &List, width: Option<usize>) -> Vec<String> {
    if list.total == 0 {
        return vec!["No torrents. `ztor add` adds some.".to_owned()];
    }
    let columns =
        COLUMNS.iter().map(|column| (column.definition().short, column.definition().align)).collect();
    let mut table = Table::new(columns, 1);
    list.torrents.iter().for_each(|torrent| table.row(cells(torrent)));
    let mut lines = table.lines(width);
    let sum = |of: fn(&Torrent) -> u64| list.torrents.iter().map(of).sum::<u64>();
    let shown = match list.torrents.len() {
        shown if shown == list.total => Count(shown, "torrent").to_string(),
        shown => format!("{shown} of {}", Count(list.total, "torrent")),
    };
    lines.push(format!(
        "{shown}, {}, down {}, up {}",
        Size(sum(|torrent| torrent.size_bytes)),
        Rate(sum(|torrent| torrent.down_per_s)),
        Rate(sum(|torrent| torrent.up_per_s))
    ));
    lines
}

fn cells(torrent: &Torrent) -> Vec<String> {
    let cell = |column: &Column| if *column == Column::State { state(torrent) } else { column.text(torrent) };
    COLUMNS.iter().map(cell).collect()
}

/// Returns the state by its name in queries.
fn state(torrent: &Torrent) -> String {
    let name = torrent.state.name();
    match (torrent.state, torrent.queue_position) {
        _ if torrent.moving.is_some() => "moving".to_owned(),
        (ztor_api::State::Queued, Some(position)) => format!("queued {position}"),
        _ if torrent.is_forced => format!("{name}!"),
        _ => name.to_owned(),
    }
}

/// Shows the list until stopped: redrawn in place on a terminal, else the changed torrents only.
fn watch(query: &ListQuery, connection: &Connection) -> anyhow::Result<Exit> {
    let terminal = console::Term::stdout();
    let redraws = terminal.is_term() && !connection.console.is_json();
    let mut since = None;
    loop {
        let query = ListQuery { since: if redraws { None } else { since }, ..query.clone() };
        let list = match connection.ask(connection.client.list(&query)) {
            Err(_) if connection.stop.is_set() => return Ok(Exit::Ok),
            result => result?,
        };
        if redraws {
            terminal.clear_screen()?;
            let (height, width) = terminal.size();
            let mut lines = lines(&list, Some(width.into()));
            let last = lines.pop();
            lines.truncate(usize::from(height).saturating_sub(2));
            lines.extend(last);
            connection.console.line(&lines.join("\n"));
        } else if since != Some(list.revision) {
            show_changes(&list, connection);
        }
        since = Some(list.revision);
        if !connection.sleep(EVERY) {
            return Ok(Exit::Ok);
        }
    }
}

fn show_changes(list: &List, connection: &Connection) {
    if connection.console.is_json() {
        list.torrents.iter().for_each(|torrent| connection.console.json(torrent));
        for removed in list.removed.iter().flatten() {
            connection.console.json(&serde_json::json!({ "removed": removed }));
        }
        return;
    }
    for torrent in &list.torrents {
        connection.console.line(&cells(torrent).join("\t"));
    }
}
