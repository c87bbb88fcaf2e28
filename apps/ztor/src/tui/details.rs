//! Details of the torrent at the cursor.

use std::collections::{BTreeMap, BTreeSet};

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Cell, Paragraph, Row, Table, Wrap};
use unicode_width::UnicodeWidthStr as _;
use ztor_api::{Detail, File, FileChoice, FilePriority, Peer, Tracker};
use ztor_client::tasks::Loaded;
use ztor_view::format::{Moment, Percent, Rate, Size, Span as TimeSpan};
use ztor_view::front::{Front, Tab};
use ztor_view::state;
use ztor_view::text::cleaned;
use ztor_view::tree::{Node, Tree};

use super::graph;
use super::hits::{Hit, Hits};
use super::keys::Step;
use super::list::{scrolled, stepped};
use super::status::fit;
use super::theme::Theme;

/// State of the details: the line at the cursor, and the files as a tree.
#[derive(Debug, Default)]
pub(super) struct DetailsPane {
    at: usize,
    first: usize,
    height: usize,
    /// Number of lines of the open tab.
    lines: usize,
    tree: Tree,
    /// Torrent, and version of its files, of the tree.
    tree_of: Option<(u64, u64)>,
    closed: BTreeSet<String>,
    /// Priorities that were asked for since the files arrived, by place in their list.
    chosen: BTreeMap<usize, FilePriority>,
}

impl DetailsPane {
    /// Starts at the top, as for another torrent or tab.
    pub(super) fn reset(&mut self) {
        (self.at, self.first) = (0, 0);
    }

    pub(super) fn step(&mut self, step: Step) {
        self.at = stepped(self.at, step, self.height.max(2) - 1, self.lines.saturating_sub(1));
    }

    pub(super) fn go_to(&mut self, at: usize) {
        self.at = at.min(self.lines.saturating_sub(1));
    }

    fn shown_nodes(&self) -> Vec<&Node> {
        let shown = self.tree.shown(|node| self.closed.contains(&node.path));
        shown.into_iter().filter_map(|at| self.tree.nodes().get(at)).collect()
    }

    /// Opens or closes the folder at the cursor.
    pub(super) fn toggle_folder(&mut self) {
        let Some(node) = self.shown_nodes().get(self.at).copied().filter(|node| node.file.is_none()) else {
            return;
        };
        let path = node.path.clone();
        if !self.closed.remove(&path) {
            self.closed.insert(path);
        }
    }

    /// Returns the files at the cursor with their next priority: normal, high, skip, low.
    pub(super) fn next_priorities(&mut self, front: &Front) -> Option<Vec<FileChoice>> {
        let files = front.details().files().value()?;
        if self.tree_of != front.details().id().map(|id| (id, front.details().files().version())) {
            // The tree is that of other files until the next frame.
            return None;
        }
        let places = self.shown_nodes().get(self.at)?.files.clone();
        let first = *places.first()?;
        let now = self.chosen.get(&first).copied().or_else(|| files.get(first).map(|file| file.priority))?;
        let priority = match now {
            FilePriority::Normal => FilePriority::High,
            FilePriority::High => FilePriority::Skip,
            FilePriority::Skip => FilePriority::Low,
            FilePriority::Low => FilePriority::Normal,
        };
        self.chosen.extend(places.iter().map(|place| (*place, priority)));
        let files = places.iter().filter_map(|place| files.get(*place));
        Some(files.map(|file| FileChoice { index: file.index, priority }).collect())
    }

    pub(super) fn draw(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        front: &Front,
        theme: Theme,
        is_focused: bool,
        hits: &mut Hits,
    ) {
        let block = Block::new().borders(Borders::TOP).border_style(theme.muted());
        let inner = block.inner(area);
        frame.render_widget(block, area);
        draw_tabs(frame, Rect { height: 1, ..area }, front, theme, is_focused, hits);
        self.height = usize::from(inner.height);
        let details = front.details();
        match details.tab() {
            Tab::Overview => match loaded(frame, inner, details.detail(), theme) {
                Some(detail) => self.draw_overview(frame, inner, detail, front, theme),
                None => self.lines = 0,
            },
            Tab::Files => match loaded(frame, inner, details.files(), theme) {
                Some(files) => self.draw_files(frame, inner, files, front, theme, is_focused, hits),
                None => self.lines = 0,
            },
            Tab::Peers => match loaded(frame, inner, details.peers(), theme) {
                Some(peers) => self.draw_peers(frame, inner, peers, theme),
                None => self.lines = 0,
            },
            Tab::Trackers => match loaded(frame, inner, details.trackers(), theme) {
                Some(trackers) => self.draw_trackers(frame, inner, trackers, theme),
                None => self.lines = 0,
            },
            Tab::Speed => {
                self.lines = 0;
                graph::draw_rates(frame, inner, details.rates(), "5 minutes", theme);
            }
            Tab::Log => match loaded(frame, inner, details.log(), theme) {
                Some(lines) => {
                    let texts: Vec<Line<'_>> =
                        lines.iter().map(|line| super::log::line_of(line, theme)).collect();
                    self.draw_lines(frame, inner, texts, "No lines about this torrent.", theme);
                }
                None => self.lines = 0,
            },
        }
    }

