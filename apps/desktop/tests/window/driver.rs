//! A window with a daemon on a temporary folder.

use eframe::egui::accesskit::Role;
use eframe::egui::{Event, Key, Modifiers, OutputCommand, ViewportCommand};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use egui_kittest::{Harness, Node};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use ztor_desktop::{App, Instance, Options, Start};

/// Longest wait for something to happen.
const PATIENCE: Duration = Duration::from_secs(60);

/// A window.
pub(crate) struct Window {
    harness: Harness<'static, Option<App>>,
    folder: TempDir,
    /// Texts that were copied.
    copied: Vec<String>,
    /// True once the window has asked to be closed.
    is_closing: bool,
}

/// Settings of a daemon that touches no network, and others.
fn flags(folder: &Path, others: &[(&str, &str)]) -> Vec<(String, String)> {
    let downloads = folder.join("downloads");
    [
        ("download_dir", downloads.to_str().unwrap()),
        ("bind", "127.0.0.1"),
        ("port", "0"),
        ("dht", "false"),
        ("local_discovery", "false"),
        ("listen", "127.0.0.1:0"),
    ]
    .iter()
    .chain(others)
    .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
    .collect()
}

impl Window {
    /// Opens a window, which starts a daemon of its own.
    pub(crate) fn open() -> Self {
        Self::open_with(Vec::new())
    }

    /// Opens a window with arguments of the command line.
    pub(crate) fn open_with(arguments: Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let harness = make(folder.path(), arguments, None, &[]);
        Self { harness, folder, copied: Vec::new(), is_closing: false }
    }

    /// Opens a window with settings of its daemon.
    pub(crate) fn open_set(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let harness = make(folder.path(), Vec::new(), None, settings);
        Self { harness, folder, copied: Vec::new(), is_closing: false }
    }

