//! Trackers of a torrent.

use super::{Cell, Grid, is_there};
use crate::context::Cx;
use crate::look::{Icon, Palette, menu_entry};
use eframe::egui::{Key, Ui};
use ztor_api::{Action, Tracker, TrackerChange};
use ztor_view::format::Span;
use ztor_view::text::cleaned;

/// Shows the trackers, with a field to add some.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, id: u64, new: &mut String) {
    if !is_there(ui, cx.front.details().trackers()) {
        return;
    }
    ui.horizontal(|ui| {
        let edit = crate::look::line_edit(new).hint_text("Announce URL").desired_width(340.0);
        let response = ui.add(edit).accessible_name("Announce URL");
        let is_entered = response.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
        let urls: Vec<String> = new.split_whitespace().map(str::to_owned).collect();
        if (ui.add_enabled(!urls.is_empty(), eframe::egui::Button::new("Add trackers")).clicked()
            || is_entered)
            && !urls.is_empty()
        {
            let change = TrackerChange { add: urls, ..TrackerChange::default() };
            cx.front.act(vec![id], Action::EditTrackers(change), "Add trackers");
            new.clear();
        }
        if ui.button("Announce now").clicked() {
            cx.front.act(vec![id], Action::Reannounce, "Announce now");
        }
    });
    let trackers: Vec<Tracker> = cx.front.details().trackers().value().cloned().unwrap_or_default();
    if trackers.is_empty() {
        ui.weak("No trackers. Peers are found by the DHT, the local network and other peers.");
        return;
    }
    let palette = Palette::of(ui);
    let columns = [
        ("Tracker", 240.0),
        ("Tier", -50.0),
        ("State", 110.0),
        ("Message", 240.0),
        ("Next announce", -110.0),
        ("Seeds", -70.0),
        ("Leechers", -76.0),
        ("Downloads", -86.0),
    ];
    let figure = |value: Option<u32>| value.map(|value| value.to_string()).unwrap_or_default();
    let cells = |row: usize| {
        let Some(tracker) = trackers.get(row) else { return Vec::new() };
        let (text, color) = match tracker.state.as_str() {
            "working" => ("Working", palette.ok),
            "announcing" => ("Announcing", palette.info),
            "failing" => ("Failing", palette.danger),
            _ => ("Not used yet", palette.text_faint),
        };
        let message = cleaned(tracker.message.as_deref().unwrap_or_default()).into_owned();
        vec![
            Cell::new(cleaned(&tracker.url)),
            Cell::new(tracker.tier.to_string()),
            Cell::new(text).color(color),
            Cell::new(message),
            Cell::new(tracker.announces_in_s.map(|wait| Span(wait).to_string()).unwrap_or_default()),
            Cell::new(figure(tracker.seeders)),
            Cell::new(figure(tracker.leechers)),
            Cell::new(figure(tracker.downloads)),
        ]
    };
    Grid { name: "trackers", columns: &columns, rows: trackers.len() }.show(ui, cells, |row, response| {
        response.context_menu(|ui| {
            let Some(tracker) = trackers.get(row) else { return };
            ui.set_width(180.0);
            if menu_entry(ui, Some(Icon::Copy), "Copy URL", "", true, None).clicked() {
                ui.ctx().copy_text(tracker.url.clone());
                ui.close();
            }
            if menu_entry(ui, Some(Icon::Remove), "Remove tracker", "", true, None).clicked() {
                let change = TrackerChange { remove: vec![tracker.url.clone()], ..TrackerChange::default() };
                cx.front.act(vec![id], Action::EditTrackers(change), "Remove tracker");
                ui.close();
            }
        });
    });
}