    /// Draws lines of text from the cursor on.
    fn draw_lines(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        lines: Vec<Line<'_>>,
        nothing: &str,
        theme: Theme,
    ) {
        self.lines = lines.len();
        if lines.is_empty() {
            frame.render_widget(Line::styled(nothing.to_owned(), theme.muted()), area);
            return;
        }
        let first = self.at.min(lines.len().saturating_sub(usize::from(area.height)));
        let shown: Vec<Line<'_>> = lines.into_iter().skip(first).take(usize::from(area.height)).collect();
        frame.render_widget(Paragraph::new(shown), area);
    }

    fn draw_overview(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        detail: &Detail,
        front: &Front,
        theme: Theme,
    ) {
        self.lines = 0;
        let lines = overview(detail, usize::from(area.width), theme);
        let count = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), area);
        let map =
            Rect { y: area.y + count.min(area.height), height: area.height.saturating_sub(count), ..area };
        if let Some(pieces) = front.details().pieces().value().filter(|_| map.height > 0) {
            graph::draw_pieces(frame, Rect { height: map.height.min(4), ..map }, pieces, theme);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a frame and what is in it")]
    fn draw_files(
        &mut self,
        frame: &mut Frame<'_>,
        area: Rect,
        files: &[File],
        front: &Front,
        theme: Theme,
        is_focused: bool,
        hits: &mut Hits,
    ) {
        let version = front.details().id().map(|id| (id, front.details().files().version()));
        if self.tree_of != version {
            self.tree = Tree::new(files.iter().map(|file| (file.path.as_str(), file.size_bytes)));
            self.tree_of = version;
            self.chosen.clear();
        }
        let shown = self.tree.shown(|node| self.closed.contains(&node.path));
        self.lines = shown.len();
        self.at = self.at.min(self.lines.saturating_sub(1));
        let height = usize::from(area.height).max(1);
        self.first = scrolled(self.first, self.at, height);
        if shown.is_empty() {
            frame.render_widget(Line::styled("The files are not known yet.", theme.muted()), area);
        }
        for (line, (at, node)) in shown.iter().enumerate().skip(self.first).take(height).enumerate() {
            let Some(node) = self.tree.nodes().get(*node) else { continue };
            let row = Rect { y: area.y + u16::try_from(line).unwrap_or(0), height: 1, ..area };
            draw_file(frame, row, node, (files, &self.chosen), self.closed.contains(&node.path), theme);
            if at == self.at && is_focused {
                frame.buffer_mut().set_style(row, theme.cursor(true));
            }
            hits.add(row, Hit::Detail(at));
        }
    }

    fn draw_peers(&mut self, frame: &mut Frame<'_>, area: Rect, peers: &[Peer], theme: Theme) {
        self.lines = peers.len();
        let rows = peers.iter().skip(self.top(area)).map(|peer| {
            let flags = [
                (peer.is_incoming, 'I'),
                (peer.is_encrypted, 'E'),
                (peer.transport == "utp", 'P'),
                (peer.is_snubbed, 'S'),
                (peer.is_upload_only, 'O'),
                (peer.chokes_us && peer.we_are_interested, 'd'),
                (!peer.chokes_us && peer.we_are_interested, 'D'),
                (!peer.we_choke && peer.is_interested, 'U'),
            ];
            let flags: String =
                flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag).collect();
            Row::new([
                peer.addr.clone(),
                cleaned(peer.client.as_deref().unwrap_or_default()).into_owned(),
                flags,
                Percent(peer.progress).to_string(),
                rate(peer.down_per_s),
                rate(peer.up_per_s),
            ])
        });
        let widths = [
            Constraint::Max(26),
            Constraint::Fill(1),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(11),
            Constraint::Length(11),
        ];
        let headings = ["Address", "Client", "Flags", "Done", "Down", "Up"];
        draw_table(
            frame,
            area,
            Table::new(rows, widths),
            headings,
            peers.is_empty(),
            "No peers are connected.",
            theme,
        );
    }

    fn draw_trackers(&mut self, frame: &mut Frame<'_>, area: Rect, trackers: &[Tracker], theme: Theme) {
        self.lines = trackers.len();
        let count = |count: Option<u32>| count.map(|count| count.to_string()).unwrap_or_default();
        let rows = trackers.iter().skip(self.top(area)).map(|tracker| {
            let message = tracker.message.as_deref().unwrap_or_default();
            let style = if tracker.state == "failing" { theme.error() } else { Style::new() };
            Row::new([
                Cell::from(cleaned(&tracker.url).into_owned()),
                Cell::from(tracker.state.clone()).style(style),
                Cell::from(count(tracker.seeders)),
                Cell::from(count(tracker.leechers)),
                Cell::from(tracker.announces_in_s.map(|s| TimeSpan(s).to_string()).unwrap_or_default()),
                Cell::from(cleaned(message).into_owned()),
            ])
        });
        let widths = [
            Constraint::Fill(3),
            Constraint::Length(10),
            Constraint::Length(6),
            Constraint::Length(6),
            Constraint::Length(7),
            Constraint::Fill(2),
        ];
        let headings = ["Tracker", "State", "Seeds", "Peers", "Next in", "Message"];
        let nothing = "No trackers; T adds some.";
        draw_table(frame, area, Table::new(rows, widths), headings, trackers.is_empty(), nothing, theme);
    }

    /// Returns the first line in view of a table with a heading.
    fn top(&self, area: Rect) -> usize {
        self.at.min(self.lines.saturating_sub(usize::from(area.height.saturating_sub(1))))
    }
}