    /// Opens a window that takes the arguments of later starts.
    pub(crate) fn open_shared() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let Start::First(instance) = Instance::claim(&folder.path().join("state"), &[]) else {
            panic!("another window has the folder")
        };
        let harness = make(folder.path(), Vec::new(), Some(instance), &[]);
        Self { harness, folder, copied: Vec::new(), is_closing: false }
    }

    /// Starts the app once more, with arguments for this window.
    pub(crate) fn start_again(&self, arguments: &[&str]) {
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        let start = Instance::claim(&self.folder.path().join("state"), &arguments);
        assert!(matches!(start, Start::Handed), "{start:?}");
    }

    /// Draws once.
    pub(crate) fn step(&mut self) {
        self.harness.step();
        for command in &self.harness.output().platform_output.commands {
            if let OutputCommand::CopyText(text) = command {
                self.copied.push(text.clone());
            }
        }
        let mut commands =
            self.harness.output().viewport_output.values().flat_map(|viewport| &viewport.commands);
        self.is_closing |= commands.any(|command| *command == ViewportCommand::Close);
    }

    /// Returns true once the window has asked to be closed.
    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing
    }

    /// Returns the texts that were copied so far.
    pub(crate) fn copied(&self) -> &[String] {
        &self.copied
    }

    /// Gives the first node with a label the focus of the keyboard.
    pub(crate) fn focus(&mut self, label: &str) {
        self.wait_for(label);
        self.harness.query_all_by_label(label).next().unwrap().focus();
        self.step();
        self.step();
    }

    /// Returns the folder with all that the window keeps.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Closes the window, and opens it again on the same folder.
    pub(crate) fn reopen(self) -> Self {
        let Self { harness, folder, copied, .. } = self;
        // The daemon ends with its window.
        drop(harness);
        let harness = make(folder.path(), Vec::new(), None, &[]);
        Self { harness, folder, copied, is_closing: false }
    }

    /// Draws until a test of the window holds.
    pub(crate) fn wait(&mut self, what: &str, test: impl FnMut(&Self) -> bool) {
        self.wait_within(PATIENCE, what, test);
    }

    /// Draws until a test of the window holds, for longer than usual.
    pub(crate) fn wait_within(&mut self, limit: Duration, what: &str, mut test: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        loop {
            self.step();
            if test(self) {
                // What depends on what has arrived is in place with the next frame.
                self.step();
                return;
            }
            assert!(start.elapsed() < limit, "waited in vain for: {what}\n{}", self.texts().join("\n"));
            std::thread::sleep(Duration::from_millis(15));
        }
    }

    /// Returns all labels, for messages.
    pub(crate) fn texts(&self) -> Vec<String> {
        let root = self.harness.root();
        root.children_recursive().filter_map(|node| text_of(&node)).collect()
    }

    /// Returns true if a node has this label.
    pub(crate) fn has(&self, label: &str) -> bool {
        self.harness.query_all_by_label(label).next().is_some()
    }

    /// Returns true if a node has a label with this text in it.
    pub(crate) fn has_part(&self, part: &str) -> bool {
        self.harness.query_all_by_label_contains(part).next().is_some()
    }

    /// Draws until a node has a label.
    pub(crate) fn wait_for(&mut self, label: &str) {
        self.wait(label, |window| window.has(label));
    }

    /// Clicks on the first node with a label.
    pub(crate) fn click(&mut self, label: &str) {
        self.click_with(label, Modifiers::NONE);
    }

    /// The same while keys are held.
    pub(crate) fn click_with(&mut self, label: &str, modifiers: Modifiers) {
        self.wait_for(label);
        self.harness.query_all_by_label(label).next().unwrap().click_modifiers(modifiers);
        self.step();
        self.step();
    }

    /// Clicks on the row of a torrent.
    pub(crate) fn click_row(&mut self, name: &str, modifiers: Modifiers) {
        self.wait(name, |window| window.rows().iter().any(|row| row == name));
        self.row(name).click_modifiers(modifiers);
        self.step();
        self.step();
    }

    fn row<'a>(&'a self, name: &'a str) -> Node<'a> {
        self.harness.get_by_role_and_label(Role::Row, name)
    }

    /// Returns the names of the rows that can be chosen, from the top. Those of the list before are left out.
    pub(crate) fn rows(&self) -> Vec<String> {
        let mut rows: Vec<(f32, String)> = self
            .harness
            .query_all_by_role(Role::Row)
            .filter(|node| !node.accesskit_node().is_disabled())
            .filter_map(|node| Some((node.rect().top(), node.accesskit_node().label()?)))
            .collect();
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        rows.into_iter().map(|(_, name)| name).collect()
    }

    /// Returns the state of the torrent in a row, as screen readers tell it.
    pub(crate) fn state_of(&self, name: &str) -> String {
        self.row(name).accesskit_node().description().unwrap_or_default()
    }

    /// Returns the names of the selected rows.
    pub(crate) fn selected(&self) -> Vec<String> {
        let is_selected = |name: &String| self.row(name).accesskit_node().is_selected() == Some(true);
        self.rows().into_iter().filter(is_selected).collect()
    }

    /// Replaces the text of a field.
    pub(crate) fn fill(&mut self, label: &str, text: &str) {
        self.click_field(label);
        self.press_with(Key::A, Modifiers::COMMAND);
        self.press(Key::Delete);
        self.write(text);
    }

    /// Clicks into a field.
    pub(crate) fn click_field(&mut self, label: &str) {
        self.wait(label, |window| window.field(label).is_some());
        self.field(label).unwrap().click();
        self.step();
        self.step();
    }

    fn field<'a>(&'a self, label: &'a str) -> Option<Node<'a>> {
        let is_field = |node: &Node<'_>| {
            matches!(
                node.accesskit_node().role(),
                Role::TextInput | Role::MultilineTextInput | Role::PasswordInput
            )
        };
        self.harness.query_all_by_label(label).find(is_field)
    }

    /// Returns the text of a field.
    pub(crate) fn value(&self, label: &str) -> String {
        self.field(label).and_then(|node| node.value()).unwrap_or_default()
    }

    /// Asks for a copy, as Ctrl+C does.
    pub(crate) fn copy(&mut self) {
        self.harness.event(Event::Copy);
        self.step();
        self.step();
    }

    /// Begins a login at a remote daemon, as the profile `box`.
    pub(crate) fn log_in(&mut self, url: &str, password: &str) {
        self.click("This computer");
        self.click("Add a remote daemon…");
        self.fill("Name", "box");
        self.fill("Address", url);
        self.fill("Password", password);
        self.click("Log in");
    }

    /// Pastes a text.
    pub(crate) fn paste(&mut self, text: &str) {
        self.harness.event(Event::Paste(text.to_owned()));
        self.step();
        self.step();
    }

    /// Presses a key.
    pub(crate) fn press(&mut self, key: Key) {
        self.press_with(key, Modifiers::NONE);
    }

    /// Types a text.
    pub(crate) fn write(&mut self, text: &str) {
        self.harness.event(Event::Text(text.to_owned()));
        self.step();
        self.step();
    }

    /// Presses a key with others.
    pub(crate) fn press_with(&mut self, key: Key, modifiers: Modifiers) {
        self.harness.key_press_modifiers(modifiers, key);
        self.step();
        self.step();
    }
}

fn text_of(node: &Node<'_>) -> Option<String> {
    let node = node.accesskit_node();
    let label = node.label().or_else(|| node.value())?;
    Some(format!("{:?} {label}", node.role()))
}

fn make(
    folder: &Path,
    arguments: Vec<String>,
    instance: Option<Instance>,
    settings: &[(&str, &str)],
) -> Harness<'static, Option<App>> {
    let mut options = Some(Options {
        state_dir: folder.join("state"),
        flags: flags(folder, settings),
        remote: None,
        remotes: Some(folder.join("remotes.toml")),
        arguments,
        log: ztor_desktop::log::start(),
        instance,
        screenshots: None,
        has_desktop: false,
    });
    let draw = move |ui: &mut eframe::egui::Ui, app: &mut Option<App>| {
        if let Some(options) = options.take() {
            *app = Some(App::new(ui.ctx(), options).unwrap());
        }
        let app = app.as_mut().unwrap();
        app.tick(ui.ctx());
        app.draw(ui);
    };
    // The fonts of the system, which have the rest, are not there.
    Harness::builder().with_size([1280.0, 800.0]).allow_missing_glyphs().build_ui_state(draw, None)
}
