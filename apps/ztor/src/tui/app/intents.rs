//! Reactions to keys.

use ztor_api::{Action, LimitsChoice};
use ztor_view::column::{COLUMNS, Column};
use ztor_view::command::{Command, GROUPS};
use ztor_view::filter;
use ztor_view::front::{NoticeKind, Tab};
use ztor_view::selection::Mode;

use super::{App, Dialog, Effect, Focus};
use crate::tui::dialog::{Menu, MenuChoice};
use crate::tui::keys::{Step, View};

impl App {
    /// Gives up one thing after the other: the details, the selection, the filters.
    pub(super) fn close(&mut self) {
        if self.view != View::Torrents {
            if self.view == View::Settings && !self.settings.search.is_empty() {
                self.settings.search.clear();
            } else {
                self.view = View::Torrents;
            }
        } else if self.front.details().id().is_some() {
            self.front.details_mut().open(None);
            self.focus = Focus::List;
        } else if !self.front.selection().is_empty() {
            self.front.selection_mut().clear();
        } else if self.front.view().is_filtered() {
            self.front.change_view(filter::View::clear_all);
            self.list.reset();
        }
    }

    pub(super) fn toggle_filters(&mut self) {
        self.view = View::Torrents;
        let shows = !self.shows_filters();
        self.has_filters = Some(shows);
        self.focus = if shows { Focus::Filters } else { Focus::List };
        if shows {
            self.filters.step(Step::Lines(0), &self.front);
        }
    }

    pub(super) fn next_focus(&mut self) {
        let panes = [
            (Focus::Filters, self.shows_filters()),
            (Focus::List, true),
            (Focus::Details, self.front.details().id().is_some()),
        ];
        let open: Vec<Focus> =
            panes.into_iter().filter(|(_, is_open)| *is_open).map(|(pane, _)| pane).collect();
        let at = open.iter().position(|pane| *pane == self.focus).unwrap_or(0);
        self.focus = open[(at + 1) % open.len()];
        if self.focus == Focus::Filters {
            self.filters.step(Step::Lines(0), &self.front);
        }
    }

    pub(super) fn step(&mut self, step: Step, selects: bool) {
        match (self.view, self.focus) {
            (View::Settings, _) => self.settings.step(step),
            (View::Log, _) => self.log.step(step),
            (View::Statistics, _) => {}
            (View::Torrents, Focus::Filters) => self.filters.step(step, &self.front),
            (View::Torrents, Focus::Details) => self.details.step(step),
            (View::Torrents, Focus::List) => {
                let mode = if selects { Mode::Range } else { Mode::Cursor };
                self.list.step(step, mode, &mut self.front);
                self.follow_cursor();
            }
        }
    }

    pub(super) fn step_tab(&mut self, forward: bool) {
        match self.view {
            View::Log => self.log.step_level(forward),
            View::Statistics => self.statistics.step_span(forward),
            View::Torrents if self.front.details().id().is_some() => {
                let tab = self.front.details().tab().step(forward);
                self.front.details_mut().show(tab);
                self.details.reset();
            }
            _ => {}
        }
    }

    pub(super) fn open(&mut self) {
        match (self.view, self.focus) {
            (View::Settings, _) => {
                if let Some(form) = self.settings.edit(self.front.tasks()) {
                    self.dialog = Some(Dialog::Form(form));
                }
            }
            (View::Torrents, Focus::Filters) => self.choose_filter(false),
            (View::Torrents, Focus::Details) => self.details.toggle_folder(),
            (View::Torrents, Focus::List) => self.open_details(),
            _ => {}
        }
    }

    /// Chooses the filter at the cursor, or gives it up.
    pub(super) fn choose_filter(&mut self, adds: bool) {
        if self.filters.choose(adds, &mut self.front) {
            self.list.reset();
        }
    }

    pub(super) fn open_details(&mut self) {
        if let Some(id) = self.front.selection().cursor() {
            let is_open = self.front.details().id().is_some();
            self.front.details_mut().open(Some(id));
            self.details.reset();
            if is_open {
                self.focus = Focus::Details;
            }
        }
    }

