//! Dialogs. One is open at a time.

mod add;
mod add_preview;
mod change;
mod confirm;
mod info;
mod profile;
mod remove;
mod results;
mod tags;
mod trust;

pub(crate) use add::AddDialog;
pub(crate) use change::ChangeDialog;
pub(crate) use confirm::ConfirmDialog;
pub(crate) use info::{AboutDialog, KeysDialog};
pub(crate) use profile::{ForgetDialog, ProfileDialog};
pub(crate) use remove::RemoveDialog;
pub(crate) use tags::TagsDialog;
pub(crate) use trust::TrustDialog;

use crate::context::Cx;
pub(crate) use crate::context::{Dialog, DialogCx, Outcome};
use crate::look::{Icon, Palette, icon_button, primary_button};
use eframe::egui::{Align, Context, Frame, Id, Layout, Margin, Modal, Response, RichText, Stroke, Ui};
use ztor_view::command::Command;

/// Shows a dialog over the window.
pub(crate) fn show(ctx: &Context, dialog: &mut dyn Dialog, cx: &mut DialogCx<'_>) -> Outcome {
    let palette = Palette::for_dark(ctx.theme() == eframe::egui::Theme::Dark);
    let frame = Frame::new()
        .fill(palette.surface)
        .stroke(Stroke::new(1.0, palette.border_strong))
        .corner_radius(10.0)
        .shadow(ctx.global_style().visuals.window_shadow)
        .inner_margin(Margin { left: 20, right: 20, top: 12, bottom: 16 });
    let mut outcome = Outcome::Stay;
    let modal = Modal::new(Id::unique("dialog")).frame(frame).backdrop_color(palette.backdrop);
    let window = ctx.content_rect().size();
    let response = modal.show(ctx, |ui| {
        ui.set_width(dialog.width().min(window.x - 60.0));
        ui.set_max_height(window.y - 80.0);
        let title = dialog.title();
        ui.horizontal(|ui| {
            ui.label(RichText::new(&title).heading());
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if icon_button(ui, Icon::Close, "Close", true).clicked() {
                    outcome = Outcome::Close;
                }
            });
        });
        ui.add_space(6.0);
        if dialog.show(ui, cx) == Outcome::Close {
            outcome = Outcome::Close;
        }
    });
    // A click beside the dialog must not lose what was typed.
    let is_escape = response.is_top_modal
        && !response.any_popup_open
        && ctx.input_mut(|input| input.consume_key(eframe::egui::Modifiers::NONE, eframe::egui::Key::Escape));
    if is_escape || response.response.should_close() { Outcome::Close } else { outcome }
}

/// Buttons at the end of a dialog: what it is for, and the way out. Returns true for the first.
pub(crate) fn footer(
    ui: &mut Ui,
    label: &str,
    is_enabled: bool,
    is_danger: bool,
    outcome: &mut Outcome,
) -> bool {
    ui.add_space(12.0);
    let mut is_chosen = false;
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            is_chosen = primary_button(ui, label, is_enabled, is_danger).clicked();
            if ui.button("Cancel").clicked() {
                *outcome = Outcome::Close;
            }
        });
    });
    if is_chosen {
        *outcome = Outcome::Close;
    }
    is_chosen
}

/// Gives a field the focus once.
pub(crate) fn focus_once(response: &Response, is_focused: &mut bool) {
    if !*is_focused {
        *is_focused = true;
        response.request_focus();
    }
}

/// Returns the dialog that a command opens; `None` for others.
pub(crate) fn of_command(command: Command, cx: &mut Cx<'_>) -> Option<Box<dyn Dialog>> {
    let ids = cx.front.selection().targets();
    if ids.is_empty() {
        return None;
    }
    Some(match command {
        Command::Remove => Box::new(RemoveDialog::new(ids, cx)),
        Command::Tags => Box::new(TagsDialog::new(ids, cx)),
        Command::Rename | Command::Category | Command::Limits | Command::Trackers | Command::Move => {
            Box::new(ChangeDialog::new(command, ids, cx))
        }
        _ => return None,
    })
}

/// Returns what dialogs call the torrents: the name of one, or their number.
pub(crate) fn called(cx: &Cx<'_>, ids: &[u64]) -> String {
    let single = match ids {
        [id] => cx.front.snapshot().torrent(*id).map(|row| ztor_view::text::cleaned(&row.name).into_owned()),
        _ => None,
    };
    single.unwrap_or_else(|| ztor_view::format::Count(ids.len() as u64, "torrent").to_string())
}
