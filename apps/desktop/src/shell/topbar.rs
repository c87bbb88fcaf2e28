//! The bar at the top: commands, search, and the menus.

use crate::connection::Place;
use crate::context::{Cx, Intent, Page};
use crate::dialogs::{AboutDialog, KeysDialog, ProfileDialog};
use crate::look::{Icon, Palette, icon_button, menu_entry, primary_button, switch_button};
use crate::prefs::ThemeChoice;
use crate::remotes::Remotes;
use crate::table::{column_menu, row_menu};
use eframe::egui::containers::menu::MenuButton;
use eframe::egui::{Align, Button, Id, Layout, Popup, PopupCloseBehavior, RichText, Ui, Vec2};
use ztor_view::command::Command;

/// Name of the search field.
pub(crate) fn search_id() -> Id {
    Id::unique("search torrents")
}

/// Name of the menu with all actions.
pub(crate) fn actions_id() -> Id {
    Id::unique("more actions")
}

/// Shows the bar of the list.
pub(crate) fn show(ui: &mut Ui, cx: &mut Cx<'_>, place: &Place, page: Page) {
    ui.horizontal_centered(|ui| {
        ui.spacing_mut().item_spacing.x = 4.0;
        if page == Page::Torrents {
            commands(ui, cx);
        } else {
            if icon_button(ui, Icon::Back, "Back to the torrents", true).clicked() {
                cx.ask(Intent::Show(Page::Torrents));
            }
            ui.add_space(6.0);
            ui.label(RichText::new(title(page)).heading());
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            main_menu(ui, cx, page);
            place_menu(ui, place, cx.remotes, cx.intents);
            ui.add_space(8.0);
            if page == Page::Torrents {
                search(ui, cx);
            }
        });
    });
}

/// Shows the bar while there is no daemon to connect to.
pub(crate) fn show_unconnected(ui: &mut Ui, place: &Place, remotes: &Remotes, intents: &mut Vec<Intent>) {
    ui.horizontal_centered(|ui| {
        ui.label(RichText::new("ztor").heading());
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| place_menu(ui, place, remotes, intents));
    });
}

const fn title(page: Page) -> &'static str {
    match page {
        Page::Torrents => "Torrents",
        Page::Statistics => "Statistics",
        Page::Log => "Log",
        Page::Settings => "Settings",
    }
}

fn commands(ui: &mut Ui, cx: &mut Cx<'_>) {
    let label = if cx.prefs.has_sidebar { "Hide the sidebar" } else { "Show the sidebar" };
    if icon_button(ui, Icon::Menu, label, true).clicked() {
        cx.prefs.has_sidebar = !cx.prefs.has_sidebar;
    }
    ui.add_space(4.0);
    if primary_button(ui, "Add…", true, false).on_hover_text("Add torrents (Ctrl+O)").clicked() {
        cx.ask(Intent::Add(Vec::new()));
    }
    divider(ui);
    let summary = cx.summary();
    for (icon, command, label) in [
        (Icon::Start, Command::Start, "Start (F3)"),
        (Icon::Stop, Command::Stop, "Stop (F4)"),
        (Icon::Remove, Command::Remove, "Remove… (Del)"),
    ] {
        if icon_button(ui, icon, label, command.can_run(&summary)).clicked() {
            cx.ask(Intent::Run(command));
        }
    }
    divider(ui);
    for (icon, command) in [(Icon::Up, Command::QueueUp), (Icon::Down, Command::QueueDown)] {
        if icon_button(ui, icon, command.label(), command.can_run(&summary)).clicked() {
            cx.ask(Intent::Run(command));
        }
    }
    let more = icon_button(ui, Icon::More, "More actions (Shift+F10)", summary.count > 0);
    // A menu that opens takes the focus, so that it can be used by keyboard.
    let has_menu = Popup::is_id_open(ui.ctx(), actions_id());
    let is_new = ui.data_mut(|data| !std::mem::replace(data.get_temp_mut_or(actions_id(), false), has_menu));
    Popup::menu(&more).id(actions_id()).show(|ui| row_menu(ui, cx, is_new));
    divider(ui);
    let is_open = cx.front.details().id().is_some();
    let target = cx.front.selection().cursor().or_else(|| cx.front.snapshot().rows.first().map(|row| row.id));
    if switch_button(ui, Icon::Details, "Show details (Enter)", is_open).clicked() {
        cx.front.details_mut().open(if is_open { None } else { target });
    }
}

fn divider(ui: &mut Ui) {
    let palette = Palette::of(ui);
    ui.add_space(4.0);
    let (rect, _) = ui.allocate_exact_size(Vec2::new(1.0, 20.0), eframe::egui::Sense::hover());
    ui.painter().rect_filled(rect, 0.0, palette.border_strong);
    ui.add_space(4.0);
}

