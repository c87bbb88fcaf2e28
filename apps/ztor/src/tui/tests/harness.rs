//! A daemon in this process, and the app with a screen that tests read.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use tempfile::TempDir;
use ztor_api::{AddOptions, AddRequest, AddSource};
use ztor_client::tasks::Tasks;
use ztor_client::{Client, Target};
use ztor_daemon::settings::Sources;
use ztor_daemon::{Store, StoreError};
use ztor_server::Served;
use ztor_server::api::LogBuffer;

use crate::tui::app::{App, Effect};
use crate::tui::theme::Theme;

/// Time after which a condition is not awaited any more.
const LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Harness {
    pub(super) app: App,
    terminal: Terminal<TestBackend>,
    changes: mpsc::Receiver<()>,
    served: Option<Served>,
    /// Threads of the app, which outlive the daemon.
    _runtime: tokio::runtime::Runtime,
    pub(super) folder: TempDir,
}

/// Download folder of torrents without data. It does not exist.
const DOWNLOADS: &str = "/ztor-test/downloads";

/// Starts a daemon with its state in a folder.
fn daemon(folder: &Path) -> Served {
    let fixed = [
        ("bind", "127.0.0.1"),
        ("port", "0"),
        ("listen", ""),
        ("dht", "false"),
        ("local_discovery", "false"),
        ("download_dir", DOWNLOADS),
    ];
    let flags = fixed.map(|(key, value)| (key.to_owned(), format!("--{key}"), value.to_owned()));
    let settings = Sources::new(None).flags(flags).resolve().unwrap();
    let state_dir = folder.join("state");
    // Threads of the daemon before a restart may hold its lock for a moment longer.
    let end = Instant::now() + LIMIT;
    let store = loop {
        match Store::open(&state_dir) {
            Err(StoreError::InUse { .. }) if Instant::now() < end => {
                std::thread::sleep(Duration::from_millis(50))
            }
            opened => break opened.unwrap(),
        }
    };
    Served::start(store, state_dir, settings, LogBuffer::default()).unwrap().0
}

impl Harness {
    /// Starts the app with some torrents, which are stopped.
    pub(super) fn start(width: u16, height: u16, names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let served = daemon(folder.path());
        let client = Client::new(Target::Socket(served.socket.clone())).unwrap();
        for name in names {
            let hash = format!(
                "{:0>40}",
                name.bytes().take(20).map(|byte| format!("{byte:02x}")).collect::<String>()
            );
            let magnet = format!("magnet:?xt=urn:btih:{hash}&dn={}", name.replace(' ', "+"));
            let options = AddOptions { paused: Some(true), ..AddOptions::default() };
            let request = AddRequest { sources: vec![AddSource::Magnet(magnet)], options };
            served.runtime.block_on(client.add(&request)).unwrap();
        }
        let (sender, changes) = mpsc::channel();
        // Nobody may wait any more.
        let wake = Arc::new(move || _ = sender.send(()));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let tasks = Tasks::new(client, runtime.handle().clone(), wake);
        let app = App::new(tasks, Theme::new(true), "test".into(), true);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut harness = Self { app, terminal, changes, served: Some(served), _runtime: runtime, folder };
        let count = ztor_view::format::Count(names.len(), "torrent").to_string();
        harness.until(&count);
        harness
    }

