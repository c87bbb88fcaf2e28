//! State of the terminal UI, and its reactions to keys, the mouse and the daemon.

mod forms;
mod intents;
mod mouse;

use std::time::Duration;

use ratatui::Frame;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use ratatui::text::Line;
use ztor_api::{LimitsChoice, SortKey};
use ztor_client::live::LiveState;
use ztor_client::tasks::{Pending, Tasks};
use ztor_view::command::Command;
use ztor_view::filter;
use ztor_view::front::{Front, NoticeKind};

use super::details::DetailsPane;
use super::dialog::{Dialog, FormStep, MenuChoice, MenuStep};
use super::filters::{self, Filters};
use super::hits::Hits;
use super::input::Input;
use super::keys::{Intent, View, intent};
use super::list::ListPlace;
use super::log::Log;
use super::settings::SettingsPage;
use super::statistics::StatisticsPage;
use super::status;
use super::theme::Theme;

/// Width from which the filters are shown until the user decides.
const WIDE: u16 = 120;
/// Height of the details, as a part of the page in percent.
const DETAILS_PERCENT: u16 = 50;

/// Request to the caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Effect {
    None,
    Quit,
    Suspend,
    Redraw,
    /// Puts a text on the clipboard.
    Copy(String),
}

/// Pane that the keyboard acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Focus {
    Filters,
    List,
    Details,
}

/// The terminal UI.
pub(super) struct App {
    front: Front,
    theme: Theme,
    /// Name of the daemon.
    name: String,
    /// True if paths of this machine are those of the daemon.
    is_local: bool,
    view: View,
    focus: Focus,
    /// Choice of the user whether the filters are shown; `None` leaves it to the width.
    has_filters: Option<bool>,
    width: u16,
    list: ListPlace,
    filters: Filters,
    details: DetailsPane,
    settings: SettingsPage,
    log: Log,
    statistics: StatisticsPage,
    /// Search while it is edited.
    search: Option<Input>,
    dialog: Option<Dialog>,
    hits: Hits,
    /// Magnet link that is requested for the clipboard.
    magnet: Option<Pending<String>>,
    /// Change of the limits of the whole.
    limits: Option<Pending<LimitsChoice>>,
    last_click: Option<(std::time::Instant, usize)>,
    copied: Option<String>,
}

impl App {
    pub(super) fn new(tasks: Tasks, theme: Theme, name: String, is_local: bool) -> Self {
        let mut list = ListPlace::default();
        list.reset();
        Self {
            front: Front::new(tasks, filter::View::default()),
            theme,
            name,
            is_local,
            view: View::Torrents,
            focus: Focus::List,
            has_filters: None,
            width: 0,
            list,
            filters: Filters::default(),
            details: DetailsPane::default(),
            settings: SettingsPage::default(),
            log: Log::default(),
            statistics: StatisticsPage::default(),
            search: None,
            dialog: None,
            hits: Hits::default(),
            magnet: None,
            limits: None,
            last_click: None,
            copied: None,
        }
    }

    /// Takes over what has arrived. Returns the time after which it must be called again.
    pub(super) fn tick(&mut self) -> Option<Duration> {
        let mut due = self.front.tick();
        let mut sooner = |other: Option<Duration>| {
            due = match (due, other) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        };
        self.list.settle(&mut self.front);
        self.follow_cursor();
        match self.view {
            View::Torrents => {}
            View::Settings => sooner(self.settings.refresh(&mut self.front)),
            View::Log => sooner(self.log.refresh(self.front.tasks())),
            View::Statistics => sooner(self.statistics.refresh(self.front.tasks())),
        }
        if let LiveState::Offline { .. } = self.front.snapshot().state {
            // The time until the next attempt is shown.
            sooner(Some(Duration::from_secs(1)));
        }
        self.poll_small();
        due
    }

    fn poll_small(&mut self) {
        if let Some(result) = self.magnet.as_mut().and_then(Pending::poll) {
            self.magnet = None;
            match result {
                Ok(magnet) => {
                    self.copied = Some(magnet);
                    self.front.say(NoticeKind::Info, "Copied the magnet link");
                }
                Err(error) => self.front.fail(&error),
            }
        }
        if let Some(result) = self.limits.as_mut().and_then(Pending::poll) {
            self.limits = None;
            match result {
                Ok(LimitsChoice::On) => {
                    self.front.say(NoticeKind::Info, "The alternative limits are in force")
                }
                Ok(_) => self.front.say(NoticeKind::Info, "The normal limits are in force"),
                Err(error) => self.front.fail(&error),
            }
        }
        if let Some(Dialog::Form(form)) = &mut self.dialog
            && let Some(text) = form.completer.poll()
        {
            form.complete(&text);
        }
    }