    /// Space: selects in the list, chooses a filter beside others, gives files another priority.
    pub(super) fn toggle(&mut self) {
        match (self.view, self.focus) {
            (View::Settings, _) => self.open(),
            (View::Torrents, Focus::Filters) => self.choose_filter(true),
            (View::Torrents, Focus::Details) if self.front.details().tab() == Tab::Files => {
                let files = self.details.next_priorities(&self.front);
                if let Some((files, id)) = files.zip(self.front.details().id()) {
                    self.front.act(vec![id], Action::SetFilePriorities { files }, "Set priorities");
                }
            }
            // A row that is not loaded cannot be selected yet.
            (View::Torrents, Focus::List) if self.front.selection().cursor().is_some() => {
                let at = self.list.at();
                self.list.go_to(at, Mode::Toggle, &mut self.front);
                self.list.step(Step::Lines(1), Mode::Cursor, &mut self.front);
            }
            _ => {}
        }
    }

    pub(super) fn run(&mut self, command: Command) -> Effect {
        let summary = self.front.summary();
        // One key for both, as the state says which is meant.
        let command = match command {
            Command::Stop if !command.can_run(&summary) => Command::Start,
            other => other,
        };
        if !command.can_run(&summary) || self.front.run(command) {
            return Effect::None;
        }
        match command {
            Command::CopyName | Command::CopyHash => {
                let ids = self.front.selection().targets();
                let rows = ids.iter().filter_map(|id| self.front.snapshot().torrent(*id));
                let column = if command == Command::CopyName { Column::Name } else { Column::Hash };
                let texts: Vec<String> = rows.map(|row| column.text(row)).collect();
                if texts.len() < ids.len() {
                    let text =
                        format!("Only {} of {} torrents are loaded; select fewer", texts.len(), ids.len());
                    self.front.say(NoticeKind::Error, &text);
                    return Effect::None;
                }
                self.front.say(NoticeKind::Info, "Copied");
                return Effect::Copy(texts.join("\n"));
            }
            Command::CopyMagnet => {
                let term = self.front.selection().targets().first().map(|id| format!("id:{id}"));
                if let Some(term) = term {
                    let request =
                        |client: ztor_client::Client| async move { Ok(client.detail(&term).await?.magnet) };
                    self.magnet = Some(self.front.tasks().ask(request));
                }
            }
            command => self.open_form(command),
        }
        Effect::None
    }

    pub(super) fn open_menu(&mut self) {
        let summary = self.front.summary();
        let entries = GROUPS.iter().flat_map(|group| group.iter()).map(|command| {
            let mark = match command.is_checked(&summary) {
                Some(true) => "● ",
                _ => "  ",
            };
            (format!("{mark}{}", command.label()), MenuChoice::Run(*command), command.can_run(&summary))
        });
        let title = match summary.count {
            0 => "No torrent".to_owned(),
            count => ztor_view::format::Count(count, "torrent").to_string(),
        };
        self.dialog = Some(Dialog::Menu(Menu::new(&title, entries.collect::<Vec<_>>())));
    }

    pub(super) fn open_sort(&mut self) {
        let now = self.front.view().sort().first().copied();
        let entries = COLUMNS.iter().filter_map(|definition| {
            let key = definition.sort?;
            let arrow = match now {
                Some(sort) if sort.key == key => {
                    if sort.is_descending {
                        " ↓"
                    } else {
                        " ↑"
                    }
                }
                _ => "",
            };
            Some((format!("{}{arrow}", definition.label), MenuChoice::Sort(key), true))
        });
        self.dialog = Some(Dialog::Menu(Menu::new("Sort by", entries.collect::<Vec<_>>())));
    }

    pub(super) fn switch_limits(&mut self) {
        let is_on = self.front.snapshot().statistics.as_ref().is_some_and(|now| now.alternative_limits);
        let choice = if is_on { LimitsChoice::Off } else { LimitsChoice::On };
        self.limits = Some(self.front.tasks().ask(|client| async move {
            client.set_alternative_limits(choice).await?;
            Ok(choice)
        }));
    }
}
