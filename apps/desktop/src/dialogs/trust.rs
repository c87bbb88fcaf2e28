//! Certificates that this machine does not trust.

use super::{Dialog, DialogCx, Outcome, footer};
use crate::connection::Place;
use crate::context::Intent;
use crate::look::{Icon, Palette, icon_label};
use crate::remotes::Remotes;
use eframe::egui::{Label, RichText, TextStyle, Ui};
use ztor_client::{ClientError, Fingerprint};

/// Dialog that shows the fingerprint of a certificate and asks whether to trust it.
#[derive(Debug)]
pub(crate) struct TrustDialog {
    place: Place,
    target: String,
    found: Fingerprint,
    expected: Option<Fingerprint>,
    is_confirmed: bool,
    error: Option<String>,
}

impl TrustDialog {
    /// Creates it for an error about a certificate; `None` for other errors.
    pub(crate) fn about(error: &ClientError, place: &Place) -> Option<Self> {
        let (target, found, expected) = match error {
            ClientError::UnknownCertificate { target, found } => (target, *found, None),
            ClientError::ChangedCertificate { target, expected, found } => (target, *found, Some(*expected)),
            _ => return None,
        };
        let target = target.clone();
        Some(Self { place: place.clone(), target, found, expected, is_confirmed: false, error: None })
    }

    fn trust(&self, remotes: &Remotes) -> Result<Place, String> {
        match &self.place {
            Place::Profile(name) => {
                let mut profiles = remotes.open().map_err(|error| error.to_string())?;
                let target = profiles.target(name).map_err(|error| error.to_string())?;
                if target.to_string() != self.target {
                    return Err(format!(
                        "The address of {name} is another one by now. Connect again, and look at its certificate."
                    ));
                }
                let url = profiles.entries().get(name).map(|profile| profile.url.clone()).unwrap_or_default();
                profiles.put(name, &url, None, Some(self.found)).map_err(|error| error.to_string())?;
                Ok(self.place.clone())
            }
            Place::Url(url, _) => Ok(Place::Url(url.clone(), Some(self.found))),
            Place::Local => Ok(Place::Local),
        }
    }
}

/// Shows a fingerprint in lines of eight pairs.
pub(super) fn fingerprint(ui: &mut Ui, fingerprint: &Fingerprint) {
    let text = fingerprint.to_string();
    let pairs: Vec<&str> = text.split(':').collect();
    let lines: Vec<String> = pairs.chunks(8).map(|line| line.join(":")).collect();
    ui.add(Label::new(RichText::new(lines.join("\n")).text_style(TextStyle::Monospace)).selectable(true));
}

impl Dialog for TrustDialog {
    fn title(&self) -> String {
        if self.expected.is_some() {
            "The certificate has changed".to_owned()
        } else {
            "Unknown certificate".to_owned()
        }
    }

    fn width(&self) -> f32 {
        500.0
    }

    fn show(&mut self, ui: &mut Ui, cx: &mut DialogCx<'_>) -> Outcome {
        let palette = Palette::of(ui);
        let text = match self.expected {
            Some(_) => format!(
                "{} shows another certificate than the one that you accepted. Somebody may listen in, unless it was \
                 renewed. Ask the person who runs the daemon.",
                self.target
            ),
            None => format!(
                "No authority that this machine trusts vouches for {}. Compare this SHA-256 fingerprint with that of the \
                 daemon, and trust it only if they are the same.",
                self.target
            ),
        };
        ui.horizontal_top(|ui| {
            let color = if self.expected.is_some() { palette.danger } else { palette.warn };
            icon_label(ui, Icon::Shield, color);
            ui.add(Label::new(text).wrap());
        });
        ui.add_space(8.0);
        if let Some(expected) = self.expected {
            ui.colored_label(palette.text_muted, "Accepted before");
            fingerprint(ui, &expected);
            ui.colored_label(palette.text_muted, "Now");
        }
        fingerprint(ui, &self.found);
        if self.expected.is_some() {
            ui.add_space(6.0);
            ui.checkbox(&mut self.is_confirmed, "I know that the certificate was renewed");
        }
        if let Some(error) = &self.error {
            ui.colored_label(palette.danger, error);
        }
        let mut outcome = Outcome::Stay;
        let is_enabled = self.expected.is_none() || self.is_confirmed;
        if footer(ui, "Trust this certificate", is_enabled, self.expected.is_some(), &mut outcome) {
            match self.trust(cx.remotes) {
                Ok(place) => cx.intents.push(Intent::Connect(place)),
                Err(error) => {
                    self.error = Some(error);
                    return Outcome::Stay;
                }
            }
        }
        outcome
    }
}
