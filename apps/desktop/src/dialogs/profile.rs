//! Remote daemons.

use super::change::hint;
use super::trust::fingerprint;
use super::{Dialog, DialogCx, Outcome, focus_once, footer};
use crate::connection::Place;
use crate::context::Intent;
use crate::look::{Palette, field_label};
use crate::remotes::Remotes;
use eframe::egui::{Button, Label, Ui};
use std::fmt;
use ztor_client::tasks::{Pending, Tasks};
use ztor_client::{Client, ClientError, Credentials, Fingerprint, Target, Trust};

/// Dialog that adds a remote daemon: logs in once with the password, and keeps a token.
#[derive(Debug, Default)]
pub(crate) struct ProfileDialog {
    name: String,
    url: String,
    username: String,
    password: Secret,
    /// Name of the profile that gets a new token; `None` for a new profile.
    known: Option<String>,
    /// Certificate that the user trusts.
    pin: Option<Fingerprint>,
    /// Certificate that is not known: the user is asked.
    unknown: Option<Unknown>,
    pending: Option<(Pending<String>, Login)>,
    error: Option<String>,
    is_focused: bool,
}

/// A text that no message shows.
#[derive(Default)]
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The profile for which a token was asked.
#[derive(Debug, Clone)]
struct Login {
    name: String,
    base: String,
    pin: Option<Fingerprint>,
}

/// A certificate that is not known.
#[derive(Debug)]
struct Unknown {
    found: Fingerprint,
    /// True if another one was accepted before.
    has_changed: bool,
    is_confirmed: bool,
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
                    known: Some(name.clone()),
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
        let login = Login { name: self.name.trim().to_owned(), base: self.base(), pin: self.pin };
        if let Err(error) = self.check_name(&login.name, cx.remotes) {
            self.error = Some(error);
            return;
        }
        let credentials = Credentials::Password {
            username: self.username.trim().to_owned(),
            password: self.password.0.clone(),
        };
        let trust = login.pin.map_or(Trust::System, Trust::Pin);
        match Client::new(Target::Url { base: login.base.clone(), credentials, trust }) {
            Ok(client) => {
                let tasks = Tasks::new(client, cx.runtime.clone(), cx.wake.clone());
                let name = token_name();
                let pending =
                    tasks.ask(|client| async move { client.add_token(&name).await.map(|new| new.token) });
                self.pending = Some((pending, login));
            }
            Err(error) => self.error = Some(error.to_string()),
        }
    }

    /// Refuses the name of another profile, which would be replaced.
    fn check_name(&self, name: &str, remotes: &Remotes) -> Result<(), String> {
        let profiles = remotes.open().map_err(|error| error.to_string())?;
        if self.known.as_deref() != Some(name) && profiles.entries().contains_key(name) {
            return Err(format!("There is a daemon with the name {name} already. Choose another name."));
        }
        Ok(())
    }

    /// Keeps a token at the address that has given it.
    fn save(&self, token: &str, login: &Login, remotes: &Remotes) -> Result<(), String> {
        self.check_name(&login.name, remotes)?;
        let mut profiles = remotes.open().map_err(|error| error.to_string())?;
        profiles.put(&login.name, &login.base, Some(token), login.pin).map_err(|error| error.to_string())
    }

    /// Takes over the result of the login. Returns true if the profile is saved.
    fn poll(&mut self, cx: &mut DialogCx<'_>) -> bool {
        let Some((pending, login)) = &mut self.pending else { return false };
        let Some(result) = pending.poll() else { return false };
        let login = login.clone();
        self.pending = None;
        match result {
            Ok(token) => match self.save(&token, &login, cx.remotes) {
                Ok(()) => {
                    self.password.0.clear();
                    cx.intents.push(Intent::Connect(Place::Profile(login.name)));
                    return true;
                }
                Err(error) => self.error = Some(error),
            },
            Err(ClientError::UnknownCertificate { found, .. }) => {
                self.unknown = Some(Unknown { found, has_changed: false, is_confirmed: true });
            }
            Err(ClientError::ChangedCertificate { found, expected, .. }) => {
                self.unknown = Some(Unknown { found, has_changed: true, is_confirmed: false });
                self.error = Some(format!(
                    "The certificate has changed since you accepted it ({expected}). Somebody may listen in, unless it was \
                     renewed."
                ));
            }
            Err(error) => self.error = Some(crate::wording::sentence(&error)),
        }
        false
    }

    fn fields(&mut self, ui: &mut Ui) {
        let fields = [
            ("Name", &mut self.name, "box", false),
            ("Address", &mut self.url, "https://box.example:8080", false),
            ("User", &mut self.username, "ztor", false),
            ("Password", &mut self.password.0, "", true),
        ];
        let mut is_elsewhere = false;
        for (name, text, hint, is_password) in fields {
            let label = field_label(ui, name);
            let edit = crate::look::line_edit(text)
                .hint_text(hint)
                .password(is_password)
                .desired_width(f32::INFINITY);
            let response = ui.add(edit).labelled_by(label.id);
            focus_once(&response, &mut self.is_focused);
            is_elsewhere |= name == "Address" && response.changed();
        }
        if is_elsewhere {
            // A certificate is that of one address.
            (self.pin, self.unknown, self.error) = (None, None, None);
        }
    }

    fn fault(&self) -> Option<&'static str> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.trim().is_empty() || !self.name.trim().chars().all(is_good) {
            return Some("The name has letters, digits, hyphens and underscores.");
        }
        (self.url.trim().is_empty() || self.password.0.is_empty()).then_some("Fill in all fields.")
    }
}

/// Shows a certificate that is not known. Returns it if the user trusts it.
fn asked_to_trust(ui: &mut Ui, unknown: &mut Unknown) -> Option<Fingerprint> {
    ui.add_space(6.0);
    let text = "The certificate is not known. Compare its SHA-256 fingerprint with that of the daemon:";
    ui.add(Label::new(text).wrap());
    fingerprint(ui, &unknown.found);
    if unknown.has_changed {
        ui.checkbox(&mut unknown.is_confirmed, "I know that the certificate was renewed");
    }
    let button = Button::new("Trust this certificate and log in");
    ui.add_enabled(unknown.is_confirmed, button).clicked().then_some(unknown.found)
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
        // The token is kept for what was entered.
        ui.add_enabled_ui(self.pending.is_none(), |ui| self.fields(ui));
        hint(ui, "The password is sent once. Only a token is kept, in a file that nobody else may read.");
        if self.url.trim().starts_with("http://") {
            ui.colored_label(palette.warn, "Without https, everybody on the way can read the password.");
        }
        if let Some(found) = self.unknown.as_mut().and_then(|unknown| asked_to_trust(ui, unknown)) {
            self.pin = Some(found);
            self.begin(cx);
        }
        if let Some(error) = &self.error {
            ui.add(Label::new(eframe::egui::RichText::new(error).color(palette.danger)).wrap());
        }
        let fault = self.fault();
        if let Some(fault) = fault.filter(|_| !self.password.0.is_empty()) {
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