    /// Shows the details of the torrent at the cursor, while details are open.
    fn follow_cursor(&mut self) {
        let (open, cursor) = (self.front.details().id(), self.front.selection().cursor());
        if open.is_some() && cursor.is_some() && open != cursor {
            self.front.details_mut().open(cursor);
            self.details.reset();
        }
    }

    fn shows_filters(&self) -> bool {
        self.has_filters.unwrap_or(self.width >= WIDE)
    }

    /// Draws a frame.
    pub(super) fn draw(&mut self, frame: &mut Frame<'_>) {
        let area = frame.area();
        self.width = area.width;
        let mut hits = Hits::default();
        if area.height < 5 || area.width < 20 {
            frame.render_widget(Line::from("Too small"), area);
            self.hits = hits;
            return;
        }
        let title = Rect { height: 1, ..area };
        let bottom = Rect { y: area.bottom() - 1, height: 1, ..area };
        let page = Rect { y: area.y + 1, height: area.height - 2, ..area };
        status::draw_title(frame, title, &self.front, (self.view, &self.name), self.theme, &mut hits);
        match self.view {
            View::Torrents => self.draw_torrents(frame, page, &mut hits),
            View::Settings => self.settings.draw(frame, page, self.theme, &mut hits),
            View::Log => self.log.draw(frame, page, self.theme),
            View::Statistics => self.statistics.draw(frame, page, &self.front, self.theme),
        }
        let notice = Rect { y: page.bottom() - 1, height: 1, ..page };
        status::draw_notice(frame, notice, &self.front, self.theme);
        status::draw_status(frame, bottom, &self.front, self.search.as_ref(), self.theme);
        if let Some(dialog) = &self.dialog {
            dialog.draw(frame, area, self.theme);
            hits = Hits::default();
        }
        self.hits = hits;
    }

    fn draw_torrents(&mut self, frame: &mut Frame<'_>, page: Rect, hits: &mut Hits) {
        let mut rest = page;
        let is_hidden = match self.focus {
            Focus::Filters => !self.shows_filters(),
            Focus::List => false,
            Focus::Details => self.front.details().id().is_none(),
        };
        if is_hidden {
            self.focus = Focus::List;
        }
        if self.shows_filters() {
            let side = Rect { width: filters::WIDTH.min(page.width / 2), ..page };
            let is_focused = self.focus == Focus::Filters;
            self.filters.draw(frame, side, &self.front, self.theme, is_focused, hits);
            rest = Rect { x: side.right(), width: page.width - side.width, ..page };
        }
        if self.front.details().id().is_some() {
            let height =
                (rest.height / 100 * DETAILS_PERCENT + rest.height % 100 * DETAILS_PERCENT / 100).max(3);
            let details = Rect { y: rest.bottom() - height, height, ..rest };
            let is_focused = self.focus == Focus::Details;
            self.details.draw(frame, details, &self.front, self.theme, is_focused, hits);
            rest.height -= height;
        }
        let is_focused = self.focus == Focus::List;
        self.list.draw(frame, rest, &mut self.front, self.theme, is_focused, hits);
    }

