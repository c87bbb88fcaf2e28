//! The banner about a connection that does not work.

use crate::connection::Place;
use crate::context::{Cx, Intent};
use crate::dialogs::TrustDialog;
use crate::look::{Icon, Palette, ghost_button, icon_label};
use crate::wording::sentence;
use eframe::egui::{Align, Button, Color32, Frame, Layout, Margin, RichText, Ui};
use std::time::{Duration, Instant};
use ztor_client::ClientError;
use ztor_client::live::LiveState;

/// Answer of the user to a banner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing was chosen.
    None,
    /// Connect now.
    Retry,
}

/// Shows the banner, if the connection needs one.
pub(crate) fn show(ui: &mut Ui, cx: &mut Cx<'_>, place: &Place) -> Answer {
    let snapshot = cx.front.snapshot().clone();
    let palette = Palette::of(ui);
    let (text, error) = match &snapshot.state {
        LiveState::Live => {
            let saved = snapshot.statistics.as_ref().and_then(|statistics| statistics.save_error.clone());
            let Some(reason) = saved else { return Answer::None };
            let text = format!("The daemon cannot save its state: {}", ztor_view::text::cleaned(&reason));
            line(ui, Icon::Warning, &text, palette.danger_soft, palette.danger, |_| {});
            return Answer::None;
        }
        LiveState::Connecting if snapshot.query.is_some() => return Answer::None,
        LiveState::Connecting => (format!("Connecting to {}", place.name()), None),
        LiveState::Offline { error, retry_at } => {
            let left = retry_at.saturating_duration_since(Instant::now());
            ui.ctx().request_repaint_after(Duration::from_millis(500));
            let wait = left.as_secs();
            let again = if wait > 0 { format!(" Next attempt in {wait} s.") } else { String::new() };
            (format!("{}{again}", sentence(error)), Some(error.clone()))
        }
        LiveState::Refused(error) => (sentence(error), Some(error.clone())),
    };
    let Some(error) = error else {
        line(ui, Icon::Info, &text, palette.surface_2, palette.text_muted, |_| {});
        return Answer::None;
    };
    let mut answer = Answer::None;
    line(ui, Icon::Warning, &text, palette.danger_soft, palette.danger, |ui| {
        if ui.button("Retry").clicked() {
            answer = Answer::Retry;
        }
        if let Some(dialog) = TrustDialog::about(&error, place)
            && ui.add(Button::new("Show the certificate…")).clicked()
        {
            cx.intents.push(Intent::Open(Box::new(dialog)));
        }
        if matches!(&*error, ClientError::Refused(problem) if problem.status == 401)
            && ui.button("Log in…").clicked()
        {
            cx.intents.push(Intent::Open(Box::new(crate::dialogs::ProfileDialog::again(place, cx.remotes))));
        }
    });
    answer
}

/// A line over the whole width, with buttons at its end.
pub(crate) fn line(
    ui: &mut Ui,
    icon: Icon,
    text: &str,
    fill: Color32,
    color: Color32,
    buttons: impl FnOnce(&mut Ui),
) {
    Frame::new().fill(fill).inner_margin(Margin::symmetric(16, 6)).show(ui, |ui| {
        ui.horizontal(|ui| {
            icon_label(ui, icon, color);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                buttons(ui);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(eframe::egui::Label::new(RichText::new(text).color(color)).wrap());
                });
            });
        });
    });
}

/// Banner about filters that the daemon refuses, such as an incomplete regular expression.
pub(crate) fn problem(ui: &mut Ui, cx: &mut Cx<'_>) {
    let Some(problem) = cx.front.snapshot().problem.clone() else { return };
    let palette = Palette::of(ui);
    let text = ztor_view::text::cleaned(&problem.detail).into_owned();
    line(ui, Icon::Warning, &text, palette.warn_soft, palette.warn, |ui| {
        if ghost_button(ui, "Clear the search").clicked() {
            cx.front.change_view(|view| view.search.clear());
        }
    });
}
