//! The views that pictures are taken of.

use super::App;
use crate::context::Page;
use crate::dialogs::{AddDialog, KeysDialog, ProfileDialog};
use crate::shots::Step;
use eframe::egui::{Context, ViewportCommand};
use ztor_view::command::Command;
use ztor_view::front::Tab;
use ztor_view::selection::Mode;

impl App {
    /// Goes on with the pictures.
    pub(super) fn take_pictures(&mut self, ctx: &Context) {
        let has_rows = self.has_rows();
        let Some(shots) = &mut self.shots else { return };
        match shots.step(ctx, has_rows) {
            Step::Wait => {}
            Step::Show(theme, name) => {
                self.prefs.now.theme = theme;
                self.show_scene(ctx, name);
            }
            Step::End => {
                self.shots = None;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    fn show_page(&mut self, page: Page, section: &str) {
        self.page = page;
        self.settings.choose(section);
    }

    fn show_scene(&mut self, ctx: &Context, name: &str) {
        self.dialog = None;
        let Some(front) = self.connection.front() else { return };
        let rows: Vec<u64> = front.loaded_order();
        let first = rows.first().copied().unwrap_or(0);
        let moving = front.snapshot().rows.iter().find(|row| row.down_per_s > 0).map_or(first, |row| row.id);
        match name {
            "list" => {
                front.details_mut().open(None);
                front.selection_mut().clear();
                self.show_page(Page::Torrents, "folders");
            }
            "overview" => {
                front.selection_mut().put(moving, Mode::Only, &rows);
                front.details_mut().open(Some(moving));
                front.details_mut().show(Tab::Overview);
            }
            "files" => front.details_mut().show(Tab::Files),
            "peers" => front.details_mut().show(Tab::Peers),
            "trackers" => front.details_mut().show(Tab::Trackers),
            "speed" => front.details_mut().show(Tab::Speed),
            "filtered" => {
                front.details_mut().open(None);
                front.change_view(|view| view.toggle(ztor_view::filter::Field::State, "downloading", false));
                for id in rows.iter().take(4) {
                    front.selection_mut().put(*id, Mode::Toggle, &rows);
                }
            }
            "add" => {
                front.change_view(|view| view.clear_all());
                let links = "magnet:?xt=urn:btih:0123456789abcdef0123456789abcdef01234567&dn=debian-12.5.0-amd64-netinst.iso";
                self.dialog = Some(Box::new(AddDialog::new(crate::source::in_text(links).0)));
            }
            "remove" | "limits" | "tags" => {
                front.selection_mut().put(first, Mode::Only, &rows);
                let command = match name {
                    "remove" => Command::Remove,
                    "limits" => Command::Limits,
                    _ => Command::Tags,
                };
                self.run(ctx, command);
            }
            "profile" => self.dialog = Some(Box::new(ProfileDialog::new())),
            "keys" => self.dialog = Some(Box::new(KeysDialog)),
            "settings" => self.show_page(Page::Settings, "limits"),
            "labels" => self.show_page(Page::Settings, crate::pages::LABELS),
            "statistics" => self.show_page(Page::Statistics, "folders"),
            "log" => self.show_page(Page::Log, "folders"),
            _ => self.show_page(Page::Settings, "This app"),
        }
    }
}