    /// Reacts to an event of the terminal.
    pub(super) fn handle(&mut self, event: Event) -> Effect {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                if let Some(effect) = self.handle_text(key) {
                    return effect;
                }
                intent(key).map_or(Effect::None, |intent| self.handle_intent(intent))
            }
            Event::Mouse(mouse) => {
                self.handle_mouse(mouse);
                Effect::None
            }
            Event::Paste(text) => {
                self.paste(&text);
                Effect::None
            }
            _ => Effect::None,
        }
    }

    /// Returns true if the rows are those that are asked for, and one is at the cursor.
    #[cfg(test)]
    pub(super) fn is_settled(&self) -> bool {
        self.front.is_current() && self.front.selection().cursor().is_some()
    }

    /// Returns a text that is to be copied, once.
    pub(super) fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// Handles a key in a dialog or in the search; `None` if neither is open.
    fn handle_text(&mut self, key: KeyEvent) -> Option<Effect> {
        if let Some(dialog) = self.dialog.take() {
            return Some(self.handle_dialog_key(dialog, key));
        }
        let input = self.search.as_mut()?;
        match key.code {
            KeyCode::Enter => self.search = None,
            KeyCode::Esc => {
                self.search = None;
                self.set_search(String::new());
            }
            KeyCode::Char('r')
                if key.modifiers.contains(KeyModifiers::CONTROL) && self.view == View::Settings => {}
            KeyCode::Char('r') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                self.front.change_view(|view| view.is_regex ^= true);
                self.list.reset();
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => self.search = None,
            _ if input.handle(key) => {
                let text = input.text().to_owned();
                self.set_search(text);
            }
            KeyCode::Down | KeyCode::Up => {
                self.search = None;
                return None;
            }
            _ => {}
        }
        Some(Effect::None)
    }

    fn set_search(&mut self, text: String) {
        if self.view == View::Settings {
            self.settings.search = text;
        } else {
            self.front.change_view(|view| view.search = text);
            self.list.reset();
        }
    }

    /// Handles a key in a dialog, which stays open unless the key ends it.
    fn handle_dialog_key(&mut self, dialog: Dialog, key: KeyEvent) -> Effect {
        match dialog {
            Dialog::Help(first) => match key.code {
                KeyCode::Down | KeyCode::Char('j') => {
                    self.dialog = Some(Dialog::Help(first.saturating_add(1)))
                }
                KeyCode::Up | KeyCode::Char('k') => self.dialog = Some(Dialog::Help(first.saturating_sub(1))),
                _ => {}
            },
            Dialog::Menu(mut menu) => match menu.handle(key) {
                MenuStep::Stay => self.dialog = Some(Dialog::Menu(menu)),
                MenuStep::Close => {}
                MenuStep::Choose(choice) => return self.choose(choice),
            },
            Dialog::Form(mut form) => {
                let to_complete = form.to_complete().filter(|_| key.code == KeyCode::Tab);
                if let Some((text, kind)) = to_complete.map(|(text, kind)| (text.to_owned(), kind)) {
                    if let Some(text) = form.completer.begin(&text, kind, &self.front, self.front.tasks()) {
                        form.complete(&text);
                    }
                    self.dialog = Some(Dialog::Form(form));
                    return Effect::None;
                }
                match form.handle(key) {
                    FormStep::Stay => self.dialog = Some(Dialog::Form(form)),
                    FormStep::Close => {}
                    FormStep::Submit => self.submit(form),
                }
            }
        }
        Effect::None
    }

    fn choose(&mut self, choice: MenuChoice) -> Effect {
        match choice {
            MenuChoice::Run(command) => return self.run(command),
            MenuChoice::Sort(key) => self.sort_by(key),
        }
        Effect::None
    }

    fn sort_by(&mut self, key: SortKey) {
        self.front.change_view(|view| view.sort_by(key, false));
        self.list.reset();
    }

    fn handle_intent(&mut self, intent: Intent) -> Effect {
        match intent {
            Intent::Quit => return Effect::Quit,
            Intent::Suspend => return Effect::Suspend,
            Intent::Redraw => return Effect::Redraw,
            Intent::Help => self.dialog = Some(Dialog::Help(0)),
            Intent::Close => self.close(),
            Intent::Search if matches!(self.view, View::Torrents | View::Settings) => {
                let now = if self.view == View::Settings {
                    &self.settings.search
                } else {
                    &self.front.view().search
                };
                self.search = Some(Input::new(now));
            }
            Intent::Filters => self.toggle_filters(),
            Intent::Focus => self.next_focus(),
            Intent::Add => self.open_add(""),
            // They act on what is in view.
            Intent::Menu | Intent::Sort | Intent::Reverse | Intent::SelectAll
                if self.view != View::Torrents => {}
            Intent::Menu => self.open_menu(),
            Intent::Sort => self.open_sort(),
            Intent::Reverse => {
                if let Some(key) = self.front.view().sort().first().map(|sort| sort.key) {
                    self.sort_by(key);
                }
            }
            Intent::SelectAll => self.front.select_all(),
            Intent::Move(step, selects) => self.step(step, selects),
            Intent::View(view) => self.view = view,
            Intent::TabNext => self.step_tab(true),
            Intent::TabBack => self.step_tab(false),
            Intent::Limits => self.switch_limits(),
            Intent::Retry => self.front.retry(),
            Intent::Open => self.open(),
            Intent::Toggle => self.toggle(),
            Intent::Run(Command::Remove) if self.view == View::Settings => {
                self.settings.reset(self.front.tasks())
            }
            Intent::Run(command) if self.view == View::Torrents => return self.run(command),
            Intent::Search | Intent::Run(_) => {}
        }
        Effect::None
    }
}