    /// Gives the screen another size.
    pub(super) fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
        self.terminal.resize(ratatui::layout::Rect::new(0, 0, width, height)).unwrap();
    }

    /// Adds torrents without content, whose figures change.
    pub(super) fn add_synthetic(&self, count: u64) {
        self.served.as_ref().unwrap().daemon.add_synthetic(count);
    }

    /// Draws a frame.
    pub(super) fn frame(&mut self) {
        self.app.tick();
        self.terminal.draw(|frame| self.app.draw(frame)).unwrap();
    }

    /// Draws a frame, and returns its text.
    pub(super) fn screen(&mut self) -> String {
        self.frame();
        self.app.tick();
        let buffer = self.terminal.backend().buffer();
        let rows = buffer.content().chunks(usize::from(buffer.area.width));
        let lines =
            rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Returns the screen without what differs from one run to the next: free space and times.
    pub(super) fn stable_screen(&mut self) -> String {
        let mut lines: Vec<String> = self.screen().lines().map(without_time).collect();
        if let Some(status) = lines.last_mut() {
            let end = status.find(" · ").unwrap_or(status.len());
            status.truncate(end);
        }
        lines.join("\n")
    }

    /// Waits until the screen has a text.
    pub(super) fn until(&mut self, text: &str) -> String {
        self.until_screen(text, |screen| screen.contains(text))
    }

    /// Waits until the screen has a text no longer.
    pub(super) fn until_gone(&mut self, text: &str) -> String {
        self.until_screen(text, |screen| !screen.contains(text))
    }

    pub(super) fn until_screen(&mut self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let end = Instant::now() + LIMIT;
        loop {
            let screen = self.screen();
            if condition(&screen) {
                return screen;
            }
            assert!(Instant::now() < end, "waited for {what:?}:\n{screen}");
            // Some things are requested again after a time, without a signal; an error is a time that is over.
            let _ = self.changes.recv_timeout(Duration::from_millis(100));
        }
    }

    /// Presses keys: names such as `Enter` and `^a`, else characters.
    pub(super) fn press(&mut self, keys: &str) -> Effect {
        let mut effect = Effect::None;
        for key in keys.split(' ') {
            let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
            let event = match key {
                "Enter" => plain(KeyCode::Enter),
                "Esc" => plain(KeyCode::Esc),
                "Tab" => plain(KeyCode::Tab),
                "Space" => plain(KeyCode::Char(' ')),
                "Down" => plain(KeyCode::Down),
                "Up" => plain(KeyCode::Up),
                "Left" => plain(KeyCode::Left),
                "Right" => plain(KeyCode::Right),
                "Home" => plain(KeyCode::Home),
                "End" => plain(KeyCode::End),
                "Del" => plain(KeyCode::Delete),
                "Back" => plain(KeyCode::Backspace),
                "S-Down" => KeyEvent::new(KeyCode::Down, KeyModifiers::SHIFT),
                key => match key.strip_prefix('^') {
                    Some(letter) => {
                        KeyEvent::new(KeyCode::Char(letter.chars().next().unwrap()), KeyModifiers::CONTROL)
                    }
                    None => plain(KeyCode::Char(key.chars().next().unwrap())),
                },
            };
            effect = self.app.handle(Event::Key(event));
            self.screen();
        }
        effect
    }

    /// Jumps to the end of a list that is not loaded, and presses `d` before the rows can arrive: what arrives is taken over
    /// by a tick, of which there is none between. Returns true if no dialog opens.
    pub(super) fn jump_and_remove_is_refused(&mut self) -> bool {
        self.app.handle(Event::Key(KeyEvent::new(KeyCode::End, KeyModifiers::NONE)));
        self.app.handle(Event::Key(KeyEvent::new(KeyCode::Char('d'), KeyModifiers::NONE)));
        !self.screen().contains("The torrents leave the list")
    }

    /// Waits until the rows are those that are asked for, and one is at the cursor.
    pub(super) fn settle(&mut self) {
        let end = Instant::now() + LIMIT;
        while !self.app.is_settled() {
            let screen = self.screen();
            assert!(Instant::now() < end, "the rows do not arrive:\n{screen}");
            // An error is a time that is over.
            let _ = self.changes.recv_timeout(Duration::from_millis(100));
        }
    }

    /// Presses a key again and again until the screen has a text, as what it needs may be on its way.
    pub(super) fn until_typed(&mut self, key: &str, text: &str) {
        let end = Instant::now() + LIMIT;
        loop {
            self.press(key);
            let screen = self.screen();
            if screen.contains(text) {
                return;
            }
            assert!(Instant::now() < end, "pressed {key} for {text:?}:\n{screen}");
            // An error is a time that is over.
            let _ = self.changes.recv_timeout(Duration::from_millis(100));
        }
    }

    /// Types a text.
    pub(super) fn write(&mut self, text: &str) {
        for c in text.chars() {
            self.app.handle(Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE)));
        }
    }

    pub(super) fn start_daemon(&mut self) {
        self.served = Some(daemon(self.folder.path()));
    }

    pub(super) fn end_daemon(&mut self) {
        if let Some(served) = self.served.take() {
            served.end();
        }
    }
}

impl Drop for Harness {
    fn drop(&mut self) {
        self.end_daemon();
    }
}

/// Replaces times such as `2026-11-30 21:28` by as many signs.
fn without_time(line: &str) -> String {
    let signs: Vec<char> = line.chars().collect();
    let mut text = signs.clone();
    let pattern: Vec<char> = "dddd-dd-dd dd:dd".chars().collect();
    for at in 0..signs.len().saturating_sub(pattern.len() - 1) {
        let fits =
            |(sign, form): (&char, &char)| if *form == 'd' { sign.is_ascii_digit() } else { sign == form };
        if signs[at..].iter().zip(&pattern).all(fits) {
            text[at..at + pattern.len()].copy_from_slice(&pattern);
        }
    }
    text.into_iter().collect()
}
