//! Keys of the list and what they mean, for the keyboard and for the sheet of keys.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ztor_view::command::Command;

/// Meaning of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Intent {
    Quit,
    Suspend,
    Redraw,
    Help,
    Close,
    Search,
    Filters,
    Focus,
    Open,
    Menu,
    Add,
    Sort,
    Reverse,
    Toggle,
    SelectAll,
    /// Moves the cursor by lines, and selects those on the way if the second is true.
    Move(Step, bool),
    Run(Command),
    View(View),
    TabNext,
    TabBack,
    Limits,
    Retry,
}

/// A step of the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Lines(isize),
    HalfPages(isize),
    Pages(isize),
    Start,
    End,
}

/// A page of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Torrents,
    Settings,
    Log,
    Statistics,
}

impl View {
    pub(super) const ALL: [Self; 4] = [Self::Torrents, Self::Settings, Self::Log, Self::Statistics];

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Torrents => "Torrents",
            Self::Settings => "Settings",
            Self::Log => "Log",
            Self::Statistics => "Statistics",
        }
    }
}

/// Returns the meaning of a key outside of texts.
pub(super) fn intent(key: KeyEvent) -> Option<Intent> {
    use Command as C;
    use Intent as I;
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let shift = key.modifiers.contains(KeyModifiers::SHIFT);
    if control {
        return Some(match key.code {
            KeyCode::Char('c') => I::Quit,
            KeyCode::Char('z') => I::Suspend,
            KeyCode::Char('l') => I::Redraw,
            KeyCode::Char('a') => I::SelectAll,
            KeyCode::Char('d') => I::Move(Step::HalfPages(1), false),
            KeyCode::Char('u') => I::Move(Step::HalfPages(-1), false),
            KeyCode::Char('f') => I::Move(Step::Pages(1), false),
            KeyCode::Char('b') => I::Move(Step::Pages(-1), false),
            KeyCode::Char('n') => I::Move(Step::Lines(1), false),
            KeyCode::Char('p') => I::Move(Step::Lines(-1), false),
            _ => return None,
        });
    }
    Some(match key.code {
        KeyCode::Char('q') => I::Quit,
        KeyCode::Char('?') | KeyCode::F(1) => I::Help,
        KeyCode::Esc => I::Close,
        KeyCode::Char('/') => I::Search,
        KeyCode::Char('f') => I::Filters,
        KeyCode::Tab => I::Focus,
        KeyCode::Enter => I::Open,
        KeyCode::Char('l') | KeyCode::Right | KeyCode::Char(']') => I::TabNext,
        KeyCode::Char('h') | KeyCode::Left | KeyCode::Char('[') => I::TabBack,
        KeyCode::Char('x') | KeyCode::Char(':') => I::Menu,
        KeyCode::Char('a') | KeyCode::Insert => I::Add,
        KeyCode::Char('s') => I::Sort,
        KeyCode::Char('S') => I::Reverse,
        KeyCode::Char(' ') => I::Toggle,
        KeyCode::Char('j') => I::Move(Step::Lines(1), false),
        KeyCode::Char('k') => I::Move(Step::Lines(-1), false),
        KeyCode::Char('J') => I::Move(Step::Lines(1), true),
        KeyCode::Char('K') => I::Move(Step::Lines(-1), true),
        KeyCode::Down => I::Move(Step::Lines(1), shift),
        KeyCode::Up => I::Move(Step::Lines(-1), shift),
        KeyCode::PageDown => I::Move(Step::Pages(1), shift),
        KeyCode::PageUp => I::Move(Step::Pages(-1), shift),
        KeyCode::Home | KeyCode::Char('g') => I::Move(Step::Start, false),
        KeyCode::End | KeyCode::Char('G') => I::Move(Step::End, false),
        KeyCode::F(3) => I::Run(C::Start),
        KeyCode::Char('p') | KeyCode::F(4) => I::Run(C::Stop),
        KeyCode::Char('r') | KeyCode::F(2) => I::Run(C::Rename),
        KeyCode::Char('d') | KeyCode::Delete => I::Run(C::Remove),
        KeyCode::Char('m') | KeyCode::F(6) => I::Run(C::Move),
        KeyCode::Char('t') | KeyCode::F(7) => I::Run(C::Tags),
        KeyCode::Char('c') => I::Run(C::Category),
        KeyCode::Char('b') => I::Run(C::Limits),
        KeyCode::Char('u') => I::Run(C::Start),
        KeyCode::Char('T') => I::Run(C::Trackers),
        KeyCode::Char('R') => I::Run(C::Recheck),
        KeyCode::Char('A') => I::Run(C::Reannounce),
        KeyCode::Char('y') => I::Run(C::CopyMagnet),
        KeyCode::Char('+') => I::Run(C::QueueUp),
        KeyCode::Char('-') => I::Run(C::QueueDown),
        KeyCode::Char('L') => I::Limits,
        KeyCode::Char('1') => I::View(View::Torrents),
        KeyCode::Char('2') => I::View(View::Settings),
        KeyCode::Char('3') => I::View(View::Log),
        KeyCode::Char('4') => I::View(View::Statistics),
        KeyCode::F(5) => I::Retry,
        _ => return None,
    })
}

/// Lines of the sheet of keys: groups with keys and what they do.
pub(super) const SHEET: [(&str, &[(&str, &str)]); 4] = [
    (
        "Move",
        &[
            ("↑ ↓  k j", "one line"),
            ("PgUp PgDn ^B ^F", "one page"),
            ("^U ^D", "half a page"),
            ("Home End  g G", "first, last"),
            ("Tab", "next pane"),
            ("← →  h l", "tab of details"),
            ("Enter", "open details"),
            ("Esc", "close, give up"),
        ],
    ),
    (
        "List",
        &[
            ("/", "search"),
            ("f", "filters"),
            ("s  S", "sort by, reverse"),
            ("Space", "select"),
            ("Shift ↑ ↓ K J", "select on the way"),
            ("^A", "select all"),
            ("a", "add torrents"),
            ("x", "all commands"),
        ],
    ),
    (
        "Torrents",
        &[
            ("u  F3", "start"),
            ("p  F4", "stop"),
            ("d  Del", "remove"),
            ("r  F2", "rename"),
            ("m  F6", "move files"),
            ("t  F7", "tags"),
            ("c", "category"),
            ("b", "limits"),
            ("T", "add trackers"),
            ("R  A", "check, announce"),
            ("+ -", "queue: up, down"),
            ("y", "copy magnet link"),
        ],
    ),
    (
        "Program",
        &[
            ("1 2 3 4", "the pages"),
            ("L", "limits: on, off"),
            ("F5", "connect again"),
            ("^L", "draw again"),
            ("?", "this sheet"),
            ("q  ^C", "quit"),
        ],
    ),
];