fn rate(per_s: u64) -> String {
    if per_s == 0 { String::new() } else { Rate(per_s).to_string() }
}

/// Returns the value, or says why there is none.
fn loaded<'a, T: Send + 'static>(
    frame: &mut Frame<'_>,
    area: Rect,
    loaded: &'a Loaded<T>,
    theme: Theme,
) -> Option<&'a T> {
    let value = loaded.value();
    if value.is_none() {
        let line = match loaded.error() {
            Some(error) => Line::styled(cleaned(&error.to_string()).into_owned(), theme.error()),
            None => Line::styled("Loading…", theme.muted()),
        };
        frame.render_widget(Paragraph::new(line).wrap(Wrap { trim: true }), area);
    }
    value
}

fn draw_tabs(
    frame: &mut Frame<'_>,
    area: Rect,
    front: &Front,
    theme: Theme,
    is_focused: bool,
    hits: &mut Hits,
) {
    let mut x = area.x + 1;
    for tab in Tab::ALL {
        let text = format!(" {} ", tab.label());
        let width = u16::try_from(text.len()).unwrap_or(u16::MAX);
        let place = Rect { x, width, ..area }.intersection(area);
        let is_open = tab == front.details().tab();
        let style = if is_open { theme.cursor(is_focused).patch(theme.accent()) } else { theme.muted() };
        frame.render_widget(Paragraph::new(text).style(style), place);
        hits.add(place, Hit::Tab(tab));
        x = x.saturating_add(width + 1);
    }
}

