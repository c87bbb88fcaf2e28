//! Remote daemons.

use super::change::hint;
use super::trust::fingerprint;
use super::{Dialog, DialogCx, Outcome, focus_once, footer};
use crate::connection::Place;
use crate::context::Intent;
use crate::look::{Palette, field_label};
use crate::remotes::Remotes;
use eframe::egui::{Label, Ui};
use ztor_client::tasks::{Pending, Tasks};
use ztor_client::{Client, ClientError, Credentials, Fingerprint, Target, Trust};

/// Dialog that adds a remote daemon: logs in once with the password, and keeps a token.
#[derive(Debug, Default)]
pub(crate) struct ProfileDialog {
    name: String,
    url: String,
    username: String,
    password: String,
    /// Certificate that the user trusts.
    pin: Option<Fingerprint>,
    /// Certificate that is not known: the user is asked.
    unknown: Option<Fingerprint>,
    pending: Option<Pending<String>>,
    error: Option<String>,
    is_focused: bool,
}

impl ProfileDialog {
    /// Creates it for a new daemon.
    pub(crate) fn new() -> Self {
        Self { username: "ztor".to_owned(), ..Self::default() }
    }

    /// Creates it for a new login at a known daemon.
    pub(crate) fn again(place: &Place, remotes: &Remotes) -> Self {
        match place {
            Place::Local => Self::new(),
            Place::Url(url, pin) => Self { url: url.clone(), pin: *pin, ..Self::new() },
            Place::Profile(name) => {
                let profiles = remotes.open().ok();
                let profile = profiles.as_ref().and_then(|profiles| profiles.entries().get(name));
                Self {
                    name: name.clone(),
                    url: profile.map(|profile| profile.url.clone()).unwrap_or_default(),
                    pin: profile.and_then(|profile| profile.fingerprint.as_ref()?.parse().ok()),
                    ..Self::new()
                }
            }
        }
    }

    fn base(&self) -> String {
        let url = self.url.trim().trim_end_matches('/');
        if url.contains("://") { url.to_owned() } else { format!("https://{url}") }
    }

    /// Logs in, and asks for a token.
    fn begin(&mut self, cx: &DialogCx<'_>) {
        (self.error, self.unknown) = (None, None);
        let credentials = Credentials::Password {
            username: self.username.trim().to_owned(),
            password: self.password.clone(),
        };
        let trust = self.pin.map_or(Trust::System, Trust::Pin);
        match Client::new(Target::Url { base: self.base(), credentials, trust }) {
            Ok(client) => {
                let tasks = Tasks::new(client, cx.runtime.clone(), cx.wake.clone());
                let name = token_name();
                self.pending = Some(
                    tasks.ask(|client| async move { client.add_token(&name).await.map(|new| new.token) }),
                );
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Takes over the result of the login. Returns true if the profile is saved.
    fn poll(&mut self, cx: &mut DialogCx<'_>) -> bool {
        let Some(result) = self.pending.as_mut().and_then(Pending::poll) else { return false };
        self.pending = None;
        match result {
            Ok(token) => {
                let saved = cx.remotes.open().and_then(|mut profiles| {
                    profiles.put(self.name.trim(), &self.base(), Some(&token), self.pin)
                });
                match saved {
                    Ok(()) => {
                        self.password.clear();
                        cx.intents.push(Intent::Connect(Place::Profile(self.name.trim().to_owned())));
                        return true;
                    }
                    Err(error) => self.error = Some(error.to_string()),
                }
            }
            Err(ClientError::UnknownCertificate { found, .. }) => self.unknown = Some(found),
            Err(ClientError::ChangedCertificate { found, expected, .. }) => {
                self.unknown = Some(found);
                self.error = Some(format!(
                    "The certificate has changed since you accepted it ({expected}). Somebody may listen in, unless it was \
                     renewed."
                ));
            }
            Err(error) => self.error = Some(crate::wording::sentence(&error)),
        }
        false
    }

    fn fault(&self) -> Option<&'static str> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.trim().is_empty() || !self.name.trim().chars().all(is_good) {
            return Some("The name has letters, digits, hyphens and underscores.");
        }
        (self.url.trim().is_empty() || self.password.is_empty()).then_some("Fill in all fields.")
    }
}

/// Returns the name of the token at the daemon: the machine, and the time so that each login has its own.
fn token_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| !c.is_control()).take(32).collect();
    format!("ztor-desktop {host} {}", since.as_secs())
}

impl Dialog for ProfileDialog {
    fn title(&self) -> String {
        "Remote daemon".to_owned()
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        if self.poll(cx) {
            return Outcome::Close;
        }
        let palette = Palette::of(ui);
        let fields = [
            ("Name", &mut self.name, "box", false),
            ("Address", &mut self.url, "https://box.example:8080", false),
            ("User", &mut self.username, "ztor", false),
            ("Password", &mut self.password, "", true),
        ];
        for (label, text, hint, is_password) in fields {
            let label = field_label(ui, label);
            let edit = crate::look::line_edit(text)
                .hint_text(hint)
                .password(is_password)
                .desired_width(f32::INFINITY);
            let response = ui.add(edit).labelled_by(label.id);
            focus_once(&response, &mut self.is_focused);
        }
        hint(ui, "The password is sent once. Only a token is kept, in a file that nobody else may read.");
        if self.url.trim().starts_with("http://") {
            ui.colored_label(palette.warn, "Without https, everybody on the way can read the password.");
        }
        if let Some(found) = self.unknown {
            ui.add_space(6.0);
            ui.add(
                Label::new(
                    "The certificate is not known. Compare its SHA-256 fingerprint with that of the daemon:",
                )
                .wrap(),
            );
            fingerprint(ui, &found);
            if ui.button("Trust this certificate and log in").clicked() {
                self.pin = Some(found);
                self.begin(cx);
            }
        }
        if let Some(error) = &self.error {
            ui.add(Label::new(eframe::egui::RichText::new(error).color(palette.danger)).wrap());
        }
        let fault = self.fault();
        if let Some(fault) = fault.filter(|_| !self.password.is_empty()) {
            hint(ui, fault);
        }
        let mut outcome = Outcome::Stay;
        let label = if self.pending.is_some() { "Logging in…" } else { "Log in" };
        if footer(ui, label, fault.is_none() && self.pending.is_none(), false, &mut outcome) {
            self.begin(cx);
            return Outcome::Stay;
        }
        outcome
    }
}

/// Dialog that forgets a remote daemon.
#[derive(Debug)]
pub(crate) struct ForgetDialog {
    name: String,
    error: Option<String>,
}

impl ForgetDialog {
    /// Creates it.
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), error: None }
    }
}

impl Dialog for ForgetDialog {
    fn title(&self) -> String {
        format!("Forget {}?", self.name)
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        ui.add(
            Label::new("Its address and its token are removed from this machine. The daemon itself goes on.")
                .wrap(),
        );
        if let Some(error) = &self.error {
            ui.colored_label(Palette::of(ui).danger, error);
        }
        let mut outcome = Outcome::Stay;
        if footer(ui, "Forget", true, true, &mut outcome) {
            match cx.remotes.open().and_then(|mut profiles| profiles.remove(&self.name)) {
                Ok(()) => cx.intents.push(Intent::Connect(Place::Local)),
                Err(error) => {
                    self.error = Some(error.to_string());
                    return Outcome::Stay;
                }
            }
        }
        outcome
    }
}