fn search(ui: &mut Ui, cx: &mut Cx<'_>) {
    let columns = icon_button(ui, Icon::Columns, "Columns", true);
    let popup = Popup::menu(&columns).close_behavior(PopupCloseBehavior::CloseOnClickOutside);
    popup.show(|ui| column_menu(ui, cx.prefs));
    let is_regex = cx.front.view().is_regex;
    if switch_button(ui, Icon::Regex, "Regular expression", is_regex).clicked() {
        cx.front.change_view(|view| view.is_regex = !view.is_regex);
    }
    let mut text = cx.front.view().search.clone();
    let hint = if is_regex { "Search by regular expression" } else { "Search torrents" };
    let width = (ui.available_width() - 12.0).clamp(60.0, 280.0);
    let edit = crate::look::line_edit(&mut text).id(search_id()).hint_text(hint).desired_width(width);
    let response = ui.add(edit).accessible_name("Search torrents");
    if !text.is_empty() {
        let place = response.rect.with_min_x(response.rect.max.x - 28.0);
        let mut child = ui.new_child(eframe::egui::UiBuilder::new().max_rect(place));
        if icon_button(&mut child, Icon::Close, "Clear the search", true).clicked() {
            text.clear();
        }
    }
    if response.lost_focus() && ui.input(|input| input.key_pressed(eframe::egui::Key::Escape)) {
        text.clear();
    }
    if text != cx.front.view().search {
        cx.front.change_view(|view| view.search = text);
    }
}

/// Menu of the daemons.
fn place_menu(ui: &mut Ui, place: &Place, remotes: &Remotes, intents: &mut Vec<Intent>) {
    let button = Button::new(place.name()).truncate();
    let menu = |ui: &mut Ui| {
        ui.set_width(240.0);
        if menu_entry(ui, Some(Icon::Computer), "This computer", "", true, Some(*place == Place::Local))
            .clicked()
        {
            intents.push(Intent::Connect(Place::Local));
            ui.close();
        }
        let profiles = remotes.open();
        let names: Vec<String> =
            profiles.map(|profiles| profiles.entries().keys().cloned().collect()).unwrap_or_default();
        for name in names {
            let target = Place::Profile(name.clone());
            let is_on = *place == target;
            if menu_entry(ui, Some(Icon::Server), &name, "", true, Some(is_on)).clicked() {
                intents.push(Intent::Connect(target));
                ui.close();
            }
        }
        ui.separator();
        if menu_entry(ui, Some(Icon::Add), "Add a remote daemon…", "", true, None).clicked() {
            intents.push(Intent::Open(Box::new(ProfileDialog::new())));
            ui.close();
        }
        if let Place::Profile(name) = place
            && menu_entry(ui, Some(Icon::Remove), "Forget this daemon…", "", true, None).clicked()
        {
            intents.push(Intent::Open(Box::new(crate::dialogs::ForgetDialog::new(name))));
            ui.close();
        }
    };
    MenuButton::from_button(button).ui(ui, menu).0.on_hover_text("Choose the daemon");
}

fn main_menu(ui: &mut Ui, cx: &mut Cx<'_>, page: Page) {
    let button = icon_button(ui, Icon::Settings, "Menu", true);
    Popup::menu(&button).show(|ui| {
        ui.set_width(240.0);
        for (page_of, icon, label, key) in [
            (Page::Statistics, Icon::Statistics, "Statistics", ""),
            (Page::Log, Icon::Log, "Log", ""),
            (Page::Settings, Icon::Settings, "Settings", "Ctrl+,"),
        ] {
            if menu_entry(ui, Some(icon), label, key, page != page_of, None).clicked() {
                cx.ask(Intent::Show(page_of));
                ui.close();
            }
        }
        ui.separator();
        crate::look::section_title(ui, "Theme");
        for theme in ThemeChoice::ALL {
            if menu_entry(ui, None, theme.label(), "", true, Some(cx.prefs.theme == theme)).clicked() {
                cx.prefs.theme = theme;
            }
        }
        ui.separator();
        if menu_entry(ui, Some(Icon::Keyboard), "Keyboard shortcuts", "?", true, None).clicked() {
            cx.ask(Intent::Open(Box::new(KeysDialog)));
            ui.close();
        }
        if menu_entry(ui, Some(Icon::Info), "About ztor", "", true, None).clicked() {
            cx.ask(Intent::Open(Box::new(AboutDialog::default())));
            ui.close();
        }
        if menu_entry(ui, Some(Icon::Close), "Quit", "Ctrl+Q", true, None).clicked() {
            cx.ask(Intent::Quit);
            ui.close();
        }
    });
}
