//! Forms of commands: their fields, and what they ask of the daemon.

use ztor_api::{Action, AddOptions, AddRequest, AddSource, CategoryEdit, DataChoice, Limits, TrackerChange};
use ztor_daemon::units::parse_limit;
use ztor_view::command::{Command, terms};
use ztor_view::front::NoticeKind;

use super::{App, Dialog};
use crate::open::Source;
use crate::remote::add::source;
use crate::tui::complete::{Kind, expanded};
use crate::tui::dialog::{Form, Purpose};

const START: [&str; 2] = ["start", "leave stopped"];
const DATA: [&str; 3] = ["keep data", "to trash", "delete data"];

impl App {
    pub(super) fn open_add(&mut self, sources: &str) {
        let hint = "Torrent files, magnet links, info-hashes or URLs, with spaces between them. Tab completes paths and \
                    names, ↓ goes to the next field, Enter adds. Empty fields are left to the category and the settings.";
        let form = Form::new(Purpose::Add, "Add torrents", hint)
            .text("Torrents", sources, Kind::LocalPath)
            .text("Folder", "", Kind::DaemonDir)
            .text("Category", "", Kind::Category)
            .text("Tags", "", Kind::Tags)
            .choice("Then", &START, 0);
        self.dialog = Some(Dialog::Form(form));
    }

    pub(super) fn open_form(&mut self, command: Command) {
        let ids = self.front.selection().targets();
        let snapshot = std::sync::Arc::clone(self.front.snapshot());
        let rows: Vec<_> = ids.iter().filter_map(|id| snapshot.torrent(*id)).collect();
        let first = rows.first();
        let count = match (ids.as_slice(), first) {
            ([_], Some(row)) => ztor_view::text::cleaned(&row.name).into_owned(),
            _ => ztor_view::format::Count(ids.len(), "torrent").to_string(),
        };
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        let purpose = Purpose::Command(command, ids);
        let title = format!("{}: {count}", command.label().trim_end_matches('…'));
        let form = |hint: &str| Form::new(purpose.clone(), title.clone(), hint.to_owned());
        let form = match command {
            Command::Rename => form(
                "The name in lists. Files keep theirs; no name is that of the torrent file.",
            )
            .text("Name", &text(first.map(|row| row.name.as_str())), Kind::Plain),
            Command::Move => form(
                "A folder on the machine of the daemon, as an absolute path. Tab completes it.",
            )
            .text("Folder", &text(first.map(|row| row.dir.as_str())), Kind::DaemonDir),
            Command::Category => form("A new category is created. No name is no category.").text(
                "Category",
                &text(first.and_then(|row| row.category.as_deref())),
                Kind::Category,
            ),
            Command::Tags => {
                // Those that all have.
                let tags = first.map_or(&[][..], |row| row.tags.as_slice()).iter();
                let common: Vec<&str> = tags
                    .filter(|tag| rows.iter().all(|row| row.tags.contains(tag)))
                    .map(String::as_str)
                    .collect();
                form("Tags with commas between them; those that are taken out are removed from all.").text(
                    "Tags",
                    &common.join(", "),
                    Kind::Tags,
                )
            }
            Command::Limits => {
                let limits = first.map(|row| row.limits).unwrap_or_default();
                let shown = |limit: Option<u64>| limit.map_or_else(String::new, |limit| limit.to_string());
                form("Rates, such as 500KiB/s or 2MiB/s; nothing is no limit.")
                    .text("Download", &shown(limits.down_per_s), Kind::Plain)
                    .text("Upload", &shown(limits.up_per_s), Kind::Plain)
            }
            Command::Trackers => {
                form("Announce URLs, with spaces between them.").text("URLs", "", Kind::Plain)
            }
            _ => form(
                "The torrents leave the list. ← → choose what happens to their data; deleted data is gone.",
            )
            .choice("Data", &DATA, 0),
        };
        self.dialog = Some(Dialog::Form(form));
    }

    /// Carries out a form, or opens it again with what is wrong with it.
    pub(super) fn submit(&mut self, mut form: Form) {
        if let Err(error) = self.carry_out(&form) {
            form.error = Some(error);
            self.dialog = Some(Dialog::Form(form));
        }
    }

    fn carry_out(&mut self, form: &Form) -> Result<(), String> {
        match &form.purpose {
            Purpose::Add => self.add(form),
            Purpose::Setting(key) => {
                let text = form.value("Value").to_owned();
                self.settings.change_to_text(key, &text, self.front.tasks())
            }
            Purpose::Command(command, ids) => self.command(*command, ids.clone(), form),
        }
    }