fn draw_table(
    frame: &mut Frame<'_>,
    area: Rect,
    table: Table<'_>,
    headings: [&'static str; 6],
    is_empty: bool,
    nothing: &str,
    theme: Theme,
) {
    if is_empty {
        frame.render_widget(Line::styled(nothing.to_owned(), theme.muted()), area);
        return;
    }
    frame.render_widget(table.header(Row::new(headings).style(theme.heading())).column_spacing(1), area);
}

fn draw_file(
    frame: &mut Frame<'_>,
    row: Rect,
    node: &Node,
    (files, chosen): (&[File], &BTreeMap<usize, FilePriority>),
    is_closed: bool,
    theme: Theme,
) {
    let own = || node.files.iter().filter_map(|place| Some((place, files.get(*place)?)));
    let have = own().fold(0_u64, |sum, (_, file)| sum.saturating_add(file.have_bytes));
    let done = if node.size_bytes == 0 { 1.0 } else { have as f64 / node.size_bytes as f64 };
    let priorities = || own().map(|(place, file)| chosen.get(place).copied().unwrap_or(file.priority));
    let first = priorities().next();
    let is_mixed = priorities().any(|priority| Some(priority) != first);
    let (priority, style) = match first {
        _ if is_mixed => ("mixed", theme.muted()),
        Some(FilePriority::Skip) => ("skip", theme.muted()),
        Some(FilePriority::Low) => ("low", theme.muted()),
        Some(FilePriority::High) => ("high", theme.accent()),
        _ => ("", Style::new()),
    };
    let sign = match (node.file, is_closed) {
        (Some(_), _) => "  ",
        (None, true) => "▸ ",
        (None, false) => "▾ ",
    };
    let figures =
        format!("{:>6} {:>9} {priority:<5}", Percent(done).to_string(), Size(node.size_bytes).to_string());
    let room = usize::from(row.width).saturating_sub(figures.len() + 2);
    let name = format!("{}{sign}{}", "  ".repeat(node.depth), cleaned(&node.name));
    let style = if first == Some(FilePriority::Skip) && !is_mixed { theme.muted() } else { style };
    frame.render_widget(Paragraph::new(fit(&name, room)).style(style), row);
    frame.render_widget(Paragraph::new(figures).alignment(Alignment::Right).style(style), row);
}

/// Width from which figures are in two columns.
const TWO_COLUMNS: usize = 72;

/// Returns the figures of a torrent, short ones in two columns where there is room.
fn overview(detail: &Detail, width: usize, theme: Theme) -> Vec<Line<'static>> {
    let torrent = &detail.torrent;
    let blank = || "–".to_owned();
    let short = [
        ("Done", format!("{} of {}", Percent(torrent.progress), Size(torrent.size_bytes))),
        ("Time left", torrent.eta_s.map_or_else(blank, |eta| TimeSpan(eta).to_string())),
        ("Down", format!("{}, {} in all", Rate(torrent.down_per_s), Size(torrent.downloaded_bytes))),
        ("Ratio", torrent.ratio.map_or_else(blank, |ratio| format!("{ratio:.2}"))),
        ("Up", format!("{}, {} in all", Rate(torrent.up_per_s), Size(torrent.uploaded_bytes))),
        ("Wasted", Size(detail.wasted_bytes).to_string()),
        ("Peers", format!("{} connected, {} known", torrent.peers, detail.known_peers)),
        ("Seeds", format!("{} connected", torrent.seeds)),
        ("Added", Moment(i64::try_from(torrent.added_unix_s).unwrap_or(0)).to_string()),
        (
            "Pieces",
            detail.pieces.zip(detail.piece_bytes).map_or_else(blank, |(pieces, bytes)| {
                format!("{} of {pieces}, {} each", detail.have_pieces, Size(bytes.into()))
            }),
        ),
    ];
    let category = torrent.category.iter().cloned();
    let labels: Vec<String> = category.chain(torrent.tags.iter().cloned()).collect();
    let long = [
        ("State", state::text(torrent)),
        ("Folder", torrent.dir.clone()),
        ("Hash", torrent.hash.clone()),
        ("Labels", labels.join(", ")),
        ("Comment", detail.comment.clone().unwrap_or_default()),
    ];
    let columns = if width >= TWO_COLUMNS { 2 } else { 1 };
    let line = |fields: &[(&'static str, String)], columns: usize| {
        let room = width / columns;
        let spans = fields.iter().flat_map(|(label, value)| {
            let text = fit(&cleaned(value), room.saturating_sub(12));
            let gap = " ".repeat(room.saturating_sub(11 + text.width()));
            [Span::styled(format!("{label:<11}"), theme.muted()), Span::raw(text), Span::raw(gap)]
        });
        Line::from(spans.collect::<Vec<_>>())
    };
    let mut lines = vec![Line::styled(fit(&cleaned(&torrent.name), width), theme.accent())];
    lines.extend(long[..1].iter().map(|field| line(std::slice::from_ref(field), 1)));
    lines.extend(short.chunks(columns).map(|fields| line(fields, columns)));
    let given = long[1..].iter().filter(|(_, value)| !value.is_empty());
    lines.extend(given.map(|field| line(std::slice::from_ref(field), 1)));
    lines
}
