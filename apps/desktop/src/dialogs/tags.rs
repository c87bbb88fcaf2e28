//! Tags of torrents.

use super::results::merged;
use super::{Dialog, DialogCx, Outcome, called, focus_once, footer};
use crate::context::Cx;
use crate::look::{Palette, field_label};
use eframe::egui::{Checkbox, Key, RichText, ScrollArea, Ui};
use std::collections::BTreeMap;
use ztor_api::{Action, ActionResult};
use ztor_view::command::{Command, terms};
use ztor_view::text::cleaned;

/// A tag in the dialog, as it was at the opening. Tags that others give the torrents meanwhile remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    /// Number of the torrents that have it.
    before: usize,
    /// Choice of the user; `None` leaves the tag as it is.
    chosen: Option<bool>,
}

/// Dialog that changes the tags of torrents.
#[derive(Debug)]
pub(crate) struct TagsDialog {
    ids: Vec<u64>,
    name: String,
    loaded: usize,
    tags: BTreeMap<String, Mark>,
    new: String,
    is_focused: bool,
}

impl TagsDialog {
    /// Creates it.
    pub(crate) fn new(ids: Vec<u64>, cx: &mut Cx<'_>) -> Self {
        let rows = cx.targets();
        let has = |tag: &String| rows.iter().filter(|row| row.tags.contains(tag)).count();
        let known = cx.front.tags().iter().map(|tag| tag.name.clone());
        let on_rows = rows.iter().flat_map(|row| row.tags.iter().cloned());
        let tags =
            known.chain(on_rows).map(|tag| (tag.clone(), Mark { before: has(&tag), chosen: None })).collect();
        Self { name: called(cx, &ids), ids, loaded: rows.len(), tags, new: String::new(), is_focused: false }
    }

    fn take_new(&mut self) {
        for name in self.new.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let mark = self.tags.entry(name.to_owned()).or_insert(Mark { before: 0, chosen: None });
            mark.chosen = Some(true);
        }
        self.new.clear();
    }

    fn submit(&mut self, cx: &mut Cx<'_>) {
        self.take_new();
        let all = self.ids.len();
        // A torrent that was not loaded may have it or not.
        let is_partly_known = self.loaded < all;
        let chosen = |is_chosen: &dyn Fn(&Mark) -> bool| {
            let chosen = self.tags.iter().filter(|(_, mark)| is_chosen(mark));
            chosen.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let add = chosen(&|mark| mark.chosen == Some(true) && mark.before < all);
        let remove = chosen(&|mark| mark.chosen == Some(false) && (mark.before > 0 || is_partly_known));
        if add.is_empty() && remove.is_empty() {
            return;
        }
        let ids = terms(self.ids.clone());
        cx.front.act_by(Command::Tags.label(), |client| async move {
            let mut result = ActionResult::default();
            if !remove.is_empty() {
                result = client.act(ids.clone(), Action::RemoveTags { tags: remove }).await?;
            }
            if !add.is_empty() {
                result = merged(result, client.act(ids, Action::AddTags { tags: add }).await?);
            }
            Ok(result)
        });
    }
}

impl Dialog for TagsDialog {
    fn title(&self) -> String {
        "Edit tags".to_owned()
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let Some(mut cx) = cx.connected() else { return Outcome::Close };
        let palette = Palette::of(ui);
        ui.add(eframe::egui::Label::new(RichText::new(&self.name).color(palette.text_muted)).truncate());
        ui.add_space(4.0);
        let label = field_label(ui, "New tag");
        let edit =
            crate::look::line_edit(&mut self.new).hint_text("Name, then Enter").desired_width(f32::INFINITY);
        let response = ui.add(edit).labelled_by(label.id);
        focus_once(&response, &mut self.is_focused);
        if response.lost_focus()
            && ui.input(|input| input.key_pressed(Key::Enter))
            && !self.new.trim().is_empty()
        {
            self.take_new();
            response.request_focus();
        }
        ui.add_space(6.0);
        if self.tags.is_empty() {
            ui.label(
                RichText::new("There are no tags yet. Write a name to create one.").color(palette.text_faint),
            );
        }
        let (loaded, all) = (self.loaded, self.ids.len());
        ScrollArea::vertical().max_height(260.0).auto_shrink([false, true]).show(ui, |ui| {
            for (name, mark) in &mut self.tags {
                let is_mixed =
                    mark.chosen.is_none() && mark.before > 0 && (mark.before < loaded || loaded < all);
                let mut is_on = mark.chosen.unwrap_or(mark.before > 0);
                let checkbox = Checkbox::new(&mut is_on, cleaned(name).into_owned()).indeterminate(is_mixed);
                if ui.add(checkbox).clicked() {
                    mark.chosen = Some(if is_mixed { true } else { is_on });
                }
            }
        });
        let mut outcome = Outcome::Stay;
        if footer(ui, "Save", true, false, &mut outcome) {
            self.submit(&mut cx);
        }
        outcome
    }
}