    fn add(&mut self, form: &Form) -> Result<(), String> {
        let texts: Vec<&str> = form.value("Torrents").split_whitespace().collect();
        let whole = form.value("Torrents");
        // A path may have spaces.
        let sources = if !whole.is_empty() && expanded(whole).is_file() {
            vec![source_of(whole)?]
        } else {
            texts.into_iter().map(source_of).collect::<Result<Vec<_>, _>>()?
        };
        if sources.is_empty() {
            return Err("Name a torrent file, a magnet link, an info-hash or a URL".to_owned());
        }
        let given = |label: &str| Some(form.value(label)).filter(|text| !text.is_empty()).map(str::to_owned);
        let options = AddOptions {
            dir: given("Folder").map(|dir| self.absolute(&dir)).transpose()?,
            category: given("Category"),
            tags: words(form.value("Tags")),
            paused: (form.value("Then") == START[1]).then_some(true),
            ..AddOptions::default()
        };
        self.front.add(AddRequest { sources, options });
        Ok(())
    }

    /// Returns a folder of the daemon as an absolute path.
    fn absolute(&self, dir: &str) -> Result<String, String> {
        if dir.starts_with('/') {
            return Ok(dir.to_owned());
        }
        if self.is_local
            && let Ok(path) = std::path::absolute(expanded(dir))
        {
            return Ok(path.display().to_string());
        }
        Err(format!("{dir:?} is not an absolute path"))
    }

    fn command(&mut self, command: Command, ids: Vec<u64>, form: &Form) -> Result<(), String> {
        let action = match command {
            Command::Rename => Action::Rename { name: form.value("Name").to_owned() },
            Command::Move => Action::Move { dir: self.absolute(form.value("Folder"))? },
            Command::Category => {
                self.set_category(ids, form.value("Category"));
                return Ok(());
            }
            Command::Tags => {
                self.set_tags(&ids, &words(form.initial("Tags")), words(form.value("Tags")));
                return Ok(());
            }
            Command::Limits => {
                let limit = |label: &str| {
                    let text = form.value(label);
                    if text.is_empty() { Ok(None) } else { parse_limit(text).map(|limit| limit.0) }
                };
                Action::SetLimits(Limits { down_per_s: limit("Download")?, up_per_s: limit("Upload")? })
            }
            Command::Trackers => {
                let add: Vec<String> = form.value("URLs").split_whitespace().map(str::to_owned).collect();
                if add.is_empty() {
                    return Err("Name an announce URL".to_owned());
                }
                Action::EditTrackers(TrackerChange { add, ..TrackerChange::default() })
            }
            _ => {
                let data = match form.value("Data") {
                    data if data == DATA[1] => DataChoice::Trash,
                    data if data == DATA[2] => DataChoice::Delete,
                    _ => DataChoice::Keep,
                };
                Action::Remove { data }
            }
        };
        self.front.act(ids, action, command.label());
        Ok(())
    }

    /// Sets a category, which is created if there is none of this name.
    fn set_category(&mut self, ids: Vec<u64>, path: &str) {
        let category = (!path.is_empty()).then(|| path.to_owned());
        let is_new = category
            .as_ref()
            .is_some_and(|path| !self.front.categories().iter().any(|known| known.path == *path));
        if !is_new {
            return self.front.act(ids, Action::SetCategory { category }, "Set category");
        }
        let path = path.to_owned();
        self.front.act_by("Set category", move |client| async move {
            client.put_category(&path, &CategoryEdit::default()).await?;
            client.act(terms(ids), Action::SetCategory { category: Some(path) }).await
        });
    }

    /// Gives the torrents these tags, and takes away those of the form that are not among them any more. Tags that others
    /// have given them meanwhile remain.
    fn set_tags(&mut self, ids: &[u64], before: &[String], tags: Vec<String>) {
        let removed: Vec<String> = before.iter().filter(|tag| !tags.contains(tag)).cloned().collect();
        let added: Vec<String> = tags.into_iter().filter(|tag| !before.contains(tag)).collect();
        if added.is_empty() && removed.is_empty() {
            return self.front.say(NoticeKind::Info, "The tags are as before");
        }
        if !removed.is_empty() {
            self.front.act(ids.to_vec(), Action::RemoveTags { tags: removed }, "Remove tags");
        }
        if !added.is_empty() {
            self.front.act(ids.to_vec(), Action::AddTags { tags: added }, "Edit tags");
        }
    }
}

/// Returns words with commas between them.
fn words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Returns the torrent that a text names: a URL, a magnet link, an info-hash or a file of this machine.
fn source_of(text: &str) -> Result<AddSource, String> {
    let hint = "name a torrent file, a magnet link, an info-hash or a URL";
    // There is no shell that resolves it.
    let argument = if text.starts_with("~/") { expanded(text).into_os_string() } else { text.into() };
    // A device or a pipe is good for the command line, but would hold up the screen.
    if matches!(Source::parse(&argument), Source::File(path) if path.exists() && !path.is_file()) {
        return Err(format!("{text} is not a file; {hint}"));
    }
    source(&argument).map_err(|error| format!("{error:#}; {hint}"))
}
